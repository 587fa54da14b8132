//! Schemas that no derive can write: values of any shape, and parts of Kubernetes' own types made structural.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use crate::api::structural::{conditions_of, structural};

/// Any JSON value.
pub(super) fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"description": "Any JSON value.", "x-kubernetes-preserve-unknown-fields": true})
}

/// `resources` of a container.
pub(super) fn resources(_: &mut SchemaGenerator) -> Schema {
    let mut schema = structural::<ResourceRequirements>();
    schema.insert("description".into(), "What each container may use of the node.".into());
    schema
}

/// A selector of labels.
pub(super) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    let mut schema = structural::<LabelSelector>();
    let text = "Of the releases of the account only these may serve.";
    schema.insert("description".into(), text.into());
    schema
}

/// `status.conditions`.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    conditions_of("What is true of it, and why.")
}

/// A spec that cannot change. What no schema describes, a value of `json` or a stranger in a binding, the rule does not
/// see: admission compares that too.
pub(super) fn immutable(spec: &mut Schema) {
    let message = "a WorkerRelease is immutable: change its WorkerDeployment, which makes another one";
    spec.insert(
        "x-kubernetes-validations".into(),
        json!([{"message": message, "rule": "self == oldSelf"}]),
    );
}
