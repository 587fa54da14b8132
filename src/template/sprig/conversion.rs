//! Sprig's type conversions, lenient as the library behind them: what cannot be converted is zero.

use crate::template::functions::Param::{Any, Str};
use crate::template::functions::{Function, fixed, text_at};
use crate::template::number::{float_to_int, parse_float, parse_int};
use crate::template::print;
use crate::template::value::{Signed, Value, text};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("atoi", &[Str], |_, args| Ok(Value::int(decimal(&text_at(args, 0))))),
    fixed("int", &[Any], |_, args| Ok(Value::int(to_int(&args[0])))),
    fixed("int64", &[Any], |_, args| Ok(Value::int64(to_int(&args[0])))),
    fixed("float64", &[Any], |_, args| Ok(Value::Float(to_float(&args[0])))),
    fixed("toDecimal", &[Any], |context, args| {
        let shown = print::text(context, &args[0])?;
        let shown = text(&shown);
        let digits = shown.strip_prefix('+').unwrap_or(&shown);
        let plain = !digits.starts_with('+');
        Ok(Value::int64(if plain {
            i64::from_str_radix(digits, 8).unwrap_or_default()
        } else {
            0
        }))
    }),
    fixed("toString", &[Any], |context, args| {
        let shown = print::text(context, &args[0])?;
        context.string(shown)
    }),
];

/// Go's `strconv.Atoi` without its error: what is too large is the largest number, what is none is zero.
fn decimal(text: &str) -> i64 {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse::<i64>() {
        Ok(number) => number,
        Err(error) if *error.kind() == PosOverflow => i64::MAX,
        Err(error) if *error.kind() == NegOverflow => i64::MIN,
        Err(_) => 0,
    }
}

/// Any value as a whole number.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        // A duration is of a type that the library does not know.
        Value::Int(Signed::Duration, _) => 0,
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => number.cast_signed(),
        Value::Float(float) => float_to_int(*float),
        Value::Bool(value) => i64::from(*value),
        Value::Str(bytes) => parse_int(without_zero_decimals(&text(bytes))).unwrap_or_default(),
        _ => 0,
    }
}

/// `1.00` as `1`; other decimals stay and make the text no whole number.
fn without_zero_decimals(text: &str) -> &str {
    let whole = text.trim_end_matches('0');
    match whole.strip_suffix('.') {
        Some(whole) if text.len() > whole.len() + 1 => whole,
        _ => text,
    }
}

/// Any value as a floating-point number.
pub(super) fn to_float(value: &Value) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the conversion rounds, as Go's does")]
    match value {
        Value::Int(Signed::Duration, _) => 0.0,
        Value::Int(_, number) => *number as f64,
        Value::Uint(_, number) => *number as f64,
        Value::Float(float) => *float,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(bytes) => parse_float(&text(bytes)).unwrap_or_default(),
        _ => 0.0,
    }
}
