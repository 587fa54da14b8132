//! What is told of a bundle: what every pod of it runs, and what keeps them from running what is wanted.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::trouble;
use crate::api::names::{condition_type, event, reason};
use crate::api::workers::pod::BundlePod;
use crate::api::workers::{ServedWorker, WorkerBundle, WorkerBundleStatus};
use crate::condition::{self, Claim};

/// What keeps an object of a bundle from being as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One of [`reason`].
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// What leads to the workers from outside: as it is wanted, or why not.
pub type Routing = Result<(), Problem>;

/// What has been seen of a bundle's objects.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    /// The Deployment, as it is stored.
    pub deployment: Option<&'a Deployment>,
    /// Whether it is what is wanted now.
    pub is_current: bool,
    /// Its pods.
    pub pods: &'a [Arc<BundlePod>],
    /// The image that is wanted.
    pub image: Option<&'a str>,
    /// What keeps the objects from being as they are wanted.
    pub problem: Option<&'a Problem>,
    /// Whether the workers can be reached from outside, where that is wanted.
    pub routing: Option<&'a Routing>,
}

/// Something that people are told by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// One of [`event`].
    pub reason: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
    /// A sentence.
    pub note: String,
}

/// The status of a bundle of which this has been seen.
#[must_use]
pub fn status(bundle: &WorkerBundle, seen: &Seen<'_>, now: &Time) -> WorkerBundleStatus {
    let mut status = bundle.status.clone().unwrap_or_default();
    let counts = Counts::of(seen.deployment);
    let is_rolled_out = seen.is_current && counts.is_complete;
    status.observed_generation = bundle.metadata.generation;
    status.ready = seen.deployment.map(|_| format!("{}/{}", counts.ready, counts.wanted));
    if is_rolled_out {
        status.image = seen.image.map(ToOwned::to_owned);
        status.config_map.clone_from(&bundle.spec.pod_template.config_map);
        status.digest.clone_from(&bundle.spec.digest);
        status.workers = served(bundle);
    }
    if counts.available == 0 {
        status.workers.clear();
    }
    // Until the new one runs everywhere.
    let is_last = |image: &String| Some(image.as_str()) != seen.image;
    status.last_image = status.image.clone().filter(is_last);
    let generation = bundle.metadata.generation;
    let (state, reason, message) = ready(bundle, seen, &counts);
    let claim = Claim {
        type_: condition_type::READY,
        status: state,
        reason,
        message: &message,
    };
    condition::set(&mut status.conditions, claim, generation, now.clone());
    routed(&mut status.conditions, seen.routing, generation, now);
    status
}

/// What people are told when one status follows another.
#[must_use]
pub fn transition(before: &WorkerBundleStatus, after: &WorkerBundleStatus) -> Option<Transition> {
    let state = |status: &WorkerBundleStatus| condition::find(&status.conditions, condition_type::READY).cloned();
    let (was, is) = (state(before), state(after)?);
    let was = was.map(|was| was.reason).unwrap_or_default();
    if was == is.reason || [reason::ROLLING_OUT, reason::NO_WORKERS].contains(&is.reason.as_str()) {
        return None;
    }
    if is.reason == reason::ROLLED_OUT {
        let runs =
            |status: &WorkerBundleStatus| (status.digest.clone(), status.image.clone(), status.config_map.clone());
        // A pod that was started again is no news.
        let is_news = runs(before) != runs(after) || was != reason::ROLLING_OUT;
        let news = Transition {
            reason: event::ROLLED_OUT,
            warning: false,
            note: is.message,
        };
        return is_news.then_some(news);
    }
    Some(Transition {
        reason: event::FAILED,
        warning: true,
        note: is.message,
    })
}

/// Whether all pods that a Deployment wants are of its newest state and answer, and no others are left.
#[must_use]
pub fn is_rolled_out(deployment: &Deployment) -> bool {
    Counts::of(Some(deployment)).is_complete
}

/// Pods of a Deployment.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    wanted: i32,
    updated: i32,
    ready: i32,
    available: i32,
    /// All that are wanted are of the newest state and answer, and no others are left.
    is_complete: bool,
}

impl Counts {
    fn of(deployment: Option<&Deployment>) -> Self {
        let Some(deployment) = deployment else {
            return Self::default();
        };
        let status = deployment.status.clone().unwrap_or_default();
        let wanted = deployment.spec.replicas.unwrap_or(1);
        let [all, updated, ready, available] = [
            status.replicas,
            status.updated_replicas,
            status.ready_replicas,
            status.available_replicas,
        ]
        .map(Option::unwrap_or_default);
        let is_told = status.observed_generation >= deployment.metadata.generation;
        Self {
            wanted,
            updated,
            ready,
            available,
            is_complete: is_told && all == wanted && updated == wanted && available == wanted,
        }
    }
}

fn ready(bundle: &WorkerBundle, seen: &Seen<'_>, counts: &Counts) -> (&'static str, &'static str, String) {
    if let Some(problem) = seen.problem {
        return ("False", problem.reason, problem.message.clone());
    }
    if bundle.spec.workers.is_empty() {
        return ("False", reason::NO_WORKERS, "the bundle has no workers".to_owned());
    }
    let Some(deployment) = seen.deployment else {
        return ("False", reason::ROLLING_OUT, "the Deployment is being made".to_owned());
    };
    let Counts {
        wanted, updated, ready, ..
    } = *counts;
    if seen.is_current && counts.is_complete {
        let pods = if wanted == 1 { "pod runs" } else { "pods run" };
        return ("True", reason::ROLLED_OUT, format!("{wanted} {pods} what is wanted"));
    }
    if let Some(trouble) = trouble(deployment, seen.pods) {
        return ("False", reason::NOT_ROLLED_OUT, trouble);
    }
    let message = format!("{updated} of {wanted} pods are new, and {ready} ready");
    ("False", reason::ROLLING_OUT, message)
}

fn routed(conditions: &mut Vec<Condition>, routing: Option<&Routing>, generation: Option<i64>, now: &Time) {
    let type_ = condition_type::ROUTED;
    let claim = match routing {
        None => return condition::remove(conditions, type_),
        Some(Ok(())) => Claim {
            type_,
            status: "True",
            reason: reason::APPLIED,
            message: "",
        },
        Some(Err(problem)) => Claim {
            type_,
            status: "False",
            reason: problem.reason,
            message: &problem.message,
        },
    };
    condition::set(conditions, claim, generation, now.clone());
}

fn served(bundle: &WorkerBundle) -> Vec<ServedWorker> {
    let workers = bundle.spec.workers.iter().map(|worker| ServedWorker {
        worker_name: worker.worker_name.clone(),
        worker_number: worker.worker_number,
        release: worker.release.clone(),
    });
    workers.collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::fixture::bundle;
    use super::*;

    fn now() -> Time {
        Time(Timestamp::from_second(1).expect("a second of our age"))
    }

    fn deployment(status: &Value) -> Deployment {
        let object = json!({"metadata": {"generation": 2}, "spec": {
            "replicas": 2, "selector": {}, "template": {},
        }, "status": status});
        serde_json::from_value(object).expect("a Deployment")
    }

    fn complete() -> Deployment {
        deployment(&json!({
            "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        }))
    }

    fn incomplete() -> Deployment {
        deployment(&json!({
            "observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2,
        }))
    }

    fn told(bundle: &WorkerBundle, seen: &Seen<'_>) -> Value {
        json!(status(bundle, seen, &now()))
    }

    fn condition(type_: &str, (status, reason): (&str, &str), message: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": 3,
            "lastTransitionTime": "1970-01-01T00:00:01Z",
        })
    }

    fn running(digest: &str) -> Value {
        json!({
            "observedGeneration": 3, "ready": "2/2", "image": "runtime:1", "configMap": "shop-d1", "digest": digest,
            "workers": [
                {"workerName": "cart", "workerNumber": 8080, "release": "cart-1"},
                {"workerName": "wasm-worker", "workerNumber": 8081, "release": "wasm-worker-1"},
            ],
        })
    }

    #[test]
    fn what_every_pod_runs_is_told_of() {
        let deployment = complete();
        let seen = Seen {
            deployment: Some(&deployment),
            is_current: true,
            image: Some("runtime:1"),
            routing: Some(&Ok(())),
            ..Seen::default()
        };
        let mut expected = running("sha256:d1");
        expected["conditions"] = json!([
            condition("Ready", ("True", "RolledOut"), "2 pods run what is wanted"),
            condition("Routed", ("True", "Applied"), ""),
        ]);
        assert_eq!(told(&bundle(), &seen), expected);
    }

    #[test]
    fn the_old_state_is_told_of_until_the_new_one_runs_everywhere() {
        let (complete, incomplete) = (complete(), incomplete());
        let mut bundle = bundle();
        bundle.status = serde_json::from_value(running("sha256:d0")).ok();
        for (deployment, is_current, message) in [
            (&incomplete, true, "1 of 2 pods are new, and 2 ready"),
            (&complete, false, "2 of 2 pods are new, and 2 ready"),
        ] {
            let seen = Seen {
                deployment: Some(deployment),
                is_current,
                image: Some("runtime:2"),
                ..Seen::default()
            };
            let mut expected = running("sha256:d0");
            expected["lastImage"] = json!("runtime:1");
            expected["conditions"] = json!([condition("Ready", ("False", "RollingOut"), message)]);
            assert_eq!(told(&bundle, &seen), expected);
        }
    }

    #[test]
    fn what_does_not_answer_serves_nothing() {
        let deployment = deployment(&json!({"observedGeneration": 1}));
        let seen = Seen {
            deployment: Some(&deployment),
            is_current: true,
            ..Seen::default()
        };
        let expected = json!({
            "observedGeneration": 3, "ready": "0/2",
            "conditions": [condition("Ready", ("False", "RollingOut"), "0 of 2 pods are new, and 0 ready")],
        });
        assert_eq!(told(&bundle(), &seen), expected);
    }

    #[test]
    fn a_problem_is_told_before_anything_else() {
        let deployment = complete();
        let problem = |reason| Problem {
            reason,
            message: "why".to_owned(),
        };
        let seen = Seen {
            deployment: Some(&deployment),
            is_current: true,
            image: Some("runtime:1"),
            problem: Some(&problem(reason::SECRET_NOT_FOUND)),
            routing: Some(&Err(problem(reason::KIND_UNUSABLE))),
            ..Seen::default()
        };
        let told = told(&bundle(), &seen);
        let expected = json!([
            condition("Ready", ("False", "SecretNotFound"), "why"),
            condition("Routed", ("False", "KindUnusable"), "why"),
        ]);
        assert_eq!(told["conditions"], expected);
    }

    #[test]
    fn the_pods_own_reason_is_told() {
        let mut deployment = incomplete();
        let failed = json!([{"type": "Progressing", "status": "False", "reason": "Slow", "message": "too slow"}]);
        if let Some(status) = &mut deployment.status {
            status.conditions = serde_json::from_value(failed).ok();
        }
        let seen = Seen {
            deployment: Some(&deployment),
            is_current: true,
            ..Seen::default()
        };
        let told = told(&bundle(), &seen);
        assert_eq!(
            told["conditions"],
            json!([condition("Ready", ("False", "NotRolledOut"), "Slow: too slow")])
        );
    }

    fn state(reason: &str, digest: &str) -> WorkerBundleStatus {
        let conditions = json!([condition("Ready", ("False", reason), "why")]);
        serde_json::from_value(json!({"digest": digest, "conditions": conditions})).expect("a status")
    }

    #[test]
    fn people_hear_of_what_is_news() {
        let rolled_out = Some(("RolledOut", false));
        let failed = Some(("Failed", true));
        for (before, after, told) in [
            (("RollingOut", "1"), ("RolledOut", "2"), rolled_out),
            (("RollingOut", "1"), ("RolledOut", "1"), None),
            (("NotRolledOut", "1"), ("RolledOut", "1"), rolled_out),
            (("RolledOut", "1"), ("RolledOut", "1"), None),
            (("RolledOut", "1"), ("RollingOut", "1"), None),
            (("RollingOut", "1"), ("NotRolledOut", "1"), failed),
            (("NotRolledOut", "1"), ("NotRolledOut", "1"), None),
            (("RolledOut", "1"), ("SecretNotFound", "1"), failed),
        ] {
            let found = transition(&state(before.0, before.1), &state(after.0, after.1));
            let found = found.map(|found| (found.reason, found.warning));
            assert_eq!(found, told, "{before:?} {after:?}");
        }
        let first = transition(&WorkerBundleStatus::default(), &state("RolledOut", "1"));
        assert_eq!(first.map(|first| first.note).as_deref(), Some("why"));
    }
}
