//! Kinds of `gateway.stationmaster.dev`: gateways for pods, and the clients that events ask for.

mod client;
mod client_pod;
mod schema;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::{ClientPhase, GatewayClient, GatewayClientSpec, GatewayClientStatus};
pub use client_pod::ClientPod;
pub use status::{PodGatewayStatus, ResolvedName};

/// The CRDs of this group.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![GatewayClient::crd(), PodGateway::crd()]
}

/// A gateway and its name, be it of a PodGateway or of the flags.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// As pods are marked with it.
    pub name: String,
    /// What pods behind it get.
    pub spec: GatewaySpec,
}

/// What pods behind a gateway get, and which pods.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "gateway.stationmaster.dev",
    version = "v1alpha1",
    kind = "PodGateway",
    doc = "A gateway that pods leave the cluster through: what is injected into them, and into which.",
    status = "PodGatewayStatus",
    shortname = "pgw",
    category = "stationmaster",
    printcolumn = r#"{"name": "Gateway", "type": "string", "jsonPath": ".spec.gateway"}"#,
    printcolumn = r#"{"name": "Pods", "type": "integer", "jsonPath": ".status.injectedPods"}"#,
    printcolumn = r#"{"name": "Uninjected", "type": "integer", "jsonPath": ".status.uninjectedPods"}"#,
    printcolumn = r#"{"name": "Resolved", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Resolved')].status"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySpec {
    /// Name or address of the gateway; its scripts are told this text, and look it up as a complete name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub gateway: String,
    /// Names or addresses of up to 3 DNS servers, which take the place of the pod's; none leaves the pod's alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), inner(length(min = 1, max = 253)))]
    pub dns: Vec<String>,
    /// DNS policy of the pod; with None it also gets this server's search domains and options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::dns_policy")]
    pub dns_policy: Option<String>,
    /// Which pods.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// The container that changes the routes before the pod starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InjectedContainer>,
    /// Of the flags alone: the init container, and not the sidecar, runs before the pod's own.
    #[serde(skip)]
    pub init_first: bool,
    /// The container that watches over the routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
    /// ConfigMap of the pod's namespace that both containers may mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub config_map_name: Option<String>,
    /// What becomes of pods while the name of a DNS server has never been resolved.
    #[serde(default)]
    pub unresolved: Unresolved,
}

/// Which pods get a gateway: an annotation decides before a label, a label before the default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// The label that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Mark>,
    /// The annotation that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation: Option<Mark>,
    /// Pods with neither get it.
    #[serde(default)]
    pub default: bool,
    /// Only pods of these namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,
}

/// A label or an annotation that says whether a pod gets a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub struct Mark {
    /// Its key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// The value that says yes, all others saying no. Without it: a bool, such as `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub value: Option<String>,
}

/// A container that pods get.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectedContainer {
    /// Its image.
    #[schemars(length(min = 1))]
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`; without it the API server decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::pull_policy")]
    pub image_pull_policy: Option<String>,
    /// In place of the image's entry point; empty leaves that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Where it finds the ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,
    /// What it may use of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<Value>,
    /// In place of root with the capabilities NET_ADMIN and NET_RAW.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::security_context")]
    pub security_context: Option<Value>,
}

/// The container that watches over the routes, and how it runs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// As every container.
    #[serde(flatten)]
    pub container: InjectedContainer,
    /// How it runs beside the pod's own.
    #[serde(default)]
    pub mode: SidecarMode,
    /// When it starts.
    #[serde(default)]
    pub start: SidecarStart,
}

/// How a sidecar runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SidecarMode {
    /// Native when the API server and every node are 1.29 or later, Classic when that is not known.
    #[default]
    Auto,
    /// As an init container that goes on, which Kubernetes has since 1.29; it ends with the others.
    Native,
    /// As one container more; a Job never completes beside it.
    Classic,
}

/// When a sidecar starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SidecarStart {
    /// Behind the pod's own init containers.
    #[default]
    AsUpstream,
    /// It and the init container come before the pod's own init containers; a Classic one comes with the others.
    BeforeInit,
}

/// What becomes of pods while the name of a DNS server has never been resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Unresolved {
    /// The failure policy of the webhook decides: where it is Fail, they are refused, and whoever creates them tries again.
    #[default]
    Fail,
    /// They are created without the gateway.
    Ignore,
}
