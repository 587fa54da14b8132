//! The Jobs that build and prove: their pods, and what they are told. All steps of a pod start at once and hand over
//! through a folder.

use serde_json::{Value, json};

use super::runtime_image::RuntimeImage;
use crate::api::names::{CATEGORY, label};
use crate::api::workers::{Storage, WorkerAccount, WorkerRelease, WorkerTemplate};

/// What label [`label::BUILD`] says of the Job of a release.
pub const BUILD: &str = "build";
/// The same of the Job of a composition.
pub const COMPOSE: &str = "compose";
/// Container whose termination message is the verdict.
pub const PROVE: &str = "prove";
/// Container that fetches code, and says in its termination message why it could not.
pub const FETCH: &str = "fetch";
/// Container that makes the ConfigMap of fetched code.
pub const PUBLISH: &str = "publish";
/// Service account of pods that publish; it may create ConfigMaps in its namespace, and nothing else.
pub const SERVICE_ACCOUNT: &str = "stationmaster-build";

/// After its end a Job stays this long for people to read, in seconds.
const TTL: i32 = 300;
/// No build takes longer, in seconds: pulling the image, fetching and proving.
const DEADLINE: i32 = 300;
/// Nobody that a container runs as has a name.
const USER: i64 = 65532;

/// What the Jobs of an account have in common.
pub struct Builder<'a> {
    /// Whose they are.
    pub account: &'a WorkerAccount,
    /// What they run.
    pub runtime: RuntimeImage,
    /// URLs may lead to private addresses.
    pub allow_private: bool,
}

/// Name of the Job that builds a release.
#[must_use]
pub fn job_name(release: &str) -> String {
    format!("{release}-build")
}

/// The template without the content of its modules, as the steps are told it.
#[must_use]
pub fn without_code(template: &WorkerTemplate) -> WorkerTemplate {
    let mut bare = template.clone();
    for module in &mut bare.modules {
        (module.text, module.base64) = (None, None);
    }
    bare
}

impl Builder<'_> {
    /// The Job that proves one release: with its code in a ConfigMap, or fetching and publishing it.
    #[must_use]
    pub fn release(&self, release: &WorkerRelease) -> Value {
        let metadata = &release.metadata;
        let name = metadata.name.as_deref().unwrap_or_default();
        let template = &release.spec.template;
        let fetched = !template.urls.is_empty();
        let told = json!([{"name": "WORKER_TEMPLATE", "value": json!(without_code(template)).to_string()}]);
        let mut prove = vec!["build-bundle", "prove", "--release", name];
        let (mut containers, mut volumes) = (Vec::new(), Vec::new());
        volumes.push(json!({"name": "work", "emptyDir": {"sizeLimit": "64Mi"}}));
        let mut mounts = vec![json!({"name": "work", "mountPath": "/work"})];
        if fetched {
            prove.push("--fetched");
            containers.push(self.fetch(name, &told));
        } else {
            volumes.push(json!({"name": "modules", "configMap": {"name": name}}));
            let path = format!("/bundle/modules/{name}");
            mounts.push(json!({"name": "modules", "mountPath": path, "readOnly": true}));
        }
        containers.push(self.container(PROVE, &prove, (&told, &json!(mounts))));
        if fetched {
            containers.push(self.publish(release, &told));
            volumes.push(token());
        }
        let pod = self.pod(&containers, &volumes, fetched);
        let labels = self.labels(BUILD, Some((name, &template.script_name)));
        let owner = owner(
            release_api(),
            "WorkerRelease",
            metadata.name.as_deref(),
            metadata.uid.as_deref(),
        );
        self.job(&job_name(name), (&labels, &owner), &pod)
    }

    /// The Job that proves a composition, whose files and modules are mounted as they will be.
    #[must_use]
    pub fn composition(&self, name: &str, config_map: &str, modules: &[(&str, &str)]) -> Value {
        let mut volumes = vec![
            json!({"name": "work", "emptyDir": {"sizeLimit": "64Mi"}}),
            json!({"name": "config", "configMap": {"name": config_map}}),
        ];
        let mut mounts = vec![
            json!({"name": "work", "mountPath": "/work"}),
            json!({"name": "config", "mountPath": "/bundle/config", "readOnly": true}),
        ];
        for (index, (folder, config_map)) in modules.iter().enumerate() {
            let volume = format!("modules-{index}");
            volumes.push(json!({"name": volume, "configMap": {"name": config_map}}));
            let path = format!("/bundle/modules/{folder}");
            mounts.push(json!({"name": volume, "mountPath": path, "readOnly": true}));
        }
        let prove = ["build-bundle", "prove", "--composed"];
        let container = self.container(PROVE, &prove, (&json!([]), &json!(mounts)));
        let metadata = &self.account.metadata;
        let (account, uid) = (metadata.name.as_deref(), metadata.uid.as_deref());
        let owner = owner("api.worker-account/v1beta1", "WorkerAccount", account, uid);
        let labels = self.labels(COMPOSE, None);
        self.job(name, (&labels, &owner), &self.pod(&[container], &volumes, false))
    }

    fn fetch(&self, release: &str, told: &Value) -> Value {
        let mut command = vec!["build-bundle", "fetch", "--release", release];
        if self.allow_private {
            command.push("--allow-private-addresses");
        }
        let mut variables = told.as_array().cloned().unwrap_or_default();
        variables.extend(self.account.spec.storage.iter().flat_map(credentials));
        let mounts = json!([{"name": "work", "mountPath": "/work"}]);
        self.container(FETCH, &command, (&json!(variables), &mounts))
    }

    fn publish(&self, release: &WorkerRelease, told: &Value) -> Value {
        let metadata = &release.metadata;
        let (name, uid) = (
            metadata.name.as_deref().unwrap_or_default(),
            metadata.uid.as_deref().unwrap_or_default(),
        );
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let script = &*release.spec.template.script_name;
        let account = self.account.metadata.name.as_deref().unwrap_or_default();
        let command = [
            "build-bundle",
            "publish",
            "--release",
            name,
            "--namespace",
            namespace,
            "--owner-uid",
            uid,
            "--account",
            account,
            "--worker",
            script,
        ];
        let mounts = json!([
            {"name": "work", "mountPath": "/work"},
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ]);
        self.container(PUBLISH, &command, (told, &mounts))
    }

    fn container(&self, name: &str, command: &[&str], (variables, mounts): (&Value, &Value)) -> Value {
        let command: Vec<&str> = ["/stationmaster"].iter().chain(command).copied().collect();
        let mut container = json!({
            "name": name, "image": self.runtime.image, "command": command, "env": variables, "volumeMounts": mounts,
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "640Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            },
        });
        if let Some(policy) = &self.runtime.pull_policy {
            container["imagePullPolicy"] = json!(policy);
        }
        container
    }

    fn pod(&self, containers: &[Value], volumes: &[Value], publishes: bool) -> Value {
        let mut pod = json!({
            "restartPolicy": "Never", "containers": containers, "volumes": volumes,
            "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        });
        if publishes {
            pod["serviceAccountName"] = json!(SERVICE_ACCOUNT);
        }
        let spec = &self.account.spec;
        if let Some(secret) = spec
            .pod_template
            .as_ref()
            .and_then(|pod| pod.image_pull_secret.as_ref())
        {
            pod["imagePullSecrets"] = json!([{"name": secret}]);
        }
        pod
    }

    fn labels(&self, what: &str, release: Option<(&str, &str)>) -> Value {
        let mut labels = json!({
            label::PART_OF: CATEGORY, label::BUILD: what, label::ACCOUNTS: self.account.metadata.name,
        });
        if let Some((release, script)) = release {
            labels[label::RELEASE] = json!(release);
            labels[label::WORKER] = json!(script);
        }
        labels
    }

    fn job(&self, name: &str, (labels, owner): (&Value, &Value), pod: &Value) -> Value {
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": name, "namespace": self.account.metadata.namespace, "labels": labels, "ownerReferences": [owner],
            },
            "spec": {
                "backoffLimit": 2, "ttlSecondsAfterFinished": TTL, "activeDeadlineSeconds": DEADLINE,
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        })
    }
}

/// The ConfigMap with the files of a composition.
#[must_use]
pub fn composed_config_map(account: &WorkerAccount, (bundle, name): (&str, &str), files: &Value) -> Value {
    let metadata = &account.metadata;
    let labels = json!({label::PART_OF: CATEGORY, label::ACCOUNTS: metadata.name, label::BUNDLE: bundle});
    let owner = owner(
        "api.worker-account/v1beta1",
        "WorkerAccount",
        metadata.name.as_deref(),
        metadata.uid.as_deref(),
    );
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "immutable": true,
        "metadata": {"name": name, "namespace": metadata.namespace, "labels": labels, "ownerReferences": [owner]},
        "data": files,
    })
}

/// What a pod that publishes may do: its ServiceAccount, Role and RoleBinding, each with its `apiVersion`.
#[must_use]
pub fn permissions(namespace: &str) -> [Value; 3] {
    let metadata = json!({
        "name": SERVICE_ACCOUNT, "namespace": namespace, "labels": {label::PART_OF: CATEGORY},
    });
    let rbac = "rbac.authorization.k8s.io";
    [
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}],
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": SERVICE_ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": namespace}],
        }),
    ]
}

/// Where `s3://` is, and who may read it: for the step that fetches alone.
fn credentials(storage: &Storage) -> [Value; 4] {
    let secret = |key: &str| json!({"secretKeyRef": {"name": storage.secret_name, "key": key}});
    [
        json!({"name": "S3_ENDPOINT", "value": storage.endpoint}),
        json!({"name": "S3_REGION", "value": storage.region.as_deref().unwrap_or("us-east-1")}),
        json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": secret("accessKeyId")}),
        json!({"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": secret("secretAccessKey")}),
    ]
}

/// A token for the API server in one container, as the kubelet mounts it into all where nobody forbids it.
fn token() -> Value {
    let sources = json!([
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]);
    json!({"name": "token", "projected": {"sources": sources}})
}

fn release_api() -> &'static str {
    "api.worker-release/v1beta1"
}

fn owner(api_version: &str, kind: &str, name: Option<&str>, uid: Option<&str>) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true,
        "blockOwnerDeletion": true,
    })
}
