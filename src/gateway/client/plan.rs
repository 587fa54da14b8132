//! What there is to do for a client: a function of what is recorded, of its pod and of the time.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::gateway::{ClientPhase, ClientPod, GatewayClient, GatewayClientStatus};
use crate::api::names::{annotation, condition_type, reason};
use crate::condition;
use crate::gateway::event::is_promised;

/// Pods that are replaced before the client has failed.
const REPLACEMENTS: u32 = 5;
/// Until the first replacement; twice as long until each further one.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// A client whose answer no sink has taken yet stays so much longer: two sinks are tried for half an hour each, by a process
/// that may have been away.
const OWED: Duration = Duration::from_secs(2 * 3600);

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, until something changes or the time of [`wake`] has come.
    Wait,
    /// Create the pod.
    Make,
    /// Record what the pod shows.
    Tell,
    /// Record that the pod has failed and is to be made again.
    Replace,
    /// Delete the pod.
    Remove,
    /// Record the end, after the pod is deleted where [`End::takes_the_pod`].
    Finish(End),
    /// Delete the client.
    Forget,
}

/// Why a client comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Somebody asked for it.
    Requested,
    /// Its time is over.
    LifetimeOver,
    /// The pod has ended well.
    PodSucceeded,
    /// Somebody deleted the pod.
    PodDeleted,
    /// The pod has failed too often.
    PodFailed,
}

impl End {
    /// Whether the pod goes with it; one that has ended by itself stays to be looked at, until the client goes.
    #[must_use]
    pub const fn takes_the_pod(self) -> bool {
        matches!(self, Self::Requested | Self::LifetimeOver)
    }
}

/// Decides; `pod` is the client's own.
#[must_use]
pub fn plan(client: &GatewayClient, pod: Option<&ClientPod>, now: Timestamp, retention: Duration) -> Plan {
    let status = client.status.clone().unwrap_or_default();
    let over = over(client, now);
    if let Some(finished) = &status.finish_time {
        let stays = pod.is_some_and(|pod| !pod.is_going());
        return match over {
            Some(_) if stays => Plan::Remove,
            _ if after(finished.0, stay(client, retention)) <= now => Plan::Forget,
            _ => Plan::Wait,
        };
    }
    if let Some(end) = over {
        return Plan::Finish(end);
    }
    match pod {
        None => without_pod(&status, now),
        Some(pod) => with_pod(&status, pod),
    }
}

fn without_pod(status: &GatewayClientStatus, now: Timestamp) -> Plan {
    if had_pod(status) {
        // Whoever takes away a pod without the gateway wants one with it.
        return if is_uninjected(status) && status.replaced < REPLACEMENTS {
            Plan::Replace
        } else {
            Plan::Finish(End::PodDeleted)
        };
    }
    if next_try(status).is_some_and(|next| next > now) {
        Plan::Wait
    } else {
        Plan::Make
    }
}

fn with_pod(status: &GatewayClientStatus, pod: &ClientPod) -> Plan {
    let counted = status.replaced > 0 && !had_pod(status) && status.pod_uid.as_deref() == pod.uid();
    match (pod.status.phase.as_str(), pod.is_going()) {
        (_, true) if counted => Plan::Wait,
        (_, false) if counted => Plan::Remove,
        ("Succeeded", _) => Plan::Finish(End::PodSucceeded),
        ("Failed", false) => replaced_or_failed(status),
        // Drained, preempted or tainted away: nobody meant the client.
        (_, true) if pod.is_disrupted() => replaced_or_failed(status),
        _ => Plan::Tell,
    }
}

fn replaced_or_failed(status: &GatewayClientStatus) -> Plan {
    if status.replaced < REPLACEMENTS {
        Plan::Replace
    } else {
        Plan::Finish(End::PodFailed)
    }
}

/// How long until there is something to do without any change; `now` is that of the [`plan`].
#[must_use]
pub fn wake(client: &GatewayClient, now: Timestamp, retention: Duration) -> Option<Duration> {
    let status = client.status.clone().unwrap_or_default();
    let stay = stay(client, retention);
    let finished = status.finish_time.as_ref().map(|time| after(time.0, stay));
    let times = [finished, lifetime_end(client), next_try(&status)];
    let next = times.into_iter().flatten().filter(|time| *time > now).min()?;
    Duration::try_from(next.duration_since(now)).ok()
}

/// How long a client stays after its end: a promised answer is written from it, and dies with it.
fn stay(client: &GatewayClient, retention: Duration) -> Duration {
    let owed = if is_promised(client) { OWED } else { Duration::ZERO };
    retention.saturating_add(owed)
}

/// Why the client is over, if it is.
fn over(client: &GatewayClient, now: Timestamp) -> Option<End> {
    let annotations = client.metadata.annotations.as_ref();
    if annotations.is_some_and(|all| all.get(annotation::END).is_some_and(|value| value == "true")) {
        return Some(End::Requested);
    }
    lifetime_end(client)
        .is_some_and(|end| end <= now)
        .then_some(End::LifetimeOver)
}

fn lifetime_end(client: &GatewayClient) -> Option<Timestamp> {
    let (created, seconds) = (
        client.metadata.creation_timestamp.as_ref()?,
        client.spec.lifetime_seconds?,
    );
    Some(after(created.0, Duration::from_secs(seconds.into())))
}

/// Whether the recorded pod was the current one when it was last looked at.
#[must_use]
pub fn had_pod(status: &GatewayClientStatus) -> bool {
    matches!(status.phase, Some(ClientPhase::Scheduled | ClientPhase::Ready)) && status.pod_uid.is_some()
}

fn is_uninjected(status: &GatewayClientStatus) -> bool {
    condition::find(&status.conditions, condition_type::INJECTED).is_some_and(|injected| injected.status == "False")
}

/// When a pod that failed is made again.
fn next_try(status: &GatewayClientStatus) -> Option<Timestamp> {
    let created = condition::find(&status.conditions, condition_type::POD_CREATED)?;
    let failed = created.reason == reason::POD_FAILED && status.finish_time.is_none();
    let pause = FIRST_PAUSE * 2_i32.pow(status.replaced.clamp(1, REPLACEMENTS) - 1);
    failed.then(|| {
        let since = created.last_transition_time.0;
        since.checked_add(pause).unwrap_or(Timestamp::MAX)
    })
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::super::status::{Observed, status};
    use super::*;

    const RETENTION: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a second of our age")
    }

    /// A client that was created in second 0.
    fn client(status: &Value) -> GatewayClient {
        serde_json::from_value(json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {"name": "c", "uid": "u", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"gatewayName": "foo"}, "status": status,
        }))
        .expect("a client")
    }

    fn pod(uid: &str, phase: &str) -> ClientPod {
        serde_json::from_value(json!({"metadata": {"name": "c", "uid": uid}, "status": {"phase": phase}}))
            .expect("a pod")
    }

    fn going(mut pod: ClientPod) -> ClientPod {
        pod.metadata.deletion_timestamp = Some(Time(at(1)));
        pod
    }

    #[test]
    fn each_state_has_its_step() {
        let new = json!({});
        let scheduled = json!({"phase": "Scheduled", "podUid": "p"});
        let replacing = json!({"phase": "Pending", "podUid": "p", "replaced": 1});
        let often = json!({"phase": "Scheduled", "podUid": "p", "replaced": 5});
        let (running, failed) = (pod("p", "Running"), pod("p", "Failed"));
        for (status, pod, expected) in [
            (&new, None, Plan::Make),
            (&new, Some(running.clone()), Plan::Tell),
            (&new, Some(failed.clone()), Plan::Replace),
            (&scheduled, Some(running.clone()), Plan::Tell),
            (&scheduled, Some(going(running)), Plan::Tell),
            (&scheduled, Some(pod("p", "Succeeded")), Plan::Finish(End::PodSucceeded)),
            (&scheduled, Some(failed.clone()), Plan::Replace),
            (&scheduled, None, Plan::Finish(End::PodDeleted)),
            (&replacing, Some(failed.clone()), Plan::Remove),
            (&replacing, Some(going(failed.clone())), Plan::Wait),
            (&replacing, None, Plan::Make),
            (&replacing, Some(pod("q", "Running")), Plan::Tell),
            (&replacing, Some(pod("q", "Failed")), Plan::Replace),
            (&often, Some(failed), Plan::Finish(End::PodFailed)),
        ] {
            assert_eq!(
                plan(&client(status), pod.as_ref(), at(10), RETENTION),
                expected,
                "{status} {pod:?}"
            );
        }
    }

    #[test]
    fn an_eviction_is_meant_for_the_node() {
        let disrupted = |phase: &str, status: &str| {
            let mut pod = going(pod("p", phase));
            let condition = json!([{"type": "DisruptionTarget", "status": status, "reason": "EvictionByEvictionAPI"}]);
            pod.status.conditions = serde_json::from_value(condition).expect("conditions");
            pod
        };
        let ready = json!({"phase": "Ready", "podUid": "p"});
        let counted = json!({"phase": "Pending", "podUid": "p", "replaced": 1});
        let often = json!({"phase": "Ready", "podUid": "p", "replaced": 5});
        let mut refused = disrupted("Running", "True");
        refused.metadata.deletion_timestamp = None;
        for (status, pod, expected) in [
            (&ready, disrupted("Running", "True"), Plan::Replace),
            (&ready, disrupted("Failed", "True"), Plan::Replace),
            (&ready, disrupted("Running", "False"), Plan::Tell),
            (&ready, disrupted("Succeeded", "True"), Plan::Finish(End::PodSucceeded)),
            // A budget is in its way: it stays.
            (&ready, refused, Plan::Tell),
            (&counted, disrupted("Running", "True"), Plan::Wait),
            (&often, disrupted("Running", "True"), Plan::Finish(End::PodFailed)),
        ] {
            assert_eq!(
                plan(&client(status), Some(&pod), at(10), RETENTION),
                expected,
                "{status} {pod:?}"
            );
        }
    }

    #[test]
    fn who_waits_for_a_time_is_woken_at_it() {
        let failed = pod("p", "Failed");
        let mut replaced = client(&json!({}));
        replaced.status = Some(status(&replaced, Observed::Replaced(Some(&failed)), &Time(at(100))));
        let ended = client(&json!({"phase": "Ended", "finishTime": "1970-01-01T00:01:40Z"}));
        for (client, retention) in [(replaced, RETENTION), (ended, Duration::from_secs(5))] {
            for second in 100..110 {
                let waits = plan(&client, None, at(second), retention) == Plan::Wait;
                let wake = wake(&client, at(second), retention);
                let due = u64::try_from(105 - second).ok().filter(|left| *left > 0);
                assert_eq!((waits, wake), (due.is_some(), due.map(Duration::from_secs)), "{second}");
            }
        }
    }

    #[test]
    fn a_pod_without_its_gateway_is_no_loss() {
        let lost = |replaced: u32| {
            client(
                &json!({"phase": "Ready", "podUid": "p", "replaced": replaced, "conditions": [{
                    "type": "Injected", "status": "False", "reason": "NotInjected", "message": "",
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                }]}),
            )
        };
        assert_eq!(plan(&lost(0), None, at(10), RETENTION), Plan::Replace);
        assert_eq!(plan(&lost(5), None, at(10), RETENTION), Plan::Finish(End::PodDeleted));
    }

    #[test]
    fn an_end_is_asked_for_or_comes_by_itself() {
        let mut asked = client(&json!({"phase": "Scheduled", "podUid": "p"}));
        asked.metadata.annotations = Some([(annotation::END.to_owned(), "false".to_owned())].into());
        let running = pod("p", "Running");
        assert_eq!(plan(&asked, Some(&running), at(10), RETENTION), Plan::Tell);
        asked.metadata.annotations = Some([(annotation::END.to_owned(), "true".to_owned())].into());
        for pod in [None, Some(&running)] {
            assert_eq!(plan(&asked, pod, at(10), RETENTION), Plan::Finish(End::Requested));
        }
        let mut short = client(&json!({}));
        short.spec.lifetime_seconds = Some(30);
        assert_eq!(plan(&short, None, at(29), RETENTION), Plan::Make);
        assert_eq!(wake(&short, at(29), RETENTION), Some(Duration::from_secs(1)));
        assert_eq!(plan(&short, None, at(30), RETENTION), Plan::Finish(End::LifetimeOver));
        assert_eq!(wake(&short, at(30), RETENTION), None);
    }

    #[test]
    fn what_has_ended_stays_a_while_and_goes() {
        let ended = json!({"phase": "Ended", "podUid": "p", "finishTime": "1970-01-01T00:00:10Z"});
        let mut ended = client(&ended);
        let running = pod("p", "Running");
        assert_eq!(plan(&ended, Some(&running), at(11), RETENTION), Plan::Wait);
        assert_eq!(wake(&ended, at(11), RETENTION), Some(Duration::from_secs(3599)));
        assert_eq!(plan(&ended, None, at(3610), RETENTION), Plan::Forget);
        ended.spec.lifetime_seconds = Some(5);
        assert_eq!(plan(&ended, Some(&running), at(11), RETENTION), Plan::Remove);
        assert_eq!(plan(&ended, Some(&going(running)), at(11), RETENTION), Plan::Wait);
    }

    #[test]
    fn what_has_ended_stays_longer_while_its_answer_is_owed() {
        let mut ended = client(&json!({"phase": "Ended", "finishTime": "1970-01-01T00:00:10Z"}));
        let mut owed = |how: &str| {
            ended.metadata.annotations = Some([(annotation::REPLY.to_owned(), how.to_owned())].into());
            ended.clone()
        };
        let owing = owed(annotation::REPLY_TO_SINK);
        for (second, expected, pause) in [
            (3610, Plan::Wait, Some(7200)),
            (10_809, Plan::Wait, Some(1)),
            (10_810, Plan::Forget, None),
        ] {
            assert_eq!(plan(&owing, None, at(second), RETENTION), expected, "{second}");
            assert_eq!(wake(&owing, at(second), RETENTION), pause.map(Duration::from_secs));
        }
        for how in [annotation::REPLY_SENT, annotation::REPLY_LOST] {
            assert_eq!(plan(&owed(how), None, at(3610), RETENTION), Plan::Forget, "{how}");
        }
    }

    #[test]
    fn each_replacement_waits_longer() {
        let mut known = client(&json!({}));
        let mut since = 100;
        for pause in [5, 10, 20, 40, 80] {
            let failed = pod("p", "Failed");
            let time = Time(at(since));
            known.status = Some(status(&known, Observed::Pod(&failed), &time));
            known.status = Some(status(&known, Observed::Replaced(Some(&failed)), &time));
            assert_eq!(plan(&known, Some(&failed), at(since), RETENTION), Plan::Remove);
            assert_eq!(wake(&known, at(since), RETENTION), Some(Duration::from_secs(pause)));
            assert_eq!(plan(&known, None, at(since), RETENTION), Plan::Wait);
            since += i64::try_from(pause).expect("it is short");
            assert_eq!(plan(&known, None, at(since), RETENTION), Plan::Make);
        }
    }
}
