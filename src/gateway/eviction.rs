//! Which pods without their gateway may be evicted, so that their controller makes others behind it.

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::Owner;

/// Controllers for which the end of a pod is the end of its work: a Job counts it as a failure, a client makes no other,
/// and what a node mirrors is not made by the API server.
const FINAL: [&str; 3] = ["Job", "GatewayClient", "Node"];
/// So many pods that come back without the gateway are enough to know that somebody does not want it.
const RETURNS: usize = 3;
/// A name has to be one that no pod has; the pod that is tried is never stored.
const TRIED: &str = "-tried";
/// Bytes of a pod's name.
const NAME: usize = 253;

/// What became of the pods of each controller since one of them was evicted.
#[derive(Debug, Default)]
pub struct Evictions {
    controllers: HashMap<String, Evicted>,
}

#[derive(Debug)]
struct Evicted {
    since: Time,
    returned: HashSet<String>,
}

impl Evictions {
    /// Whether the pods of this controller come back without the gateway again and again.
    #[must_use]
    pub fn is_contested(&self, owner: &Owner) -> bool {
        let evicted = self.controllers.get(&owner.uid);
        evicted.is_some_and(|evicted| evicted.returned.len() >= RETURNS)
    }

    /// Forgets controllers of which nothing is there any more.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.controllers.retain(|uid, _| is_there(uid));
    }

    /// A pod of this controller was evicted.
    pub fn evicted(&mut self, owner: &Owner, now: Time) {
        self.controllers.entry(owner.uid.clone()).or_insert_with(|| Evicted {
            since: now,
            returned: HashSet::new(),
        });
    }

    /// A pod without the gateway was found; tells whether that makes its controller a contested one.
    pub fn found(&mut self, owner: &Owner, (uid, born): (&str, Option<&Time>)) -> bool {
        let Some(evicted) = self.controllers.get_mut(&owner.uid) else {
            return false;
        };
        let is_new = born.is_some_and(|born| born.0 > evicted.since.0);
        is_new && evicted.returned.insert(uid.to_owned()) && evicted.returned.len() == RETURNS
    }
}

/// Whether this controller makes another pod in the place of one that is deleted, with nothing lost: the end of a pod
/// that does not go on for ever may be the end of its work, whoever has made it.
#[must_use]
pub fn is_remade(pod: &Pod, owner: &Owner) -> bool {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    policy.is_none_or(|policy| policy == "Always") && !FINAL.contains(&&*owner.kind)
}

/// Whether a pod does what an evicted one of this controller did.
#[must_use]
pub fn succeeds(pod: &Pod, owner: &Owner) -> bool {
    let metadata = &pod.metadata;
    let mut owners = metadata.owner_references.iter().flatten();
    let is_of_owner = owners.any(|other| other.controller == Some(true) && other.uid == owner.uid);
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let is_ready = conditions
        .into_iter()
        .any(|is| is.type_ == "Ready" && is.status == "True");
    is_of_owner && is_ready && metadata.deletion_timestamp.is_none()
}

/// A pod as its controller would make it, to be tried and not stored: whether it would get the gateway now.
#[must_use]
pub fn replacement(pod: &Pod) -> Value {
    let metadata = &pod.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    // Names of objects are ASCII.
    let name = name
        .get(..NAME - TRIED.len())
        .unwrap_or(name)
        .trim_end_matches(['-', '.']);
    let mut spec = pod.spec.clone().unwrap_or_default();
    spec.node_name = None;
    spec.ephemeral_containers = None;
    json!({
        "apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {
            "name": format!("{name}{TRIED}"), "namespace": metadata.namespace,
            "labels": metadata.labels, "annotations": metadata.annotations,
        },
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn owner(kind: &str) -> Owner {
        Owner {
            kind: kind.to_owned(),
            name: "web".to_owned(),
            uid: "u".to_owned(),
        }
    }

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn work_that_would_be_lost_is_not_made_again() {
        for (kind, policy, expected) in [
            ("ReplicaSet", None, true),
            ("StatefulSet", Some("Always"), true),
            ("DaemonSet", Some("Always"), true),
            ("Job", Some("Always"), false),
            ("GatewayClient", Some("Always"), false),
            ("Node", None, false),
            ("Workflow", Some("Never"), false),
            ("Workflow", Some("OnFailure"), false),
        ] {
            let pod = json!({"metadata": {}, "spec": {"containers": [], "restartPolicy": policy}});
            let pod = serde_json::from_value(pod).unwrap();
            assert_eq!(is_remade(&pod, &owner(kind)), expected, "{kind} {policy:?}");
        }
    }

    #[test]
    fn pods_that_come_back_without_end_it() {
        let (mut evictions, owner) = (Evictions::default(), owner("ReplicaSet"));
        assert!(!evictions.found(&owner, ("before", Some(&at(5)))));
        evictions.evicted(&owner, at(10));
        evictions.evicted(&owner, at(20));
        // Those that were there before are no returns, and each returns once.
        for (uid, born, contested) in [
            ("old", 9, false),
            ("older", 8, false),
            ("one", 11, false),
            ("one", 11, false),
            ("two", 12, false),
            ("three", 21, true),
            ("four", 22, false),
        ] {
            assert!(!evictions.is_contested(&owner) || uid == "four");
            assert_eq!(evictions.found(&owner, (uid, Some(&at(born)))), contested, "{uid}");
        }
        assert!(evictions.is_contested(&owner));
    }

    #[test]
    fn a_controller_that_is_gone_is_forgotten() {
        let (mut evictions, owner) = (Evictions::default(), owner("ReplicaSet"));
        evictions.evicted(&owner, at(10));
        evictions.retain(|uid| uid == "u");
        assert!(!evictions.controllers.is_empty());
        evictions.retain(|uid| uid != "u");
        assert!(evictions.controllers.is_empty());
    }

    #[test]
    fn a_successor_is_ready_and_of_the_same_controller() {
        let owner = owner("StatefulSet");
        for (place, value, expected) in [
            ("/metadata/name", json!("web-0"), true),
            ("/metadata/ownerReferences/0/uid", json!("v"), false),
            ("/metadata/ownerReferences/0/controller", json!(false), false),
            ("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"), false),
            ("/status/conditions/1/status", json!("False"), false),
            ("/status/conditions", json!(null), false),
        ] {
            let mut pod = json!({
                "metadata": {"name": null, "deletionTimestamp": null, "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": true},
                ]},
                "status": {"conditions": [
                    {"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"},
                ]},
            });
            *pod.pointer_mut(place).unwrap() = value.clone();
            let pod = serde_json::from_value(pod).unwrap();
            assert_eq!(succeeds(&pod, &owner), expected, "{place} {value}");
        }
    }

    #[test]
    fn a_replacement_is_a_new_pod_of_the_same_kind() {
        let pod = json!({
            "metadata": {
                "name": "x".repeat(250), "namespace": "media", "uid": "u", "resourceVersion": "1",
                "labels": {"a": "b"}, "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o"}],
            },
            "spec": {"containers": [{"name": "app"}], "nodeName": "node", "ephemeralContainers": [{"name": "debug"}]},
            "status": {"phase": "Running"},
        });
        let made = replacement(&serde_json::from_value(pod).unwrap());
        let name = format!("{}-tried", "x".repeat(247));
        assert_eq!(
            made,
            json!({
                "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app"}]},
                "metadata": {"name": name, "namespace": "media", "labels": {"a": "b"}, "annotations": null},
            })
        );
    }
}
