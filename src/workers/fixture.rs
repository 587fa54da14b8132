//! Valid objects, the requests that carry them, and what is known around them, for the tests of this domain.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::known::Known;
use crate::api::workers::{WorkerAccount, WorkerDeployment, WorkerRelease};

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
    let objects = objects.map(|object| serde_json::from_value(object.clone()).expect("the fixture is of its kind"));
    objects.map(Arc::new).collect()
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
