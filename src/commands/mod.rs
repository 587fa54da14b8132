//! The sub-commands that answer and end, without a cluster.

pub mod certs;
pub mod crds;
pub mod manifests;
