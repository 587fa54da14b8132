//! What the hooks' handlers share: the set in force, the rules, and how many may be at work.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::resources::{Current, Rules};

/// Requests at a time; metacontroller has five workers for each controller, unless it is told otherwise.
const TURNS: usize = 256;

/// What the hooks' handlers share.
#[derive(Debug)]
pub struct Hooks {
    /// The set in force.
    pub current: Arc<Current>,
    /// Which namespaces want it.
    pub rules: Rules,
    turns: Semaphore,
    undeclared: Mutex<BTreeSet<String>>,
    undeclared_kinds: Gauge,
}

impl Hooks {
    /// Hooks that answer from a set, now or later.
    #[must_use]
    pub fn new(current: Arc<Current>, rules: Rules, registry: &mut Registry) -> Self {
        let undeclared_kinds = Gauge::default();
        registry.sub_registry_with_prefix("stationmaster").register(
            "sync_undeclared_kinds",
            "Kinds of templates that a controller does not declare",
            undeclared_kinds.clone(),
        );
        Self {
            current,
            rules,
            turns: Semaphore::new(TURNS),
            undeclared: Mutex::default(),
            undeclared_kinds,
        }
    }

    /// Leave to work on one request, unless there are too many.
    pub(super) fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.try_acquire().ok()
    }

    /// Warns of each kind once: metacontroller sends no group for it, so nobody knows whether its objects are there.
    pub(super) fn tell_undeclared(&self, kinds: &BTreeSet<String>) {
        if kinds.is_empty() {
            return;
        }
        let mut told = self.undeclared.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in kinds {
            if told.insert(kind.clone()) {
                tracing::warn!(
                    kind,
                    "the controller does not declare this kind: add it to spec.attachments, its objects are not waited for"
                );
            }
        }
        self.undeclared_kinds.set(i64::try_from(told.len()).unwrap_or(i64::MAX));
    }
}
