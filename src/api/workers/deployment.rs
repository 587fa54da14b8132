//! A worker that is to run, and how far that has come.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use super::template::WorkerTemplate;

/// What a WorkerDeployment asks for.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-deployment",
    version = "v1beta1",
    kind = "WorkerDeployment",
    doc = "A worker of the account that the label `accounts` names: each change of it becomes a WorkerRelease, which serves once it is proved.",
    namespaced,
    status = "WorkerDeploymentStatus",
    derive = "PartialEq",
    shortname = "wd",
    category = "stationmaster",
    printcolumn = r#"{"name": "Account", "type": "string", "jsonPath": ".metadata.labels.accounts"}"#,
    printcolumn = r#"{"name": "Current", "type": "string", "jsonPath": ".status.currentRelease"}"#,
    printcolumn = r#"{"name": "Serving", "type": "string", "jsonPath": ".status.servingRelease"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name": "URL", "type": "string", "jsonPath": ".status.url"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerDeploymentSpec {
    /// The worker.
    pub template: WorkerTemplate,
    /// Name of a WorkerRelease of this worker that is to serve whatever the template says: rollback and promote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub release: Option<String>,
    /// How many releases are kept besides those that serve; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub release_history_limit: Option<u32>,
}

/// How far a worker has come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerDeploymentStatus {
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The release that the spec asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_release: Option<String>,
    /// The release that answers, or is being rolled out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_release: Option<String>,
    /// Where the worker answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Built, Ready and Degraded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
