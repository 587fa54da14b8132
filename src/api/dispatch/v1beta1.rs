//! The stored version of `dispatcher.ivan.vc`.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A Job with Go templates in its strings, executed by JobExecutions.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "dispatcher.ivan.vc", version = "v1beta1", kind = "JobTemplate", namespaced)]
#[serde(rename_all = "camelCase")]
pub struct JobTemplateSpec {
    /// The Job to create, as a CronJob has it; every string may use `{{ .Name }}`, `{{ .Payload }}` and Sprig's functions.
    #[schemars(schema_with = "any_object")]
    pub job_template: Value,
}

/// One run of a JobTemplate: becomes exactly one Job.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "dispatcher.ivan.vc",
    version = "v1beta1",
    kind = "JobExecution",
    namespaced,
    status = "JobExecutionStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionSpec {
    /// Name of the JobTemplate, in the same namespace.
    pub job_template_name: String,
    /// Text that the template prints as `{{ .Payload }}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub payload: String,
}

/// How far an execution has come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionStatus {
    /// Waiting, Running and Succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The Job of this execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<ObjectReference>,
    /// Where the execution stands, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the Job started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the Job ended, either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Phase {
    /// No Job yet, or one that has not started.
    Pending,
    /// The Job runs.
    Running,
    /// The Job ended well.
    Succeeded,
    /// The Job failed, or was deleted before its end.
    Failed,
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
