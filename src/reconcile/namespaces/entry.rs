//! One object in the index, and the fields that equal objects share.

use std::collections::HashSet;
use std::sync::Arc;

use crate::resources::native::{Known, Observed};

/// An object as it was seen last.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) known: Known,
    /// Of the object; what is older is no news.
    pub(super) version: u64,
    /// The list in which it was seen last.
    pub(super) list: u32,
    /// It was there before we first applied it, and that may not be written in it yet.
    pub(super) found: bool,
}

impl Entry {
    pub(super) fn new(kind: &Arc<str>, name: &str, observed: Observed, (version, list): (u64, u32)) -> Self {
        let known = Known {
            kind: Arc::clone(kind),
            name: name.into(),
            observed,
            applied: None,
            settled: false,
        };
        Self {
            known,
            version,
            list,
            found: false,
        }
    }

    /// With what is not written in the object yet.
    pub(super) fn seen(&self) -> Known {
        let mut known = self.known.clone();
        known.observed.found |= self.found;
        known
    }

    /// Takes what is seen, unless that is of an earlier time; true when it tells something new.
    pub(super) fn see(&mut self, observed: Observed, version: u64) -> bool {
        if version < self.version {
            return false;
        }
        self.version = version;
        let is_news = self.known.observed != observed;
        if is_news {
            self.known.observed = observed;
            self.known.settled = false;
        }
        is_news
    }

    pub(super) fn is(&self, kind: &str, name: &str) -> bool {
        *self.known.kind == *kind && *self.known.name == *name
    }
}

/// Equal objects of many namespaces own equal fields: one copy of each.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) all: HashSet<Arc<str>>,
    /// When there are so many, those that nobody owns any more go.
    sweep_at: usize,
}

impl Fields {
    pub(super) fn shared(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.all.get(text.as_str()) {
            return Arc::clone(known);
        }
        if self.all.len() >= self.sweep_at {
            self.all.retain(|fields| Arc::strong_count(fields) > 1);
            self.sweep_at = (2 * self.all.len()).max(1024);
        }
        let text: Arc<str> = text.into();
        self.all.insert(Arc::clone(&text));
        text
    }
}
