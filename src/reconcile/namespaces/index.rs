//! Everything that carries the label of our set, in a hundred bytes each, by namespace.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::resources::native::{Digest, Known, Observed};

/// What is known of all objects; shared by the watches, which fill it, and the reconciles, which read it and write what
/// they have done.
#[derive(Debug)]
pub(super) struct Index {
    manager: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    namespaces: HashMap<Box<str>, Vec<Entry>>,
    /// Equal objects of many namespaces own equal fields: one copy of each.
    fields: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// Of the object; what is older is no news.
    version: u64,
    /// The list in which it was seen last.
    list: u32,
}

impl Index {
    pub(super) fn new(manager: String) -> Self {
        Self {
            manager,
            inner: Mutex::default(),
        }
    }

    /// What is known of a namespace's objects.
    pub(super) fn of(&self, namespace: &str) -> Vec<Known> {
        let inner = self.inner();
        let entries = inner.namespaces.get(namespace).into_iter().flatten();
        entries.map(|entry| entry.known.clone()).collect()
    }

    /// Notes an object as a watch or an answer shows it; true when that tells something new. `list` counts the lists of
    /// its kind.
    pub(super) fn note(&self, kind: &Arc<str>, metadata: &ObjectMeta, list: u32) -> bool {
        self.noted(kind, metadata, list, None)
    }

    /// Notes an object as our apply has left it.
    pub(super) fn applied(&self, kind: &Arc<str>, metadata: &ObjectMeta, digest: Digest) {
        self.noted(kind, metadata, 0, Some(digest));
    }

    fn noted(&self, kind: &Arc<str>, metadata: &ObjectMeta, list: u32, settled: Option<Digest>) -> bool {
        let (namespace, name) = place(metadata);
        let mut inner = self.inner();
        let Inner { namespaces, fields } = &mut *inner;
        let observed = Observed::of(metadata, &self.manager, |text| shared(fields, text));
        let version = version(metadata);
        let entries = namespaces.entry(namespace.into()).or_default();
        let Some(entry) = entries.iter_mut().find(|entry| entry.is(kind, name)) else {
            let known = Known {
                kind: Arc::clone(kind),
                name: name.into(),
                observed,
                settled,
            };
            entries.push(Entry { known, version, list });
            return true;
        };
        entry.list = entry.list.max(list);
        if version < entry.version {
            return false;
        }
        entry.version = version;
        let news = entry.known.observed != observed;
        if news {
            entry.known.settled = None;
            entry.known.observed = observed;
        }
        entry.known.settled = settled.or(entry.known.settled);
        news
    }

    /// An object as its metadata shows it.
    pub(super) fn observed(&self, metadata: &ObjectMeta) -> Observed {
        Observed::of(metadata, &self.manager, Into::into)
    }

    /// Remembers that an object was found to be as it is wanted, if nothing has changed meanwhile.
    pub(super) fn settle(&self, namespace: &str, known: &Known, digest: Digest) {
        let mut inner = self.inner();
        let entries = inner.namespaces.get_mut(namespace).into_iter().flatten();
        let entry = entries.map(|entry| &mut entry.known).find(|own| *own == known);
        if let Some(own) = entry {
            own.settled = Some(digest);
        }
    }

    /// Notes that an object is gone, or carries our label no more; false when we know of a later one.
    pub(super) fn gone(&self, kind: &Arc<str>, metadata: &ObjectMeta) -> bool {
        let (namespace, name) = place(metadata);
        let mut inner = self.inner();
        let Some(entries) = inner.namespaces.get_mut(namespace) else {
            return false;
        };
        let before = entries.len();
        entries.retain(|entry| !entry.is(kind, name) || entry.version > version(metadata));
        let gone = entries.len() < before;
        if entries.is_empty() {
            inner.namespaces.remove(namespace);
        }
        gone
    }

    /// A list of a kind is complete: what was not in it is gone. Gives namespace and name of each.
    pub(super) fn listed(&self, kind: &Arc<str>, list: u32) -> Vec<(String, String)> {
        let mut gone = Vec::new();
        let mut inner = self.inner();
        inner.namespaces.retain(|namespace, entries| {
            entries.retain(|entry| {
                let stays = *entry.known.kind != **kind || entry.list == list;
                if !stays {
                    gone.push((namespace.to_string(), entry.known.name.to_string()));
                }
                stays
            });
            !entries.is_empty()
        });
        inner.fields.retain(|fields| Arc::strong_count(fields) > 1);
        gone
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is(&self, kind: &str, name: &str) -> bool {
        *self.known.kind == *kind && *self.known.name == *name
    }
}

fn shared(fields: &mut HashSet<Arc<str>>, text: String) -> Arc<str> {
    if let Some(known) = fields.get(text.as_str()) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    fields.insert(Arc::clone(&text));
    text
}

fn place(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Versions of one kind can be compared as numbers; one that is none is always news.
fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref();
    version.and_then(|version| version.parse().ok()).unwrap_or(u64::MAX)
}
