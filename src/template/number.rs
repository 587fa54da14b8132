//! Reads numbers as Go's `strconv` does and writes floating-point numbers as Go's `fmt` and `strconv` do.

use super::quote::{quote, unquote_char};
use super::tree::Number;

/// A numeric constant of a template with every type that it fits.
pub(super) fn constant(text: &str) -> Result<Number, String> {
    let mut number = Number {
        text: text.to_owned(),
        integer: None,
        unsigned: None,
        float: None,
    };
    if text.starts_with('\'') {
        let c = unquote_char(text).ok_or_else(|| format!("malformed character constant: {text}"))?;
        #[expect(clippy::cast_precision_loss, reason = "a code point is exact in a float")]
        let float = c as f64;
        return Ok(Number {
            integer: Some(c),
            unsigned: u64::try_from(c).ok(),
            float: Some(float),
            ..number
        });
    }
    if text.ends_with('i') && !text.starts_with("0x") {
        return Err(format!("complex numbers are not supported: {}", quote(text.as_bytes())));
    }
    number.integer = parse_int(text);
    number.unsigned = parse_uint(text);
    if number.integer == Some(0) {
        number.unsigned = Some(0);
    }
    if number.integer.is_some() || number.unsigned.is_some() {
        #[expect(clippy::cast_precision_loss, reason = "the conversion rounds, as Go's does")]
        let float = number
            .integer
            .map_or_else(|| number.unsigned.unwrap_or_default() as f64, |i| i as f64);
        number.float = Some(float);
        return Ok(number);
    }
    let Some(float) = parse_float(text) else {
        return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
    };
    if !text.contains(['.', 'e', 'E', 'p', 'P']) {
        return Err(format!("integer overflow: {}", quote(text.as_bytes())));
    }
    number.float = Some(float);
    let integer = float_to_int(float);
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "this finds out whether anything was lost"
    )]
    let exact = integer as f64 == float;
    if exact {
        number.integer = Some(integer);
        number.unsigned = u64::try_from(integer).ok();
    }
    Ok(number)
}

/// Go's `strconv.ParseUint(text, 0, 64)`: prefixes name the base and underscores may part digits.
pub(super) fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits, prefixed) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..], true),
        [b'0', b'o', ..] => (8, &lower[2..], true),
        [b'0', b'b', ..] => (2, &lower[2..], true),
        [b'0', _, ..] => (8, &lower[1..], true),
        _ => (10, &lower[..], false),
    };
    let apart = digits.as_bytes();
    let misplaced = (apart.first() == Some(&b'_') && !prefixed) || apart.last() == Some(&b'_') || digits.contains("__");
    if misplaced || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Go's `strconv.ParseInt(text, 0, 64)`.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) => {
            let magnitude = parse_uint(rest)?;
            if magnitude == 1 << 63 {
                Some(i64::MIN)
            } else {
                i64::try_from(magnitude).ok().map(|i| -i)
            }
        }
        None => i64::try_from(parse_uint(text.strip_prefix('+').unwrap_or(text))?).ok(),
    }
}

/// Go's `strconv.ParseFloat(text, 64)`, where too large is an error.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        let float = parse_hex_float(digits)?;
        return Some(if text.starts_with('-') { -float } else { float });
    }
    let float: f64 = without_underscores(text)?.parse().ok()?;
    let named = lower.starts_with(['i', 'n']);
    // Rust knows a signed NaN, Go does not.
    if (float.is_infinite() && !named) || (float.is_nan() && unsigned.len() != text.len()) {
        None
    } else {
        Some(float)
    }
}

/// The number without underscores, which must stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let apart = |(at, _): (usize, &str)| at > 0 && digit(at - 1) && digit(at + 1);
    text.match_indices('_').all(apart).then(|| text.replace('_', ""))
}

/// Hexadecimal digits with an optional fraction and a binary exponent, which Go asks for.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let mantissa = mantissa.replace('_', "");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let shift = exponent - 4 * i32::try_from(fraction.len()).ok()?;
    let float = value * 2f64.powi(shift);
    float.is_finite().then_some(float)
}

/// Go's conversion on amd64: what does not fit becomes the smallest integer.
pub(super) fn float_to_int(float: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "the fraction is cut off, as Go does")]
    if (-LIMIT..LIMIT).contains(&float) {
        float as i64
    } else {
        i64::MIN
    }
}

/// The decimal exponent of the first digit.
pub(super) fn decimal_exponent(float: f64) -> i32 {
    let text = format!("{float:e}");
    text.split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or_default()
}

/// No float has more digits than this, and Rust formats no more than 65,535.
const MAX_DIGITS: usize = 1100;

/// The zeros that follow when more digits are asked for than there can be.
fn more_zeros(precision: Option<usize>) -> String {
    "0".repeat(precision.unwrap_or_default().saturating_sub(MAX_DIGITS))
}

/// `%e` (or `%E`'s lower case) with so many digits behind the point, or as many as it takes.
pub(super) fn exponential(float: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(float) {
        return text;
    }
    let text = match precision {
        Some(precision) => format!("{float:.0$e}", precision.min(MAX_DIGITS)),
        None => format!("{float:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{}e{sign}{:02}", more_zeros(precision), exponent.abs())
}

/// `%f` with so many digits behind the point, or as many as it takes.
pub(super) fn fixed(float: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(float) {
        return text;
    }
    match precision {
        Some(digits) => format!("{float:.0$}{1}", digits.min(MAX_DIGITS), more_zeros(precision)),
        None => format!("{float}"),
    }
}

/// `%g`: fixed for ordinary magnitudes and exponential for others.
pub(super) fn general(float: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(float) {
        return text;
    }
    let Some(precision) = precision else {
        // The shortest form turns exponential as if it had six digits.
        let ordinary = (-4..6).contains(&decimal_exponent(float));
        return if ordinary {
            fixed(float, None)
        } else {
            exponential(float, None)
        };
    };
    let precision = precision.clamp(1, MAX_DIGITS);
    let text = format!("{float:.0$e}", precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let kept = mantissa.chars().filter(char::is_ascii_digit).count();
    // Go leaves out trailing zeros before it decides, so 100 with three digits stays fixed.
    let limit = if precision > kept && i32::try_from(kept).is_ok_and(|kept| kept > exponent) {
        kept
    } else {
        precision
    };
    if exponent < -4 || exponent >= i32::try_from(limit).unwrap_or(i32::MAX) {
        return exponential(float, Some(kept - 1));
    }
    let decimals = i32::try_from(kept).unwrap_or(i32::MAX) - 1 - exponent;
    if let Ok(decimals) = usize::try_from(decimals) {
        return format!("{float:.decimals$}");
    }
    // Digits in front of the point that the precision does not cover are zeros.
    let rounded: f64 = text.parse().unwrap_or(float);
    format!("{rounded:.0}")
}

fn special(float: f64) -> Option<String> {
    if float.is_nan() {
        return Some("NaN".to_owned());
    }
    float.is_infinite().then(|| {
        if float > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        }
    })
}

/// A floating-point number as Go prints it by default.
pub(super) fn plain(float: f64) -> String {
    general(float, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_floats_as_go_does() {
        for (float, text) in [
            (1e6, "1e+06"),
            (100_000.0, "100000"),
            (1.5, "1.5"),
            (1e20, "1e+20"),
            (123_456_789.0, "1.23456789e+08"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
            (3.0, "3"),
        ] {
            assert_eq!(plain(float), text);
        }
    }

    #[test]
    fn reads_integers_with_gos_prefixes() {
        for (text, value) in [
            ("0x1F", Some(31)),
            ("017", Some(15)),
            ("1_000", Some(1000)),
            ("08", None),
            ("0b11", Some(3)),
            ("-0o7", Some(-7)),
            ("_1", None),
            ("", None),
        ] {
            assert_eq!(parse_int(text), value, "{text}");
        }
    }
}
