//! Go's `time.Time` as far as templates meet it: an instant with the offset and the name of its zone, its calendar,
//! and the methods that a template may call on it.

use std::fmt;
use std::rc::Rc;

use super::context::Context;
use super::fault::Failure;
use super::functions::Outcome;
use super::value::{Signed, Value, text};
use super::{duration, layout};

/// An instant and the zone in which it is shown.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// Seconds since 1970 in UTC.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    /// Seconds east of UTC.
    pub(super) offset: i32,
    /// The zone's abbreviation, empty when it has none.
    pub(super) zone: String,
}

/// The calendar and the clock of a time in its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// 0 is Sunday.
    pub(super) weekday: i64,
    /// 1 is the first of January.
    pub(super) year_day: i64,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Go's zero time, the first of January of the year 1.
const ZERO: i64 = -62_135_596_800;
const DAY: i64 = 86_400;

/// The instant alone decides, as in Go's `Equal`.
impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        (self.seconds, self.nanos, self.offset) == (other.seconds, other.nanos, other.offset)
    }
}

/// As Go's `String` method shows it.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&layout::format(
            self,
            b"2006-01-02 15:04:05.999999999 -0700 MST",
        )))
    }
}

impl Time {
    /// An instant in UTC.
    pub(super) fn utc(seconds: i64, nanos: u32) -> Self {
        Time {
            seconds,
            nanos,
            offset: 0,
            zone: "UTC".to_owned(),
        }
    }

    /// Go's zero time.
    pub(super) fn zero() -> Self {
        Time::utc(ZERO, 0)
    }

    /// The present time of a rendering: when its execution was created.
    pub(super) fn now(context: &Context<'_>) -> Self {
        let date = context.input.date;
        // A moment before 1970 has its fraction counted downwards.
        let (second, nanos) = (date.as_second(), date.subsec_nanosecond());
        if nanos < 0 {
            Time::utc(second - 1, (nanos + 1_000_000_000).unsigned_abs())
        } else {
            Time::utc(second, nanos.unsigned_abs())
        }
    }

    /// The same instant in UTC.
    pub(super) fn in_utc(&self) -> Self {
        Time::utc(self.seconds, self.nanos)
    }

    /// Later by so many nanoseconds; `None` beyond what can be shown.
    pub(super) fn after(&self, nanos: i64) -> Option<Self> {
        let total = i64::from(self.nanos) + nanos.rem_euclid(1_000_000_000);
        let seconds = self
            .seconds
            .checked_add(nanos.div_euclid(1_000_000_000))?
            .checked_add(total / 1_000_000_000)?;
        Some(Time {
            seconds,
            nanos: u32::try_from(total % 1_000_000_000).ok()?,
            ..self.clone()
        })
    }

    /// Nanoseconds from `earlier` to this; the largest duration when there are more.
    pub(super) fn since(&self, earlier: &Time) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let nanos = seconds * 1_000_000_000 + i128::from(self.nanos) - i128::from(earlier.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    pub(super) fn civil(&self) -> Civil {
        let local = self.seconds.saturating_add(i64::from(self.offset));
        let (days, clock) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            weekday: (days + 4).rem_euclid(7),
            year_day: days - days_before(year, 1, 1) + 1,
        }
    }
}

/// Days from 1970 to this date of the Gregorian calendar; a month or day too large counts on.
pub(super) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let months = year.saturating_mul(12).saturating_add(month - 1);
    // Years that begin in March have their leap day last.
    let shifted = months - 2;
    let (year, month) = (shifted.div_euclid(12), shifted.rem_euclid(12));
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year + day - 1 - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// How many days the month has.
pub(super) fn days_in(year: i64, month: i64) -> i64 {
    days_before(year, month + 1, 1) - days_before(year, month, 1)
}

/// The timestamp as RFC 3339 to the second, which is how Kubernetes writes times.
pub(super) fn rfc3339(date: jiff::Timestamp) -> String {
    date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Durations, months and weekdays as their `String` methods show them.
pub(super) fn unit_text(kind: Signed, value: i64) -> String {
    let named = |names: &[&str], index: i64, what: &str| {
        let name = usize::try_from(index).ok().and_then(|index| names.get(index).copied());
        name.map_or_else(|| format!("%!{what}({value})"), str::to_owned)
    };
    match kind {
        Signed::Duration => duration::text(value),
        Signed::Month => named(&MONTHS, value - 1, "Month"),
        Signed::Weekday => named(&WEEKDAYS, value, "Weekday"),
        _ => value.to_string(),
    }
}

/// A method of a duration, month or weekday; `None` when there is no such method.
pub(super) fn unit_method(kind: Signed, value: i64, name: &str, args: &[Value]) -> Option<Outcome> {
    #[expect(clippy::cast_precision_loss, reason = "Go's methods give floats too")]
    let nanos = value as f64;
    let result = match (kind, name) {
        (_, "String") => Value::str(unit_text(kind, value)),
        (Signed::Duration, "Hours") => Value::Float(nanos / 3.6e12),
        (Signed::Duration, "Minutes") => Value::Float(nanos / 6e10),
        (Signed::Duration, "Seconds") => Value::Float(nanos / 1e9),
        (Signed::Duration, "Milliseconds") => Value::int64(value / 1_000_000),
        (Signed::Duration, "Microseconds") => Value::int64(value / 1000),
        (Signed::Duration, "Nanoseconds") => Value::int64(value),
        _ => return None,
    };
    Some(no_arguments(name, args).map(|()| result))
}

fn no_arguments(name: &str, args: &[Value]) -> Result<(), Failure> {
    if args.is_empty() {
        Ok(())
    } else {
        Err(format!("wrong number of args for {name}: want 0 got {}", args.len()).into())
    }
}

/// A method of a time; `None` when there is no such method.
pub(super) fn method(context: &mut Context<'_>, at: &Time, name: &str, args: &[Value]) -> Option<Outcome> {
    let civil = at.civil();
    let plain = match name {
        "Unix" => Value::int64(at.seconds),
        "UnixMilli" => Value::int64(at.seconds.saturating_mul(1000) + i64::from(at.nanos / 1_000_000)),
        "UnixMicro" => Value::int64(at.seconds.saturating_mul(1_000_000) + i64::from(at.nanos / 1000)),
        "UnixNano" => Value::int64(at.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(at.nanos))),
        "Year" => Value::int(civil.year),
        "Month" => Value::Int(Signed::Month, civil.month),
        "Day" => Value::int(civil.day),
        "Hour" => Value::int(civil.hour),
        "Minute" => Value::int(civil.minute),
        "Second" => Value::int(civil.second),
        "Nanosecond" => Value::int(i64::from(at.nanos)),
        "Weekday" => Value::Int(Signed::Weekday, civil.weekday),
        "YearDay" => Value::int(civil.year_day),
        "IsZero" => Value::Bool(at.seconds == ZERO && at.nanos == 0),
        "UTC" | "Local" => Value::Time(Rc::new(at.in_utc())),
        "String" => Value::str(at.to_string()),
        _ => return with_arguments(context, at, name, args),
    };
    Some(no_arguments(name, args).map(|()| plain))
}

fn with_arguments(context: &mut Context<'_>, at: &Time, name: &str, args: &[Value]) -> Option<Outcome> {
    let refused = Err(format!("wrong arguments for {name}").into());
    Some(match (name, args) {
        ("Format", [Value::Str(layout)]) => {
            let formatted = layout::format(at, layout);
            context.string(formatted)
        }
        ("AddDate", [Value::Int(_, years), Value::Int(_, months), Value::Int(_, days)]) => {
            add_date(at, *years, *months, *days)
        }
        ("Add", [Value::Int(Signed::Duration, nanos)]) => moved(at.after(*nanos)),
        ("Sub", [Value::Time(other)]) => Ok(Value::Int(Signed::Duration, at.since(other))),
        ("Before", [Value::Time(other)]) => Ok(Value::Bool(instant(at) < instant(other))),
        ("After", [Value::Time(other)]) => Ok(Value::Bool(instant(at) > instant(other))),
        ("Equal", [Value::Time(other)]) => Ok(Value::Bool(instant(at) == instant(other))),
        ("Format" | "AddDate" | "Add" | "Sub" | "Before" | "After" | "Equal", _) => refused,
        _ => return None,
    })
}

fn instant(at: &Time) -> (i64, u32) {
    (at.seconds, at.nanos)
}

/// A time that was computed, unless it lies beyond what can be shown.
pub(super) fn moved(at: Option<Time>) -> Outcome {
    // The years in which Go's own formatting is defined to work.
    const RANGE: std::ops::Range<i64> = -377_705_116_800..253_402_300_800;
    match at {
        Some(at) if RANGE.contains(&at.seconds) => Ok(Value::Time(Rc::new(at))),
        _ => Err("the time is out of range".into()),
    }
}

fn add_date(at: &Time, years: i64, months: i64, days: i64) -> Outcome {
    let civil = at.civil();
    let far = |number: i64| number.unsigned_abs() > 10_000_000;
    if far(years) || far(months) || far(days) {
        return moved(None);
    }
    let date = days_before(civil.year + years, civil.month + months, civil.day + days);
    let clock = civil.hour * 3600 + civil.minute * 60 + civil.second;
    moved(Some(Time {
        seconds: date * DAY + clock - i64::from(at.offset),
        ..at.clone()
    }))
}

/// The zone of this name as the time's: its offset and abbreviation at that instant; UTC for a name nobody knows.
pub(super) fn in_zone(at: &Time, name: &[u8]) -> Time {
    let name = text(name);
    let known = jiff::Timestamp::new(at.seconds, 0).ok().and_then(|instant| {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(&name).ok()?;
        // Names are case-sensitive in Go.
        (zone.iana_name() == Some(name.as_ref())).then(|| {
            let info = zone.to_offset_info(instant);
            (info.offset().seconds(), info.abbreviation().to_owned())
        })
    });
    match known {
        Some((offset, zone)) => Time {
            offset,
            zone,
            ..at.clone()
        },
        None => at.in_utc(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (951_782_400, "2000-02-29 00:00:00 +0000 UTC"),
            (ZERO, "0001-01-01 00:00:00 +0000 UTC"),
            (-1, "1969-12-31 23:59:59 +0000 UTC"),
        ] {
            assert_eq!(Time::utc(seconds, 0).to_string(), shown);
        }
        assert_eq!((days_in(2024, 2), days_in(1900, 2), days_in(2023, 12)), (29, 28, 31));
        assert_eq!(Time::utc(1_700_000_000, 0).civil().weekday, 2);
    }

    #[test]
    fn finds_zones_by_their_exact_name() {
        let winter = Time::utc(1_700_000_000, 0);
        assert_eq!(
            in_zone(&winter, b"Europe/Berlin").to_string(),
            "2023-11-14 23:13:20 +0100 CET"
        );
        assert_eq!(
            in_zone(&winter, b"europe/berlin").to_string(),
            "2023-11-14 22:13:20 +0000 UTC"
        );
    }
}
