//! The shape of every Job: a pod that runs once, without rights, and goes by itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::permissions::token;
use super::{Bring, Builder, SERVICE_ACCOUNT};
use crate::api::names::{CATEGORY, WORKER_ACCOUNT_GROUP, label};
use crate::api::workers::{FetchedCode, WorkerAccount};
use crate::workers::pod::{self, CONFIG, USER};
use crate::workers::runtime_image::RuntimeImage;

/// After its end a Job stays this long for people to read, in seconds.
const TTL: i32 = 300;
/// No build takes longer, in seconds: pulling the image, fetching and proving.
const DEADLINE: i32 = 300;
/// Volume that the steps share.
const WORK: &str = "work";
/// It holds the code of one release, which is far less.
const WORK_SIZE: &str = "64Mi";

/// A pod of a Job, while it is put together.
pub(super) struct Pod {
    containers: Vec<Value>,
    first: Vec<Value>,
    volumes: Vec<Value>,
    publishes: bool,
}

impl Pod {
    /// Its containers take turns in the folder that they share.
    pub(super) fn of(containers: Vec<Value>) -> Self {
        Self {
            containers,
            first: Vec::new(),
            volumes: vec![pod::empty_volume(WORK, WORK_SIZE)],
            publishes: false,
        }
    }

    /// It may make ConfigMaps.
    pub(super) fn publishes(&mut self) {
        self.publishes = true;
        self.volumes.push(token());
    }

    pub(super) fn volumes(&mut self, volumes: Vec<Value>) {
        self.volumes.extend(volumes);
    }

    /// It has the configuration of a composition.
    pub(super) fn configured(&mut self, config_map: &str) {
        self.volumes.push(pod::volume(CONFIG, config_map));
    }

    /// It has these ConfigMaps, by the folder of modules that each is.
    pub(super) fn mount(&mut self, modules: &BTreeMap<&str, &str>) {
        let modules = modules.iter();
        self.volumes
            .extend(modules.map(|(folder, map)| pod::volume(&pod::modules_volume(folder), map)));
    }

    /// Code that is in no ConfigMap is brought before the first step begins.
    pub(super) fn bring(&mut self, bring: &Bring<'_>, fetched: &BTreeMap<String, FetchedCode>) {
        self.first = bring.containers(fetched);
        self.volumes.extend(bring.volumes(fetched));
    }
}

/// One container: a command of stationmaster, with nothing but what it is given.
pub(super) fn container(
    runtime: &RuntimeImage,
    (name, command): (&str, Vec<&str>),
    (variables, mounts): (Vec<Value>, Vec<Value>),
) -> Value {
    let command: Vec<&str> = ["/stationmaster", "build-bundle"].into_iter().chain(command).collect();
    let mut container = json!({
        "name": name, "image": runtime.image, "command": command, "env": variables, "volumeMounts": mounts,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "640Mi"}},
        "securityContext": pod::security(),
    });
    if let Some(policy) = &runtime.pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    container
}

/// The folder that the steps share.
pub(super) fn work() -> Value {
    pod::writable(WORK, "/work")
}

impl Builder<'_> {
    /// The labels of a Job; the last one tells what it does.
    pub(super) fn labels(&self, what: &str) -> Value {
        json!({label::PART_OF: CATEGORY, label::BUILD: what, label::ACCOUNTS: self.account.metadata.name})
    }

    /// The account as the owner.
    pub(super) fn account_owner(&self) -> Value {
        account_owner(self.account)
    }

    /// The Job.
    pub(super) fn job(&self, name: &str, (labels, owner): (Value, Value), pod: &Pod) -> Value {
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": name, "namespace": self.account.metadata.namespace, "labels": labels, "ownerReferences": [owner],
            },
            "spec": {
                "backoffLimit": 2, "ttlSecondsAfterFinished": TTL, "activeDeadlineSeconds": DEADLINE,
                "template": {"metadata": {"labels": labels}, "spec": self.pod(pod)},
            },
        })
    }

    fn pod(&self, pod: &Pod) -> Value {
        let mut security = pod::pod_security();
        security["fsGroup"] = json!(USER);
        let mut spec = json!({
            "restartPolicy": "Never", "containers": pod.containers, "volumes": pod.volumes,
            "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 1,
            "securityContext": security,
        });
        if !pod.first.is_empty() {
            spec["initContainers"] = json!(pod.first);
        }
        if pod.publishes {
            spec["serviceAccountName"] = json!(SERVICE_ACCOUNT);
        }
        if let Some(secret) = pull_secret(self.account) {
            spec["imagePullSecrets"] = json!([{"name": secret}]);
        }
        spec
    }
}

/// The Secret that the account's images are pulled with.
pub(super) fn pull_secret(account: &WorkerAccount) -> Option<&String> {
    account.spec.pod_template.as_ref()?.image_pull_secret.as_ref()
}

fn account_owner(account: &WorkerAccount) -> Value {
    owner((WORKER_ACCOUNT_GROUP, "WorkerAccount"), &account.metadata)
}

pub(super) fn owner((group, kind): (&str, &str), metadata: &ObjectMeta) -> Value {
    json!({
        "apiVersion": format!("{group}/v1beta1"), "kind": kind, "name": metadata.name, "uid": metadata.uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The ConfigMap with the files of a composition.
#[must_use]
pub fn composed_config_map(account: &WorkerAccount, (bundle, name): (&str, &str), files: &Value) -> Value {
    let metadata = &account.metadata;
    let labels = json!({label::PART_OF: CATEGORY, label::ACCOUNTS: metadata.name, label::BUNDLE: bundle});
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "immutable": true,
        "metadata": {
            "name": name, "namespace": metadata.namespace, "labels": labels,
            "ownerReferences": [account_owner(account)],
        },
        "data": files,
    })
}
