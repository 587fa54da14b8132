//! The parts of a bundle's pod that are kept in memory.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// A pod without its spec.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub struct BundlePod {
    /// As stored, without managed fields.
    pub metadata: ObjectMeta,
    /// How it fares.
    #[serde(default)]
    pub status: BundlePodStatus,
}

/// The part of a pod's status that is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BundlePodStatus {
    /// `Evicted`, …
    pub reason: String,
    /// PodScheduled, Ready, …
    pub conditions: Vec<BundlePodCondition>,
    /// Of the containers that run first.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Of its containers.
    pub container_statuses: Vec<ContainerStatus>,
}

/// A condition of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BundlePodCondition {
    /// `Ready`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

/// How a container fares.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// What it does now.
    pub state: ContainerState,
    /// What its last run ended in.
    pub last_state: ContainerState,
}

/// One of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It does not run yet.
    pub waiting: Option<Waiting>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// Why a container does not run yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// `ContainerCreating`, `ImagePullBackOff`, …
    pub reason: String,
    /// In a sentence.
    pub message: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// `Error`, `OOMKilled`, …
    pub reason: String,
    /// What it left behind.
    pub message: String,
    /// Its exit code.
    pub exit_code: i32,
}
