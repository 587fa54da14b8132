//! Go's time layouts, in which the reference time `Mon Jan 2 15:04:05 MST 2006` says how a time is written.

use super::time::{Civil, MONTHS, Time, WEEKDAYS};

/// One element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// Whether zero is `Z`, whether colons part the fields, and how many fields there are.
    Offset {
        z: bool,
        colons: bool,
        fields: u8,
    },
    /// The separator, whether trailing zeros stay, and how many digits there are.
    Fraction {
        comma: bool,
        zeros: bool,
        digits: usize,
    },
}

use Element as E;

/// Spellings in the order in which they must be tried; what depends on its surroundings is left to [`element_at`].
const SPELLINGS: [(&str, Element); 36] = [
    ("January", E::LongMonth),
    ("Jan", E::Month),
    ("Monday", E::LongWeekday),
    ("Mon", E::Weekday),
    ("MST", E::ZoneName),
    ("002", E::ZeroYearDay),
    ("01", E::ZeroMonth),
    ("02", E::ZeroDay),
    ("03", E::ZeroHour12),
    ("04", E::ZeroMinute),
    ("05", E::ZeroSecond),
    ("06", E::Year),
    ("15", E::Hour),
    ("1", E::NumMonth),
    ("2006", E::LongYear),
    ("2", E::Day),
    ("__2", E::UnderYearDay),
    ("_2", E::UnderDay),
    ("3", E::Hour12),
    ("4", E::Minute),
    ("5", E::Second),
    ("PM", E::UpperPm),
    ("pm", E::LowerPm),
    (
        "-070000",
        E::Offset {
            z: false,
            colons: false,
            fields: 3,
        },
    ),
    (
        "-07:00:00",
        E::Offset {
            z: false,
            colons: true,
            fields: 3,
        },
    ),
    (
        "-0700",
        E::Offset {
            z: false,
            colons: false,
            fields: 2,
        },
    ),
    (
        "-07:00",
        E::Offset {
            z: false,
            colons: true,
            fields: 2,
        },
    ),
    (
        "-07",
        E::Offset {
            z: false,
            colons: false,
            fields: 1,
        },
    ),
    (
        "Z070000",
        E::Offset {
            z: true,
            colons: false,
            fields: 3,
        },
    ),
    (
        "Z07:00:00",
        E::Offset {
            z: true,
            colons: true,
            fields: 3,
        },
    ),
    (
        "Z0700",
        E::Offset {
            z: true,
            colons: false,
            fields: 2,
        },
    ),
    (
        "Z07:00",
        E::Offset {
            z: true,
            colons: true,
            fields: 2,
        },
    ),
    (
        "Z07",
        E::Offset {
            z: true,
            colons: false,
            fields: 1,
        },
    ),
    (
        ".0",
        E::Fraction {
            comma: false,
            zeros: true,
            digits: 0,
        },
    ),
    (
        ".9",
        E::Fraction {
            comma: false,
            zeros: false,
            digits: 0,
        },
    ),
    (
        ",",
        E::Fraction {
            comma: true,
            zeros: false,
            digits: 0,
        },
    ),
];

/// The element at the start of the layout and its length.
fn element_at(layout: &[u8]) -> Option<(Element, usize)> {
    let (spelling, element) = SPELLINGS
        .iter()
        .find(|(spelling, _)| layout.starts_with(spelling.as_bytes()))?;
    let length = spelling.len();
    match element {
        // `Janus` holds no month.
        E::Month | E::Weekday if layout.get(length).is_some_and(u8::is_ascii_lowercase) => None,
        // The underscore belongs to the year's surroundings here.
        E::UnderDay if layout.starts_with(b"_2006") => None,
        E::Fraction { comma, .. } => {
            let digit = *layout.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
            let digits = layout[1..].iter().take_while(|byte| **byte == digit).count();
            if layout.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            Some((
                E::Fraction {
                    comma: *comma,
                    zeros: digit == b'0',
                    digits,
                },
                1 + digits,
            ))
        }
        element => Some((*element, length)),
    }
}

/// The text before the first element, the element, and what follows it.
pub(super) fn next(layout: &[u8]) -> (&[u8], Option<Element>, &[u8]) {
    for at in 0..layout.len() {
        if let Some((element, length)) = element_at(&layout[at..]) {
            return (&layout[..at], Some(element), &layout[at + length..]);
        }
    }
    (layout, None, &[])
}

/// The time as the layout says.
pub(super) fn format(at: &Time, mut layout: &[u8]) -> Vec<u8> {
    let civil = at.civil();
    let mut out = Vec::with_capacity(layout.len() + 10);
    loop {
        let (text, element, rest) = next(layout);
        out.extend_from_slice(text);
        let Some(element) = element else { return out };
        out.extend_from_slice(written(at, civil, element).as_bytes());
        layout = rest;
    }
}

fn written(at: &Time, civil: Civil, element: Element) -> String {
    let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
    let month = usize::try_from(civil.month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .unwrap_or(&"");
    let weekday = usize::try_from(civil.weekday)
        .ok()
        .and_then(|index| WEEKDAYS.get(index))
        .unwrap_or(&"");
    match element {
        E::LongMonth => (*month).to_owned(),
        E::Month => month[..3].to_owned(),
        E::NumMonth => civil.month.to_string(),
        E::ZeroMonth => format!("{:02}", civil.month),
        E::LongWeekday => (*weekday).to_owned(),
        E::Weekday => weekday[..3].to_owned(),
        E::Day => civil.day.to_string(),
        E::UnderDay => format!("{:2}", civil.day),
        E::ZeroDay => format!("{:02}", civil.day),
        E::UnderYearDay => format!("{:3}", civil.year_day),
        E::ZeroYearDay => format!("{:03}", civil.year_day),
        E::Hour => format!("{:02}", civil.hour),
        E::Hour12 => hour12.to_string(),
        E::ZeroHour12 => format!("{hour12:02}"),
        E::Minute => civil.minute.to_string(),
        E::ZeroMinute => format!("{:02}", civil.minute),
        E::Second => civil.second.to_string(),
        E::ZeroSecond => format!("{:02}", civil.second),
        E::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
        E::LongYear => format!("{:04}", civil.year),
        E::Year => format!("{:02}", civil.year.max(0) % 100),
        E::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
        E::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
        E::ZoneName if at.zone.is_empty() => offset(at.offset, false, false, 2),
        E::ZoneName => at.zone.clone(),
        E::Offset { z, colons, fields } => offset(at.offset, z, colons, fields),
        E::Fraction { comma, zeros, digits } => fraction(at.nanos, comma, zeros, digits),
    }
}

fn offset(seconds: i32, z: bool, colons: bool, fields: u8) -> String {
    if z && seconds == 0 {
        return "Z".to_owned();
    }
    let magnitude = seconds.unsigned_abs();
    let parts = [magnitude / 3600, magnitude / 60 % 60, magnitude % 60];
    let shown: Vec<String> = parts[..usize::from(fields)]
        .iter()
        .map(|part| format!("{part:02}"))
        .collect();
    // Go looks at the sign of whole minutes.
    format!(
        "{}{}",
        if seconds / 60 < 0 { '-' } else { '+' },
        shown.join(if colons { ":" } else { "" })
    )
}

fn fraction(nanos: u32, comma: bool, zeros: bool, digits: usize) -> String {
    let all = format!("{nanos:09}");
    let mut kept = all[..digits.min(9)].to_owned();
    if zeros {
        kept.push_str(&"0".repeat(digits.saturating_sub(9)));
    } else {
        kept.truncate(kept.trim_end_matches('0').len());
        if kept.is_empty() {
            return String::new();
        }
    }
    format!("{}{kept}", if comma { ',' } else { '.' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_element() {
        let at = Time {
            nanos: 120_000_000,
            ..Time::utc(1_136_239_445, 0)
        };
        let shown = |layout: &str| String::from_utf8(format(&at, layout.as_bytes())).unwrap();
        assert_eq!(
            shown("Monday Mon January Jan 1 01 2 _2 02 002 __2"),
            "Monday Mon January Jan 1 01 2  2 02 002   2"
        );
        assert_eq!(
            shown("15 3 03 4 04 5 05 06 2006 PM pm MST"),
            "22 10 10 4 04 5 05 06 2006 PM pm UTC"
        );
        assert_eq!(
            shown("Z07:00 -07:00 -0700 -07 Z070000 .000 .999 ,0 .0000000000"),
            "Z +00:00 +0000 +00 Z .120 .12 ,1 .1200000000"
        );
        assert_eq!(shown("Janus Money _2006 .01"), "Janus Money _2006 .01");
    }
}
