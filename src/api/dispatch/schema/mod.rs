//! Schemas of our CRDs that no derive can write: the Job of a JobTemplate, taken from Kubernetes' own types and made
//! structural, and the fields of a status as upstream has them.

use k8s_openapi::api::batch::v1::JobTemplateSpec;
use k8s_openapi::api::core::v1::ObjectReference;
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::api::structural::{conditions_of, structural};

/// `spec.jobTemplate`: a batch/v1 JobTemplateSpec whose strings may be templates, so that none has a format.
pub(super) fn job_template(_: &mut SchemaGenerator) -> Schema {
    structural::<JobTemplateSpec>()
}

/// `status.job`: a reference to the Job, replaced as a whole.
pub(super) fn job_reference(_: &mut SchemaGenerator) -> Schema {
    let mut schema = structural::<ObjectReference>();
    schema.insert("description".into(), "The Job of this execution.".into());
    schema
}

/// `status.conditions`, as upstream has them.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    conditions_of("Waiting, Running and Succeeded.")
}

/// A spec that cannot change. Scalar by scalar: the API server refuses rules whose cost it cannot bound.
pub(super) fn immutable(spec: &mut Schema) {
    let rules = [
        ("jobTemplateName", "self.jobTemplateName == oldSelf.jobTemplateName"),
        (
            "payload",
            "(has(self.payload) ? self.payload : '') == (has(oldSelf.payload) ? oldSelf.payload : '')",
        ),
    ];
    let rules = rules.map(|(field, rule)| {
        let message = format!("{field} is immutable: a JobExecution is one run, create another one");
        json!({"fieldPath": format!(".{field}"), "message": message, "rule": rule})
    });
    spec.insert("x-kubernetes-validations".into(), rules.into_iter().collect());
}
