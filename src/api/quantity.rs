//! An amount of a resource as Kubernetes writes it, `250m` or `64Mi`: enough to read and to compare. Nothing is rewritten.

/// An amount, exact to the billionth; what is larger than any node counts as equally large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

/// Billionths of one.
const ONE: i128 = 1_000_000_000;
/// Digits of a billionth.
const PRECISION: usize = 9;
/// Beyond it every exponent leads to the largest amount, or to none.
const EXPONENT: i32 = 40;

impl Quantity {
    /// Reads it, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let is_unit = |letter: char| !letter.is_ascii_digit() && letter != '.';
        let (number, unit) = text.split_at(text.find(is_unit).unwrap_or(text.len()));
        let amount = scaled(billionths(number)?, unit)?;
        Some(Self(if is_negative { -amount } else { amount }))
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is without a fraction.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0 % ONE == 0
    }
}

/// `1`, `1.`, `.5` and `1.5`.
fn billionths(number: &str) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = |text: &str| {
        text.bytes().fold(0_i128, |sum, byte| {
            sum.saturating_mul(10).saturating_add(i128::from(byte - b'0'))
        })
    };
    let kept: String = fraction.chars().chain("000000000".chars()).take(PRECISION).collect();
    Some(digits(whole).saturating_mul(ONE).saturating_add(digits(&kept)))
}

fn scaled(amount: i128, unit: &str) -> Option<i128> {
    let power = |base: i128, exponent: u32| amount.saturating_mul(base.saturating_pow(exponent));
    Some(match unit {
        "" => amount,
        "Ki" => power(1024, 1),
        "Mi" => power(1024, 2),
        "Gi" => power(1024, 3),
        "Ti" => power(1024, 4),
        "Pi" => power(1024, 5),
        "Ei" => power(1024, 6),
        "n" => shifted(amount, -9),
        "u" => shifted(amount, -6),
        "m" => shifted(amount, -3),
        "k" => shifted(amount, 3),
        "M" => shifted(amount, 6),
        "G" => shifted(amount, 9),
        "T" => shifted(amount, 12),
        "P" => shifted(amount, 15),
        "E" => shifted(amount, 18),
        _ => shifted(amount, unit.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// Moves the decimal point; what is less than a billionth is one, as the API server rounds it.
fn shifted(amount: i128, exponent: i32) -> i128 {
    let factor = 10_i128.saturating_pow(exponent.clamp(-EXPONENT, EXPONENT).unsigned_abs());
    if exponent < 0 {
        amount / factor + i128::from(amount % factor != 0)
    } else {
        amount.saturating_mul(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn the_same_amount_is_written_in_many_ways() {
        for (one, other) in [
            ("1", "1000m"),
            ("0.5", "500m"),
            (".5", "500000u"),
            ("1.", "1e0"),
            ("1k", "1E3"),
            ("1E", "1e+18"),
            ("1e-3", "1m"),
            ("1Ki", "1024"),
            ("1.5Gi", "1536Mi"),
            ("+2", "2"),
            ("0", "-0"),
            ("1n", "0.1n"),
            ("99999999999999999999999999999999999999999E", "9e99"),
        ] {
            assert_eq!(amount(one), amount(other), "{one} {other}");
        }
    }

    #[test]
    fn amounts_are_compared_and_not_their_texts() {
        for (less, more) in [
            ("999m", "1"),
            ("1M", "1Mi"),
            ("9", "10"),
            ("100Mi", "1Gi"),
            ("-1", "0"),
            ("1Ei", "10Ei"),
            ("0", "1e-99"),
        ] {
            assert!(amount(less) < amount(more), "{less} {more}");
        }
        assert!(amount("-1m").is_negative() && !amount("0").is_negative());
        assert!(amount("2").is_whole() && amount("1000m").is_whole() && !amount("1.5").is_whole());
    }

    #[test]
    fn what_is_no_amount() {
        for text in [
            "", ".", "-", "Mi", "1K", "1mi", "1 Gi", "1GB", "1e", "1e1.5", "1.2.3", "0x1", "--1", "1kk", "½", "1i",
            "e3",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
