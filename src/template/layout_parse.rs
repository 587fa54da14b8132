//! Reads times as Go layouts say, with UTC for the zone that the text does not name.

use super::layout::{self, Element};
use super::time::{MONTHS, Time, WEEKDAYS, days_before, days_in};

/// What was read so far.
#[derive(Default)]
struct Read {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone: String,
}

/// The time that the text shows; `None` when it does not follow the layout.
pub(super) fn parse(layout: &[u8], text: &[u8]) -> Option<Time> {
    let (mut layout, mut rest) = (layout, text);
    let mut read = Read::default();
    loop {
        let (prefix, element, behind) = layout::next(layout);
        rest = skip(rest, prefix)?;
        let Some(element) = element else { break };
        rest = read.element(element, rest, behind)?;
        layout = behind;
    }
    if rest.is_empty() { read.time() } else { None }
}

/// Passes literal text; a space in the layout stands for any number of them.
fn skip<'t>(mut text: &'t [u8], mut prefix: &[u8]) -> Option<&'t [u8]> {
    while let Some((first, rest)) = prefix.split_first() {
        if *first == b' ' {
            if !text.is_empty() && text[0] != b' ' {
                return None;
            }
            prefix = prefix.trim_ascii_start_spaces();
            text = text.trim_ascii_start_spaces();
        } else {
            text = text.strip_prefix(std::slice::from_ref(first))?;
            prefix = rest;
        }
    }
    Some(text)
}

/// Only the ASCII space counts.
trait TrimSpaces {
    fn trim_ascii_start_spaces(&self) -> &Self;
}

impl TrimSpaces for [u8] {
    fn trim_ascii_start_spaces(&self) -> &Self {
        &self[self.iter().take_while(|byte| **byte == b' ').count()..]
    }
}

type Rest<'t> = Option<&'t [u8]>;

/// A number of exactly so many digits.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let valid = number.iter().all(u8::is_ascii_digit);
    valid.then(|| {
        (
            number
                .iter()
                .fold(0, |total, digit| total * 10 + i64::from(digit - b'0')),
            rest,
        )
    })
}

/// One or two digits, or two when they are fixed.
fn two_digits(text: &[u8], fixed: bool) -> Option<(i64, &[u8])> {
    digits(text, 2).or_else(|| if fixed { None } else { digits(text, 1) })
}

/// The index of the name with which the text begins, whatever its case.
fn name<'t>(names: &[&str], length: Option<usize>, text: &'t [u8]) -> Option<(i64, &'t [u8])> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = &name.as_bytes()[..length.unwrap_or(name.len())];
        let (start, rest) = text.split_at_checked(name.len())?;
        start
            .eq_ignore_ascii_case(name)
            .then_some((i64::try_from(index).ok()?, rest))
    })
}

impl Read {
    /// Reads one element and gives what follows; `layout` is what follows it there.
    fn element<'t>(&mut self, element: Element, text: &'t [u8], layout: &[u8]) -> Rest<'t> {
        use Element as E;
        let mut keep = |slot: fn(&mut Self) -> &mut i64, read: Option<(i64, &'t [u8])>, most: i64| {
            let (number, rest) = read?;
            *slot(self) = number;
            (number <= most).then_some(rest)
        };
        match element {
            E::Hour => keep(|read| &mut read.hour, two_digits(text, false), 23),
            E::Hour12 => keep(|read| &mut read.hour, two_digits(text, false), 12),
            E::ZeroHour12 => keep(|read| &mut read.hour, two_digits(text, true), 12),
            E::Minute => keep(|read| &mut read.minute, two_digits(text, false), 59),
            E::ZeroMinute => keep(|read| &mut read.minute, two_digits(text, true), 59),
            E::LongYear => keep(|read| &mut read.year, digits(text, 4), i64::MAX),
            E::Second | E::ZeroSecond => self.seconds(element == E::ZeroSecond, text, layout),
            E::UpperPm | E::LowerPm => self.half_day(element == E::UpperPm, text),
            E::ZoneName => self.zone_name(text),
            E::Offset { z, colons, fields } => self.zone_offset(z, colons, fields, text),
            E::Fraction { zeros, digits, .. } => self.fraction(zeros.then_some(digits), text),
            E::LongWeekday => name(&WEEKDAYS, None, text).map(|(_, rest)| rest),
            E::Weekday => name(&WEEKDAYS, Some(3), text).map(|(_, rest)| rest),
            _ => self.date_element(element, text),
        }
    }

    fn date_element<'t>(&mut self, element: Element, text: &'t [u8]) -> Rest<'t> {
        use Element as E;
        let (number, rest) = match element {
            E::LongMonth => name(&MONTHS, None, text)?,
            E::Month => name(&MONTHS, Some(3), text)?,
            E::Year | E::ZeroMonth | E::ZeroDay => two_digits(text, true)?,
            E::NumMonth | E::Day => two_digits(text, false)?,
            E::UnderDay => two_digits(text.strip_prefix(b" ").unwrap_or(text), false)?,
            E::ZeroYearDay => digits(text, 3)?,
            E::UnderYearDay => {
                let spaces = text.iter().take(2).take_while(|byte| **byte == b' ').count();
                digits(&text[spaces..], 3 - spaces)?
            }
            _ => return None,
        };
        match element {
            E::Year => self.year = if number >= 69 { 1900 + number } else { 2000 + number },
            E::LongMonth | E::Month => self.month = Some(number + 1),
            E::NumMonth | E::ZeroMonth => self.month = Some(number).filter(|month| (1..=12).contains(month)),
            E::ZeroYearDay | E::UnderYearDay => self.year_day = Some(number),
            _ => self.day = Some(number),
        }
        // A month that is none ends the reading.
        if matches!(element, E::NumMonth | E::ZeroMonth) && self.month.is_none() {
            None
        } else {
            Some(rest)
        }
    }

    /// Seconds may have a fraction that the layout does not mention.
    fn seconds<'t>(&mut self, fixed: bool, text: &'t [u8], layout: &[u8]) -> Rest<'t> {
        let (second, rest) = two_digits(text, fixed)?;
        self.second = second;
        if second > 59 {
            return None;
        }
        let fractional = matches!(rest, [b'.' | b',', digit, ..] if digit.is_ascii_digit());
        if !fractional || matches!(layout::next(layout), (_, Some(Element::Fraction { .. }), _)) {
            return Some(rest);
        }
        self.fraction(None, rest)
    }

    /// A fraction of exactly so many digits, or of any number and even none.
    fn fraction<'t>(&mut self, exactly: Option<usize>, text: &'t [u8]) -> Rest<'t> {
        let count = match exactly {
            Some(count) => count,
            None if matches!(text, [b'.' | b',', digit, ..] if digit.is_ascii_digit()) => {
                text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count()
            }
            None => return Some(text),
        };
        let (shown, rest) = text.split_at_checked(1 + count)?;
        if !matches!(shown[0], b'.' | b',') || !shown[1..].iter().all(u8::is_ascii_digit) {
            return None;
        }
        let nine = shown[1..].iter().chain(std::iter::repeat(&b'0')).take(9);
        self.nanos = nine.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
        Some(rest)
    }

    fn half_day<'t>(&mut self, upper: bool, text: &'t [u8]) -> Rest<'t> {
        let (shown, rest) = text.split_at_checked(2)?;
        let (morning, afternoon) = if upper { (b"AM", b"PM") } else { (b"am", b"pm") };
        self.afternoon = match shown {
            shown if shown == afternoon => Some(true),
            shown if shown == morning => Some(false),
            _ => return None,
        };
        Some(rest)
    }

    fn zone_offset<'t>(&mut self, z: bool, colons: bool, fields: u8, text: &'t [u8]) -> Rest<'t> {
        if let Some(rest) = text.strip_prefix(b"Z").filter(|_| z) {
            self.utc = true;
            return Some(rest);
        }
        let (sign, mut rest) = text.split_first()?;
        let mut seconds = 0;
        for (index, unit) in [3600, 60, 1].into_iter().take(usize::from(fields)).enumerate() {
            if colons && index > 0 {
                rest = rest.strip_prefix(b":")?;
            }
            let (number, after) = digits(rest, 2)?;
            // Some people write offsets of 24 hours or 60 minutes.
            if number > if index == 0 { 24 } else { 60 } {
                return None;
            }
            seconds += i32::try_from(number).ok()? * unit;
            rest = after;
        }
        self.offset = Some(match sign {
            b'+' => seconds,
            b'-' => -seconds,
            _ => return None,
        });
        Some(rest)
    }

    fn zone_name<'t>(&mut self, text: &'t [u8]) -> Rest<'t> {
        if let Some(rest) = text.strip_prefix(b"UTC") {
            self.utc = true;
            return Some(rest);
        }
        let (name, rest) = text.split_at_checked(zone_name_length(text)?)?;
        self.zone = String::from_utf8_lossy(name).into_owned();
        Some(rest)
    }

    /// Puts together what was read.
    fn time(self) -> Option<Time> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > days_in(self.year, month) {
            return None;
        }
        let clock = hour * 3600 + self.minute * 60 + self.second;
        let local = days_before(self.year, month, day) * 86_400 + clock;
        let at = Time::utc(local, self.nanos);
        if self.utc {
            return Some(at);
        }
        match self.offset {
            Some(0) if self.zone.is_empty() || self.zone == "UTC" => Some(at),
            Some(offset) => Some(Time {
                seconds: local - i64::from(offset),
                offset,
                zone: self.zone,
                ..at
            }),
            None if self.zone.is_empty() => Some(at),
            None => {
                let hours = self
                    .zone
                    .strip_prefix("GMT")
                    .and_then(|hours| hours.parse::<i32>().ok())
                    .unwrap_or(0);
                // Go shows the hours of such a zone but does not count them.
                Some(Time {
                    offset: hours * 3600,
                    zone: self.zone,
                    ..at
                })
            }
        }
    }

    fn month_and_day(&self) -> Option<(i64, i64)> {
        let Some(year_day) = self.year_day else {
            return Some((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let length = days_before(self.year + 1, 1, 1) - days_before(self.year, 1, 1);
        if !(1..=length).contains(&year_day) {
            return None;
        }
        let mut month = 1;
        let mut day = year_day;
        while day > days_in(self.year, month) {
            day -= days_in(self.year, month);
            month += 1;
        }
        let agrees = self.month.is_none_or(|other| other == month) && self.day.is_none_or(|other| other == day);
        agrees.then_some((month, day))
    }
}

/// How long the abbreviation of a zone is that the text begins with.
fn zone_name_length(text: &[u8]) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix(b"GMT") {
        return Some(3 + signed_hours(rest));
    }
    if matches!(text[0], b'+' | b'-') {
        let length = signed_hours(text);
        return (length > 0).then_some(length);
    }
    match text.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count() {
        5 if text[4] == b'T' => Some(5),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of a sign and hours below 24 behind it, zero when there are none.
fn signed_hours(text: &[u8]) -> usize {
    let Some((b'+' | b'-', rest)) = text.split_first() else {
        return 0;
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let hours = std::str::from_utf8(&rest[..count])
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    if hours.is_some_and(|hours| hours < 24) {
        1 + count
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(layout: &str, text: &str) -> Option<String> {
        parse(layout.as_bytes(), text.as_bytes()).map(|at| at.to_string())
    }

    #[test]
    fn refuses_what_does_not_follow_the_layout() {
        for (layout, text) in [
            ("2006-01-02", "2023-02-29"),
            ("2006-01-02", "2023-13-01"),
            ("2006-01-02", "2023-01-02x"),
            ("15:04", "24:00"),
            ("2006 002", "2023 366"),
            ("3 PM", "3 pm"),
            ("MST", "ABCDEFG"),
            ("2006-01-02 .000", "2023-01-02 .12"),
        ] {
            assert_eq!(shown(layout, text), None, "{layout} {text}");
        }
    }

    #[test]
    fn reads_zones() {
        assert_eq!(
            shown("15:04 -0700", "10:00 +0200").as_deref(),
            Some("0000-01-01 10:00:00 +0200 +0200")
        );
        assert_eq!(
            shown("2006 MST", "2020 CEST").as_deref(),
            Some("2020-01-01 00:00:00 +0000 CEST")
        );
        assert_eq!(
            shown("2006 MST", "2020 GMT-3").as_deref(),
            Some("2019-12-31 21:00:00 -0300 GMT-3")
        );
        assert_eq!(
            shown("2006 Z07:00", "2020 Z").as_deref(),
            Some("2020-01-01 00:00:00 +0000 UTC")
        );
    }
}
