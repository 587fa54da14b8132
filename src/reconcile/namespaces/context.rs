//! What every reconcile of a namespace shares.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};

use super::super::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use super::index::Index;
use super::kinds::Kinds;
use super::pace::Pace;
use super::related::RelatedObjects;
use super::repairs::Repairs;
use super::report::{Report, Stored};
use super::{Options, Resources};
use crate::api::names::FIELD_MANAGER;
use crate::clients::cluster::Cluster;
use crate::resources::{Current, Rules};

/// In so young a namespace there can hardly be anything.
const NEWBORN_SECONDS: i64 = 10;

/// All that is kept of a namespace.
pub(super) type NamespaceMeta = PartialObjectMeta<Namespace>;

/// Shared by all reconciles of one term of leadership.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    store: Store<NamespaceMeta>,
    pub(super) current: Arc<Current>,
    pub(super) rules: Rules,
    pub(super) options: Options,
    /// Our name as the owner of fields.
    pub(super) manager: String,
    pub(super) index: Index,
    pub(super) kinds: Kinds,
    pub(super) repairs: Repairs,
    pub(super) report: Report,
    pub(super) pace: Pace,
    pub(super) related: RelatedObjects,
    pub(super) metrics: Metrics,
    /// Says when to begin nothing more.
    pub(super) stop: CancellationToken,
    failures: Mutex<HashMap<String, u32>>,
    /// Namespaces that have come into being while we watched, and were not looked at yet.
    newborn: Mutex<HashSet<String>>,
}

impl Context {
    pub(super) fn new(
        (cluster, store): (Cluster, Store<NamespaceMeta>),
        resources: &Resources,
        (metrics, stored): (Metrics, &Stored),
        (kinds, stop): (Kinds, CancellationToken),
    ) -> Self {
        let options = resources.options.clone();
        // Another set's fields are another manager's.
        let manager = format!("{FIELD_MANAGER}/{}", options.set);
        Self {
            cluster,
            store,
            current: Arc::clone(&resources.current),
            rules: resources.rules.clone(),
            index: Index::new(manager.clone()),
            manager,
            kinds,
            repairs: Repairs::default(),
            report: Report::new(stored, metrics.clone()),
            pace: Pace::new(options.requests_per_second),
            related: RelatedObjects::default(),
            options,
            metrics,
            stop,
            failures: Mutex::default(),
            newborn: Mutex::default(),
        }
    }

    /// A watch shows a namespace: was there one of that name before?
    pub(super) fn notice(&self, namespace: &str) {
        if self.store.get(&ObjectRef::new(namespace)).is_none() {
            self.newborn().insert(namespace.to_owned());
        }
    }

    /// Whether a namespace has only just come into being; asked once, for there is nothing of ours in it yet.
    pub(super) fn is_newborn(&self, namespace: &NamespaceMeta) -> bool {
        let was_noticed = self.newborn().remove(&namespace.name_any());
        let created = namespace.metadata.creation_timestamp.as_ref();
        let age = created.map(|created| Timestamp::now().as_second() - created.0.as_second());
        was_noticed && age.is_some_and(|age| age <= NEWBORN_SECONDS)
    }

    fn newborn(&self) -> MutexGuard<'_, HashSet<String>> {
        self.newborn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version of a namespace as the watch has told it last.
    pub(super) fn version_of(&self, namespace: &str) -> Option<String> {
        self.store
            .get(&ObjectRef::new(namespace))?
            .metadata
            .resource_version
            .clone()
    }

    /// Forgets what is no namespace any more.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.failing().retain(|namespace, _| is_there(namespace));
        self.repairs.retain_namespaces(&is_there);
        self.report.retain(is_there);
    }

    /// How often in a row a namespace has failed before.
    pub(super) fn failures(&self, namespace: &str) -> u32 {
        self.failing().get(namespace).copied().unwrap_or_default()
    }

    /// Counts a failure of a namespace, or forgets all of them.
    pub(super) fn set_failed(&self, namespace: &str, failed: bool) {
        let mut failing = self.failing();
        if failed {
            *failing.entry(namespace.to_owned()).or_default() += 1;
        } else {
            failing.remove(namespace);
        }
    }

    /// A namespace is gone or wants nothing.
    pub(super) fn forget(&self, namespace: &str) {
        self.newborn().remove(namespace);
        self.set_failed(namespace, false);
        self.repairs.retain(namespace, |_, _| false);
        self.report.forget(namespace);
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
