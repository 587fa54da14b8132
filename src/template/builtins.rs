//! The functions that `text/template` brings itself.

use std::fmt::Write as _;

use super::compare;
use super::context::Context;
use super::fault::Failure;
use super::functions::Param::{Any, Str};
use super::functions::{Function, Outcome, fixed, str_at, variadic};
use super::value::{Unsigned, Value, text};
use super::{print, printf, quote};

/// All of them; `slice` is left to Sprig, whose function of that name takes its place in Go too.
pub(super) static FUNCTIONS: &[Function] = &[
    // These two are evaluated by `eval`, which stops at the first argument that decides.
    variadic("and", &[Any, Any], |_, args| Ok(args[args.len() - 1].clone())),
    variadic("or", &[Any, Any], |_, args| Ok(args[args.len() - 1].clone())),
    fixed("not", &[Any], |_, args| Ok(Value::Bool(!args[0].truth()))),
    variadic("call", &[Any, Any], call),
    variadic("eq", &[Any, Any], |_, args| {
        Ok(Value::Bool(compare::eq(&args[0], &args[1..])?))
    }),
    fixed("ne", &[Any, Any], |_, args| {
        Ok(Value::Bool(!compare::eq(&args[0], &args[1..])?))
    }),
    fixed("lt", &[Any, Any], |_, args| {
        Ok(Value::Bool(compare::less(&args[0], &args[1])?))
    }),
    fixed("le", &[Any, Any], |_, args| {
        Ok(Value::Bool(compare::less_or_equal(&args[0], &args[1])?))
    }),
    fixed("gt", &[Any, Any], |_, args| {
        Ok(Value::Bool(!compare::less_or_equal(&args[0], &args[1])?))
    }),
    fixed("ge", &[Any, Any], |_, args| {
        Ok(Value::Bool(!compare::less(&args[0], &args[1])?))
    }),
    fixed("len", &[Any], |_, args| len(&args[0])),
    variadic("index", &[Any, Any], |_, args| {
        args[1..].iter().try_fold(first(&args[0])?, |item, i| index(&item, i))
    }),
    variadic("print", &[Any], |context, args| {
        let text = print::sprint(context, args)?;
        context.string(text)
    }),
    variadic("println", &[Any], |context, args| {
        let text = print::sprintln(context, args)?;
        context.string(text)
    }),
    variadic("printf", &[Str, Any], |context, args| {
        let text = printf::sprintf(context, str_at(args, 0), &args[1..])?;
        context.string(text)
    }),
    variadic("html", &[Any], |context, args| escaped(context, args, html)),
    variadic("js", &[Any], |context, args| escaped(context, args, js)),
    variadic("urlquery", &[Any], |context, args| {
        escaped(context, args, |text| {
            super::sprig::url::escape(text, super::sprig::url::Part::Query).into_bytes()
        })
    }),
];

fn call(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    // No value of ours is a function.
    Err(if args[0].is_nil() {
        "call of nil".into()
    } else {
        Failure::from(format!("non-function of type {}", args[0].type_name()))
    })
}

fn len(value: &Value) -> Outcome {
    match value {
        Value::Str(text) => Ok(Value::length(text.len())),
        Value::List(list) => Ok(Value::length(list.items.len())),
        Value::Map(map) => Ok(Value::length(map.len())),
        Value::Missing => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Value::Nil => Err("len of nil pointer".into()),
        other => Err(format!("len of type {}", other.type_name()).into()),
    }
}

fn first(item: &Value) -> Result<Value, Failure> {
    if item.is_nil() {
        Err("index of untyped nil".into())
    } else {
        Ok(item.clone())
    }
}

fn index(item: &Value, index: &Value) -> Outcome {
    match item {
        Value::Str(text) => {
            let at = position(index, text.len())?;
            Ok(Value::Uint(Unsigned::Uint8, u64::from(text[at])))
        }
        Value::List(list) => Ok(list.items[position(index, list.items.len())?].clone()),
        Value::Map(map) => {
            let Value::Str(key) = index else {
                return Err(match index {
                    Value::Missing | Value::Nil => "value is nil; should be of type string".into(),
                    other => format!("value has type {}; should be string", other.type_name()).into(),
                });
            };
            let none = if map.of_strings { Value::str("") } else { Value::Missing };
            Ok(map.get(key).unwrap_or(none))
        }
        Value::Missing | Value::Nil => Err("index of nil pointer".into()),
        other => Err(format!("can't index item of type {}", other.type_name()).into()),
    }
}

fn position(index: &Value, length: usize) -> Result<usize, Failure> {
    let at = match index {
        Value::Int(_, at) => *at,
        Value::Uint(_, at) => i64::try_from(*at).unwrap_or(i64::MAX),
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    };
    match usize::try_from(at) {
        Ok(at) if at < length => Ok(at),
        _ => Err(format!("index out of range: {at}").into()),
    }
}

/// The arguments as one text, nothing as `<no value>`, escaped.
fn escaped(context: &mut Context<'_>, args: &[Value], escape: fn(&[u8]) -> Vec<u8>) -> Outcome {
    let shown: Vec<Value> = args
        .iter()
        .map(|arg| {
            if arg.is_nil() {
                Value::str("<no value>")
            } else {
                arg.clone()
            }
        })
        .collect();
    let text = print::sprint(context, &shown)?;
    let text = escape(&text);
    context.string(text)
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

fn js(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len());
    for c in text(bytes).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c if c == ' ' || quote::is_print(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
        }
    }
    out.into_bytes()
}
