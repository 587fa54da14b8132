//! Events on objects: queued, sent one after the other beside everything else, dropped and counted when too many wait.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, ObjectReference};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::debug;

use super::backlog::Backlog;
use super::metrics::Metrics;
use crate::api::names::FIELD_MANAGER;
use crate::clients::cluster::{Cluster, DryRun};
use crate::dispatch::transition::Transition;
use crate::dispatch::withheld;
use crate::gateway::client;

/// Events that may wait to be sent.
const WAITING: usize = 4096;
/// While there is a backlog of Jobs to make, events are sent no faster.
const PAUSE: Duration = Duration::from_millis(100);
/// What is left of the 253 bytes of a name for the name of the object, before a dot and the time in hexadecimals.
const NAME_BYTES: usize = 253 - 1 - 16;

/// Where events are handed in; never waits.
pub(super) struct Events {
    queue: mpsc::Sender<Waiting>,
    metrics: Metrics,
}

/// What an event tells.
pub(super) struct Note {
    /// One of [`crate::api::names::event`].
    pub(super) reason: &'static str,
    /// Whether somebody should look.
    pub(super) warning: bool,
    /// A sentence for people.
    pub(super) text: String,
}

impl From<Transition> for Note {
    fn from(transition: Transition) -> Self {
        let Transition { reason, warning, note } = transition;
        Self {
            reason,
            warning,
            text: note,
        }
    }
}

impl From<client::Transition> for Note {
    fn from(transition: client::Transition) -> Self {
        let client::Transition { reason, warning, note } = transition;
        let text = withheld::bounded(note);
        Self { reason, warning, text }
    }
}

/// An event that has not been sent.
struct Waiting {
    object: ObjectReference,
    note: Note,
    at: Timestamp,
}

impl Events {
    /// The queue, and the future that empties it.
    pub(super) fn new(
        cluster: Cluster,
        metrics: Metrics,
        backlog: Arc<Backlog>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, mut waiting) = mpsc::channel::<Waiting>(WAITING);
        let send = async move {
            while let Some(next) = waiting.recv().await {
                if backlog.is_high() {
                    tokio::time::sleep(PAUSE).await;
                }
                let namespace = next.object.namespace.as_deref().unwrap_or_default();
                let event = event(&next.object, &next.note, next.at);
                if let Err(error) = cluster.create::<Event>(namespace, &event, DryRun::No).await {
                    debug!(%error, cause = withheld::text(&error.failure.to_string()), "event lost");
                }
            }
        };
        (Self { queue, metrics }, send)
    }

    /// Tells people what has happened to an object.
    pub(super) fn publish(&self, object: ObjectReference, note: impl Into<Note>) {
        let waiting = Waiting {
            object,
            note: note.into(),
            at: Timestamp::now(),
        };
        if self.queue.try_send(waiting).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}

/// An event on an object.
pub(super) fn event(object: &ObjectReference, note: &Note, now: Timestamp) -> Value {
    let name = name(object.name.as_deref().unwrap_or_default(), now.as_nanosecond());
    let seconds = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": object.namespace},
        "involvedObject": object,
        "reason": note.reason,
        "message": note.text,
        "type": if note.warning { "Warning" } else { "Normal" },
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
    })
}

/// A name for an event on the object of this name.
pub(super) fn name(object: &str, distinct: i128) -> String {
    // Names of objects are ASCII.
    let object = object.get(..NAME_BYTES).unwrap_or(object);
    format!("{object}.{distinct:x}")
}

#[cfg(test)]
mod tests {
    use kube::Resource;

    use super::*;
    use crate::api::dispatch::view::JobExecution;

    #[test]
    fn an_event_names_its_execution() {
        let execution: JobExecution = serde_json::from_value(json!({
            "metadata": {"name": "x".repeat(253), "namespace": "here", "uid": "u", "resourceVersion": "7"},
        }))
        .expect("an execution");
        let transition = Transition {
            reason: "Started",
            warning: false,
            note: "Job j started".into(),
        };
        let now = Timestamp::from_second(1).expect("a second of our age");
        let event = event(&execution.object_ref(&()), &transition.into(), now);
        assert_eq!(event["involvedObject"]["uid"], "u");
        assert_eq!(event["involvedObject"]["apiVersion"], "dispatcher.ivan.vc/v1beta1");
        assert_eq!(
            (&event["type"], &event["firstTimestamp"]),
            (&json!("Normal"), &json!("1970-01-01T00:00:01Z"))
        );
        assert!(event["metadata"]["name"].as_str().is_some_and(|name| name.len() <= 253));
    }
}
