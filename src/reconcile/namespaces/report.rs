//! The ResourceSet: what became of all namespaces, written when it differs and at most once a second; and the kinds that
//! were ever applied, written before the first object of a kind is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use super::super::context::now;
use super::super::error::backoff;
use super::super::metrics::Metrics;
use crate::api::names::{CATEGORY, RESOURCES_GROUP, label};
use crate::api::resources::{ResourceSet, ResourceSetStatus};
use crate::clients::cluster::{Cluster, DryRun, Error, Failure};
use crate::dispatch::withheld;
use crate::resources::Current;
use crate::resources::native::{Folder, Outcome, Tally};

/// Between two writes.
const PERIOD: Duration = Duration::from_secs(1);
/// At rest it is looked at that often.
const LOOK: Duration = Duration::from_secs(60);
/// First pause after a write that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Doublings of it, to 16 s.
const MOST_DOUBLINGS: u32 = 6;

/// Where what became of namespaces is handed in.
pub(super) struct Report {
    tally: Mutex<Tally>,
    touched: Notify,
    /// The kinds that the stored status tells of.
    stored: watch::Sender<Vec<String>>,
    metrics: Metrics,
}

/// The stored ResourceSet, as it was last seen.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    metadata: ObjectMeta,
    status: ResourceSetStatus,
}

impl Stored {
    /// Reads the ResourceSet, or makes it; tries until that succeeds.
    pub(super) async fn open(cluster: &Cluster, set: &str) -> Self {
        let mut failures = 0;
        loop {
            match Self::read_or_make(cluster, set).await {
                Ok(stored) => return stored,
                Err(error) => {
                    let hint = match error.failure {
                        Failure::NotFound(_) => {
                            ": install the CustomResourceDefinitions, `stationmaster crds` prints them"
                        }
                        Failure::Forbidden(_) => ": grant what manifests/native/rbac.yaml says",
                        _ => "",
                    };
                    warn!(%error, cause = %error.failure, "nothing is applied without a ResourceSet{hint}");
                }
            }
            tokio::time::sleep(backoff(FIRST_PAUSE, failures.min(MOST_DOUBLINGS))).await;
            failures += 1;
        }
    }

    async fn read_or_make(cluster: &Cluster, set: &str) -> Result<Self, Error> {
        if let Some(found) = cluster.get::<ResourceSet>("", set).await? {
            return Ok(Self {
                metadata: found.metadata,
                status: found.status.unwrap_or_default(),
            });
        }
        let object = json!({
            "apiVersion": format!("{RESOURCES_GROUP}/v1alpha1"), "kind": "ResourceSet", "spec": {},
            "metadata": {"name": set, "labels": {label::PART_OF: CATEGORY}},
        });
        let metadata = cluster.create::<ResourceSet>("", &object, DryRun::No).await?;
        Ok(Self {
            metadata,
            status: ResourceSetStatus::default(),
        })
    }

    /// The kinds that were ever applied.
    pub(super) fn kinds(&self) -> &[String] {
        &self.status.kinds
    }
}

impl Report {
    pub(super) fn new(stored: &Stored, metrics: Metrics) -> Self {
        Self {
            tally: Mutex::new(Tally::new(&stored.status)),
            touched: Notify::new(),
            stored: watch::Sender::new(stored.kinds().to_vec()),
            metrics,
        }
    }

    /// Notes what became of a namespace.
    pub(super) fn note(&self, namespace: &str, outcome: Outcome) {
        self.tally().note(namespace, outcome);
        self.touch();
    }

    /// A namespace is gone, or wants nothing.
    pub(super) fn forget(&self, namespace: &str) {
        self.tally().forget(namespace);
        self.touch();
    }

    /// Notes why a kind cannot be used, or that it can.
    pub(super) fn note_refusal(&self, kind: &str, why: Option<&str>) {
        self.tally().note_refusal(kind, why);
        self.touch();
    }

    /// Nothing is told before something is known of each of these.
    pub(super) fn expect(&self, namespaces: impl IntoIterator<Item = Box<str>>) {
        self.tally().expect(namespaces);
        self.touch();
    }

    /// What is no namespace any more is forgotten.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.tally().retain(is_there);
        self.touch();
    }

    /// Something that the status tells of may have changed.
    pub(super) fn touch(&self) {
        let (wanted, applied, failed) = self.tally().counts();
        self.metrics.resources(wanted, applied, failed);
        self.touched.notify_one();
    }

    /// Returns when the stored status tells of this kind.
    pub(super) async fn record_kind(&self, kind: &str) {
        if self.tally().note_kind(kind) {
            self.touch();
        }
        let mut stored = self.stored.subscribe();
        // The sender lives as long as we do.
        let _ = stored.wait_for(|kinds| kinds.iter().any(|stored| stored == kind)).await;
    }

    /// Writes the status whenever it differs; does not end.
    pub(super) async fn write(&self, cluster: &Cluster, set: &str, current: &Arc<Current>, mut stored: Stored) {
        let mut failures = 0;
        loop {
            if timeout(LOOK, self.touched.notified()).await.is_err() {
                stored = self.looked_at(cluster, set, stored).await;
            }
            let faults = current.found_faults();
            let folder = Folder {
                faults: &faults,
                is_in_force: current.set().is_some(),
            };
            let status = self.tally().status(&stored.status, folder, now());
            if status == stored.status {
                continue;
            }
            let written = cluster.replace_status::<ResourceSet>(&stored.metadata, &status).await;
            let Err(error) = written.map(|metadata| stored = Stored { metadata, status }) else {
                failures = 0;
                self.stored.send_replace(stored.status.kinds.clone());
                tokio::time::sleep(PERIOD).await;
                continue;
            };
            if matches!(error.failure, Failure::Conflict(_) | Failure::NotFound(_)) {
                info!(%error, "the ResourceSet was changed by others: reading it again");
                stored = Stored::open(cluster, set).await;
            } else {
                let cause = withheld::text(&error.failure.to_string());
                warn!(%error, cause, "the ResourceSet cannot be written: no new kind is applied until it can");
            }
            tokio::time::sleep(backoff(FIRST_PAUSE, failures.min(MOST_DOUBLINGS))).await;
            failures += 1;
            self.touched.notify_one();
        }
    }

    /// Somebody may have deleted it, and with it the kinds that a later process has to know.
    async fn looked_at(&self, cluster: &Cluster, set: &str, stored: Stored) -> Stored {
        match cluster.get_metadata::<ResourceSet>("", set).await {
            Ok(Some(seen)) if seen.resource_version == stored.metadata.resource_version => stored,
            Ok(_) => Stored::open(cluster, set).await,
            Err(_) => stored,
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
