//! Events on executions: queued, sent one after the other beside everything else, dropped and counted when too many wait.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::debug;

use super::backlog::Backlog;
use super::metrics::Metrics;
use crate::api::dispatch::view::JobExecution;
use crate::api::names::FIELD_MANAGER;
use crate::clients::cluster::{Cluster, DryRun};
use crate::dispatch::transition::Transition;
use crate::dispatch::withheld;

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

/// An event that has not been sent.
struct Waiting {
    execution: Arc<JobExecution>,
    transition: Transition,
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
                let namespace = next.execution.metadata.namespace.as_deref().unwrap_or_default();
                let event = event(&next.execution, &next.transition, next.at);
                if let Err(error) = cluster.create::<Event>(namespace, &event, DryRun::No).await {
                    debug!(%error, cause = withheld::text(&error.failure.to_string()), "event lost");
                }
            }
        };
        (Self { queue, metrics }, send)
    }

    /// Tells people what has happened to an execution.
    pub(super) fn publish(&self, execution: &Arc<JobExecution>, transition: Transition) {
        let waiting = Waiting {
            execution: Arc::clone(execution),
            transition,
            at: Timestamp::now(),
        };
        if self.queue.try_send(waiting).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}

fn event(execution: &JobExecution, transition: &Transition, now: Timestamp) -> Value {
    let object = execution.object_ref(&());
    let name = object.name.as_deref().unwrap_or_default();
    // Names of objects are ASCII.
    let name = name.get(..NAME_BYTES).unwrap_or(name);
    let seconds = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": format!("{name}.{:x}", now.as_nanosecond()), "namespace": object.namespace},
        "involvedObject": object,
        "reason": transition.reason,
        "message": transition.note,
        "type": if transition.warning { "Warning" } else { "Normal" },
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let event = event(&execution, &transition, now);
        assert_eq!(event["involvedObject"]["uid"], "u");
        assert_eq!(event["involvedObject"]["apiVersion"], "dispatcher.ivan.vc/v1beta1");
        assert_eq!(
            (&event["type"], &event["firstTimestamp"]),
            (&json!("Normal"), &json!("1970-01-01T00:00:01Z"))
        );
        assert!(event["metadata"]["name"].as_str().is_some_and(|name| name.len() <= 253));
    }
}
