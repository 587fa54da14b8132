//! Decimal numbers of any length, just enough to add, multiply and divide floating-point numbers as people do it.

use super::fault::Failure;

/// Digits behind the point that a division keeps.
const DIVISION_PLACES: i64 = 16;

/// A number `digits * 10^exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// The least significant digit first, none for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// The shortest decimal that reads back as this float; none for what is not finite.
    pub(super) fn of(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        let text = format!("{:e}", float.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let digits = mantissa
            .bytes()
            .rev()
            .filter(u8::is_ascii_digit)
            .map(|digit| digit - b'0')
            .collect();
        let exponent = exponent.parse::<i64>().ok()? - i64::try_from(decimals).ok()?;
        Some(Decimal {
            negative: float < 0.0,
            digits: trimmed(digits),
            exponent,
        })
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        let digits: String = self.digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
        let sign = if self.negative && !digits.is_empty() { "-" } else { "" };
        format!("{sign}0{digits}e{}", self.exponent).parse().unwrap_or_default()
    }

    /// How many digits there are.
    pub(super) fn length(&self) -> usize {
        self.digits.len()
    }

    pub(super) fn negated(&self) -> Self {
        Decimal {
            negative: !self.negative,
            ..self.clone()
        }
    }

    /// The digits when the exponent is lowered to `exponent`.
    fn scaled(&self, exponent: i64) -> Vec<u8> {
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or_default();
        let mut digits = vec![0; if self.digits.is_empty() { 0 } else { zeros }];
        digits.extend_from_slice(&self.digits);
        digits
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.scaled(exponent), other.scaled(exponent));
        if self.negative == other.negative {
            return Decimal {
                negative: self.negative,
                digits: sum(&a, &b),
                exponent,
            };
        }
        if is_less(&a, &b) {
            Decimal {
                negative: other.negative,
                digits: difference(&b, &a),
                exponent,
            }
        } else {
            Decimal {
                negative: self.negative,
                digits: difference(&a, &b),
                exponent,
            }
        }
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0u8; self.digits.len() + other.digits.len()];
        for (shift, factor) in other.digits.iter().enumerate() {
            let mut carry = 0;
            for (index, digit) in self.digits.iter().enumerate() {
                let total = digits[shift + index] + digit * factor + carry;
                digits[shift + index] = total % 10;
                carry = total / 10;
            }
            digits[shift + self.digits.len()] = carry;
        }
        let negative = self.negative != other.negative;
        Decimal {
            negative,
            digits: trimmed(digits),
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient to 16 places, the last one rounded half up.
    pub(super) fn divided_by(&self, other: &Self) -> Result<Self, Failure> {
        if other.digits.is_empty() {
            return Err("decimal division by 0".into());
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let dividend = Decimal {
            exponent: shift.max(0),
            ..self.clone()
        }
        .scaled(0);
        let divisor = Decimal {
            exponent: (-shift).max(0),
            ..other.clone()
        }
        .scaled(0);
        let (mut digits, rest) = quotient(&dividend, &divisor);
        if !is_less(&sum(&rest, &rest), &divisor) {
            digits = sum(&digits, &[1]);
        }
        Ok(Decimal {
            negative: self.negative != other.negative,
            digits,
            exponent: -DIVISION_PLACES,
        })
    }
}

/// Without zeros in front, which stand last.
fn trimmed(mut digits: Vec<u8>) -> Vec<u8> {
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

fn is_less(a: &[u8], b: &[u8]) -> bool {
    a.len() < b.len() || a.len() == b.len() && a.iter().rev().lt(b.iter().rev())
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for index in 0..a.len().max(b.len()) {
        let total = a.get(index).copied().unwrap_or(0) + b.get(index).copied().unwrap_or(0) + carry;
        digits.push(total % 10);
        carry = total / 10;
    }
    digits.push(carry);
    trimmed(digits)
}

/// `a - b`, where `a` is not the smaller.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let digits = a.iter().enumerate().map(|(index, digit)| {
        let total = 10 + digit - b.get(index).copied().unwrap_or(0) - borrow;
        borrow = u8::from(total < 10);
        total % 10
    });
    trimmed(digits.collect())
}

/// Quotient and rest of a long division.
fn quotient(dividend: &[u8], divisor: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut rest: Vec<u8> = Vec::new();
    let mut digits = Vec::with_capacity(dividend.len());
    for digit in dividend.iter().rev() {
        rest.insert(0, *digit);
        rest = trimmed(rest);
        let mut count = 0;
        while !is_less(&rest, divisor) {
            rest = difference(&rest, divisor);
            count += 1;
        }
        digits.push(count);
    }
    digits.reverse();
    (trimmed(digits), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(float: f64) -> Decimal {
        Decimal::of(float).unwrap()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the results are exact")]
    fn computes_as_people_do() {
        assert_eq!(decimal(0.1).plus(&decimal(0.2)).to_float(), 0.3);
        assert_eq!(decimal(1.5).plus(&decimal(-1.75)).to_float(), -0.25);
        assert_eq!(decimal(-2.5).times(&decimal(4.0)).to_float(), -10.0);
        assert_eq!(
            decimal(10.0).divided_by(&decimal(3.0)).unwrap().to_float(),
            3.333_333_333_333_333_5
        );
        assert_eq!(
            decimal(-2.0).divided_by(&decimal(3.0)).unwrap().to_float(),
            -0.666_666_666_666_666_7
        );
        assert_eq!(decimal(1e300).times(&decimal(1e300)).to_float(), f64::INFINITY);
        assert!(decimal(1.0).divided_by(&decimal(0.0)).is_err());
        assert!(Decimal::of(f64::NAN).is_none());
    }
}
