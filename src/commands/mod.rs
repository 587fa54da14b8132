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
