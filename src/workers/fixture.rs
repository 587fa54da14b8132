//! Valid objects, the requests that carry them, and what is known around them, for the tests of this domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::known::Known;
use crate::api::workers::{Binding, Proof, ProofState, ServiceTarget, WorkerAccount, WorkerDeployment, WorkerRelease};

/// Who asks in these requests.
pub(super) const USER: &str = "jane";

fn template(script: &str) -> Value {
    json!({
        "scriptName": script,
        "secretRef": "secret-accounts-ref",
        "compatibilityDate": "2026-01-31",
        "compatibilityFlags": ["nodejs_compat"],
        "modules": [
            {"name": "index.js", "text": "export default { fetch() { return new Response('hello') } }"},
            {"name": "lib/words.json", "text": "{\"hello\": \"world\"}"},
            {"name": "lib/add.wasm", "base64": "AGFzbQEAAAA="},
        ],
        "mainModule": "index.js",
        "bindings": [
            {"name": "GREETING", "text": "hello"},
            {"name": "LIMITS", "json": {"a": 1}},
            {"name": "API_KEY", "secret": {"key": "apiKey"}},
            {"name": "SELF", "service": {"scriptName": script}},
        ],
        "routes": ["shop.example.com/cart/*"],
    })
}

/// A WorkerDeployment of account 1234.
pub(super) fn deployment(script: &str) -> Value {
    json!({
        "apiVersion": "api.worker-deployment/v1beta1",
        "kind": "WorkerDeployment",
        "metadata": {"name": script, "namespace": "default", "labels": {"accounts": "1234"}},
        "spec": {"template": template(script), "releaseHistoryLimit": 10},
    })
}

/// The same as upstream's sample has it.
pub(super) fn old_deployment(script: &str) -> Value {
    json!({
        "apiVersion": "api.worker-deployment/v1alpha1",
        "kind": "WorkerDeployment",
        "metadata": {"name": script, "namespace": "default", "labels": {"accounts": "1234"}},
        "spec": {
            "template": {
                "scriptName": script,
                "secretRef": "secret-accounts-ref",
                "compatibilityDate": "01/31/2026",
                "scriptUrls": ["s3://path/to/dir/version/files1", "s3://path/to/dir/version/files2"],
            },
            "releaseHistoryLimit": 10,
        },
    })
}

/// A WorkerRelease.
pub(super) fn release(script: &str) -> Value {
    json!({
        "apiVersion": "api.worker-release/v1beta1",
        "kind": "WorkerRelease",
        "metadata": {"name": format!("{script}-0123456789"), "namespace": "default", "labels": {"accounts": "1234"}},
        "spec": template(script),
    })
}

/// A WorkerAccount without anything that it may leave out.
pub(super) fn account(name: &str) -> Value {
    json!({
        "apiVersion": "api.worker-account/v1beta1",
        "kind": "WorkerAccount",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {},
    })
}

/// A WorkerBundle without owner.
pub(super) fn bundle(name: &str) -> Value {
    json!({
        "apiVersion": "api.worker-bundle/v1beta1",
        "kind": "WorkerBundle",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "deploymentName": "deployment-name",
            "workers": [
                {"workerName": "wasm-worker", "workerNumber": 8080, "envPrefix": "WASM_WORKER_", "secretRef": "secret"},
                {"workerName": "artist-worker", "workerNumber": 8081},
            ],
            "podTemplate": {"image": "1234:v2"},
        },
    })
}

/// An object as it is read.
pub(super) fn typed<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("the fixture is of its kind")
}

/// Account 1234 with this spec.
pub(super) fn account_with(spec: Value) -> WorkerAccount {
    let mut account = account("1234");
    account["spec"] = spec;
    typed(account)
}

/// A WorkerDeployment of account 1234, as it is stored.
pub(super) fn worker(script: &str) -> WorkerDeployment {
    typed(deployment(script))
}

/// `SCRIPT-NUMBER`, a release that nobody has proved yet.
pub(super) fn version(script: &str, number: u32) -> WorkerRelease {
    let mut release: WorkerRelease = typed(release(script));
    release.metadata.name = Some(format!("{script}-{number}"));
    release
}

/// So many seconds after the beginning.
pub(super) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).expect("a second of our age"))
}

impl WorkerDeployment {
    /// Whose object has another name than its script.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.metadata.name = Some(name.to_owned());
        self
    }

    pub(super) fn created_at(mut self, second: i64) -> Self {
        self.metadata.creation_timestamp = Some(at(second));
        self
    }

    /// To one release, whatever its template says.
    pub(super) fn pinned(mut self, release: &str) -> Self {
        self.spec.release = Some(release.to_owned());
        self
    }
}

impl WorkerRelease {
    /// The runtime takes it; its code is in a ConfigMap.
    pub(super) fn proved(self) -> Self {
        let content = json!({
            "configMap": self.metadata.name,
            "modules": [{"name": "index.js", "type": "EsModule"}, {"name": "lib/words.json", "type": "Json"}],
        });
        let digest = format!("sha256:of-{}", self.metadata.name.as_deref().unwrap_or_default());
        let mut release = self.judged(ProofState::Passed, None, None);
        let status = release.status.get_or_insert_default();
        status.content = Some(typed(content));
        (status.digest, status.size) = (Some(digest), Some(100));
        release
    }

    /// The runtime does not take it.
    pub(super) fn refused(self, reason: Option<&str>, message: &str) -> Self {
        self.judged(ProofState::Failed, reason, Some(message))
    }

    fn judged(mut self, state: ProofState, reason: Option<&str>, message: Option<&str>) -> Self {
        let proof = Proof {
            state,
            reason: reason.map(str::to_owned),
            message: message.map(str::to_owned),
            runtime: None,
        };
        self.status.get_or_insert_default().proof = Some(proof);
        self
    }

    /// All its modules together.
    pub(super) fn of_bytes(mut self, size: i64) -> Self {
        self.status.get_or_insert_default().size = Some(size);
        self
    }

    /// To another worker of its account.
    pub(super) fn bound_to(mut self, script: &str) -> Self {
        self.spec.template.bindings.push(Binding {
            name: format!("TO_{}", script.to_uppercase()),
            service: Some(ServiceTarget {
                script_name: script.to_owned(),
                entrypoint: None,
            }),
            ..Binding::default()
        });
        self
    }

    pub(super) fn labelled(mut self, key: &str, value: &str) -> Self {
        let labels = self.metadata.labels.get_or_insert_with(BTreeMap::new);
        labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// By code that is in no ConfigMap: behind a URL, or in an image that a build has pushed.
    pub(super) fn fetched(mut self, image: Option<&str>) -> Self {
        let content = self.status.get_or_insert_default().content.get_or_insert_default();
        content.config_map = None;
        content.image = image.map(str::to_owned);
        self
    }
}

/// The request that creates an object.
pub(super) fn request(object: &Value) -> Value {
    let api_version = object["apiVersion"].as_str().expect("the fixture has one");
    let (group, version) = api_version.split_once('/').expect("the fixture has a group");
    json!({
        "uid": "u",
        "kind": {"group": group, "version": version, "kind": object["kind"]},
        "name": object["metadata"]["name"],
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": USER},
        "object": object,
    })
}

/// The request that changes one into another.
pub(super) fn updated(old: &Value, new: &Value) -> Value {
    let mut request = request(new);
    request["operation"] = json!("UPDATE");
    request["oldObject"] = old.clone();
    request
}

/// What is known of a namespace.
#[derive(Default)]
pub(super) struct Around {
    accounts: Vec<Arc<WorkerAccount>>,
    deployments: Vec<Arc<WorkerDeployment>>,
    releases: Vec<Arc<WorkerRelease>>,
    pub(super) runtime_version: Option<String>,
    pub(super) own_user: Option<String>,
}

impl Around {
    /// These objects, and no others.
    pub(super) fn of(objects: &[Value]) -> Self {
        Self {
            accounts: all(objects, "WorkerAccount"),
            deployments: all(objects, "WorkerDeployment"),
            releases: all(objects, "WorkerRelease"),
            ..Self::default()
        }
    }
}

fn all<K: DeserializeOwned>(objects: &[Value], kind: &str) -> Vec<Arc<K>> {
    let objects = objects.iter().filter(|object| object["kind"] == kind);
    objects.map(|object| Arc::new(typed(object.clone()))).collect()
}

impl Known for Around {
    fn accounts(&self, _: &str) -> Option<Vec<Arc<WorkerAccount>>> {
        Some(self.accounts.clone())
    }

    fn deployments(&self, _: &str) -> Option<Vec<Arc<WorkerDeployment>>> {
        Some(self.deployments.clone())
    }

    fn releases(&self, _: &str) -> Option<Vec<Arc<WorkerRelease>>> {
        Some(self.releases.clone())
    }

    fn runtime_version(&self) -> Option<&str> {
        self.runtime_version.as_deref()
    }

    fn own_user(&self) -> Option<&str> {
        self.own_user.as_deref()
    }
}
