//! What stands behind a point: the template's data, entries of maps, and the methods of times, durations and versions.

use super::context::Context;
use super::fault::Error;
use super::value::{Signed, Str, Value};
use super::{semver, time};

/// The fields of the template's data, all strings.
pub(super) const DATA: [&str; 6] = ["Name", "Namespace", "Payload", "Template", "UID", "Date"];

/// The field or the method's result.
pub(super) fn field(context: &mut Context<'_>, of: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let refused = |message: String| Err(Error::Value(message));
    let method = match of {
        Value::Missing => return Ok(Value::Missing),
        Value::Nil => return refused(format!("nil pointer evaluating interface {{}}.{name}")),
        Value::Data => {
            let Some(value) = data(context, name) else {
                return refused(format!("can't evaluate field {name} in type {}", of.type_name()));
            };
            if !args.is_empty() {
                return refused(format!("{name} has arguments but cannot be invoked as function"));
            }
            return Ok(value);
        }
        Value::Map(_) if !args.is_empty() => {
            return refused(format!("{name} is not a method but has arguments"));
        }
        Value::Map(map) => {
            return Ok(match map.get(name.as_bytes()) {
                Some(Value::Missing) => Value::Nil,
                Some(value) => value,
                None => Value::Missing,
            });
        }
        Value::Time(at) => time::method(context, at, name, args),
        Value::Int(kind @ (Signed::Duration | Signed::Month | Signed::Weekday), value) => {
            time::unit_method(*kind, *value, name, args)
        }
        Value::Version(version) => semver::method(version, name, args),
        _ => None,
    };
    match method {
        Some(outcome) => outcome.map_err(|failure| match failure {
            super::fault::Failure::Reason(reason) if reason.starts_with("wrong number") => {
                Error::Value(reason.into_owned())
            }
            super::fault::Failure::Reason(reason) => Error::Value(format!("error calling {name}: {reason}")),
            super::fault::Failure::Limit(what) => Error::Limit(what),
        }),
        None => refused(format!("can't evaluate field {name} in type {}", of.type_name())),
    }
}

/// A field of the template's data, made a value the first time it is asked for.
fn data(context: &mut Context<'_>, name: &str) -> Option<Value> {
    let index = DATA.iter().position(|known| *known == name)?;
    if let Some(text) = &context.data[index] {
        return Some(Value::Str(Str::clone(text)));
    }
    let input = context.input;
    let date;
    let text = match index {
        0 => input.name,
        1 => input.namespace,
        2 => input.payload,
        3 => input.template,
        4 => input.uid,
        _ => {
            date = time::rfc3339(input.date);
            &date
        }
    };
    let text = Str::from(text.as_bytes());
    context.data[index] = Some(Str::clone(&text));
    Some(Value::Str(text))
}
