//! Everything that carries the label of our set, in a hundred bytes each, by namespace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::entry::{Entry, Fields};
use crate::clients::cluster::place;
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
    kinds: HashMap<Arc<str>, Seen>,
    fields: Fields,
}

/// How far the watch of a kind has come.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Counts its lists.
    list: u32,
    /// The latest version that it has shown.
    version: u64,
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
        entries.map(Entry::seen).collect()
    }

    /// Remembers of an object that we have just applied that it was there before.
    pub(super) fn set_found(&self, kind: &str, metadata: &ObjectMeta) {
        let (namespace, name) = place(metadata);
        let mut inner = self.inner();
        let entries = inner.namespaces.get_mut(namespace).into_iter().flatten();
        for entry in entries.filter(|entry| entry.is(kind, name)) {
            entry.found = true;
            entry.known.settled = false;
        }
    }

    /// A new list of a kind begins. It may be of an earlier time, where a backup was restored: whatever it shows is news.
    pub(super) fn list_begins(&self, kind: &Arc<str>) {
        let mut inner = self.inner();
        let seen = inner.kinds.entry(Arc::clone(kind)).or_default();
        seen.list += 1;
        seen.version = 0;
        let entries = inner.namespaces.values_mut().flatten();
        for entry in entries.filter(|entry| entry.known.kind == *kind) {
            entry.version = 0;
        }
    }

    /// Notes an object as a watch or a list shows it; true when that tells something new.
    pub(super) fn note(&self, kind: &Arc<str>, metadata: &ObjectMeta) -> bool {
        let (namespace, name) = place(metadata);
        let (version, mut inner) = (version(metadata), self.inner());
        let Inner {
            namespaces,
            kinds,
            fields,
        } = &mut *inner;
        let seen = kinds.entry(Arc::clone(kind)).or_default();
        seen.version = seen.version.max(version);
        let observed = Observed::of(metadata, &self.manager, |text| fields.shared(text));
        let entries = namespaces.entry(namespace.into()).or_default();
        let Some(entry) = entries.iter_mut().find(|entry| entry.is(kind, name)) else {
            entries.push(Entry::new(kind, name, observed, (version, seen.list)));
            return true;
        };
        entry.list = seen.list;
        entry.see(observed, version)
    }

    /// Notes an object as our apply has left it.
    pub(super) fn applied(&self, kind: &str, metadata: &ObjectMeta, digest: Digest) {
        let (namespace, name) = place(metadata);
        let (version, mut inner) = (version(metadata), self.inner());
        let Inner {
            namespaces,
            kinds,
            fields,
        } = &mut *inner;
        let (Some((kind, seen)), observed) = (
            kinds.get_key_value(kind),
            Observed::of(metadata, &self.manager, |text| fields.shared(text)),
        ) else {
            return;
        };
        let entries = namespaces.entry(namespace.into()).or_default();
        let at = entries.iter().position(|entry| entry.is(kind, name));
        let entry = match at {
            Some(at) => &mut entries[at],
            // The watch has come past it and does not show it: it is gone already, and that was told.
            None if version <= seen.version => return,
            None => {
                entries.push(Entry::new(kind, name, observed.clone(), (version, seen.list)));
                entries.last_mut().expect("it was pushed")
            }
        };
        entry.see(observed, version);
        entry.known.applied = Some(digest);
        // Somebody may have changed it since.
        entry.known.settled = entry.version <= version;
        entry.list = seen.list;
    }

    /// An object as its metadata shows it.
    pub(super) fn observed(&self, metadata: &ObjectMeta) -> Observed {
        Observed::of(metadata, &self.manager, Into::into)
    }

    /// Remembers that an object was found to be as it is wanted, if nothing has changed meanwhile.
    pub(super) fn settle(&self, namespace: &str, known: &Known, digest: Digest) {
        let mut inner = self.inner();
        let mut entries = inner.namespaces.get_mut(namespace).into_iter().flatten();
        if let Some(entry) = entries.find(|entry| entry.seen() == *known) {
            entry.known.applied = Some(digest);
            entry.known.settled = true;
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
    pub(super) fn list_ends(&self, kind: &Arc<str>) -> Vec<(String, String)> {
        let mut gone = Vec::new();
        let mut inner = self.inner();
        let list = inner.kinds.get(kind).copied().unwrap_or_default().list;
        inner.namespaces.retain(|namespace, entries| {
            entries.retain(|entry| {
                let stays = entry.known.kind != *kind || entry.list == list;
                if !stays {
                    gone.push((namespace.to_string(), entry.known.name.to_string()));
                }
                stays
            });
            !entries.is_empty()
        });
        gone
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions of one kind can be compared as numbers; one that is no number is always news.
fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref();
    version.and_then(|version| version.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(name: &str, version: u64, fields: &str) -> ObjectMeta {
        let entry = json!({"manager": "us", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {fields: {}}});
        let metadata = json!({
            "namespace": "a", "name": name, "resourceVersion": version.to_string(), "managedFields": [entry],
        });
        serde_json::from_value(metadata).expect("metadata")
    }

    fn index() -> (Index, Arc<str>) {
        let (index, kind) = (Index::new("us".to_owned()), Arc::from("ConfigMap.v1"));
        index.list_begins(&kind);
        assert!(index.list_ends(&kind).is_empty());
        (index, kind)
    }

    fn is_settled(index: &Index) -> Vec<bool> {
        index.of("a").iter().map(|known| known.settled).collect()
    }

    #[test]
    fn the_echo_of_our_own_write_is_no_news() {
        let (index, kind) = index();
        index.applied(&kind, &metadata("x", 5, "f:data"), Digest::default());
        assert!(!index.note(&kind, &metadata("x", 5, "f:data")));
        assert_eq!(is_settled(&index), [true]);
        assert!(index.note(&kind, &metadata("x", 6, "f:other")));
        assert_eq!(is_settled(&index), [false]);
    }

    #[test]
    fn a_late_answer_does_not_hide_what_others_have_done_since() {
        let (index, kind) = index();
        index.note(&kind, &metadata("x", 5, "f:data"));
        index.note(&kind, &metadata("x", 6, "f:other"));
        index.applied(&kind, &metadata("x", 5, "f:data"), Digest::default());
        assert_eq!(is_settled(&index), [false]);
        assert!(index.gone(&kind, &metadata("x", 7, "f:other")));
        index.applied(&kind, &metadata("x", 5, "f:data"), Digest::default());
        assert!(
            index.of("a").is_empty(),
            "it was made, shown and deleted before our answer came"
        );
        index.applied(&kind, &metadata("x", 9, "f:data"), Digest::default());
        assert!(!index.gone(&kind, &metadata("x", 8, "f:data")), "an end of before");
        assert_eq!(is_settled(&index), [true]);
    }

    #[test]
    fn a_list_shows_what_is_gone_and_what_a_backup_has_brought_back() {
        let (index, kind) = index();
        for name in ["x", "y", "z"] {
            index.applied(&kind, &metadata(name, 5, "f:data"), Digest::default());
        }
        index.list_begins(&kind);
        assert!(index.note(&kind, &metadata("x", 2, "f:other")));
        assert!(!index.note(&kind, &metadata("y", 5, "f:data")));
        assert_eq!(index.list_ends(&kind), [("a".to_owned(), "z".to_owned())]);
        assert_eq!(is_settled(&index), [false, true]);
        index.list_begins(&kind);
        index.applied(&kind, &metadata("new", 9, "f:data"), Digest::default());
        let gone = index.list_ends(&kind);
        assert!(
            !gone.iter().any(|(_, name)| name == "new"),
            "it is younger than the list"
        );
    }

    #[test]
    fn what_was_found_stays_found_until_it_is_written() {
        let (index, kind) = index();
        index.applied(&kind, &metadata("x", 5, "f:data"), Digest::default());
        index.set_found(&kind, &metadata("x", 5, "f:data"));
        index.note(&kind, &metadata("x", 5, "f:data"));
        let known = index.of("a").remove(0);
        assert!(known.observed.found && !known.settled);
    }

    #[test]
    fn equal_fields_are_kept_once() {
        let (index, kind) = index();
        for name in ["x", "y"] {
            index.note(&kind, &metadata(name, 5, "f:data"));
        }
        assert_eq!(index.inner().fields.all.len(), 1);
        let fields: Vec<_> = index.of("a").into_iter().map(|known| known.observed.fields).collect();
        assert!(fields.iter().flatten().all(|own| Arc::strong_count(own) >= 3));
    }
}
