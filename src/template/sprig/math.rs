//! Sprig's integer arithmetic and its lists of integers.

use super::conversion::to_int;
use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Int};
use crate::template::functions::{Function, Outcome, fixed, int_at, variadic};
use crate::template::value::{Items, Value};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("add1", &[Any], |_, args| {
        Ok(Value::int64(to_int(&args[0]).wrapping_add(1)))
    }),
    variadic("add", &[Any], |_, args| {
        Ok(Value::int64(args.iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    fixed("sub", &[Any, Any], |_, args| {
        Ok(Value::int64(to_int(&args[0]).wrapping_sub(to_int(&args[1]))))
    }),
    variadic("mul", &[Any, Any], |_, args| {
        Ok(Value::int64(args.iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    fixed("div", &[Any, Any], |_, args| divided(args, i64::wrapping_div)),
    fixed("mod", &[Any, Any], |_, args| divided(args, i64::wrapping_rem)),
    variadic("max", &[Any, Any], |_, args| {
        Ok(Value::int64(args.iter().map(to_int).max().unwrap_or_default()))
    }),
    variadic("biggest", &[Any, Any], |_, args| {
        Ok(Value::int64(args.iter().map(to_int).max().unwrap_or_default()))
    }),
    variadic("min", &[Any, Any], |_, args| {
        Ok(Value::int64(args.iter().map(to_int).min().unwrap_or_default()))
    }),
    fixed("until", &[Int], |context, args| {
        let count = int_at(args, 0);
        numbers(context, 0, count, if count < 0 { -1 } else { 1 }).and_then(|numbers| int_list(context, &numbers))
    }),
    fixed("untilStep", &[Int, Int, Int], |context, args| {
        let numbers = numbers(context, int_at(args, 0), int_at(args, 1), int_at(args, 2))?;
        int_list(context, &numbers)
    }),
    variadic("seq", &[Int], seq),
];

fn divided(args: &[Value], divide: fn(i64, i64) -> i64) -> Outcome {
    match to_int(&args[1]) {
        0 => Err("integer divide by zero".into()),
        divisor => Ok(Value::int64(divide(to_int(&args[0]), divisor))),
    }
}

/// The numbers from `first` until `end`, none when the step leads away from it.
fn numbers(context: &mut Context<'_>, first: i64, end: i64, step: i64) -> Result<Vec<i64>, Failure> {
    if (end < first && step >= 0) || (end >= first && step <= 0) {
        return Ok(Vec::new());
    }
    let distance = first.abs_diff(end);
    let count = distance.div_ceil(step.unsigned_abs());
    context.reserve(
        usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(size_of::<Value>()),
    )?;
    let count = i64::try_from(count).unwrap_or_default();
    Ok((0..count)
        .map(|index| first.wrapping_add(index.wrapping_mul(step)))
        .collect())
}

fn int_list(context: &mut Context<'_>, numbers: &[i64]) -> Outcome {
    context.list(Items::Int, numbers.iter().copied().map(Value::int).collect())
}

/// The numbers of the shell's `seq`, as text.
fn seq(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (first, step, last) = match args.len() {
        1 => (1, None, int_at(args, 0)),
        2 => (int_at(args, 0), None, int_at(args, 1)),
        3 => (int_at(args, 0), Some(int_at(args, 1)), int_at(args, 2)),
        _ => return context.string(""),
    };
    let towards = if last < first { -1 } else { 1 };
    if step.is_some_and(|step| last < first && step > 0) {
        return context.string("");
    }
    let numbers = numbers(context, first, last.wrapping_add(towards), step.unwrap_or(towards))?;
    let shown: Vec<String> = numbers.iter().map(i64::to_string).collect();
    context.string(shown.join(" "))
}
