//! Kinds of `resources.stationmaster.dev`: the ResourceSet, in which the native mode tells how a folder of templates fares.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Errors that a status holds at most; the counts say how many there are.
pub const MOST_ERRORS: usize = 100;

/// Nothing: the folder says what is wanted.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "resources.stationmaster.dev",
    version = "v1alpha1",
    kind = "ResourceSet",
    doc = "What became of one folder of templates in all namespaces that want it; written by the server alone.",
    status = "ResourceSetStatus",
    shortname = "rset",
    category = "stationmaster",
    printcolumn = r#"{"name": "Namespaces", "type": "integer", "jsonPath": ".status.namespaces"}"#,
    printcolumn = r#"{"name": "Wanted", "type": "integer", "jsonPath": ".status.wanted"}"#,
    printcolumn = r#"{"name": "Applied", "type": "integer", "jsonPath": ".status.applied"}"#,
    printcolumn = r#"{"name": "Failed", "type": "integer", "jsonPath": ".status.failed"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
pub struct ResourceSetSpec {}

/// How many objects are wanted, applied and failed, and why.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceSetStatus {
    /// Namespaces that want the folder's objects.
    pub namespaces: u32,
    /// Objects that the folder wants in them.
    pub wanted: u32,
    /// Objects among them that are as they are wanted.
    pub applied: u32,
    /// Objects among them that could not be applied, and namespaces for which the folder could not be rendered.
    pub failed: u32,
    /// Every kind that was ever applied, such as `ConfigMap.v1`: where to look for what is to be removed.
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub kinds: Vec<String>,
    /// The last of what failed, at most 100.
    pub errors: Vec<ResourceError>,
    /// Ready: everything is as the folder in force wants it, and the folder is in force.
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// One thing that is not as it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceError {
    /// Where.
    pub namespace: String,
    /// `ConfigMap.v1`; empty when the folder could not be rendered for the namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Conflict, Forbidden, … in one word.
    pub reason: String,
    /// What is wrong and what helps.
    pub message: String,
}

/// The CRDs of this group.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![ResourceSet::crd()]
}

fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let _ = generator;
    let text = || json_schema!({"type": "string"});
    json_schema!({
        "description": "Ready: everything is as the folder in force wants it, and the folder is in force.",
        "type": "array",
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "message": text(),
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                "reason": text(),
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "type": text(),
            },
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}
