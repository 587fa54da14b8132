//! What every reconcile shares: the doors, the stores and what this process remembers.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::backlog::Backlog;
use super::error::Error;
use super::events::Events;
use super::holds::Holds;
use super::jobs::Jobs;
use super::ledger::Ledger;
use super::metrics::Metrics;
use crate::api::dispatch::v1beta1::Phase;
use crate::api::dispatch::view::JobExecution;
use crate::clients::cluster::{Cluster, Templates};
use crate::dispatch::cache::Cache;
use crate::dispatch::status::{Observed, status};
use crate::dispatch::transition::transition;

/// Shared by all reconciles of one term of leadership.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    pub(super) templates: Templates,
    pub(super) compiled: Arc<Cache>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) holds: Arc<Holds>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) events: Events,
    pub(super) metrics: Metrics,
    pub(super) backlog: Arc<Backlog>,
}

impl Context {
    /// Records what is observed, if that differs from what is recorded, and tells people about it.
    ///
    /// `stored` is what the store shows, `execution` the same after our own last write.
    pub(super) async fn record(
        &self,
        stored: &JobExecution,
        execution: &Arc<JobExecution>,
        observed: Observed<'_>,
    ) -> Result<(), Error> {
        let next = status(execution, observed, &now());
        if next == execution.status {
            return Ok(());
        }
        let metadata = self
            .cluster
            .replace_status::<JobExecution>(&execution.metadata, &next)
            .await?;
        if let Some(transition) = transition(&execution.status, &next) {
            self.events.publish(execution.object_ref(&()), transition);
        }
        if execution.status.phase != next.phase {
            match next.phase {
                Some(Phase::Succeeded) => self.metrics.successes.inc(),
                Some(Phase::Failed) => self.metrics.failures.inc(),
                _ => 0,
            };
        }
        self.ledger.status_written(stored, metadata.resource_version, next);
        Ok(())
    }
}

/// The present in whole seconds, as Kubernetes writes times.
pub(super) fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The UID of a stored object, which always has one.
pub(super) fn uid(execution: &JobExecution) -> &str {
    execution.metadata.uid.as_deref().unwrap_or_default()
}

/// Namespace and name of a stored object, which always has both.
pub(super) fn key(execution: &JobExecution) -> (String, String) {
    (execution.namespace().unwrap_or_default(), execution.name_any())
}
