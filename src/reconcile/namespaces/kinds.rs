//! The kinds that the folder makes: each is looked up, recorded as one that we apply, and then followed by the metadata
//! of all objects that carry our label.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::runtime::watcher::Event;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::super::error::backoff;
use super::index::Index;
use super::report::Report;
use crate::api::names::label;
use crate::clients::cluster::{Cluster, Failure, Kind, KindError, MetadataEvent, place};

/// First pause before a kind that cannot be used is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Doublings of it, to a minute.
const MOST_DOUBLINGS: u32 = 6;

/// An API server that fails so often in a row is not waited for: other kinds would have to wait too.
const PATIENCE: u32 = 4;
/// Why a cluster-scoped kind is not applied.
const NAMELESS: &str = "it is cluster-scoped, and a folder makes namespaced objects only: remove it from the folder";

/// How far a kind has come.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Nothing is known of its objects yet.
    Pending,
    /// All of its objects are known.
    Listed(Kind),
    /// It cannot be used, and why; it is tried again.
    Refused(Arc<str>),
}

/// All kinds that were asked for.
pub(super) struct Kinds {
    states: Mutex<HashMap<Arc<str>, State>>,
    wanted: mpsc::UnboundedSender<Arc<str>>,
}

/// What following a kind needs and changes.
pub(super) struct Follow<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) index: &'a Index,
    pub(super) report: &'a Report,
    /// Name of the set.
    pub(super) set: &'a str,
    /// Hears of the namespace and name of a changed object, and whether it is gone.
    pub(super) changed: &'a (dyn Fn(Change<'_>) + Sync),
}

/// What the watch of a kind tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// An object is new or not as it was.
    Object { namespace: &'a str },
    /// An object is gone.
    Gone {
        kind: &'a str,
        namespace: &'a str,
        name: &'a str,
    },
    /// Of every kind that was asked for it is known now whether it can be used.
    Kinds,
}

impl Kinds {
    /// No kind yet, and what is asked for.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Arc<str>>) {
        let (wanted, requests) = mpsc::unbounded_channel();
        let kinds = Self {
            states: Mutex::default(),
            wanted,
        };
        (kinds, requests)
    }

    /// How far a kind has come, such as `ConfigMap.v1`. Who asks for the first time has it followed.
    pub(super) fn state(&self, kind: &str) -> State {
        let mut states = self.states();
        if let Some(state) = states.get(kind) {
            return state.clone();
        }
        let name: Arc<str> = kind.into();
        states.insert(Arc::clone(&name), State::Pending);
        // The other end is gone when the term is over.
        let _ = self.wanted.send(name);
        State::Pending
    }

    /// Follows every kind that is asked for; does not end.
    pub(super) async fn follow(&self, mut requests: mpsc::UnboundedReceiver<Arc<str>>, with: &Follow<'_>) {
        let mut following = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(kind) = requests.recv() => following.push(self.follow_kind(kind, with)),
                Some(()) = following.next() => {}
                else => std::future::pending().await,
            }
        }
    }

    /// Does not end: a kind that cannot be listed, or is not served any more, is looked up again, later and later.
    async fn follow_kind(&self, name: Arc<str>, with: &Follow<'_>) {
        let mut failures = 0;
        loop {
            let kind = self.looked_up(&name, with).await;
            // What was applied must be found again, also by a process that has never heard of its template.
            with.report.record_kind(&name).await;
            let failure = self.watched(&name, &kind, with).await;
            failures = if self.is_listed(&name) { 1 } else { failures + 1 };
            self.failed(&name, &kind, (&failure, failures), with);
            tokio::time::sleep(backoff(FIRST_PAUSE, failures.min(MOST_DOUBLINGS))).await;
        }
    }

    /// Follows the objects of a kind until they cannot be listed, or are not served any more.
    async fn watched(&self, name: &Arc<str>, kind: &Kind, with: &Follow<'_>) -> Failure {
        let selector = format!("{}={}", label::RESOURCE_SET, with.set);
        let mut events = std::pin::pin!(with.cluster.metadata(kind, &selector));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.told(name, kind, &event, with),
                // What was listed once stays in use: its objects are known, if late.
                Err(failure @ Failure::Unavailable { .. }) if self.is_listed(name) => {
                    warn!(kind = %name, cause = %failure, "changes by others are not seen now, trying again");
                }
                Err(failure) => return failure,
            }
        }
        Failure::Unavailable {
            message: "the watch has ended".to_owned(),
            retry_after: None,
            is_internal: false,
        }
    }

    fn told(&self, name: &Arc<str>, kind: &Kind, event: &MetadataEvent, with: &Follow<'_>) {
        match event {
            Event::Init => with.index.list_begins(name),
            Event::InitApply(object) | Event::Apply(object) => {
                // The end of the first list has every namespace looked at.
                if with.index.note(name, &object.metadata) && self.is_listed(name) {
                    let (namespace, _) = place(&object.metadata);
                    (with.changed)(Change::Object { namespace });
                }
            }
            Event::InitDone => {
                for (namespace, object) in with.index.list_ends(name) {
                    tell_gone(with, name, &namespace, &object);
                }
                if !self.is_listed(name) {
                    self.set(name, State::Listed(kind.clone()), with);
                }
            }
            Event::Delete(object) => {
                if with.index.gone(name, &object.metadata) {
                    let (namespace, object) = place(&object.metadata);
                    tell_gone(with, name, namespace, object);
                }
            }
        }
    }

    /// Asks for a kind until it is there.
    async fn looked_up(&self, name: &Arc<str>, with: &Follow<'_>) -> Kind {
        let (kind, version) = name.split_once('.').unwrap_or((name, ""));
        let mut failures = 0;
        loop {
            let (why, is_outage) = match with.cluster.kind(version, kind).await {
                Ok(found) if found.is_namespaced() => return found,
                Ok(_) => (NAMELESS.to_owned(), false),
                Err(error) => (
                    error.to_string(),
                    matches!(error, KindError::Failed(Failure::Unavailable { .. })),
                ),
            };
            failures += 1;
            if !is_outage || failures >= PATIENCE {
                self.refuse(name, format!("{name} cannot be used: {why}"), with);
            }
            tokio::time::sleep(backoff(FIRST_PAUSE, failures.min(MOST_DOUBLINGS))).await;
        }
    }

    fn failed(&self, name: &Arc<str>, kind: &Kind, (failure, failures): (&Failure, u32), with: &Follow<'_>) {
        let resource = kind.resource();
        let why = match failure {
            Failure::NotFound(_) => {
                format!("{name} is not served any more: is its CustomResourceDefinition installed?")
            }
            Failure::Unavailable { .. } if failures < PATIENCE => {
                return warn!(kind = %name, cause = %failure, "cannot list, trying again");
            }
            Failure::Forbidden(_) => format!(
                "cannot list and watch {resource}: {failure}: grant get, list, watch, create, patch and delete on {resource}"
            ),
            _ => format!("cannot list and watch {resource}: {failure}"),
        };
        self.refuse(name, why, with);
    }

    fn refuse(&self, name: &Arc<str>, reason: String, with: &Follow<'_>) {
        let known = matches!(self.states().get(name), Some(State::Refused(known)) if **known == *reason);
        if !known {
            warn!(kind = %name, reason, "objects of this kind are neither applied nor removed until that is solved");
            with.report.note_refusal(name, Some(&reason));
            self.set(name, State::Refused(reason.into()), with);
        }
    }

    fn set(&self, name: &Arc<str>, state: State, with: &Follow<'_>) {
        if matches!(state, State::Listed(_)) {
            info!(kind = %name, "all objects of this kind are known");
            with.report.note_refusal(name, None);
        }
        let mut states = self.states();
        states.insert(Arc::clone(name), state);
        let pending = states.values().any(|state| matches!(state, State::Pending));
        drop(states);
        // With the last of them all can be decided.
        if !pending {
            (with.changed)(Change::Kinds);
        }
    }

    fn is_listed(&self, name: &str) -> bool {
        matches!(self.states().get(name), Some(State::Listed(_)))
    }

    fn states(&self) -> MutexGuard<'_, HashMap<Arc<str>, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell_gone(with: &Follow<'_>, kind: &str, namespace: &str, name: &str) {
    (with.changed)(Change::Gone { kind, namespace, name });
}
