//! Constraints on semantic versions, such as `>=1.2, <2 || ~3.4`, as the library that Sprig uses reads them.

use super::semver::{Version, order_prereleases};

/// Alternatives, each a list of conditions that must all hold.
pub(super) struct Constraint(Vec<Vec<Condition>>);

struct Condition {
    operator: Operator,
    version: Version,
    /// Major, minor or patch number was left open.
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Major,
    Minor,
    Patch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Spellings, longer ones before those that begin them.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Constraint {
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.split("||")
            .map(conditions)
            .collect::<Option<Vec<_>>>()
            .map(Constraint)
    }

    pub(super) fn allows(&self, version: &Version) -> bool {
        self.0
            .iter()
            .any(|conditions| conditions.iter().all(|condition| condition.allows(version)))
    }
}

/// Conditions with spaces or a comma between them; `a - b` is a range.
fn conditions(text: &str) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    let mut rest = text;
    loop {
        let (operator, spelled, after) = operator(rest.trim_start());
        let (version, after) = version_text(after.trim_start())?;
        let range = after
            .trim_start()
            .strip_prefix('-')
            .filter(|end| !spelled && after.starts_with(char::is_whitespace) && end.starts_with(char::is_whitespace));
        if let Some(end) = range {
            conditions.push(condition(Operator::GreaterOrEqual, version)?);
            let (version, after) = version_text(end.trim_start())?;
            conditions.push(condition(Operator::LessOrEqual, version)?);
            rest = after;
        } else {
            conditions.push(condition(operator, version)?);
            rest = after;
        }
        let next = rest.trim_start();
        if next.is_empty() {
            return Some(conditions);
        }
        rest = match next.strip_prefix(',') {
            Some(next) => next,
            None if next.len() < rest.len() => next,
            None => return None,
        };
    }
}

fn operator(text: &str) -> (Operator, bool, &str) {
    let known = OPERATORS
        .iter()
        .find_map(|(spelling, operator)| Some((*operator, text.strip_prefix(spelling)?)));
    known.map_or((Operator::Equal, false, text), |(operator, rest)| {
        (operator, true, rest)
    })
}

/// The longest text that looks like a version with open places, and what follows.
fn version_text(text: &str) -> Option<(&str, &str)> {
    let number = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit() && !"xX*|".contains(c))
            .unwrap_or(text.len())
    };
    let label = |text: &str| {
        text.find(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c))
            .unwrap_or(text.len())
    };
    let mut end = usize::from(text.starts_with('v'));
    let major = number(&text[end..]);
    if major == 0 {
        return None;
    }
    end += major;
    for _ in 0..2 {
        let digits = text[end..].strip_prefix('.').map_or(0, number);
        end += if digits > 0 { digits + 1 } else { 0 };
    }
    for sign in ['-', '+'] {
        let length = text[end..].strip_prefix(sign).map_or(0, label);
        end += if length > 0 { length + 1 } else { 0 };
    }
    Some(text.split_at(end))
}

fn condition(operator: Operator, text: &str) -> Option<Condition> {
    let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let prerelease = rest.split('+').next().unwrap_or_default();
    let mut parts = numbers.strip_prefix('v').unwrap_or(numbers).split('.');
    let is_open = |part: Option<&str>| part.is_none_or(|part| matches!(part, "x" | "X" | "*"));
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    let shown = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let (open, version) = if is_open(major) {
        (Some(Open::Major), format!("0.0.0{prerelease}"))
    } else if is_open(minor) {
        (Some(Open::Minor), format!("{}.0.0{prerelease}", shown(major)))
    } else if is_open(patch) {
        (
            Some(Open::Patch),
            format!("{}.{}.0{prerelease}", shown(major), shown(minor)),
        )
    } else {
        (None, text.to_owned())
    };
    Some(Condition {
        operator,
        version: Version::parse(&version).ok()?,
        open,
    })
}

impl Condition {
    fn allows(&self, version: &Version) -> bool {
        // Prereleases are wanted only where the constraint names one.
        let prerelease = !version.prerelease.is_empty() && self.version.prerelease.is_empty();
        if prerelease && (self.operator != Operator::NotEqual || self.open.is_some()) {
            return false;
        }
        let order = version.order(&self.version);
        match self.operator {
            Operator::Equal if self.open.is_some() => self.tilde(version),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.greater(version),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            None => version.order(wanted).is_ne(),
            _ if wanted.major != version.major => true,
            Some(Open::Minor) => false,
            _ if wanted.minor != version.minor => true,
            Some(Open::Major) => wanted.patch != version.patch || version.order(wanted).is_ne(),
            Some(Open::Patch) => {
                let named = !version.prerelease.is_empty() || !wanted.prerelease.is_empty();
                named && order_prereleases(&version.prerelease, &wanted.prerelease).is_ne()
            }
        }
    }

    fn greater(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            Some(_) if version.major != wanted.major => version.major > wanted.major,
            Some(Open::Minor) => false,
            Some(Open::Patch) => version.minor > wanted.minor,
            _ => version.order(wanted).is_gt(),
        }
    }

    fn less_or_equal(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open.is_none() {
            return version.order(wanted).is_le();
        }
        let minor_passed = version.minor > wanted.minor && self.open != Some(Open::Minor);
        version.major < wanted.major || version.major == wanted.major && !minor_passed
    }

    fn tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.order(wanted).is_lt() {
            return false;
        }
        let anything = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0;
        if anything && !matches!(self.open, Some(Open::Minor | Open::Patch)) {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.open == Some(Open::Minor))
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.order(wanted).is_lt() {
            return false;
        }
        if wanted.major > 0 || self.open == Some(Open::Minor) {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.open == Some(Open::Patch) {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
