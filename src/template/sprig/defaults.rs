//! Sprig's functions about defaults, and its JSON.

use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Bool, Str};
use crate::template::functions::{Function, Outcome, fixed, str_at, variadic};
use crate::template::json::{self, Style, Unread};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    variadic("default", &[Any, Any], |_, args| {
        Ok(match args.get(1) {
            Some(given) if given.truth() => given.clone(),
            _ => args[0].clone(),
        })
    }),
    fixed("empty", &[Any], |_, args| Ok(Value::Bool(!args[0].truth()))),
    variadic("coalesce", &[Any], |_, args| {
        Ok(args.iter().find(|arg| arg.truth()).cloned().unwrap_or(Value::Missing))
    }),
    variadic("all", &[Any], |_, args| Ok(Value::Bool(args.iter().all(Value::truth)))),
    variadic("any", &[Any], |_, args| Ok(Value::Bool(args.iter().any(Value::truth)))),
    fixed("ternary", &[Any, Any, Bool], |_, args| {
        Ok(args[usize::from(!args[2].truth())].clone())
    }),
    fixed("fromJson", &[Str], |context, args| {
        match json::read(context, str_at(args, 0)) {
            Ok(value) => Ok(value),
            Err(Unread::Syntax) => Ok(Value::Missing),
            Err(Unread::Limit(failure)) => Err(failure),
        }
    }),
    fixed("mustFromJson", &[Str], |context, args| {
        json::read(context, str_at(args, 0)).map_err(|unread| match unread {
            Unread::Syntax => "the text is not JSON".into(),
            Unread::Limit(failure) => failure,
        })
    }),
    fixed("toJson", &[Any], |context, args| {
        lenient(
            context,
            args,
            Style {
                html: true,
                pretty: false,
            },
        )
    }),
    fixed("toPrettyJson", &[Any], |context, args| {
        lenient(
            context,
            args,
            Style {
                html: true,
                pretty: true,
            },
        )
    }),
    fixed("toRawJson", &[Any], |context, args| {
        strict(
            context,
            args,
            Style {
                html: false,
                pretty: false,
            },
        )
    }),
    fixed("mustToJson", &[Any], |context, args| {
        strict(
            context,
            args,
            Style {
                html: true,
                pretty: false,
            },
        )
    }),
    fixed("mustToPrettyJson", &[Any], |context, args| {
        strict(
            context,
            args,
            Style {
                html: true,
                pretty: true,
            },
        )
    }),
    fixed("mustToRawJson", &[Any], |context, args| {
        strict(
            context,
            args,
            Style {
                html: false,
                pretty: false,
            },
        )
    }),
];

/// JSON, or no text where there is none for the value.
fn lenient(context: &mut Context<'_>, args: &[Value], style: Style) -> Outcome {
    let written = json::write(context, &args[0], style)?.unwrap_or_default();
    context.string(written)
}

fn strict(context: &mut Context<'_>, args: &[Value], style: Style) -> Outcome {
    match json::write(context, &args[0], style)? {
        Some(written) => context.string(written),
        None => Err(Failure::from("json: unsupported value")),
    }
}
