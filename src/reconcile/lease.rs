//! Leader election over one Lease: who may write. Expiry is measured with our own clock since the last observed change,
//! never with another machine's time.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use crate::clients::cluster::{Cluster, DryRun, Error, Failure};

/// How long a leader that has gone silent keeps the others waiting.
pub(super) const DURATION: Duration = Duration::from_secs(15);
/// A leader renews this often, and stops when it could not for twice as long.
pub(super) const PERIOD: Duration = DURATION.checked_div(3).expect("three is not zero");

/// One contender for a Lease.
pub(super) struct Contender {
    cluster: Cluster,
    namespace: String,
    name: String,
    identity: String,
    seen: Option<Seen>,
}

/// The last change of the Lease and when it was noticed.
struct Seen {
    version: Option<String>,
    at: Instant,
}

impl Contender {
    pub(super) fn new(cluster: Cluster, namespace: String, name: String, identity: String) -> Self {
        Self {
            cluster,
            namespace,
            name,
            identity,
            seen: None,
        }
    }

    /// Returns once the Lease is ours, with the time until which nobody else takes it.
    pub(super) async fn won(&mut self) -> Instant {
        loop {
            if let Some(until) = self.tried().await {
                info!(lease = self.name, identity = self.identity, "this replica leads");
                return until;
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Renews until that fails for too long; returns while nobody else can have the Lease yet.
    pub(super) async fn lost(&mut self, mut until: Instant) {
        let mut next = Instant::now() + PERIOD;
        loop {
            tokio::time::sleep_until(next.min(until)).await;
            if Instant::now() >= until {
                warn!(
                    lease = self.name,
                    "the lease could not be renewed in time: this replica leads no more"
                );
                return;
            }
            match self.tried().await {
                Some(renewed) => {
                    until = renewed;
                    next = Instant::now() + PERIOD;
                }
                None => next = Instant::now() + PERIOD / 5,
            }
        }
    }

    /// Lets the next one have the Lease at once.
    pub(super) async fn release(&mut self) {
        let Ok(Some(mut lease)) = self.read().await else { return };
        if let Some(spec) = lease
            .spec
            .as_mut()
            .filter(|spec| spec.holder_identity.as_ref() == Some(&self.identity))
        {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            let _ = self.cluster.replace(&self.namespace, &self.name, &lease).await;
        }
    }

    /// One try to take or to keep the Lease, and until when that holds.
    async fn tried(&mut self) -> Option<Instant> {
        // Counted from before the call: that is the latest time that the others may count from.
        let until = Instant::now() + 2 * PERIOD;
        match timeout(PERIOD, self.attempt()).await {
            Ok(Ok(true)) => Some(until),
            Ok(Ok(false)) => None,
            Ok(Err(error)) => {
                warn!(%error, cause = %error.failure, "leader election");
                None
            }
            Err(_) => {
                warn!(lease = self.name, "leader election: no answer in time");
                None
            }
        }
    }

    async fn attempt(&mut self) -> Result<bool, Error> {
        let Some(mut lease) = self.read().await? else {
            return self.create().await;
        };
        let now = MicroTime(Timestamp::now());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        let mine = spec.holder_identity.as_ref() == Some(&self.identity);
        let held = spec.holder_identity.as_ref().is_some_and(|holder| !holder.is_empty());
        let fresh = self.is_fresh(lease.metadata.resource_version.as_ref(), spec.lease_duration_seconds);
        if held && !mine && fresh {
            debug!(holder = spec.holder_identity, "another replica leads");
            return Ok(false);
        }
        if !mine {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0) + 1);
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
        spec.renew_time = Some(now);
        won(self.cluster.replace(&self.namespace, &self.name, &lease).await)
    }

    /// Whether the Lease has changed within its own duration, as far as we have watched it.
    fn is_fresh(&mut self, version: Option<&String>, seconds: Option<i32>) -> bool {
        let duration = seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(DURATION, Duration::from_secs);
        match &self.seen {
            Some(seen) if seen.version.as_ref() == version => seen.at.elapsed() < duration,
            _ => {
                self.seen = Some(Seen {
                    version: version.cloned(),
                    at: Instant::now(),
                });
                true
            }
        }
    }

    async fn read(&self) -> Result<Option<Lease>, Error> {
        self.cluster.get::<Lease>(&self.namespace, &self.name).await
    }

    async fn create(&self) -> Result<bool, Error> {
        let now = MicroTime(Timestamp::now());
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        let lease = serde_json::to_value(lease).unwrap_or_else(|_| json!({}));
        won(self.cluster.create::<Lease>(&self.namespace, &lease, DryRun::No).await)
    }
}

/// Somebody else having been faster is no failure.
fn won<T>(outcome: Result<T, Error>) -> Result<bool, Error> {
    match outcome {
        Ok(_) => Ok(true),
        Err(Error {
            failure: Failure::Conflict(_) | Failure::AlreadyExists(_),
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}
