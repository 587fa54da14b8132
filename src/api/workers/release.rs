//! One state of a worker, which does not change: what a WorkerDeployment was at some time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use super::template::WorkerTemplate;

/// The worker, as it was.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-release",
    version = "v1beta1",
    kind = "WorkerRelease",
    doc = "One state of a worker, which does not change; named by the digest of its code, bindings, date and flags.",
    namespaced,
    status = "WorkerReleaseStatus",
    derive = "PartialEq",
    shortname = "wr",
    category = "stationmaster",
    printcolumn = r#"{"name": "Worker", "type": "string", "jsonPath": ".spec.scriptName"}"#,
    printcolumn = r#"{"name": "Size", "type": "integer", "jsonPath": ".status.size"}"#,
    printcolumn = r#"{"name": "Proof", "type": "string", "jsonPath": ".status.proof.state"}"#,
    printcolumn = r#"{"name": "Served By", "type": "string", "jsonPath": ".status.servedBy"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::immutable)]
pub struct WorkerReleaseSpec {
    /// The worker.
    #[serde(flatten)]
    pub template: WorkerTemplate,
}

/// What is known of a release.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerReleaseStatus {
    /// Digest of its modules, bindings, date and flags, fetched code included: `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Bytes of all its modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Whether the runtime takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Where its modules are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Name of the bundle that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_by: Option<String>,
    /// When it last began to serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_served_time: Option<Time>,
    /// When it was last what its WorkerDeployment asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_current_time: Option<Time>,
    /// Proved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// What the runtime said of a release on its own.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Whether it may serve.
    pub state: ProofState,
    /// Why not, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The runtime's own text, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What proved it: the version of the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
}

/// Whether a release may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ProofState {
    /// The runtime takes it.
    Passed,
    /// The runtime refuses it, or its code could not be had.
    Failed,
}

/// Where the modules of a release are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Content {
    /// ConfigMap of this namespace with a key `0`, `1`, … for each of `modules`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// Image of the account's repository, by digest, with the same files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Names and types of the modules in their order, the main one first, without content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ContentModule>,
}

/// One module without its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentModule {
    /// As other modules import it.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub module_type: super::ModuleType,
}
