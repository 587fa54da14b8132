//! Which names Kubernetes takes.

/// Longest name of an execution: it is the value of the label `job-execution-name`, and often the name of the Job.
pub const EXECUTION_NAME_BYTES: usize = 63;

/// Whether `name` is a DNS-1123 subdomain, as names of most objects are.
#[must_use]
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_word)
}

/// Whether `name` is a DNS-1123 label, as names of namespaces are.
#[must_use]
pub fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_word(name)
}

fn is_word(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = word.as_bytes();
    bytes.first().copied().is_some_and(inner)
        && bytes.last().copied().is_some_and(inner)
        && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_names_that_kubernetes_takes() {
        let longest = "a".repeat(253);
        for name in ["a", "a-b", "0", "a.b-c.d", "jobtemplate-sample", longest.as_str()] {
            assert!(is_subdomain(name), "{name}");
        }
        let too_long = "a".repeat(254);
        for name in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "A",
            "a_b",
            "a/b",
            "ä",
            "a b",
            too_long.as_str(),
        ] {
            assert!(!is_subdomain(name), "{name}");
        }
    }

    #[test]
    fn a_label_has_no_dots_and_at_most_63_bytes() {
        assert!(is_label("default"));
        assert!(is_label(&"a".repeat(63)));
        assert!(!is_label(&"a".repeat(64)));
        assert!(!is_label("a.b"));
        assert!(!is_label(""));
    }
}
