//! Keys of labels and annotations: what Kubernetes takes for one.

/// A name, or a domain, a slash and a name.
#[must_use]
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(text),
    }
}

/// The same, where the domain may have capitals too.
#[must_use]
pub fn is_annotation_key(text: &str) -> bool {
    is_label_key(&text.to_ascii_lowercase())
}

fn is_name(text: &str) -> bool {
    let is_outer = |letter: char| letter.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(is_outer)
        && text.ends_with(is_outer)
        && text.chars().all(|letter| is_outer(letter) || "-_.".contains(letter))
}

fn is_domain(text: &str) -> bool {
    let is_outer = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_outer)
            && part.ends_with(is_outer)
            && part.chars().all(|letter| is_outer(letter) || letter == '-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_kubernetes() {
        for key in ["setGateway", "a", "example.org/set_Gateway", "a/b.c", "0-9.x/9"] {
            assert!(is_label_key(key) && is_annotation_key(key), "{key}");
        }
        let long = "a".repeat(64);
        for text in [
            "", "/", "a/", "/a", "a/b/c", "-a", "a-", "a b", "ä", "a'", "a..b/c", &long,
        ] {
            assert!(!is_label_key(text) && !is_annotation_key(text), "{text}");
        }
        assert!(!is_label_key("Example.org/a") && is_annotation_key("Example.org/a"));
    }
}
