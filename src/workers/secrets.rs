//! A keyed digest of the Secrets that a bundle refers to: a change of them changes it, and nobody without the key can try
//! guesses on it.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::api::names::secret;
use crate::api::text::hexadecimals;
use crate::api::workers::{WorkerAccount, WorkerBundleSpec};

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

/// Whether no worker may see the Secret: it is ours, or an account of the namespace works with it.
#[must_use]
pub fn is_reserved<'a>(accounts: impl IntoIterator<Item = &'a WorkerAccount>, name: &str) -> bool {
    let is_of = |account: &WorkerAccount| {
        let spec = &account.spec;
        let storage = spec.storage.as_ref().map(|storage| &storage.secret_name);
        let push = spec.image.as_ref().and_then(|image| image.push_secret.as_ref());
        let pull = spec
            .pod_template
            .as_ref()
            .and_then(|pod| pod.image_pull_secret.as_ref());
        let own = [storage, push, pull, spec.ingress_tls_secret.as_ref()];
        own.into_iter().flatten().any(|own| own == name)
    };
    name == secret::WORKERS_KEY || accounts.into_iter().any(is_of)
}

/// What people are told of such a Secret.
#[must_use]
pub fn reserved(name: &str) -> String {
    format!(
        "Secret {name:?} has keys that the server or an account works with, which no worker may see: name another one"
    )
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

    #[test]
    fn what_an_account_or_the_server_works_with_is_reserved() {
        let account: WorkerAccount = serde_json::from_value(serde_json::json!({
            "apiVersion": "api.worker-account/v1beta1", "kind": "WorkerAccount", "metadata": {"name": "1234"},
            "spec": {
                "storage": {"endpoint": "https://s3.example.com", "secretName": "s3"}, "ingressTlsSecret": "tls",
                "image": {"repository": "registry.example.com/a", "pushSecret": "push"},
                "podTemplate": {"imagePullSecret": "pull"},
            },
        }))
        .unwrap();
        for name in ["s3", "push", "pull", "tls", "stationmaster-workers-key"] {
            assert!(is_reserved([&account], name), "{name}");
        }
        assert!(!is_reserved([&account], "own") && !is_reserved([], "s3"));
        assert!(is_reserved([], "stationmaster-workers-key"));
    }
}
