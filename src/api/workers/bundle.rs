//! The workers of an account that run together, and what runs them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::{GatewayReference, Isolation, Storage};
use super::schema;

/// What runs.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-bundle",
    version = "v1beta1",
    kind = "WorkerBundle",
    doc = "Workers that run together: becomes a Deployment, a Service and what leads to it. A WorkerAccount makes its own; one without owner runs as it is.",
    namespaced,
    status = "WorkerBundleStatus",
    derive = "PartialEq",
    shortname = "wb",
    category = "stationmaster",
    printcolumn = r#"{"name": "Deployment", "type": "string", "jsonPath": ".spec.deploymentName"}"#,
    printcolumn = r#"{"name": "Workers", "type": "string", "jsonPath": ".spec.workers[*].workerName"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Digest", "type": "string", "jsonPath": ".spec.digest", "priority": 1}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerBundleSpec {
    /// Name of the Deployment; that of the bundle without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub deployment_name: Option<String>,
    /// The workers, each with its port.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub workers: Vec<BundleWorker>,
    /// What the pods are made of.
    #[serde(default)]
    pub pod_template: BundlePodTemplate,
    /// Digest of what the pods run: configuration and modules, `sha256:…`; the same for both deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// One process for all workers, or a container for each.
    #[serde(default)]
    pub isolation: Isolation,
    /// Replicas of the Deployment; without it whoever scales it decides, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<i32>,
    /// Class of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_class_name: Option<String>,
    /// Secret with the certificate of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_tls_secret: Option<String>,
    /// Gateway that HTTPRoutes attach to, in place of an Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayReference>,
}

/// One worker of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundleWorker {
    /// Its script name.
    #[schemars(length(min = 1, max = 63))]
    pub worker_name: String,
    /// Port that it answers on.
    #[schemars(range(min = 1024, max = 65535))]
    pub worker_number: i32,
    /// What stands before the names of its secrets in the environment: `WASM_WORKER_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_prefix: Option<String>,
    /// Secret whose keys it sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// Single keys of Secrets, by the variable that holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<WorkerVariable>,
    /// The WorkerRelease that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Hosts, each perhaps with a path behind it, that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// One key of a Secret in the environment of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerVariable {
    /// Name of the variable: the prefix of the worker and the name of the binding.
    pub name: String,
    /// The Secret.
    pub secret_name: String,
    /// Its key.
    pub key: String,
}

/// What the pods of a bundle are made of.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlePodTemplate {
    /// Image that they run: the runtime, or one that has the workers in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When it is pulled; without it the API server decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Secret to pull it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
    /// ConfigMap with the configuration of the runtime, a key for each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// ConfigMaps with the modules, by the folder beside the configuration that each is mounted as.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, String>,
    /// Code that is too large for a ConfigMap, by the same folders: an init container brings it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fetched: BTreeMap<String, FetchedCode>,
    /// What each container may use of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<Value>,
}

/// Code that an init container brings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FetchedCode {
    /// Digest that it must have, as its release was proved: `sha256:…`.
    pub digest: String,
    /// `REPOSITORY@sha256:…` that holds it; without it, it comes from the URLs of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Secret of type kubernetes.io/dockerconfigjson to pull that with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret: Option<String>,
    /// What the release was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub template: Option<Value>,
    /// Where `s3://` URLs are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
}

/// What is known of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerBundleStatus {
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The workers that answer, with their ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<ServedWorker>,
    /// The image that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The ConfigMap that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// Digest of what every pod runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The image that ran before, to be purged once the new one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_image: Option<String>,
    /// Pods that are ready, of those that are wanted: `1/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// A worker that answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServedWorker {
    /// Its script name.
    pub worker_name: String,
    /// Its port.
    pub worker_number: i32,
    /// The release that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}
