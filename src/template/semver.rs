//! Semantic versions as the library that Sprig uses reads and compares them.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use super::functions::Outcome;
use super::value::{Unsigned, Value};

/// A version; missing minor and patch numbers are zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) prerelease: String,
    pub(super) metadata: String,
    pub(super) original: String,
    /// Whether this is Go's struct and not a pointer to it, as the `Inc` methods give; it lacks some methods.
    pub(super) detached: bool,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

const INVALID: &str = "Invalid Semantic Version";

impl Version {
    /// Reads a version, with or without a leading `v`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (rest, metadata) = text
            .split_once('+')
            .map_or((text, None), |(rest, metadata)| (rest, Some(metadata)));
        let (numbers, prerelease) = rest
            .split_once('-')
            .map_or((rest, None), |(rest, pre)| (rest, Some(pre)));
        if [metadata, prerelease]
            .into_iter()
            .flatten()
            .any(|label| !is_label(label))
        {
            return Err(INVALID);
        }
        let mut parts = numbers.strip_prefix('v').unwrap_or(numbers).split('.');
        let mut number = |needed: bool| match parts.next() {
            None if !needed => Ok(0),
            Some(part) if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) => part
                .parse()
                .map_err(|_| "Error parsing version segment: value out of range"),
            _ => Err(INVALID),
        };
        let (major, minor, patch) = (number(true)?, number(false)?, number(false)?);
        if parts.next().is_some() {
            return Err(INVALID);
        }
        let prerelease = prerelease.unwrap_or_default();
        if prerelease
            .split('.')
            .any(|part| part.len() > 1 && part.starts_with('0') && is_number(part))
        {
            return Err("Version segment starts with 0");
        }
        let (prerelease, metadata) = (prerelease.to_owned(), metadata.unwrap_or_default().to_owned());
        Ok(Version {
            major,
            minor,
            patch,
            prerelease,
            metadata,
            original: text.to_owned(),
            detached: false,
        })
    }

    /// Which version comes first; metadata does not count.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => order_prereleases(&self.prerelease, &other.prerelease),
        })
    }

    /// A later version without prerelease and metadata; it keeps the leading `v`.
    fn later(&self, major: u64, minor: u64, patch: u64) -> Value {
        let mut version = Version {
            major,
            minor,
            patch,
            detached: true,
            ..Version::default()
        };
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        version.original = format!("{prefix}{version}");
        Value::Version(Rc::new(version))
    }
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    label
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Prereleases part by part: numbers by value and before words.
pub(super) fn order_prereleases(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<_>, Vec<_>) = (a.split('.').collect(), b.split('.').collect());
    for index in 0..left.len().max(right.len()) {
        let a = left.get(index).copied().unwrap_or_default();
        let b = right.get(index).copied().unwrap_or_default();
        let order = match (a.parse::<u64>(), b.parse::<u64>()) {
            _ if a == b => Ordering::Equal,
            _ if a.is_empty() => Ordering::Less,
            _ if b.is_empty() => Ordering::Greater,
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// A method of a version; `None` when there is no such method.
pub(super) fn method(version: &Version, name: &str, args: &[Value]) -> Option<Outcome> {
    let number = |number| Value::Uint(Unsigned::Uint64, number);
    let (major, minor, patch) = (version.major, version.minor, version.patch);
    let released = version.prerelease.is_empty();
    let plain = match name {
        "Major" => number(major),
        "Minor" => number(minor),
        "Patch" => number(patch),
        "Prerelease" => Value::str(&version.prerelease),
        "Metadata" => Value::str(&version.metadata),
        "Original" if !version.detached => Value::str(&version.original),
        "String" => Value::str(version.to_string()),
        "IncMajor" => version.later(major.wrapping_add(1), 0, 0),
        "IncMinor" => version.later(major, minor.wrapping_add(1), 0),
        "IncPatch" => version.later(major, minor, if released { patch.wrapping_add(1) } else { patch }),
        _ => return compared(version, name, args),
    };
    Some(if args.is_empty() {
        Ok(plain)
    } else {
        Err(format!("wrong number of args for {name}: want 0 got {}", args.len()).into())
    })
}

fn compared(version: &Version, name: &str, args: &[Value]) -> Option<Outcome> {
    let known = matches!(
        name,
        "Compare" | "Equal" | "LessThan" | "LessThanEqual" | "GreaterThan" | "GreaterThanEqual"
    );
    if version.detached {
        return None;
    }
    let [Value::Version(other)] = args else {
        return known.then(|| Err(format!("wrong arguments for {name}").into()));
    };
    let order = version.order(other);
    Some(Ok(match name {
        "Compare" => Value::int(order as i64),
        "Equal" => Value::Bool(order.is_eq()),
        "LessThan" => Value::Bool(order.is_lt()),
        "LessThanEqual" => Value::Bool(order.is_le()),
        "GreaterThan" => Value::Bool(order.is_gt()),
        "GreaterThanEqual" => Value::Bool(order.is_ge()),
        _ => return None,
    }))
}
