//! What every handler may read.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::health::Readiness;
use super::metrics::Metrics;
use crate::cli::serve::ExecuteArgs;
use crate::clients::cluster::{Cluster, Templates};

/// [`State`], shared by all handlers.
pub type AppState = Arc<State>;

/// What every handler may read.
pub struct State {
    /// The API server; absent when nothing that is switched on needs it.
    pub cluster: Option<Cluster>,
    /// All JobTemplates, absent with the cluster.
    pub templates: Option<Templates>,
    /// Printed by `/metrics`.
    pub registry: Registry,
    /// Counted by the handlers.
    pub metrics: Metrics,
    /// Asked by `/readyz`.
    pub readiness: Readiness,
    /// Payload limit, default namespace, token.
    pub execute: ExecuteArgs,
}
