//! Go's default printing (`%v`): what an action puts out, and what `print` and its kin make of their arguments.

use super::context::Context;
use super::fault::Failure;
use super::number;
use super::time;
use super::value::{MAX_DEPTH, Signed, Value};

/// The value of an action, where nothing is shown as `<no value>`.
pub(super) fn result(context: &mut Context<'_>, value: &Value, out: &mut Vec<u8>) -> Result<(), Failure> {
    match value {
        Value::Missing | Value::Nil => out.extend_from_slice(b"<no value>"),
        Value::Str(text) => out.extend_from_slice(text),
        value => plain(context, value, out, 0)?,
    }
    Ok(())
}

/// The value as `%v` prints it.
pub(super) fn plain(context: &mut Context<'_>, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Failure> {
    visit(context, out, depth)?;
    match value {
        Value::Str(text) => out.extend_from_slice(text),
        Value::List(list) => {
            out.push(b'[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                plain(context, item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.extend_from_slice(b"map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(key);
                out.push(b':');
                plain(context, item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Data => {
            let input = context.input;
            let date = time::rfc3339(input.date);
            let fields = [
                input.name,
                input.namespace,
                input.payload,
                input.template,
                input.uid,
                &date,
            ];
            out.extend_from_slice(format!("{{{}}}", fields.join(" ")).as_bytes());
        }
        scalar => out.extend_from_slice(self::scalar(scalar).as_bytes()),
    }
    Ok(())
}

/// Counts one visited value and refuses to go too deep or to write too much.
pub(super) fn visit(context: &mut Context<'_>, out: &[u8], depth: usize) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::Limit("a value is nested too deeply"));
    }
    if out.len() > context.longest() {
        return Err(Failure::Limit("one result is too long"));
    }
    context.step(1)
}

/// What has no parts, as `%v` prints it.
fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(kind @ (Signed::Duration | Signed::Month | Signed::Weekday), value) => {
            time::unit_text(*kind, *value)
        }
        Value::Int(_, value) => value.to_string(),
        Value::Uint(_, value) => value.to_string(),
        Value::Float(value) => number::plain(*value),
        Value::Time(at) => at.to_string(),
        Value::Version(version) => version.to_string(),
        _ => "<nil>".to_owned(),
    }
}

/// Sprig's and Go's way to make a string of anything: strings stay, everything else is printed.
pub(super) fn text(context: &mut Context<'_>, value: &Value) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    plain(context, value, &mut out, 0)?;
    Ok(out)
}

/// `fmt.Sprint`: a space between two arguments of which neither is a string.
pub(super) fn sprint(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        let strings = matches!(arg, Value::Str(_)) || index > 0 && matches!(args[index - 1], Value::Str(_));
        if index > 0 && !strings {
            out.push(b' ');
        }
        plain(context, arg, &mut out, 0)?;
    }
    Ok(out)
}

/// `fmt.Sprintln`: a space between all arguments and a newline behind them.
pub(super) fn sprintln(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        plain(context, arg, &mut out, 0)?;
    }
    out.push(b'\n');
    Ok(out)
}
