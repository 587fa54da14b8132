//! The status of a client: a function of what was recorded before and what is observed now, and what its changes mean
//! to people.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::plan::End;
use crate::api::gateway::{ClientPhase, ClientPod, GatewayClient, GatewayClientStatus};
use crate::api::names::{annotation, condition_type, event, reason};
use crate::condition::{self, Claim};

/// What has become of a client, as far as can be seen.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// There is no pod yet, for this reason.
    Held(Hold<'a>),
    /// There will be no pod, for this reason.
    Refused(Hold<'a>),
    /// This pod.
    Pod(&'a ClientPod),
    /// The pod has failed or is gone, and is made again.
    Replaced(Option<&'a ClientPod>),
    /// The client is over.
    Over(End, Option<&'a ClientPod>),
}

/// Why there is no pod: one of [`reason`], and a sentence.
pub type Hold<'a> = (&'static str, &'a str);

/// Something that happened to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// One of [`event`].
    pub reason: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
    /// A sentence for people.
    pub note: String,
}

/// The status to record; equal to the recorded one when nothing has changed.
#[must_use]
pub fn status(client: &GatewayClient, observed: Observed<'_>, now: &Time) -> GatewayClientStatus {
    let generation = client.metadata.generation;
    let mut next = Next {
        status: client.status.clone().unwrap_or_default(),
        generation,
        now,
    };
    next.status.observed_generation = generation;
    match observed {
        Observed::Held(hold) => next.held(hold),
        Observed::Refused(hold) => {
            next.held(hold);
            next.finish(ClientPhase::Failed, hold);
        }
        Observed::Pod(pod) => next.pod(pod),
        Observed::Replaced(pod) => next.replaced(pod),
        Observed::Over(end, pod) => next.over(end, pod),
    }
    next.status
}

/// What has happened between two statuses; nothing when only details differ.
#[must_use]
pub fn transition(before: &GatewayClientStatus, after: &GatewayClientStatus) -> Option<Transition> {
    let pod = after.pod_name.as_deref().unwrap_or_default();
    let told = |reason, warning, note| Some(Transition { reason, warning, note });
    let why = || after.message.clone().unwrap_or_default();
    match after.phase {
        Some(ClientPhase::Failed) if before.phase != after.phase => told(event::FAILED, true, why()),
        Some(ClientPhase::Ended) if before.phase != after.phase => told(event::ENDED, false, why()),
        _ if before.replaced != after.replaced => {
            told(event::REPLACED, true, format!("Pod {pod} failed and is made again"))
        }
        Some(ClientPhase::Scheduled | ClientPhase::Ready) if before.pod_uid != after.pod_uid => {
            told(event::CREATED, false, format!("Pod {pod} created"))
        }
        _ => None,
    }
}

struct Next<'a> {
    status: GatewayClientStatus,
    generation: Option<i64>,
    now: &'a Time,
}

impl Next<'_> {
    fn set(&mut self, type_: &str, status: &str, (reason, message): Hold<'_>) {
        let claim = Claim {
            type_,
            status,
            reason,
            message,
        };
        condition::set(&mut self.status.conditions, claim, self.generation, self.now.clone());
    }

    fn held(&mut self, hold: Hold<'_>) {
        self.status.phase = Some(ClientPhase::Pending);
        self.set(condition_type::POD_CREATED, "False", hold);
    }

    fn pod(&mut self, pod: &ClientPod) {
        self.identify(pod);
        self.set(
            condition_type::POD_CREATED,
            "True",
            (reason::POD_CREATED, "the pod exists"),
        );
        let ready = pod.condition("Ready").is_some_and(|ready| ready.status == "True");
        let (phase, status, hold) = if ready && !pod.is_going() {
            (ClientPhase::Ready, "True", (reason::POD_READY, "the pod is ready"))
        } else {
            let hold = (reason::POD_NOT_READY, "the pod is not ready");
            (ClientPhase::Scheduled, "False", hold)
        };
        self.set(condition_type::READY, status, hold);
        self.status.phase = Some(phase);
    }

    /// Which pod it is, and whether it has the gateway.
    fn identify(&mut self, pod: &ClientPod) {
        self.status.pod_name.clone_from(&pod.metadata.name);
        self.status.pod_uid.clone_from(&pod.metadata.uid);
        let gateway = pod.annotation(annotation::CLIENT_GATEWAY);
        self.status.gateway = gateway.map(str::to_owned);
        let injected = pod.annotation(annotation::INJECTED);
        let injected = injected.map(|value| value.rsplit_once('@').map_or(value, |(name, _)| name));
        let (status, hold) = match injected {
            Some(name) if Some(name) == gateway => ("True", (reason::INJECTED, "the pod has the gateway")),
            Some(_) => {
                let text = "the pod has another gateway: two gateways choose the same pods";
                ("False", (reason::OTHER_GATEWAY, text))
            }
            None => {
                let text = "the pod was created without the gateway: no webhook answered, or none is registered";
                ("False", (reason::NOT_INJECTED, text))
            }
        };
        self.set(condition_type::INJECTED, status, hold);
    }

    /// The UID of the pod stays, which tells that this one has been counted.
    fn replaced(&mut self, pod: Option<&ClientPod>) {
        if let Some(pod) = pod {
            self.identify(pod);
        }
        self.status.replaced += 1;
        let evicted = pod.is_some_and(|pod| pod.status.reason == "Evicted" || pod.is_disrupted());
        let text = match pod {
            Some(_) if evicted => "the pod was evicted; it is made again",
            Some(_) => "the pod failed; it is made again",
            None => "the pod without the gateway is gone; it is made again",
        };
        self.held((reason::POD_FAILED, text));
        self.set(condition_type::READY, "False", (reason::POD_FAILED, text));
    }

    fn over(&mut self, end: End, pod: Option<&ClientPod>) {
        if let Some(pod) = pod {
            self.identify(pod);
            let hold = (reason::POD_CREATED, "the pod was created");
            self.set(condition_type::POD_CREATED, "True", hold);
        }
        let (phase, hold) = match end {
            End::Requested => (ClientPhase::Ended, (reason::END_REQUESTED, "it was asked to end")),
            End::LifetimeOver => (
                ClientPhase::Ended,
                (reason::LIFETIME_OVER, "its lifetimeSeconds are over"),
            ),
            End::PodSucceeded => (ClientPhase::Ended, (reason::POD_SUCCEEDED, "the pod has ended well")),
            End::PodDeleted => (ClientPhase::Ended, (reason::POD_DELETED, "the pod was deleted")),
            End::PodFailed => (
                ClientPhase::Failed,
                (reason::POD_FAILED, "the pod has failed again and again; see its logs"),
            ),
        };
        self.finish(phase, hold);
    }

    fn finish(&mut self, phase: ClientPhase, hold: Hold<'_>) {
        self.status.phase = Some(phase);
        self.status.message = Some(hold.1.to_owned());
        self.status.finish_time = Some(self.now.clone());
        self.set(condition_type::READY, "False", hold);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Time {
        Time(Timestamp::from_second(60).expect("a second of our age"))
    }

    fn client() -> GatewayClient {
        serde_json::from_value(json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {"name": "c", "generation": 2}, "spec": {"gatewayName": "foo", "message": "a secret"},
        }))
        .expect("a client")
    }

    fn pod(injected: Option<&str>, ready: &str) -> ClientPod {
        serde_json::from_value(json!({
            "metadata": {"name": "c", "uid": "p", "annotations": {
                "gateway.stationmaster.dev/client-gateway": "foo", "gateway.stationmaster.dev/injected": injected.unwrap_or(""),
            }},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        }))
        .map(|mut pod: ClientPod| {
            if injected.is_none() {
                pod.metadata.annotations.as_mut().map(|all| all.remove(annotation::INJECTED));
            }
            pod
        })
        .expect("a pod")
    }

    /// `type=status/reason` of every condition.
    fn told(status: &GatewayClientStatus) -> Vec<String> {
        let conditions = status.conditions.iter();
        conditions
            .map(|condition| format!("{}={}/{}", condition.type_, condition.status, condition.reason))
            .collect()
    }

    #[test]
    fn a_pod_is_recorded_as_it_is() {
        for (injected, ready, phase, conditions) in [
            (
                Some("foo@1"),
                "True",
                ClientPhase::Ready,
                [
                    "Injected=True/Injected",
                    "PodCreated=True/PodCreated",
                    "Ready=True/PodReady",
                ],
            ),
            (
                Some("bar@1"),
                "False",
                ClientPhase::Scheduled,
                [
                    "Injected=False/OtherGateway",
                    "PodCreated=True/PodCreated",
                    "Ready=False/PodNotReady",
                ],
            ),
            (
                None,
                "Unknown",
                ClientPhase::Scheduled,
                [
                    "Injected=False/NotInjected",
                    "PodCreated=True/PodCreated",
                    "Ready=False/PodNotReady",
                ],
            ),
        ] {
            let status = status(&client(), Observed::Pod(&pod(injected, ready)), &now());
            assert_eq!(
                (status.phase, told(&status)),
                (Some(phase), conditions.map(str::to_owned).to_vec())
            );
            assert_eq!(
                (
                    status.pod_name.as_deref(),
                    status.pod_uid.as_deref(),
                    status.gateway.as_deref()
                ),
                (Some("c"), Some("p"), Some("foo"))
            );
            assert_eq!((status.observed_generation, status.finish_time), (Some(2), None));
        }
    }

    #[test]
    fn what_was_recorded_is_not_recorded_again() {
        let mut client = client();
        for observed in [
            Observed::Held(("Unavailable", "why")),
            Observed::Pod(&pod(None, "True")),
            Observed::Refused(("Forbidden", "why")),
        ] {
            client.status = Some(status(&client, observed, &now()));
            let later = Time(Timestamp::from_second(61).expect("a second of our age"));
            let again = status(&client, observed, &later);
            let known = client.status.clone().expect("it was recorded");
            let finished = again.finish_time.is_some();
            assert!(finished || again == known, "{again:?}");
        }
    }

    #[test]
    fn an_end_says_why_and_when() {
        for (end, phase, message) in [
            (End::Requested, "Ended", "it was asked to end"),
            (End::LifetimeOver, "Ended", "its lifetimeSeconds are over"),
            (End::PodSucceeded, "Ended", "the pod has ended well"),
            (End::PodDeleted, "Ended", "the pod was deleted"),
            (
                End::PodFailed,
                "Failed",
                "the pod has failed again and again; see its logs",
            ),
        ] {
            let status = status(&client(), Observed::Over(end, None), &now());
            let told = serde_json::to_value(&status).expect("it is JSON");
            assert_eq!(
                (&told["phase"], &told["message"], &told["finishTime"]),
                (&json!(phase), &json!(message), &json!("1970-01-01T00:01:00Z")),
            );
        }
        let refused = status(&client(), Observed::Refused(("UnknownGateway", "why")), &now());
        assert_eq!(
            told(&refused),
            ["PodCreated=False/UnknownGateway", "Ready=False/UnknownGateway"]
        );
        assert_eq!(
            (refused.phase, refused.message.as_deref()),
            (Some(ClientPhase::Failed), Some("why"))
        );
    }

    #[test]
    fn people_hear_of_what_they_would_act_upon() {
        let (new, client) = (GatewayClientStatus::default(), client());
        let after = |before: &GatewayClientStatus, observed: Observed<'_>| {
            let mut client = client.clone();
            client.status = Some(before.clone());
            status(&client, observed, &now())
        };
        let (fresh, ready) = (pod(Some("foo@1"), "False"), pod(Some("foo@1"), "True"));
        let created = after(&new, Observed::Pod(&fresh));
        let is_ready = after(&created, Observed::Pod(&ready));
        let replaced = after(&is_ready, Observed::Replaced(Some(&ready)));
        let ended = after(&is_ready, Observed::Over(End::Requested, Some(&ready)));
        let failed = after(&new, Observed::Refused(("Forbidden", "exceeded quota")));
        let held = after(&new, Observed::Held(("Unavailable", "why")));
        for (before, after, expected) in [
            (&new, &held, None),
            (&new, &created, Some((event::CREATED, false, "Pod c created"))),
            (&created, &is_ready, None),
            (
                &is_ready,
                &replaced,
                Some((event::REPLACED, true, "Pod c failed and is made again")),
            ),
            (&is_ready, &ended, Some((event::ENDED, false, "it was asked to end"))),
            (&ended, &ended, None),
            (&new, &failed, Some((event::FAILED, true, "exceeded quota"))),
        ] {
            let expected = expected.map(|(reason, warning, note)| Transition {
                reason,
                warning,
                note: note.into(),
            });
            assert_eq!(transition(before, after), expected);
        }
        let all: Value = json!([created, is_ready, replaced, ended, failed]);
        assert!(!all.to_string().contains("a secret"), "{all}");
    }
}
