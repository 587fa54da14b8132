//! The first version of `api.worker-*`, served for manifests and clients that know it. Nothing of ours is stored in it or
//! read from it, so these types only describe its CRDs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// A worker, as its scripts are fetched.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerTemplate {
    /// Name of the worker, unique in its account: lower-case letters, digits and `-`.
    #[schemars(length(min = 1, max = 63))]
    pub script_name: String,
    /// Secret of this namespace of which every key becomes a binding of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// How the runtime behaves, as of this day: `MM/DD/YYYY`, or `YYYY-MM-DD`.
    #[schemars(length(min = 1, max = 32))]
    pub compatibility_date: String,
    /// Code to fetch; the first is the main module.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script_urls: Vec<String>,
    /// The same by the name that the first Go type had; `scriptUrls` is what is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts_urls: Vec<String>,
    /// Code inline, which v1beta1 alone is made for: here so that it is not lost to who reads and writes this version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub modules: Vec<super::Module>,
    /// How many releases are kept; belongs beside `template`, and is taken here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_history_limit: Option<u32>,
}

/// What a WorkerDeployment asks for.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-deployment",
    version = "v1alpha1",
    kind = "WorkerDeployment",
    doc = "A worker of the account that the label `accounts` names.",
    namespaced,
    storage = false,
    status = "WorkerStatus",
    shortname = "wd",
    category = "stationmaster",
    printcolumn = r#"{"name": "Account", "type": "string", "jsonPath": ".metadata.labels.accounts"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerDeploymentSpec {
    /// The worker.
    pub template: WorkerTemplate,
    /// How many releases are kept besides those that serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_history_limit: Option<u32>,
}

/// The worker, as it was.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-release",
    version = "v1alpha1",
    kind = "WorkerRelease",
    doc = "One state of a worker, which does not change.",
    namespaced,
    storage = false,
    status = "WorkerStatus",
    shortname = "wr",
    category = "stationmaster",
    printcolumn = r#"{"name": "Worker", "type": "string", "jsonPath": ".spec.scriptName"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::immutable)]
pub struct WorkerReleaseSpec {
    /// The worker.
    #[serde(flatten)]
    pub template: WorkerTemplate,
}

/// What runs.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-bundle",
    version = "v1alpha1",
    kind = "WorkerBundle",
    doc = "Workers that run together.",
    namespaced,
    storage = false,
    status = "WorkerStatus",
    shortname = "wb",
    category = "stationmaster",
    printcolumn = r#"{"name": "Deployment", "type": "string", "jsonPath": ".spec.deploymentName"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerBundleSpec {
    /// Name of the Deployment; that of the bundle without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<String>,
    /// The workers, each with its port.
    #[serde(default)]
    pub workers: Vec<BundleWorker>,
    /// What the pods are made of.
    #[serde(default)]
    pub pod_template: BundlePodTemplate,
}

/// One worker of a bundle.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundleWorker {
    /// Its script name.
    #[schemars(length(min = 1, max = 63))]
    pub worker_name: String,
    /// Port that it answers on.
    pub worker_number: i32,
    /// What stands before the names of its secrets in the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_prefix: Option<String>,
    /// Secret whose keys it sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
}

/// What the pods of a bundle are made of.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlePodTemplate {
    /// Image that they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Secret to pull it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
}

/// Whose workers they are.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-account",
    version = "v1alpha1",
    kind = "WorkerAccount",
    doc = "An account, whose workers run together in one bundle.",
    namespaced,
    storage = false,
    status = "WorkerStatus",
    shortname = "wa",
    category = "stationmaster",
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerAccountSpec {
    /// Name of the WorkerBundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_bundle_name: Option<String>,
    /// Of the releases of the account only these may serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub worker_release_selector: Option<LabelSelector>,
    /// What the pods get besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<super::AccountPodTemplate>,
}

/// What is known of it; v1beta1 tells more.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerStatus {
    /// What is true of it, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
