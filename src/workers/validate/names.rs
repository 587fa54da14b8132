//! Names that survive as parts of host names, ports, variables and objects.

use super::super::prefix::env_prefix;
use crate::api::review::{Cause, Verdict};

/// Characters of one part of a host name.
pub(super) const LABEL: usize = 63;

/// Refuses a script name that cannot be part of a host name, with one that can.
pub(super) fn script(field: &str, name: &str) -> Option<Cause> {
    if is_label(name) {
        return None;
    }
    let fault = if name.len() > LABEL {
        format!(
            "has {} characters, and no part of a host name may have more than {LABEL}",
            name.len()
        )
    } else {
        "may have lower-case letters, digits and '-', and has to begin and end with a letter or digit".to_owned()
    };
    let suggested = suggested(name);
    let advice = if suggested.is_empty() {
        String::new()
    } else {
        format!(": {suggested:?} would do")
    };
    let cause = if name.len() > LABEL {
        Cause::too_long
    } else {
        Cause::invalid
    };
    Some(cause(field.to_owned(), format!("{name:?} {fault}{advice}")))
}

/// Warns of a prefix that older clusters refuse.
pub(super) fn prefix(field: &str, name: &str, has_secrets: bool, verdict: &mut Verdict) {
    if has_secrets && name.starts_with(|first: char| first.is_ascii_digit()) {
        verdict.warnings.push(format!(
            "{field}: variables of its secrets begin with {:?}; Kubernetes before 1.34 takes none that begins with a digit",
            env_prefix(name)
        ));
    }
}

/// Lower-case letters, digits and hyphens, as RFC 1123 has them, up to 63.
pub(super) fn is_label(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_inner = |byte| is_letter(byte) || byte == b'-';
    let ends = name.bytes().next().zip(name.bytes().next_back());
    name.len() <= LABEL && name.bytes().all(is_inner) && ends.is_some_and(|(a, b)| is_letter(a) && is_letter(b))
}

/// Labels with dots between them.
pub(super) fn is_domain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The nearest name that can be part of a host name; empty if nothing is left.
fn suggested(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '-',
    });
    let all: String = letters.collect();
    let trimmed: String = all.trim_matches('-').chars().take(LABEL).collect();
    trimmed.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_rfc_1123() {
        for name in ["a", "1", "wasm-worker", "a--b", &"a".repeat(63)] {
            assert!(is_label(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "a.b", "é", &"a".repeat(64)] {
            assert!(!is_label(name), "{name}");
        }
        assert!(is_domain("a.b-c.1") && !is_domain("a..b") && !is_domain(""));
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        for (name, expected) in [
            ("My_Worker", "my-worker"),
            ("-a-", "a"),
            ("a.b", "a-b"),
            ("__", ""),
            (&format!("{}-b", "a".repeat(62)), &*"a".repeat(62)),
        ] {
            assert_eq!(suggested(name), expected);
        }
    }
}
