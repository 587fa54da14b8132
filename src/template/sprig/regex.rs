//! Sprig's regular expressions: Go's syntax put into the words of Rust's engine, which finds the same matches in
//! linear time too. Their size and number are bounded.

use regex::{Captures, Regex, RegexBuilder};

use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Int, Str};
use crate::template::functions::{Function, Outcome, fixed, int_at, str_at, text_at};
use crate::template::regex_syntax;
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("regexMatch", &[Str, Str], |context, args| {
        match compiled(context, args) {
            Ok(regex) => Ok(Value::Bool(regex.is_match(&text_at(args, 1)))),
            // A pattern that is none matches nothing.
            Err(Failure::Reason(_)) => Ok(Value::Bool(false)),
            Err(limit) => Err(limit),
        }
    }),
    fixed("mustRegexMatch", &[Str, Str], |context, args| {
        Ok(Value::Bool(compiled(context, args)?.is_match(&text_at(args, 1))))
    }),
    fixed("regexFind", &[Str, Str], find),
    fixed("mustRegexFind", &[Str, Str], find),
    fixed("regexFindAll", &[Str, Str, Int], find_all),
    fixed("mustRegexFindAll", &[Str, Str, Int], find_all),
    fixed("regexReplaceAll", &[Str, Str, Str], |context, args| {
        replace(context, args, expanded)
    }),
    fixed("mustRegexReplaceAll", &[Str, Str, Str], |context, args| {
        replace(context, args, expanded)
    }),
    fixed("regexReplaceAllLiteral", &[Str, Str, Str], |context, args| {
        replace(context, args, literal)
    }),
    fixed("mustRegexReplaceAllLiteral", &[Str, Str, Str], |context, args| {
        replace(context, args, literal)
    }),
    fixed("regexSplit", &[Str, Str, Int], split),
    fixed("mustRegexSplit", &[Str, Str, Int], split),
    fixed("regexQuoteMeta", &[Str], |context, args| {
        let mut out = String::new();
        for c in text_at(args, 0).chars() {
            if "\\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        context.string(out)
    }),
];

/// Making an automaton is worth so many steps, so that a template cannot make many.
const COMPILATION: usize = 2000;
/// An automaton may take so many bytes.
const MAX_SIZE: usize = 256 * 1024;
/// What searching 16 bytes may cost in steps, by the size of the automaton in bytes: every state may be looked at.
const SIZES: [(usize, usize); 3] = [(8 * 1024, 2), (64 * 1024, 16), (MAX_SIZE, 64)];
/// So many automata are kept for another use.
const MAX_KEPT: usize = 32;

/// The pattern that is the first argument; searching the second is paid for here too.
fn compiled(context: &mut Context<'_>, args: &[Value]) -> Result<Regex, Failure> {
    let Ok(pattern) = std::str::from_utf8(str_at(args, 0)) else {
        return Err("the regular expression is not UTF-8".into());
    };
    if let Some((regex, weight)) = context.regexes.get(pattern).cloned() {
        context.step(text_at(args, 1).len() / 16 * weight)?;
        return Ok(regex);
    }
    context.step(COMPILATION)?;
    let invalid = Failure::from("the regular expression is not valid");
    let translated = regex_syntax::translated(pattern).ok_or(invalid.clone())?;
    let build = |size| {
        RegexBuilder::new(&translated)
            .size_limit(size)
            .dfa_size_limit(MAX_SIZE)
            .nest_limit(64)
            .build()
    };
    let mut attempts = SIZES.iter().map(|(size, weight)| (build(*size), *weight));
    let (regex, weight) = loop {
        match attempts.next() {
            Some((Ok(regex), weight)) => break (regex, weight),
            Some((Err(regex::Error::CompiledTooBig(_)), _)) => {}
            Some((Err(_), _)) => return Err(invalid),
            None => return Err(Failure::Limit("a regular expression is too large")),
        }
    };
    if context.regexes.len() >= MAX_KEPT {
        context.regexes.clear();
    }
    context.regexes.insert(pattern.to_owned(), (regex.clone(), weight));
    context.step(text_at(args, 1).len() / 16 * weight)?;
    Ok(regex)
}

fn find(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let regex = compiled(context, args)?;
    let text = text_at(args, 1);
    context.string(regex.find(&text).map_or("", |found| found.as_str()))
}

/// The limit that a number stands for: below zero there is none.
fn limit(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn find_all(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let regex = compiled(context, args)?;
    let text = text_at(args, 1);
    let mut found = Vec::new();
    for part in regex.find_iter(&text).take(limit(int_at(args, 2))) {
        context.step(1)?;
        found.push(part.as_str().as_bytes());
    }
    if found.is_empty() {
        return Ok(crate::template::context::nil_list(crate::template::value::Items::Str));
    }
    context.strings(found)
}

fn split(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let regex = compiled(context, args)?;
    let text = text_at(args, 1);
    let most = limit(int_at(args, 2));
    if most == 0 {
        return Ok(crate::template::context::nil_list(crate::template::value::Items::Str));
    }
    if text.is_empty() && !text_at(args, 0).is_empty() {
        return context.strings([&b""[..]]);
    }
    let mut parts: Vec<&str> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(&text).take(most) {
        if parts.len() + 1 == most {
            break;
        }
        context.step(1)?;
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[start..end]);
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(&text[start..]);
    }
    context.strings(parts.into_iter().map(str::as_bytes))
}

type Replacement = fn(&mut String, &str, &Captures<'_>);

fn replace(context: &mut Context<'_>, args: &[Value], replacement: Replacement) -> Outcome {
    let regex = compiled(context, args)?;
    let (text, template) = (text_at(args, 1), text_at(args, 2));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for captures in regex.captures_iter(&text) {
        context.step(1)?;
        let Some(found) = captures.get(0) else { continue };
        out.push_str(&text[copied..found.start()]);
        replacement(&mut out, &template, &captures);
        copied = found.end();
        if out.len() > context.longest() {
            return Err(Failure::Limit("one result is too long"));
        }
    }
    out.push_str(&text[copied..]);
    context.string(out)
}

fn literal(out: &mut String, template: &str, _: &Captures<'_>) {
    out.push_str(template);
}

/// The template with `$1`, `${1}` and `${name}` replaced by what they matched, and `$$` by a dollar.
fn expanded(out: &mut String, template: &str, captures: &Captures<'_>) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, behind)) = reference(after) else {
            out.push('$');
            rest = after;
            continue;
        };
        let group = match name.parse::<usize>() {
            Ok(index) => captures.get(index),
            Err(_) => captures.name(name),
        };
        out.push_str(group.map_or("", |group| group.as_str()));
        rest = behind;
    }
    out.push_str(rest);
}

/// The name of a group, with or without braces, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, body) = text.strip_prefix('{').map_or((false, text), |body| (true, body));
    let end = body
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced {
        Some((name, rest.strip_prefix('}')?))
    } else {
        Some((name, rest))
    }
}
