//! Sprig's floating-point arithmetic, which it does in decimal so that `0.1 + 0.2` is `0.3`.

use super::conversion::to_float;
use crate::template::context::Context;
use crate::template::decimal::Decimal;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Float, Int};
use crate::template::functions::{Function, Outcome, fixed, int_at, variadic};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("add1f", &[Any], |context, args| {
        folded(context, &args[0], &[Value::int(1)], add)
    }),
    variadic("addf", &[Any], |context, args| {
        folded(context, &Value::Float(0.0), args, add)
    }),
    variadic("subf", &[Any, Any], |context, args| {
        folded(context, &args[0], &args[1..], subtract)
    }),
    variadic("mulf", &[Any, Any], |context, args| {
        folded(context, &args[0], &args[1..], multiply)
    }),
    variadic("divf", &[Any, Any], |context, args| {
        folded(context, &args[0], &args[1..], Decimal::divided_by)
    }),
    variadic("maxf", &[Any, Any], |_, args| Ok(Value::Float(chosen(args, larger)))),
    variadic("minf", &[Any, Any], |_, args| {
        Ok(Value::Float(chosen(args, |a, b| -larger(-a, -b))))
    }),
    fixed("floor", &[Any], |_, args| Ok(Value::Float(to_float(&args[0]).floor()))),
    fixed("ceil", &[Any], |_, args| Ok(Value::Float(to_float(&args[0]).ceil()))),
    variadic("round", &[Any, Int, Float], |_, args| Ok(Value::Float(rounded(args)))),
];

type Operation = fn(&Decimal, &Decimal) -> Result<Decimal, Failure>;

#[expect(clippy::unnecessary_wraps, reason = "division can fail, and all are of one type")]
fn add(a: &Decimal, b: &Decimal) -> Result<Decimal, Failure> {
    Ok(a.plus(b))
}

#[expect(clippy::unnecessary_wraps, reason = "division can fail, and all are of one type")]
fn subtract(a: &Decimal, b: &Decimal) -> Result<Decimal, Failure> {
    Ok(a.plus(&b.negated()))
}

#[expect(clippy::unnecessary_wraps, reason = "division can fail, and all are of one type")]
fn multiply(a: &Decimal, b: &Decimal) -> Result<Decimal, Failure> {
    Ok(a.times(b))
}

fn folded(context: &mut Context<'_>, first: &Value, rest: &[Value], operation: Operation) -> Outcome {
    let decimal = |value: &Value| {
        Decimal::of(to_float(value)).ok_or(Failure::from("cannot create a decimal from an infinite number or NaN"))
    };
    let mut result = decimal(first)?;
    for value in rest {
        // The work grows with the digits.
        context.step(result.length())?;
        result = operation(&result, &decimal(value)?)?;
    }
    Ok(Value::Float(result.to_float()))
}

/// Go's `math.Max`: NaN wins over everything but infinity.
fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else {
        a.max(b)
    }
}

fn chosen(args: &[Value], choose: fn(f64, f64) -> f64) -> f64 {
    args.iter().map(to_float).reduce(choose).unwrap_or_default()
}

/// Rounded to so many places; the optional argument says from which fraction on it goes up.
fn rounded(args: &[Value]) -> f64 {
    let up_from = args.get(2).map_or(0.5, to_float);
    #[expect(clippy::cast_precision_loss, reason = "numbers of places that matter are small")]
    let power = 10f64.powf(int_at(args, 1) as f64);
    let digits = power * to_float(&args[0]);
    let fraction = if digits.is_infinite() { f64::NAN } else { digits.fract() };
    let whole = if fraction >= up_from {
        digits.ceil()
    } else {
        digits.floor()
    };
    whole / power
}
