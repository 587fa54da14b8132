//! The sub-commands that answer and end, without a cluster.

pub mod crds;
