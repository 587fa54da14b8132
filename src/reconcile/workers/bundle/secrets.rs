//! The Secrets that a bundle refers to, as a keyed digest. They are read here and nowhere kept.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::context::{Context, key};
use crate::api::names::{FIELD_MANAGER, label, reason, secret};
use crate::api::workers::WorkerBundle;
use crate::clients::cluster::{DryRun, Failure};
use crate::reconcile::error::Error;
use crate::workers::runtime::Problem;
use crate::workers::secrets::{KEY_BYTES, Keys, digest, referred};

/// What a Secret holds.
type Data = BTreeMap<String, ByteString>;

impl Context {
    /// The digest, none where no Secret is referred to, or which one is missing.
    pub(super) async fn secrets(&self, bundle: &WorkerBundle) -> Result<Result<Option<String>, Problem>, Error> {
        let referred = referred(&bundle.spec);
        if referred.is_empty() {
            return Ok(Ok(None));
        }
        let versions = self.versions(bundle, &referred);
        if let Some(known) = self.memory.secrets(bundle, &versions) {
            return Ok(Ok(Some(known)));
        }
        let contents = match self.contents(bundle, &referred).await? {
            Ok(contents) => contents,
            Err(problem) => return Ok(Err(problem)),
        };
        let key = match self.key(bundle).await? {
            Ok(key) => key,
            Err(problem) => return Ok(Err(problem)),
        };
        let digest = digest(&key, &values(&referred, &contents));
        self.memory.keep_secrets(bundle, versions, digest.clone());
        Ok(Ok(Some(digest)))
    }

    /// What is referred to, with the version that was last seen.
    fn versions(&self, bundle: &WorkerBundle, referred: &BTreeSet<(String, Keys)>) -> Vec<String> {
        let (namespace, _) = key(bundle);
        let version = |name: &str| {
            let known = self.secrets.get(namespace, name)?;
            Some((known.metadata.uid.clone(), known.metadata.resource_version.clone()))
        };
        let all = referred.iter();
        all.map(|(name, keys)| format!("{name} {keys:?} {:?}", version(name)))
            .collect()
    }

    async fn contents(
        &self,
        bundle: &WorkerBundle,
        referred: &BTreeSet<(String, Keys)>,
    ) -> Result<Result<BTreeMap<String, Data>, Problem>, Error> {
        let (namespace, _) = key(bundle);
        let mut contents = BTreeMap::new();
        for (name, keys) in referred {
            if !contents.contains_key(name) {
                let Some(found) = self.cluster.get::<Secret>(namespace, name).await? else {
                    return Ok(Err(missing(&format!("Secret {name} is missing"))));
                };
                contents.insert(name.clone(), found.data.unwrap_or_default());
            }
            if let Keys::One(key) = keys
                && !contents[name].contains_key(key)
            {
                return Ok(Err(missing(&format!("Secret {name} has no key {key}"))));
            }
        }
        Ok(Ok(contents))
    }

    /// The key of the bundle's namespace; made once, and never changed.
    async fn key(&self, bundle: &WorkerBundle) -> Result<Result<Vec<u8>, Problem>, Error> {
        let (namespace, _) = key(bundle);
        let name = secret::WORKERS_KEY;
        let mut stored = self.cluster.get::<Secret>(namespace, name).await?;
        if stored.is_none() {
            let made = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
                "metadata": {"name": name, "namespace": namespace, "labels": {label::PART_OF: FIELD_MANAGER}},
                "data": {secret::WORKERS_KEY_DATA: STANDARD.encode(random())},
            });
            match self.cluster.create::<Secret>(namespace, &made, DryRun::No).await {
                Ok(_) => {}
                Err(error) if matches!(error.failure, Failure::AlreadyExists(_)) => {}
                Err(error) => return Err(error.into()),
            }
            stored = self.cluster.get::<Secret>(namespace, name).await?;
        }
        let data = stored.and_then(|stored| stored.data).unwrap_or_default();
        let key = data.get(secret::WORKERS_KEY_DATA).map(|key| key.0.clone());
        Ok(key.filter(|key| key.len() >= KEY_BYTES).ok_or_else(|| Problem {
            reason: reason::INVALID,
            message: format!("Secret {name} has no key of ours: delete it, and another one is made"),
        }))
    }
}

fn values<'a>(
    referred: &'a BTreeSet<(String, Keys)>,
    contents: &'a BTreeMap<String, Data>,
) -> BTreeSet<(&'a str, &'a str, &'a [u8])> {
    let of = |(name, keys): &'a (String, Keys)| {
        let all = contents.get(name).into_iter().flatten();
        all.filter(move |(key, _)| *keys == Keys::All || *keys == Keys::One((*key).clone()))
            .map(move |(key, value)| (name.as_str(), key.as_str(), value.0.as_slice()))
    };
    referred.iter().flat_map(of).collect()
}

fn missing(what: &str) -> Problem {
    Problem {
        reason: reason::SECRET_NOT_FOUND,
        message: format!("{what}: pods that run go on, and none is replaced before it is there"),
    }
}

fn random() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the operating system has random bytes");
    key
}
