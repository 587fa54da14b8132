//! A client pod behind a gateway, as an event or a person asks for it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema;

/// What a client asks for; creating one equals creating a pod.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "gateway.stationmaster.dev",
    version = "v1alpha1",
    kind = "GatewayClient",
    doc = "A client pod behind a gateway: becomes exactly one Pod. Whoever may create one can create pods.",
    namespaced,
    status = "GatewayClientStatus",
    shortname = "gwc",
    category = "stationmaster",
    printcolumn = r#"{"name": "Gateway", "type": "string", "jsonPath": ".spec.gatewayName"}"#,
    printcolumn = r#"{"name": "Phase", "type": "string", "jsonPath": ".status.phase"}"#,
    printcolumn = r#"{"name": "Pod", "type": "string", "jsonPath": ".status.podName"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct GatewayClientSpec {
    /// Name of a PodGateway, or the value by which pods are marked for it.
    #[schemars(length(min = 1, max = 253))]
    pub gateway_name: String,
    /// Text of whoever asked, kept and not read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
    /// Image of the container; without it the server's --client-image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,
    /// What it runs; without it the server's --client-command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Seconds from its creation after which the pod is removed; without it, it stays until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub lifetime_seconds: Option<u32>,
    /// What else the pod has; no service account, no namespaces of the host, no hostPath, nothing privileged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pod_template")]
    pub pod_template: Option<Value>,
}

/// How far a client has come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayClientStatus {
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the client stands, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<ClientPhase>,
    /// Name of the gateway that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Its pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// UID of that pod, so that another of its name is not taken for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// Pods that failed and were replaced; not for ever.
    #[serde(skip_serializing_if = "is_zero")]
    pub replaced: u32,
    /// Why it ended or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it ended or failed; it is removed some time after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<Time>,
    /// PodCreated, Injected and Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ClientPhase {
    /// There is no pod yet.
    Pending,
    /// The pod exists.
    Scheduled,
    /// The pod is ready.
    Ready,
    /// There will be no pod, or it has failed.
    Failed,
    /// The pod has ended, or was asked to.
    Ended,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it in like this")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
