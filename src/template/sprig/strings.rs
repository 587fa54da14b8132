//! Sprig's string functions. Those that Go writes over bytes cut bytes here too, even within a character.

use std::collections::HashSet;

use crate::template::context::Context;
use crate::template::functions::Param::{Any, Int, Str};
use crate::template::functions::{Function, Outcome, fixed, int_at, str_at, text_at, variadic};
use crate::template::quote;
use crate::template::value::{Value, char_length};
use crate::template::{print, unicode};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("hello", &[], |context, _| context.string("Hello!")),
    fixed("upper", &[Str], |context, args| {
        context.string(unicode::map(&text_at(args, 0), unicode::upper))
    }),
    fixed("lower", &[Str], |context, args| {
        context.string(unicode::map(&text_at(args, 0), unicode::lower))
    }),
    fixed("trim", &[Str], |context, args| context.string(text_at(args, 0).trim())),
    fixed("trimAll", &[Str, Str], trim_all),
    fixed("trimall", &[Str, Str], trim_all),
    fixed("trimSuffix", &[Str, Str], |context, args| {
        let text = str_at(args, 1);
        context.string(text.strip_suffix(str_at(args, 0)).unwrap_or(text))
    }),
    fixed("trimPrefix", &[Str, Str], |context, args| {
        let text = str_at(args, 1);
        context.string(text.strip_prefix(str_at(args, 0)).unwrap_or(text))
    }),
    fixed("contains", &[Str, Str], |_, args| {
        Ok(Value::Bool(find(str_at(args, 1), str_at(args, 0)).is_some()))
    }),
    fixed("hasPrefix", &[Str, Str], |_, args| {
        Ok(Value::Bool(str_at(args, 1).starts_with(str_at(args, 0))))
    }),
    fixed("hasSuffix", &[Str, Str], |_, args| {
        Ok(Value::Bool(str_at(args, 1).ends_with(str_at(args, 0))))
    }),
    fixed("trunc", &[Int, Str], trunc),
    fixed("substr", &[Int, Int, Str], substr),
    fixed("abbrev", &[Int, Str], |context, args| {
        context.string(abbreviated(str_at(args, 1), 0, int_at(args, 0)))
    }),
    fixed("abbrevboth", &[Int, Int, Str], |context, args| {
        let (left, right, text) = (int_at(args, 0), int_at(args, 1), str_at(args, 2));
        let short = right < 4 || left > 0 && right < 7;
        context.string(if short {
            text.to_vec()
        } else {
            abbreviated(text, left, right)
        })
    }),
    fixed("repeat", &[Int, Str], repeat),
    fixed("replace", &[Str, Str, Str], replace),
    fixed("plural", &[Str, Str, Int], |_, args| {
        Ok(args[usize::from(int_at(args, 2) != 1)].clone())
    }),
    fixed("indent", &[Int, Str], |context, args| indent(context, args, b"")),
    fixed("nindent", &[Int, Str], |context, args| indent(context, args, b"\n")),
    variadic("quote", &[Any], |context, args| {
        joined(context, args, |text| quote::quote(&text).into_bytes())
    }),
    variadic("squote", &[Any], |context, args| {
        joined(context, args, |text| [b"'", &text[..], b"'"].concat())
    }),
    variadic("cat", &[Any], |context, args| joined(context, args, |text| text)),
];

/// Where the needle is first found.
pub(in crate::template) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    memchr::memmem::find(haystack, needle)
}

fn trim_all(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (cut, text) = (text_at(args, 0), text_at(args, 1));
    let cut: HashSet<char> = cut.chars().collect();
    context.string(text.trim_matches(|c| cut.contains(&c)))
}

fn trunc(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (count, text) = (int_at(args, 0), str_at(args, 1));
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = match count {
        0.. => &text[..magnitude.min(text.len())],
        _ if magnitude < text.len() => &text[text.len() - magnitude..],
        _ => text,
    };
    context.string(kept)
}

fn substr(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (start, end, text) = (int_at(args, 0), int_at(args, 1), str_at(args, 2));
    let at = |index: i64| usize::try_from(index).ok();
    let kept = if start < 0 {
        at(end).and_then(|end| text.get(..end))
    } else if end < 0 || at(end).is_none_or(|end| end > text.len()) {
        at(start).and_then(|start| text.get(start..))
    } else {
        at(start).zip(at(end)).and_then(|(start, end)| text.get(start..end))
    };
    match kept {
        Some(kept) => context.string(kept),
        None => Err("slice bounds out of range".into()),
    }
}

/// The text with at most `width` bytes, dots standing for what is left out; `offset` stays visible.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if width < 4 || length <= width {
        return text.to_vec();
    }
    let at = |index: i64| usize::try_from(index.clamp(0, length)).unwrap_or_default();
    let offset = offset.min(length);
    let offset = if length - offset < width - 3 {
        length - (width - 3)
    } else {
        offset
    };
    if offset <= 4 {
        return [&text[..at(width - 3)], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < length {
        let shorter = match width - 3 {
            width @ 4.. => abbreviated(&text[at(offset)..], 0, width),
            _ => Vec::new(),
        };
        return [b"...", &shorter[..]].concat();
    }
    [b"...", &text[at(length - (width - 3))..]].concat()
}

fn repeat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let Ok(count) = usize::try_from(int_at(args, 0)) else {
        return Err("negative Repeat count".into());
    };
    let text = str_at(args, 1);
    let length = text.len().saturating_mul(count);
    context.reserve(length)?;
    context.string(if length == 0 { Vec::new() } else { text.repeat(count) })
}

fn replace(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (old, new, text) = (str_at(args, 0), str_at(args, 1), str_at(args, 2));
    let parts = split(text, old, None);
    context.step(parts.len())?;
    let between = if old.is_empty() {
        parts.len() + 1
    } else {
        parts.len() - 1
    };
    context.reserve(new.len().saturating_mul(between))?;
    if old.is_empty() {
        // Nothing is found before every character and at the end.
        return context.string([new, &parts.join(new)[..], if parts.is_empty() { b"" } else { new }].concat());
    }
    context.string(parts.join(new))
}

/// Go's `strings.SplitN`: into characters when the separator is empty, into `limit` parts at most.
pub(in crate::template) fn split<'t>(text: &'t [u8], separator: &[u8], limit: Option<usize>) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    while limit.is_none_or(|limit| parts.len() + 1 < limit) {
        let (part, after) = if separator.is_empty() {
            let length = char_length(rest);
            (length, length)
        } else {
            let Some(at) = find(rest, separator) else { break };
            (at, at + separator.len())
        };
        if separator.is_empty() && after >= rest.len() {
            break;
        }
        parts.push(&rest[..part]);
        rest = &rest[after..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(rest);
    }
    parts
}

fn indent(context: &mut Context<'_>, args: &[Value], before: &[u8]) -> Outcome {
    let Ok(spaces) = usize::try_from(int_at(args, 0)) else {
        return Err("negative Repeat count".into());
    };
    let text = str_at(args, 1);
    let lines = 1 + memchr::memchr_iter(b'\n', text).count();
    context.reserve(spaces.saturating_mul(lines))?;
    let pad = vec![b' '; spaces];
    let lines = split(text, b"\n", None);
    context.string([before, &pad, &lines.join(&[b"\n", &pad[..]].concat()[..])].concat())
}

/// The arguments that are there as text, each treated, with a space between them.
fn joined(context: &mut Context<'_>, args: &[Value], treat: fn(Vec<u8>) -> Vec<u8>) -> Outcome {
    let mut parts = Vec::new();
    for arg in args.iter().filter(|arg| !arg.is_nil()) {
        parts.push(treat(print::text(context, arg)?));
    }
    context.reserve(parts.iter().map(Vec::len).sum())?;
    context.string(parts.join(&b" "[..]))
}
