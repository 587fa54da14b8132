//! What every handler may read.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::events::Events;
use super::execute::{Counters, Token};
use super::gateway::Gateways;
use super::health::Readiness;
use super::memory::Memory;
use super::metrics::Metrics;
use super::sync::Hooks;
use super::workers::Workers;
use crate::cli::serve::ExecuteArgs;
use crate::clients::cluster::{Cluster, Templates};
use crate::dispatch::Limits;
use crate::dispatch::cache::Cache;

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
    /// What bodies and their answers may take.
    pub memory: Memory,
    /// Asked by `/readyz`.
    pub readiness: Readiness,
    /// Payload limit, default namespace, what to log.
    pub execute: ExecuteArgs,
    /// What callers of the execute endpoint must send, if anything.
    pub token: Option<Token>,
    /// Upstream's counters of the execute endpoint.
    pub counters: Counters,
    /// What CloudEvents are answered from; absent where they are off.
    pub events: Option<Events>,
    /// Metacontroller's hooks; absent without a folder of templates.
    pub hooks: Option<Hooks>,
    /// The gateway for pods; absent when the flags make none.
    pub gateways: Option<Gateways>,
    /// What is known of workers; absent where nobody watches them.
    pub workers: Option<Workers>,
    /// Parsed JobTemplates, shared with the reconcilers.
    pub compiled: Arc<Cache>,
}

impl State {
    /// A state that counts into `registry`, without a cluster and without a token.
    #[must_use]
    pub fn new(mut registry: Registry, readiness: Readiness, execute: ExecuteArgs) -> Self {
        Self {
            cluster: None,
            templates: None,
            metrics: Metrics::register(&mut registry),
            counters: Counters::register(&mut registry),
            registry,
            memory: Memory::default(),
            readiness,
            execute,
            token: None,
            events: None,
            hooks: None,
            gateways: None,
            workers: None,
            compiled: Arc::default(),
        }
    }

    /// What the command line bounds.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let payload_bytes = usize::try_from(self.execute.max_payload_bytes).unwrap_or(usize::MAX);
        Limits { payload_bytes }
    }
}
