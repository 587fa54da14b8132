//! The sub-commands that answer and end, without a cluster.

pub mod build_bundle;
pub mod certs;
pub mod crds;
mod gateways;
mod manifest;
pub mod manifests;
pub mod render;
pub mod review;
pub mod workers;

/// Where the kubelet looks for what a container says at its end.
pub const TERMINATION_LOG: &str = "/dev/termination-log";

/// A failure whose reason is told where people and programs look for it: nothing is added there.
#[derive(Debug, thiserror::Error)]
#[error("it is refused")]
pub struct AlreadyTold;
