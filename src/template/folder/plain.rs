//! Plain YAML scalars as PyYAML's safe loader reads them: YAML 1.1, with its yes and off, octal and sexagesimal numbers.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Number, Value};

static INTEGER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$")
});
static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$",
    )
});
static NO_NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"));

/// What a plain scalar stands for.
///
/// # Errors
/// JSON has no such number.
pub(super) fn resolve(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Ok(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Ok(Value::Bool(false)),
        _ => {}
    }
    // Every number begins with one of these, and hardly any text does.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Ok(Value::String(text.to_owned()));
    }
    if INTEGER.is_match(text) {
        return integer(text).map(Value::Number);
    }
    if FLOAT.is_match(text) {
        return float(text).map(Value::Number);
    }
    if NO_NUMBER.is_match(text) {
        return Err(format!("JSON has no number {text}"));
    }
    Ok(Value::String(text.to_owned()))
}

/// An integer in any of its notations.
pub(super) fn integer(text: &str) -> Result<Number, String> {
    let bare = text.replace('_', "");
    let (negative, digits) = signed(&bare);
    let magnitude = match digits.as_bytes() {
        [b'0', b'b', ..] => u64::from_str_radix(&digits[2..], 2).ok(),
        [b'0', b'x', ..] => u64::from_str_radix(&digits[2..], 16).ok(),
        [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8).ok(),
        _ => digits
            .split(':')
            .try_fold(0_u64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?)),
    };
    let number = magnitude.and_then(|magnitude| {
        if negative {
            return 0_i64.checked_sub_unsigned(magnitude).map(Number::from);
        }
        Some(Number::from(magnitude))
    });
    number.ok_or_else(|| format!("{text} is no number of 64 bits"))
}

/// A number with a point.
pub(super) fn float(text: &str) -> Result<Number, String> {
    let bare = text.replace('_', "");
    let (negative, digits) = signed(&bare);
    let parts = digits.split(':').map(str::parse::<f64>);
    let magnitude = parts
        .into_iter()
        .try_fold(0.0, |sum, part| Ok::<_, std::num::ParseFloatError>(sum * 60.0 + part?));
    let magnitude = magnitude.map_err(|_| format!("{text} is no number"))?;
    Number::from_f64(if negative { -magnitude } else { magnitude }).ok_or_else(|| format!("JSON has no number {text}"))
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn pattern(text: &'static str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are fixed at compile time")]
    Regex::new(text).expect("a pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_read_as_pyyaml_reads_them() {
        let pairs: Vec<(String, Value)> =
            serde_json::from_str(include_str!("../../../tests/data/sync/plain-scalars.json")).expect("pairs");
        assert!(pairs.len() > 100);
        for (text, expected) in pairs {
            assert_eq!(resolve(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        for text in [
            ".inf",
            "-.INF",
            ".NaN",
            "18446744073709551616",
            "-9223372036854775809",
            "0xfffffffffffffffff",
        ] {
            assert!(resolve(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_and_signs_of_their_own_are_text() {
        for text in ["2026-11-21", "2026-11-21T01:45:07Z", "=", "<<", ""] {
            let expected = if text.is_empty() { Value::Null } else { text.into() };
            assert_eq!(resolve(text), Ok(expected), "{text}");
        }
    }
}
