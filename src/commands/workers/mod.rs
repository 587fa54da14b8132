//! `workers`: workers on this machine, without a cluster.

mod manifest;
mod serve;

pub use serve::serve;
