//! Schemas that no derive can write: parts of a pod as Kubernetes has them, made structural.

use k8s_openapi::api::core::v1::{PodTemplateSpec, ResourceRequirements, SecurityContext};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::api::structural::{conditions_of, structural};

/// `dnsPolicy` of a pod.
pub(super) fn dns_policy(_: &mut SchemaGenerator) -> Schema {
    one_of(
        "DNS policy of the pod; with None it also gets this server's search domains and options.",
        &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
    )
}

/// `imagePullPolicy` of a container.
pub(super) fn pull_policy(_: &mut SchemaGenerator) -> Schema {
    one_of(
        "When the image is pulled; without it the API server decides.",
        &["Always", "IfNotPresent", "Never"],
    )
}

/// `resources` of a container.
pub(super) fn resources(_: &mut SchemaGenerator) -> Schema {
    described(structural::<ResourceRequirements>(), "What it may use of the node.")
}

/// `securityContext` of a container.
pub(super) fn security_context(_: &mut SchemaGenerator) -> Schema {
    let text = "In place of root with the capabilities NET_ADMIN and NET_RAW.";
    described(structural::<SecurityContext>(), text)
}

/// A selector of labels.
pub(super) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    described(structural::<LabelSelector>(), "Only pods of these namespaces.")
}

/// A pod, without what nobody may ask for; that is refused at admission.
pub(super) fn pod_template(_: &mut SchemaGenerator) -> Schema {
    let text = "What else the pod has; no service account, no namespaces of the host, no hostPath, nothing privileged.";
    described(structural::<PodTemplateSpec>(), text)
}

/// `status.conditions`.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    conditions_of("What is true of it, and why.")
}

fn one_of(description: &str, values: &[&str]) -> Schema {
    json_schema!({"type": "string", "enum": values, "description": description})
}

fn described(mut schema: Schema, text: &str) -> Schema {
    schema.insert("description".into(), text.into());
    schema
}
