//! An HTTPRoute of the Gateway API, as far as it is ours. Its CustomResourceDefinition is not.

use kube::CustomResource;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What Gateways say of it, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct HttpRouteStatus {
    /// Everything.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// What it leads to, as it is stored.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    doc = "An HTTPRoute, unread.",
    namespaced,
    status = "HttpRouteStatus",
    schema = "disabled"
)]
pub struct HttpRouteSpec {
    /// Everything.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}
