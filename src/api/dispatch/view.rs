//! The parts of stored objects that are kept in memory: no payloads, no pod templates, and no field whose odd content
//! could keep the rest of an object, or of a list, from being read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::de::{DeserializeOwned, DeserializeSeed, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::shallow::{LEVELS, Shallow, Without};
use super::v1beta1::{self, JobExecutionStatus};

/// A JobTemplate whose Job stays a JSON tree.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = v1beta1::JobTemplate)]
pub struct JobTemplate {
    /// As stored, without managed fields.
    #[serde(deserialize_with = "metadata")]
    pub metadata: ObjectMeta,
    /// `null` for what the schema would not admit today; of a deeper tree than may be, what lies too deep is left behind.
    #[serde(default, deserialize_with = "shallow")]
    pub spec: Value,
}

impl JobTemplate {
    /// `spec.jobTemplate`, or `null`.
    #[must_use]
    pub fn job_template(&self) -> &Value {
        &self.spec["jobTemplate"]
    }
}

/// A JobExecution without its payload.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = v1beta1::JobExecution)]
pub struct JobExecution {
    /// As stored, without managed fields.
    #[serde(deserialize_with = "metadata")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    #[serde(default)]
    pub spec: JobExecutionSpec,
    /// How far it has come.
    #[serde(default, deserialize_with = "status")]
    pub status: JobExecutionStatus,
}

/// The part of an execution's spec that is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionSpec {
    /// Name of the JobTemplate; empty when the stored one is no string.
    #[serde(default, deserialize_with = "lenient")]
    pub job_template_name: String,
}

/// A Job without its pod template.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::batch::v1::Job)]
pub struct Job {
    /// As stored, without managed fields.
    #[serde(deserialize_with = "metadata")]
    pub metadata: ObjectMeta,
    /// What the Job's own status does not say.
    #[serde(default)]
    pub spec: JobSpec,
    /// How far it has come.
    #[serde(default)]
    pub status: JobStatus,
}

/// The part of a Job's spec that is kept.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct JobSpec {
    /// No pods are started while it is true.
    #[serde(default, deserialize_with = "lenient")]
    pub suspend: bool,
}

/// The part of a Job's status that is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Pods that are pending or running.
    pub active: Option<i32>,
    /// Pods that have ended well.
    pub succeeded: Option<i32>,
    /// Pods that have failed.
    pub failed: Option<i32>,
    /// When the Job controller started it.
    pub start_time: Option<Time>,
    /// When it ended well.
    pub completion_time: Option<Time>,
    /// Complete, Failed, Suspended, …
    pub conditions: Vec<JobCondition>,
}

/// A condition of a Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobCondition {
    /// `Complete`, `Failed`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Time>,
}

/// Managed fields are nested even deeper than what they describe, and nobody here reads them.
fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let value = deserializer.deserialize_map(Without("managedFields"))?;
    serde_json::from_value(value).map_err(D::Error::custom)
}

/// Of the spec of a template, one level more than its Job template: that one of them is too deep has to be seen.
fn shallow<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Shallow(LEVELS + 1).deserialize(deserializer)
}

/// Reads a small value, or takes the default where something else is stored.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Reads a status, field by field where the whole does not fit: a recorded Job must not be lost to an odd condition.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobExecutionStatus, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(
        serde_json::from_value(value.clone()).unwrap_or_else(|_| JobExecutionStatus {
            conditions: conditions(&value["conditions"]),
            job: field(&value["job"]),
            phase: field(&value["phase"]),
            observed_generation: field(&value["observedGeneration"]),
            start_time: field(&value["startTime"]),
            completion_time: field(&value["completionTime"]),
        }),
    )
}

fn conditions<T: DeserializeOwned>(value: &Value) -> Vec<T> {
    value.as_array().into_iter().flatten().filter_map(field).collect()
}

fn field<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_the_payload_behind_and_survives_odd_fields() {
        let execution: JobExecution = serde_json::from_value(json!({
            "metadata": {"name": "a", "uid": "u"},
            "spec": {"jobTemplateName": 7, "payload": "secret"},
            "status": {"conditions": [{"type": "Odd"}], "job": {"name": "a-job", "uid": "j"}, "phase": "Unheard"},
        }))
        .expect("odd fields are no reason");
        assert_eq!(execution.spec.job_template_name, "");
        assert_eq!(execution.status.job.and_then(|job| job.name).as_deref(), Some("a-job"));
        assert!(execution.status.conditions.is_empty());
    }

    #[test]
    fn reads_templates_of_any_depth() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let metadata = format!(r#"{{"name": "a", "managedFields": [{{"fieldsV1": {deep}}}]}}"#);
        let text = format!(r#"{{"metadata": {metadata}, "spec": {{"jobTemplate": {deep}}}}}"#);
        let template: JobTemplate = serde_json::from_str(&text).expect("depth is no reason");
        assert_eq!(template.metadata.name.as_deref(), Some("a"));
        assert_eq!(template.metadata.managed_fields, None);
        let levels = std::iter::successors(Some(template.job_template()), |list| list.get(0)).count();
        assert_eq!(
            levels,
            LEVELS + 1,
            "one more than may be, to be told from those that may"
        );
    }

    #[test]
    fn reads_objects_that_have_neither_spec_nor_status() {
        let metadata = json!({"metadata": {"name": "a"}});
        assert!(serde_json::from_value::<JobExecution>(metadata.clone()).is_ok());
        assert!(serde_json::from_value::<Job>(metadata.clone()).is_ok());
        let template: JobTemplate = serde_json::from_value(metadata).expect("a template without spec");
        assert!(template.job_template().is_null());
    }
}
