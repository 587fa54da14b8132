//! What is told of a PodGateway.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// How a gateway fares.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodGatewayStatus {
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Its names, as the server that writes this has resolved them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<ResolvedName>,
    /// Pods that carry it, without those that have finished.
    pub injected_pods: u32,
    /// Pods that it is for and that were created without it.
    pub uninjected_pods: u32,
    /// Ready, Resolved, Enforced and PodSecurity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// A name and the address that is in force for it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResolvedName {
    /// As the spec has it.
    pub name: String,
    /// The last good answer; none while there never was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When there was a good answer last, as of the last write of this status; it is not written for its own sake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_resolved: Option<Time>,
}
