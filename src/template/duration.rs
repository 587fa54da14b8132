//! Go's `time.Duration`: its text and how text is read as one.

/// The unit names that a duration may have, with their nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds as Go shows a duration: `1h2m3.5s`, `10ms`, `0s`.
pub(super) fn text(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let shown = match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{magnitude}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", fraction(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(magnitude, 1_000_000)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = fraction(magnitude % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{shown}")
}

/// The quotient with its decimals, as many as it takes.
fn fraction(value: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let decimals = format!("{:0digits$}", value % unit);
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() {
        (value / unit).to_string()
    } else {
        format!("{}.{decimals}", value / unit)
    }
}

/// Reads `1h30m`, `-1.5s` and the like; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (nanos, after) = part(rest)?;
        total = total.checked_add(nanos).filter(|total| *total <= 1 << 63)?;
        rest = after;
    }
    if negative {
        return Some(0i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).ok()
}

/// One number with its unit, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut after = &text[whole..];
    let mut decimals = "";
    if let Some(rest) = after.strip_prefix('.') {
        decimals = &rest[..digits(rest)];
        after = &rest[decimals.len()..];
    }
    if whole == 0 && decimals.is_empty() {
        return None;
    }
    let end = after
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(after.len());
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == &after[..end])?;
    let number: u64 = if whole == 0 { 0 } else { text[..whole].parse().ok()? };
    let mut nanos = number.checked_mul(*unit)?;
    // Digits beyond what a nanosecond can show are cut off.
    let (mut numerator, mut denominator) = (0u128, 1u128);
    for digit in decimals.bytes().take(19) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    nanos = nanos.checked_add(u64::try_from(numerator * u128::from(*unit) / denominator).ok()?)?;
    Some((nanos, &after[end..]))
}

/// Rounded to whole seconds, half away from zero.
pub(super) fn round_to_seconds(nanos: i64) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    let rest = nanos % SECOND;
    let down = nanos - rest;
    if rest.abs() * 2 < SECOND {
        down
    } else {
        down.saturating_add(SECOND * nanos.signum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_reads_durations() {
        for (nanos, shown) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5\u{b5}s"),
            (2_000_000, "2ms"),
            (3_723_500_000_000, "1h2m3.5s"),
            (-90_000_000_000, "-1m30s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(text(nanos), shown);
            assert_eq!(parse(shown), Some(nanos), "{shown}");
        }
        assert_eq!(parse("1.5h"), Some(5_400_000_000_000));
        for bad in ["", "1", "h", ".s", "1x", "1h-2m", "9999999h", "--1s"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(
            [1_499_999_999, 1_500_000_000, -1_500_000_000].map(round_to_seconds),
            [1_000_000_000, 2_000_000_000, -2_000_000_000]
        );
    }
}
