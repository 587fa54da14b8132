//! The first version of `dispatcher.ivan.vc`, served for manifests and clients that know it. Nothing of ours is stored
//! in it or read from it, so these types only describe its CRDs.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema;

/// What a JobTemplate holds.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "dispatcher.ivan.vc",
    version = "v1alpha1",
    kind = "JobTemplate",
    doc = "A Job with Go templates in its strings, executed by JobExecutions.",
    namespaced,
    storage = false,
    shortname = "jt",
    category = "stationmaster",
    printcolumn = r#"{"name": "Image", "type": "string", "jsonPath": ".spec.jobTemplate.spec.template.spec.containers[0].image"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct JobTemplateSpec {
    /// The Job to create, as a CronJob has it; every string may use `{{ .Name }}`, `{{ .Payload }}` and Sprig's functions.
    #[schemars(schema_with = "schema::job_template")]
    pub job_template: Value,
}

/// What a JobExecution asks for; immutable, for it is one run.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "dispatcher.ivan.vc",
    version = "v1alpha1",
    kind = "JobExecution",
    doc = "One run of a JobTemplate: becomes exactly one Job.",
    namespaced,
    storage = false,
    status = "JobExecutionStatus",
    shortname = "je",
    category = "stationmaster",
    printcolumn = r#"{"name": "Template", "type": "string", "jsonPath": ".spec.jobTemplateName"}"#,
    printcolumn = r#"{"name": "Phase", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Succeeded\")].status", "description": "Whether the Job has succeeded"}"#,
    printcolumn = r#"{"name": "Job", "type": "string", "jsonPath": ".status.job.name"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::immutable)]
pub struct JobExecutionSpec {
    /// Name of the JobTemplate, in the same namespace.
    pub job_template_name: String,
    /// Text that the template prints as `{{ .Payload }}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub payload: String,
}

/// How far an execution has come; v1beta1 says it in one word as well.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionStatus {
    /// Waiting, Running and Succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The Job of this execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::job_reference")]
    pub job: Option<ObjectReference>,
}
