//! Which pods should be behind a gateway and are not: found by their metadata, and made sure of by the whole pod.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};

use super::{InForce, Namespaces, Spared};
use crate::api::names::{annotation, injected};

/// What the metadata of a pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No gateway is for it, or it is on its way out.
    Unconcerned,
    /// It carries a gateway in the state of this stamp, `NAME@DIGEST`.
    Injected(String),
    /// A gateway of this name is for it, and did not leave its stamp.
    Candidate(String),
    /// Whether one is for it cannot be told yet.
    Unclear,
}

/// What the whole pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Its containers have ended.
    Finished,
    /// It cannot have a gateway.
    Spared(Spared),
    /// It is older than the gateway, which changes no pod that is there.
    Older,
    /// It carries the containers, without our stamp: another has put them there.
    Injected,
    /// It should carry them and does not.
    Uninjected(Option<Owner>),
}

/// The controller that a pod belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `ReplicaSet`, …
    pub kind: String,
    /// Of the controller.
    pub name: String,
    /// Of the controller.
    pub uid: String,
}

/// Reads the metadata of a pod. Pods of namespaces in `excluded` are left to the cluster, as the webhooks leave them.
#[must_use]
pub fn standing(
    metadata: &ObjectMeta,
    in_force: &InForce,
    namespaces: &dyn Namespaces,
    excluded: &[String],
) -> Standing {
    if metadata.deletion_timestamp.is_some() {
        return Standing::Unconcerned;
    }
    let annotations = metadata.annotations.as_ref();
    if let Some(stamp) = annotations.and_then(|all| all.get(annotation::INJECTED)) {
        return Standing::Injected(stamp.clone());
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let is_mirror = annotations.is_some_and(|all| all.contains_key(annotation::MIRROR_POD));
    if is_mirror || excluded.iter().any(|excluded| excluded == namespace) {
        return Standing::Unconcerned;
    }
    match in_force.choose(metadata, namespace, namespaces) {
        Ok(choice) => choice.gateway.map_or(Standing::Unconcerned, |current| {
            Standing::Candidate(current.gateway.name.clone())
        }),
        Err(_) => Standing::Unclear,
    }
}

/// The name in a stamp.
#[must_use]
pub fn stamped_by(stamp: &str) -> &str {
    stamp.rsplit_once('@').map_or(stamp, |(name, _)| name)
}

/// Makes sure of a candidate; `created` is when its gateway was, if that has a time.
#[must_use]
pub fn finding(pod: &Pod, created: Option<&Time>) -> Finding {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return Finding::Finished;
    }
    if let Some(spared) = Spared::of_stored(pod) {
        return Finding::Spared(spared);
    }
    if is_injected(pod) {
        return Finding::Injected;
    }
    let born = pod.metadata.creation_timestamp.as_ref();
    if created.zip(born).is_some_and(|(created, born)| born.0 < created.0) {
        return Finding::Older;
    }
    Finding::Uninjected(owner(&pod.metadata))
}

/// Whether it has a container that only gateways add.
fn is_injected(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let init = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten());
    let mut containers = spec.into_iter().flat_map(|spec| &spec.containers).chain(init);
    containers.any(|container| [injected::INIT, injected::SIDECAR].contains(&&*container.name))
}

/// The controller of an object.
fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let owners = metadata.owner_references.iter().flatten();
    let controller = owners.into_iter().find(|owner| owner.controller == Some(true));
    controller.map(|OwnerReference { kind, name, uid, .. }| Owner {
        kind: kind.clone(),
        name: name.clone(),
        uid: uid.clone(),
    })
}

/// What the event on an uninjected pod says.
#[must_use]
pub fn message(gateway: &str, owner: Option<&Owner>) -> String {
    let remedy = match owner {
        Some(Owner { kind, name, .. }) => format!("delete it, and {kind} {name} makes another"),
        None => "delete it and create it again".to_owned(),
    };
    format!("it should be behind gateway {gateway} and is not: no webhook answered when it was created; {remedy}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{addresses, gateway, surroundings};
    use super::super::{Labels, Rules};
    use super::*;

    struct Known(Option<&'static str>);

    impl Namespaces for Known {
        fn labels(&self, _: &str) -> Option<Labels> {
            self.0.map(|team| [("team".to_owned(), team.to_owned())].into())
        }
    }

    fn in_force() -> InForce {
        let mut gateway = gateway();
        gateway.spec.matches.namespace_selector =
            serde_json::from_value(json!({"matchLabels": {"team": "a"}})).unwrap();
        InForce::new(vec![gateway], (&surroundings(), &addresses()), Rules::default(), true)
    }

    fn metadata(value: Value) -> ObjectMeta {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn metadata_says_whom_a_gateway_is_for() {
        let marked = json!({"namespace": "media", "labels": {"setGateway": "true"}});
        let with = |changes: Value| {
            let mut changed = marked.clone();
            changed
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            changed
        };
        let candidate = || Standing::Candidate("default".to_owned());
        let annotated = |key: &str, value: &str| with(json!({"annotations": {key: value}}));
        for (pod, team, expected) in [
            (marked.clone(), Some("a"), candidate()),
            (marked.clone(), Some("b"), Standing::Unconcerned),
            (marked.clone(), None, Standing::Unclear),
            (json!({"namespace": "media"}), None, Standing::Unconcerned),
            (
                with(json!({"namespace": "kube-system"})),
                Some("a"),
                Standing::Unconcerned,
            ),
            (
                with(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})),
                Some("a"),
                Standing::Unconcerned,
            ),
            (annotated("setGateway", "false"), Some("a"), Standing::Unconcerned),
            (
                annotated("kubernetes.io/config.mirror", "x"),
                Some("a"),
                Standing::Unconcerned,
            ),
            (
                annotated("gateway.stationmaster.dev/injected", "foo@01"),
                Some("b"),
                Standing::Injected("foo@01".to_owned()),
            ),
        ] {
            let excluded = ["kube-system".to_owned()];
            let found = standing(&metadata(pod.clone()), &in_force(), &Known(team), &excluded);
            assert_eq!(found, expected, "{pod} {team:?}");
        }
    }

    #[test]
    fn a_stamp_names_its_gateway() {
        for (stamp, name) in [("foo@01", "foo"), ("a@b@01", "a@b"), ("odd", "odd")] {
            assert_eq!(stamped_by(stamp), name);
        }
    }

    #[test]
    fn the_whole_pod_decides() {
        let created: Time = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        let owner = Owner {
            kind: "ReplicaSet".to_owned(),
            name: "web-1".to_owned(),
            uid: "u".to_owned(),
        };
        for (place, value, expected) in [
            ("/status/phase", json!("Succeeded"), Finding::Finished),
            ("/status/phase", json!("Failed"), Finding::Finished),
            ("/status/phase", json!("Running"), Finding::Uninjected(None)),
            ("/spec/hostNetwork", json!(true), Finding::Spared(Spared::HostNetwork)),
            ("/spec/os", json!({"name": "windows"}), Finding::Spared(Spared::Windows)),
            (
                "/spec/nodeSelector",
                json!({"kubernetes.io/os": "windows"}),
                Finding::Spared(Spared::Windows),
            ),
            (
                "/spec/initContainers",
                json!([{"name": "gateway-init"}]),
                Finding::Injected,
            ),
            ("/spec/containers/0/name", json!("gateway-sidecar"), Finding::Injected),
            (
                "/metadata/creationTimestamp",
                json!("2025-12-31T23:59:59Z"),
                Finding::Older,
            ),
            (
                "/metadata/creationTimestamp",
                json!("2026-01-01T00:00:00Z"),
                Finding::Uninjected(None),
            ),
            (
                "/metadata/ownerReferences",
                json!([
                    {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true},
                ]),
                Finding::Uninjected(Some(owner)),
            ),
        ] {
            let mut pod = json!({
                "metadata": {"creationTimestamp": "2026-01-02T00:00:00Z", "ownerReferences": null},
                "spec": {"containers": [{"name": "app"}], "hostNetwork": null, "os": null, "nodeSelector": null,
                    "initContainers": null},
                "status": {"phase": null},
            });
            *pod.pointer_mut(place).unwrap() = value.clone();
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(finding(&pod, Some(&created)), expected, "{place} {value}");
        }
    }

    #[test]
    fn without_a_time_of_the_gateway_no_pod_is_older() {
        let pod = Pod::default();
        assert_eq!(finding(&pod, None), Finding::Uninjected(None));
    }

    #[test]
    fn the_event_says_what_to_do() {
        let owner = Owner {
            kind: "ReplicaSet".to_owned(),
            name: "web-1".to_owned(),
            uid: String::new(),
        };
        let what = "it should be behind gateway foo and is not: no webhook answered when it was created; ";
        let made = format!("{what}delete it, and ReplicaSet web-1 makes another");
        assert_eq!(message("foo", Some(&owner)), made);
        assert_eq!(message("foo", None), format!("{what}delete it and create it again"));
    }
}
