//! What this term has written and the watches have not shown yet, so that no own write is followed by a decision from an
//! older state; what the Secrets of a bundle came to, and how often in a row something has failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;
use tokio::time::Instant;

use crate::api::workers::{WorkerBundle, WorkerBundleStatus};
use crate::workers::runtime::Part;

/// What was made and no watch has shown by then is asked after.
pub(super) const UNSEEN: Duration = Duration::from_secs(10);

/// By bundle, and by object.
#[derive(Default)]
pub(super) struct Memory {
    bundles: Mutex<HashMap<ObjectRef<WorkerBundle>, Entry>>,
    applied: Mutex<HashMap<Place, (Value, Instant)>>,
}

/// What kind of object, its namespace and its name.
pub(super) type Place = (Part, String, String);

#[derive(Default)]
struct Entry {
    written: Option<(ObjectMeta, WorkerBundleStatus)>,
    failures: u32,
    secrets: Option<(Vec<String>, String)>,
}

impl Memory {
    /// The bundle after our own last write.
    pub(super) fn current(&self, stored: &Arc<WorkerBundle>) -> Arc<WorkerBundle> {
        let mut bundles = self.bundles();
        let Some(entry) = bundles.get_mut(&ObjectRef::from_obj(&**stored)) else {
            return Arc::clone(stored);
        };
        let is_behind = |(written, _): &(ObjectMeta, WorkerBundleStatus)| {
            let is_same = written.uid == stored.metadata.uid && written.generation == stored.metadata.generation;
            is_same
                && version(written.resource_version.as_deref()) > version(stored.metadata.resource_version.as_deref())
        };
        entry.written = entry.written.take().filter(is_behind);
        let Some((metadata, status)) = &entry.written else {
            return Arc::clone(stored);
        };
        let mut current = WorkerBundle::clone(stored);
        current.metadata = metadata.clone();
        current.status = Some(status.clone());
        Arc::new(current)
    }

    /// The bundle was written, and is now like this.
    pub(super) fn written(&self, bundle: &WorkerBundle) {
        let mut bundles = self.bundles();
        let entry = bundles.entry(ObjectRef::from_obj(bundle)).or_default();
        let status = bundle.status.clone().unwrap_or_default();
        entry.written = Some((bundle.metadata.clone(), status));
    }

    /// What the Secrets in these versions came to.
    pub(super) fn secrets(&self, bundle: &WorkerBundle, versions: &[String]) -> Option<String> {
        let bundles = self.bundles();
        let (known, digest) = bundles.get(&ObjectRef::from_obj(bundle))?.secrets.as_ref()?;
        (known == versions).then(|| digest.clone())
    }

    /// Keeps that for the next time.
    pub(super) fn keep_secrets(&self, bundle: &WorkerBundle, versions: Vec<String>, digest: String) {
        let mut bundles = self.bundles();
        let entry = bundles.entry(ObjectRef::from_obj(bundle)).or_default();
        entry.secrets = Some((versions, digest));
    }

    /// One more failure; how many there were in a row before.
    pub(super) fn failed(&self, bundle: &WorkerBundle) -> u32 {
        let mut bundles = self.bundles();
        let failures = &mut bundles.entry(ObjectRef::from_obj(bundle)).or_default().failures;
        let before = *failures;
        *failures = before.saturating_add(1);
        before
    }

    pub(super) fn succeeded(&self, bundle: &WorkerBundle) {
        if let Some(entry) = self.bundles().get_mut(&ObjectRef::from_obj(bundle)) {
            entry.failures = 0;
        }
    }

    pub(super) fn forget(&self, bundle: &ObjectRef<WorkerBundle>) {
        self.bundles().remove(bundle);
    }

    /// The newer of what a watch has shown and what we have applied; true when no watch has shown that yet.
    pub(super) fn newest(&self, place: &Place, shown: Option<Value>) -> (Option<Value>, bool) {
        let mut applied = self.applied();
        let of = |object: &Value| version(object["metadata"]["resourceVersion"].as_str());
        match (applied.get(place), shown) {
            (Some((own, _)), Some(shown)) if of(own) > of(&shown) => (Some(own.clone()), false),
            (Some((own, at)), None) if at.elapsed() < UNSEEN => (Some(own.clone()), true),
            (_, shown) => {
                applied.remove(place);
                (shown, false)
            }
        }
    }

    pub(super) fn applied_as(&self, place: Place, object: Value) {
        self.applied().insert(place, (object, Instant::now()));
    }

    pub(super) fn gone(&self, place: &Place) {
        self.applied().remove(place);
    }

    fn bundles(&self) -> MutexGuard<'_, HashMap<ObjectRef<WorkerBundle>, Entry>> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn applied(&self) -> MutexGuard<'_, HashMap<Place, (Value, Instant)>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions are numbers that grow; what cannot be read is older than everything.
fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
