//! The controller of WorkerBundles: each becomes a Deployment, a Service and what leads to it.

mod apply;
mod context;
mod index;
mod listen;
mod memory;
mod prune;
mod secrets;
mod stores;
mod term;
mod worker_bundle;

pub(super) use term::run;
