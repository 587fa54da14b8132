//! A keyed digest of the Secrets that a bundle refers to: a change of them changes it, and nobody without the key can try
//! guesses on it.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::api::text::hexadecimals;
use crate::api::workers::WorkerBundleSpec;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Which keys of a Secret a bundle refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keys {
    /// All that there are.
    All,
    /// This one, which has to be there.
    One(String),
}

/// What a bundle refers to: names of Secrets, and which keys of them.
#[must_use]
pub fn referred(spec: &WorkerBundleSpec) -> BTreeSet<(String, Keys)> {
    let workers = spec.workers.iter();
    let all = workers.flat_map(|worker| {
        let whole = worker.secret_ref.iter().map(|secret| (secret.clone(), Keys::All));
        let single = worker.variables.iter();
        let single = single.map(|variable| (variable.secret_name.clone(), Keys::One(variable.key.clone())));
        whole.chain(single)
    });
    all.collect()
}

/// The digest of values, each with the name of its Secret and its key.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn digest(key: &[u8], values: &BTreeSet<(&str, &str, &[u8])>) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for (secret, name, value) in values {
        for part in [secret.as_bytes(), name.as_bytes(), value] {
            // The length keeps the borders between parts where they are.
            hmac.update(&part.len().to_le_bytes());
            hmac.update(part);
        }
    }
    hexadecimals(&hmac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_of_all_workers_are_referred_to_once() {
        let spec = serde_json::from_value(json!({"workers": [
            {"workerName": "a", "workerNumber": 8080, "secretRef": "shared"},
            {
                "workerName": "b", "workerNumber": 8081, "secretRef": "shared",
                "variables": [{"name": "B_KEY", "secretName": "single", "key": "key"}],
            },
        ]}));
        let spec = spec.expect("a bundle");
        let expected = [
            ("shared".to_owned(), Keys::All),
            ("single".to_owned(), Keys::One("key".to_owned())),
        ];
        assert_eq!(referred(&spec), expected.into());
    }

    #[test]
    fn the_digest_is_an_hmac_of_key_and_values() {
        // RFC 4231, test case 2, is of the bare bytes; with nothing to tell only the key remains.
        let nothing = digest(b"", &BTreeSet::new());
        assert_eq!(
            nothing,
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        );
        let values = BTreeSet::from([("a", "b", b"c".as_slice())]);
        let all = [
            digest(b"1", &values),
            digest(b"2", &values),
            digest(b"1", &[("a", "b", b"d".as_slice())].into()),
            digest(b"1", &[("ab", "", b"c".as_slice())].into()),
            digest(b"1", &[("a", "", b"bc".as_slice())].into()),
        ];
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[0], digest(b"1", &values));
    }
}
