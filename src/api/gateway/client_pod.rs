//! The parts of a client's pod that are kept in memory.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use crate::api::names::GATEWAY_GROUP;

/// A pod without its spec.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub struct ClientPod {
    /// As stored, without managed fields.
    pub metadata: ObjectMeta,
    /// How it fares.
    #[serde(default)]
    pub status: PodStatus,
}

/// The part of a pod's status that is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// `Evicted`, …
    pub reason: String,
    /// Ready, PodScheduled, …
    pub conditions: Vec<PodCondition>,
}

/// A condition of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodCondition {
    /// `Ready`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
}

impl ClientPod {
    /// Name and UID of the GatewayClient that controls it.
    #[must_use]
    pub fn client(&self) -> Option<(&str, &str)> {
        let owners = self.metadata.owner_references.as_deref().unwrap_or_default();
        let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
        let group = controller.api_version.split('/').next();
        let ours = controller.kind == "GatewayClient" && group == Some(GATEWAY_GROUP);
        ours.then_some((controller.name.as_str(), controller.uid.as_str()))
    }

    /// Its UID.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.metadata.uid.as_deref()
    }

    /// Whether it is being deleted.
    #[must_use]
    pub fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether it is to go for its node's or another pod's sake: by a drain, a preemption or a taint.
    #[must_use]
    pub fn is_disrupted(&self) -> bool {
        let target = self.condition("DisruptionTarget");
        target.is_some_and(|target| target.status == "True")
    }

    /// The value of one of its annotations.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The condition of that type.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&PodCondition> {
        let mut conditions = self.status.conditions.iter();
        conditions.find(|condition| condition.type_ == type_)
    }
}
