//! Names of what a bundle becomes: the users' own where the API server takes them, else made of a hash, always the same.

use crate::api::text::hexadecimals;
use sha2::{Digest, Sha256};

/// What a label's value, and the name of a container, may have.
const LABEL_BYTES: usize = 63;
/// What the name of a port of a container may have.
const PORT_BYTES: usize = 15;
/// Of a name that is too long so much stays, before a dash and a hash.
const KEPT_BYTES: usize = 52;
/// Of the hash, in bytes.
const HASH_BYTES: usize = 5;

/// The value of a label for an object of that name: the name, or where it is too long, as much as fits with a hash.
#[must_use]
pub fn label_value(name: &str) -> String {
    if name.len() <= LABEL_BYTES {
        return name.to_owned();
    }
    // Names of objects are ASCII.
    let kept = name.get(..KEPT_BYTES).unwrap_or_default();
    let kept = kept.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    format!("{kept}-{}", hash(name))
}

/// The name of a bundle's Service, which is stricter than that of a bundle.
pub(super) fn service(bundle: &str) -> String {
    let begins = bundle.starts_with(|letter: char| letter.is_ascii_lowercase());
    if is_label(bundle) && begins {
        bundle.to_owned()
    } else {
        format!("workers-{}", hash(bundle))
    }
}

/// The name of a worker's container, of its port of the Service, and in the name of its route.
pub(super) fn worker(script: &str) -> String {
    if is_label(script) {
        script.to_owned()
    } else {
        format!("w-{}", hash(script))
    }
}

/// The name of a worker's port of its container.
pub(super) fn port(script: &str) -> String {
    let has_letter = script.bytes().any(|letter| letter.is_ascii_lowercase());
    if script.len() <= PORT_BYTES && is_label(script) && has_letter && !script.contains("--") {
        script.to_owned()
    } else {
        format!("w-{}", hash(script))
    }
}

/// Ten digits that stand for a text.
pub(in crate::workers) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    hexadecimals(&digest[..HASH_BYTES])
}

/// Whether it is a label of RFC 1123.
fn is_label(name: &str) -> bool {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let ends = [name.bytes().next(), name.bytes().next_back()];
    let ends_well = ends.iter().all(|end| end.is_some_and(|letter| letter != b'-'));
    name.len() <= LABEL_BYTES && name.bytes().all(is_inner) && ends_well
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(label_value("a.b"), "a.b");
        assert_eq!(service("shop"), "shop");
        assert_eq!(worker("1-wasm-worker-of-a-shop"), "1-wasm-worker-of-a-shop");
        assert_eq!(port("wasm-worker"), "wasm-worker");
    }

    #[test]
    fn what_does_not_fit_is_made_of_a_hash() {
        let long = "x".repeat(60) + "-long";
        assert_eq!(label_value(&long), format!("{}-{}", "x".repeat(52), hash(&long)));
        for bundle in ["1234", "a.b", long.as_str()] {
            assert_eq!(service(bundle), format!("workers-{}", hash(bundle)));
        }
        for script in ["a_b", "-a", "A"] {
            assert_eq!(worker(script), format!("w-{}", hash(script)));
        }
        for script in ["artist-worker-of", "123", "a--b", "a_b"] {
            assert_eq!(port(script), format!("w-{}", hash(script)));
        }
        assert!(port("artist-worker-of").len() <= PORT_BYTES);
    }
}
