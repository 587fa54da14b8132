//! What this term has written and the watch has not shown yet, so that no own write is followed by a decision from an
//! older state; how often in a row something has failed, and how long a pod has been held back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use crate::api::gateway::{GatewayClient, GatewayClientStatus};

/// By client.
#[derive(Default)]
pub(super) struct Memory {
    entries: Mutex<HashMap<ObjectRef<GatewayClient>, Entry>>,
}

#[derive(Default)]
struct Entry {
    written: Option<Written>,
    failures: u32,
    held: Option<Instant>,
}

struct Written {
    /// The versions that this write and those before it replaced: while the store shows one of them, it is behind.
    replaced: Vec<Option<String>>,
    version: Option<String>,
    status: GatewayClientStatus,
}

impl Memory {
    /// The client after our own last write.
    pub(super) fn current(&self, stored: &Arc<GatewayClient>) -> Arc<GatewayClient> {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&ObjectRef::from_obj(&**stored)) else {
            return Arc::clone(stored);
        };
        let written = entry.written.take();
        let behind = written.filter(|written| written.replaced.contains(&stored.metadata.resource_version));
        let Some(written) = behind else {
            return Arc::clone(stored);
        };
        let mut current = GatewayClient::clone(stored);
        current.status = Some(written.status.clone());
        current.metadata.resource_version.clone_from(&written.version);
        entry.written = Some(written);
        Arc::new(current)
    }

    /// The status of `seen` was replaced by this one.
    pub(super) fn status_written(&self, seen: &GatewayClient, version: Option<String>, status: GatewayClientStatus) {
        let mut entries = self.entries();
        let entry = entries.entry(ObjectRef::from_obj(seen)).or_default();
        let mut replaced = entry.written.take().map(|before| before.replaced).unwrap_or_default();
        replaced.push(seen.metadata.resource_version.clone());
        entry.written = Some(Written {
            replaced,
            version,
            status,
        });
    }

    /// Its pod is held back; since when.
    pub(super) fn held_for(&self, client: &GatewayClient) -> Duration {
        let mut entries = self.entries();
        let entry = entries.entry(ObjectRef::from_obj(client)).or_default();
        entry.held.get_or_insert_with(Instant::now).elapsed()
    }

    /// Its pod is held back no more.
    pub(super) fn released(&self, client: &GatewayClient) {
        if let Some(entry) = self.entries().get_mut(&ObjectRef::from_obj(client)) {
            entry.held = None;
        }
    }

    /// One more failure; how many there were in a row before.
    pub(super) fn failed(&self, client: &GatewayClient) -> u32 {
        let mut entries = self.entries();
        let failures = &mut entries.entry(ObjectRef::from_obj(client)).or_default().failures;
        let before = *failures;
        *failures = before.saturating_add(1);
        before
    }

    /// How many failures there were in a row.
    pub(super) fn failures(&self, client: &GatewayClient) -> u32 {
        let entries = self.entries();
        entries
            .get(&ObjectRef::from_obj(client))
            .map_or(0, |entry| entry.failures)
    }

    pub(super) fn succeeded(&self, client: &GatewayClient) {
        if let Some(entry) = self.entries().get_mut(&ObjectRef::from_obj(client)) {
            entry.failures = 0;
        }
    }

    pub(super) fn forget(&self, client: &ObjectRef<GatewayClient>) {
        self.entries().remove(client);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ObjectRef<GatewayClient>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
