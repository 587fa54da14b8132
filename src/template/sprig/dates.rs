//! Sprig's date functions. The present time is the execution's creation time and the local zone is UTC, so that a
//! rendering repeats. Where Sprig silently takes the present time for something that is no time, this refuses.

use std::rc::Rc;

use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Str, Time as TimeParam};
use crate::template::functions::{Function, Outcome, fixed, str_at, text_at};
use crate::template::time::{Time, in_zone, moved};
use crate::template::value::{Signed, Value, text};
use crate::template::{duration, layout, layout_parse};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("now", &[], |context, _| Ok(Value::Time(Rc::new(Time::now(context))))),
    fixed("date", &[Str, Any], |context, args| {
        formatted(context, str_at(args, 0), &args[1], b"UTC")
    }),
    fixed("dateInZone", &[Str, Any, Str], date_in_zone),
    fixed("date_in_zone", &[Str, Any, Str], date_in_zone),
    fixed("htmlDate", &[Any], |context, args| {
        formatted(context, b"2006-01-02", &args[0], b"UTC")
    }),
    fixed("htmlDateInZone", &[Any, Str], |context, args| {
        formatted(context, b"2006-01-02", &args[0], str_at(args, 1))
    }),
    fixed("dateModify", &[Str, TimeParam], |_, args| {
        modified(args).unwrap_or_else(|| Ok(args[1].clone()))
    }),
    fixed("date_modify", &[Str, TimeParam], |_, args| {
        modified(args).unwrap_or_else(|| Ok(args[1].clone()))
    }),
    fixed("mustDateModify", &[Str, TimeParam], must_date_modify),
    fixed("must_date_modify", &[Str, TimeParam], must_date_modify),
    fixed("ago", &[Any], |context, args| {
        let elapsed = Time::now(context).since(&time(&args[0])?);
        context.string(duration::text(duration::round_to_seconds(elapsed)))
    }),
    fixed("duration", &[Any], |context, args| {
        let seconds = match &args[0] {
            Value::Str(bytes) => whole(&text(bytes)),
            Value::Int(Signed::Int64, seconds) => *seconds,
            _ => 0,
        };
        context.string(duration::text(seconds.wrapping_mul(1_000_000_000)))
    }),
    fixed("durationRound", &[Any], duration_round),
    fixed("toDate", &[Str, Str], |_, args| {
        Ok(Value::Time(Rc::new(
            layout_parse::parse(str_at(args, 0), str_at(args, 1)).unwrap_or_else(Time::zero),
        )))
    }),
    fixed("mustToDate", &[Str, Str], |_, args| {
        let parsed = layout_parse::parse(str_at(args, 0), str_at(args, 1));
        parsed
            .map(|at| Value::Time(Rc::new(at)))
            .ok_or("cannot parse the text as the layout says".into())
    }),
    fixed("unixEpoch", &[TimeParam], |context, args| match &args[0] {
        Value::Time(at) => context.string(at.seconds.to_string()),
        _ => context.string("0"),
    }),
];

/// The time that a value stands for: a time, or a whole number of seconds since 1970.
fn time(value: &Value) -> Result<Time, Failure> {
    match value {
        Value::Time(at) => Ok(Time::clone(at)),
        Value::Int(Signed::Int | Signed::Int64, seconds) => {
            moved(Some(Time::utc(*seconds, 0))).map(|_| Time::utc(*seconds, 0))
        }
        other => Err(format!(
            "a value of type {} is no time, and the present time is not taken instead; use toDate for text and int64 for seconds",
            other.type_name()
        )
        .into()),
    }
}

fn formatted(context: &mut Context<'_>, layout: &[u8], date: &Value, zone: &[u8]) -> Outcome {
    let at = in_zone(&time(date)?, if zone == b"Local" { b"UTC" } else { zone });
    let formatted = layout::format(&at, layout);
    context.string(formatted)
}

fn date_in_zone(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    formatted(context, str_at(args, 0), &args[1], str_at(args, 2))
}

/// The second argument later by the first; nothing when the first is no duration.
fn modified(args: &[Value]) -> Option<Outcome> {
    let (Some(nanos), Value::Time(at)) = (duration::parse(&text_at(args, 0)), &args[1]) else {
        return None;
    };
    Some(moved(at.after(nanos)))
}

fn must_date_modify(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    modified(args).unwrap_or_else(|| Err("time: invalid duration".into()))
}

/// Go's `strconv.ParseInt` in base 10 without its error: too large is the largest, no number is zero.
fn whole(text: &str) -> i64 {
    let unsigned = text.trim_start_matches(['+', '-']);
    match text.parse::<i64>() {
        Ok(number) => number,
        Err(_) if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) => 0,
        Err(_) if text.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    }
}

/// The duration in its largest unit.
fn duration_round(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    const HOUR: u64 = 3_600_000_000_000;
    const UNITS: [(u64, &str); 6] = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (HOUR / 60, "m"),
        (HOUR / 3600, "s"),
    ];
    let nanos = match &args[0] {
        Value::Str(bytes) => duration::parse(&text(bytes)).unwrap_or_default(),
        Value::Int(Signed::Int64, nanos) => *nanos,
        Value::Time(at) => Time::now(context).since(at),
        _ => 0,
    };
    let magnitude = nanos.unsigned_abs();
    let rounded = UNITS.iter().find(|(unit, _)| magnitude > *unit);
    context.string(rounded.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", magnitude / unit)))
}
