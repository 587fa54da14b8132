//! The registry of an account, as a step is told of it: where it is, and the credentials, which only steps that push or
//! pull have.

use serde_json::{Value, json};

use super::Allowed;
use super::job::pull_secret;
use crate::api::workers::{FetchedCode, WorkerAccount};
use crate::workers::pod;
use crate::workers::runtime::hash;

/// Key of a Secret of type kubernetes.io/dockerconfigjson.
const KEY: &str = ".dockerconfigjson";
/// What it is called in a container.
const FILE: &str = "config.json";

/// A registry, and who may use it.
pub struct Registry<'a> {
    /// `HOST/PATH`, where that matters.
    pub repository: &'a str,
    /// Whose images these are.
    pub(super) owner: String,
    secrets: Vec<&'a str>,
    plain_http: &'a [String],
}

impl<'a> Registry<'a> {
    /// That of an account which names one: its own Secret first, then the one that images are pulled with.
    #[must_use]
    pub fn of(account: &'a WorkerAccount, allowed: &'a Allowed) -> Option<Self> {
        let image = account.spec.image.as_ref()?;
        let secrets = image.push_secret.iter().chain(pull_secret(account));
        Some(Self {
            repository: &image.repository,
            owner: owner(account),
            secrets: distinct(secrets.map(String::as_str)),
            plain_http: &allowed.plain_http,
        })
    }

    /// The one that code is in, as the pods of a bundle know it.
    pub(super) fn of_code(code: &'a FetchedCode, allowed: &'a Allowed) -> Self {
        Self {
            repository: "",
            owner: String::new(),
            secrets: code.pull_secret.iter().map(String::as_str).collect(),
            plain_http: &allowed.plain_http,
        }
    }

    /// The Secrets that have to be there.
    #[must_use]
    pub fn secrets(&self) -> &[&'a str] {
        &self.secrets
    }

    /// What the steps are told of it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let files = self
            .secrets
            .iter()
            .map(|secret| format!("--registry-config={}/{FILE}", path(secret)));
        let plain = self.plain_http.iter().map(|host| format!("--plain-http={host}"));
        files.chain(plain).collect()
    }

    /// The credentials, where these arguments say that they are.
    pub(super) fn mounts(&self) -> Vec<Value> {
        let secrets = self.secrets.iter();
        secrets
            .map(|secret| pod::mount(&volume(secret), &path(secret)))
            .collect()
    }

    /// The volumes of these mounts.
    pub(super) fn volumes(&self) -> Vec<Value> {
        let secrets = self.secrets.iter().map(|secret| {
            let items = json!([{"key": KEY, "path": FILE}]);
            json!({"name": volume(secret), "secret": {"secretName": secret, "items": items}})
        });
        secrets.collect()
    }
}

/// Two accounts of one name, in two namespaces or clusters, may share a repository.
fn owner(account: &WorkerAccount) -> String {
    let metadata = &account.metadata;
    let all = [&metadata.namespace, &metadata.name, &metadata.uid];
    all.map(|part| part.as_deref().unwrap_or_default()).join("/")
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn volume(secret: &str) -> String {
    format!("registry-{}", hash(secret))
}

fn path(secret: &str) -> String {
    format!("/registry/{}", hash(secret))
}
