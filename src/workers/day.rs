//! Days, as compatibility dates name them: `YYYY-MM-DD`, or `MM/DD/YYYY` as the first manifests had it.

use std::fmt;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    of_month: u8,
}

impl Day {
    /// The last that four digits can say.
    pub const LAST: Self = Self {
        year: 9999,
        month: 12,
        of_month: 31,
    };

    /// The day, if the calendar has it.
    #[must_use]
    pub fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = year > 0 && (1..=days(year, month)).contains(&day);
        exists.then_some(Self {
            year,
            month,
            of_month: day,
        })
    }

    /// A day in either form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::iso(text).or_else(|| Self::american(text))
    }

    /// `2026-01-31`.
    #[must_use]
    pub fn iso(text: &str) -> Option<Self> {
        let [year, month, day] = parts(text, '-', [4, 2, 2])?;
        Self::of(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// `01/31/2026`.
    #[must_use]
    pub fn american(text: &str) -> Option<Self> {
        let [month, day, year] = parts(text, '/', [2, 2, 4])?;
        Self::of(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

fn days(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

/// Three numbers of so many digits each.
fn parts(text: &str, between: char, digits: [usize; 3]) -> Option<[u16; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| plain)?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_day() {
        let day = Day::of(2024, 2, 29);
        assert!(day.is_some());
        assert_eq!(Day::parse("2024-02-29"), day);
        assert_eq!(Day::parse("02/29/2024"), day);
        assert_eq!(day.unwrap().to_string(), "2024-02-29");
        assert!(Day::iso("2024-02-29") < Day::iso("2024-03-01"));
    }

    #[test]
    fn the_calendar_has_no_other_days() {
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-04-31",
            "2024-1-1",
            "24-01-01",
            "+024-01-01",
            "2024-01-01 ",
            "2024-01-01-01",
            "2024/01/01",
            "13/01/2024",
            "MM/DD/YYYY",
            "0000-01-01",
            "",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::iso("02/29/2024"), None);
        assert_eq!(Day::american("2024-02-29"), None);
    }
}
