//! Schemas of our CRDs that no derive can write: the Job of a JobTemplate, taken from Kubernetes' own types and made
//! structural, and the fields of a status as upstream has them.

mod structural;
mod tables;

use k8s_openapi::api::batch::v1::JobTemplateSpec;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use structural::{overlay, structural};

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

/// `status.conditions`: `metav1.Condition` with upstream's limits, except on the length of a message: a status must
/// not be refused because an API server was verbose.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    let mut condition = structural::<Condition>().to_value();
    let limits = [
        ("lastTransitionTime", json!({"format": "date-time"})),
        ("observedGeneration", json!({"minimum": 0})),
        (
            "reason",
            json!({"maxLength": 1024, "minLength": 1, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"}),
        ),
        ("status", json!({"enum": ["True", "False", "Unknown"]})),
        ("type", json!({"maxLength": 316})),
    ];
    for (field, limit) in limits {
        overlay(&mut condition["properties"][field], limit);
    }
    schemars::json_schema!({
        "description": "Waiting, Running and Succeeded.",
        "type": "array",
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
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
