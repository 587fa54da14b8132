//! Which pods should be behind a gateway and are not: found by their metadata, and made sure of by the whole pod.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};

use super::{Current, Error, Hooks, InForce, Namespaces, Spared, is_remade};
use crate::api::names::{annotation, injected};

/// What the metadata of a pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No gateway is for it, or it is on its way out.
    Unconcerned,
    /// It carries a gateway in the state of this stamp, `NAME@DIGEST`, which is the one in force.
    Injected(String),
    /// It has another stamp, which anybody can write: only the whole pod tells whether it carries that gateway.
    Claimed {
        /// What it has.
        stamp: String,
        /// The gateway that is for it.
        wanted: Option<String>,
    },
    /// A gateway of this name is for it, and did not leave its stamp.
    Candidate(String),
    /// Whether one is for it cannot be told yet.
    Unclear,
}

/// What the whole pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Its containers have ended, or are about to.
    Finished,
    /// It cannot have a gateway.
    Spared(Spared),
    /// It was there before the gateway was for it, and no pod that is there is changed.
    Older,
    /// It carries the containers.
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

/// Reads the metadata of a pod. Whom no webhook is asked about, no gateway is for.
#[must_use]
pub fn standing(metadata: &ObjectMeta, in_force: &InForce, namespaces: &dyn Namespaces, hooks: &Hooks) -> Standing {
    if metadata.deletion_timestamp.is_some() {
        return Standing::Unconcerned;
    }
    let annotations = metadata.annotations.as_ref();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let is_mirror = annotations.is_some_and(|all| all.contains_key(annotation::MIRROR_POD));
    if is_mirror || hooks.exclude(namespace) {
        return Standing::Unconcerned;
    }
    let stamp = annotations.and_then(|all| all.get(annotation::INJECTED));
    let wanted = match wanted(metadata, in_force, (namespace, namespaces), hooks) {
        Ok(wanted) => wanted,
        Err(_) if stamp.is_none() => return Standing::Unclear,
        Err(_) => None,
    };
    let name = wanted.map(|current| current.gateway.name.clone());
    match (stamp, name) {
        (Some(stamp), wanted_name) if !wanted.is_some_and(|current| leaves(current, stamp)) => Standing::Claimed {
            stamp: stamp.clone(),
            wanted: wanted_name,
        },
        (Some(stamp), _) => Standing::Injected(stamp.clone()),
        (None, Some(name)) => Standing::Candidate(name),
        (None, None) => Standing::Unconcerned,
    }
}

/// The gateway that a new pod like this one would get.
fn wanted<'g>(
    metadata: &ObjectMeta,
    in_force: &'g InForce,
    (namespace, namespaces): (&str, &dyn Namespaces),
    hooks: &Hooks,
) -> Result<Option<&'g Current>, Error> {
    let chosen = in_force.choose(metadata, namespace, namespaces)?.gateway;
    if chosen.is_none() && !in_force.is_complete() {
        return Err(Error::Unknown);
    }
    let (Some(current), Some(_)) = (chosen, &hooks.namespaces) else {
        return Ok(chosen);
    };
    let labels = namespaces.labels(namespace).ok_or_else(|| Error::UnknownNamespace {
        gateway: current.gateway.name.clone(),
        namespace: namespace.to_owned(),
    })?;
    Ok(chosen.filter(|_| hooks.select(&labels)))
}

/// Whether a gateway leaves this stamp; of one that adds no container there is nothing else to see.
fn leaves(current: &Current, stamp: &str) -> bool {
    let Current { gateway, injection } = current;
    let adds_nothing = gateway.spec.init.is_none() && gateway.spec.sidecar.is_none();
    let is_in_force = injection.as_ref().is_ok_and(|injection| injection.stamp == stamp);
    is_in_force || adds_nothing && stamped_by(stamp) == gateway.name
}

/// The name in a stamp.
#[must_use]
pub fn stamped_by(stamp: &str) -> &str {
    stamp.rsplit_once('@').map_or(stamp, |(name, _)| name)
}

/// Makes sure of a pod; `since` is when pods began to get its gateway, if that is known, and `is_late` that the pod was seen
/// before the gateway was for it.
#[must_use]
pub fn finding(pod: &Pod, since: Option<&Time>, is_late: bool) -> Finding {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) || pod.metadata.deletion_timestamp.is_some() {
        return Finding::Finished;
    }
    if let Some(spared) = Spared::of_stored(pod) {
        return Finding::Spared(spared);
    }
    if is_injected(pod) {
        return Finding::Injected;
    }
    let born = pod.metadata.creation_timestamp.as_ref();
    if is_late || since.zip(born).is_some_and(|(since, born)| born.0 < since.0) {
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
pub fn message(gateway: &str, pod: &Pod, owner: Option<&Owner>) -> String {
    let remedy = match owner {
        Some(owner @ Owner { kind, name, .. }) if is_remade(pod, owner) => {
            format!("delete it, and {kind} {name} makes another")
        }
        Some(Owner { kind, name, .. }) => format!("deleting it may end the work of {kind} {name}"),
        None => "delete it and create it again".to_owned(),
    };
    format!("gateway {gateway} is for it, and it was created without it; {remedy}")
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

    /// Whom the cluster asks about, by the labels of their namespaces.
    fn hooks(selector: Value) -> Hooks {
        Hooks {
            namespaces: serde_json::from_value(selector).unwrap(),
            excluded: vec!["kube-system".to_owned()],
            ..Hooks::default()
        }
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
        ] {
            let found = standing(&metadata(pod.clone()), &in_force(), &Known(team), &hooks(json!(null)));
            assert_eq!(found, expected, "{pod} {team:?}");
        }
    }

    #[test]
    fn a_stamp_is_believed_where_it_is_in_force() {
        let now = in_force().stamp("default").unwrap().to_owned();
        let claimed = |stamp: &str, wanted: Option<&str>| Standing::Claimed {
            stamp: stamp.to_owned(),
            wanted: wanted.map(str::to_owned),
        };
        for (namespace, stamp, team, expected) in [
            ("media", &*now, Some("a"), Standing::Injected(now.clone())),
            ("media", &now, Some("b"), claimed(&now, None)),
            ("media", "foo@01", Some("a"), claimed("foo@01", Some("default"))),
            ("media", "foo@01", None, claimed("foo@01", None)),
            ("kube-system", &now, Some("a"), Standing::Unconcerned),
        ] {
            let pod = metadata(json!({
                "namespace": namespace, "labels": {"setGateway": "true"},
                "annotations": {"gateway.stationmaster.dev/injected": stamp},
            }));
            let found = standing(&pod, &in_force(), &Known(team), &hooks(json!(null)));
            assert_eq!(found, expected, "{namespace} {stamp} {team:?}");
        }
    }

    #[test]
    fn nothing_is_missed_where_no_webhook_is_asked() {
        let in_force = InForce::new(vec![gateway()], (&surroundings(), &addresses()), Rules::default(), true);
        let pod = |stamp: Option<&str>| {
            metadata(json!({
                "namespace": "media", "labels": {"setGateway": "true"},
                "annotations": {"gateway.stationmaster.dev/injected": stamp.unwrap_or_default()},
            }))
        };
        let mut plain = pod(None);
        plain.annotations = None;
        let stamp = in_force.stamp("default").unwrap();
        let claimed = Standing::Claimed {
            stamp: stamp.to_owned(),
            wanted: None,
        };
        let selector = json!({"matchLabels": {"team": "a"}});
        for (pod, team, expected) in [
            (&plain, Some("a"), Standing::Candidate("default".to_owned())),
            (&plain, Some("b"), Standing::Unconcerned),
            (&plain, None, Standing::Unclear),
            (&metadata(json!({"namespace": "media"})), None, Standing::Unconcerned),
            // It was injected before its namespace was left out.
            (&pod(Some(stamp)), Some("b"), claimed),
        ] {
            let found = standing(pod, &in_force, &Known(team), &hooks(selector.clone()));
            assert_eq!(found, expected, "{pod:?} {team:?}");
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
            (
                "/metadata/deletionTimestamp",
                json!("2026-01-02T00:00:01Z"),
                Finding::Finished,
            ),
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
                "metadata": {"creationTimestamp": "2026-01-02T00:00:00Z", "ownerReferences": null,
                    "deletionTimestamp": null},
                "spec": {"containers": [{"name": "app"}], "hostNetwork": null, "os": null, "nodeSelector": null,
                    "initContainers": null},
                "status": {"phase": null},
            });
            *pod.pointer_mut(place).unwrap() = value.clone();
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(finding(&pod, Some(&created), false), expected, "{place} {value}");
        }
    }

    #[test]
    fn a_gateway_without_containers_is_known_by_its_stamp() {
        let mut bare = gateway();
        (bare.spec.init, bare.spec.sidecar) = (None, None);
        let in_force = InForce::new(vec![bare], (&surroundings(), &addresses()), Rules::default(), true);
        for (stamp, is_believed) in [("default@old", true), ("foo@old", false)] {
            let pod = metadata(json!({
                "namespace": "media", "labels": {"setGateway": "true"},
                "annotations": {"gateway.stationmaster.dev/injected": stamp},
            }));
            let found = standing(&pod, &in_force, &Known(None), &Hooks::default());
            assert_eq!(found == Standing::Injected(stamp.to_owned()), is_believed, "{stamp}");
        }
    }

    #[test]
    fn while_gateways_are_unknown_no_pod_is_unconcerned() {
        let in_force = InForce::new(Vec::new(), (&surroundings(), &addresses()), Rules::default(), false);
        let pod = metadata(json!({"namespace": "media"}));
        assert_eq!(
            standing(&pod, &in_force, &Known(None), &Hooks::default()),
            Standing::Unclear
        );
    }

    #[test]
    fn without_a_time_of_the_gateway_only_what_was_seen_before_is_older() {
        let pod = Pod::default();
        assert_eq!(finding(&pod, None, false), Finding::Uninjected(None));
        assert_eq!(finding(&pod, None, true), Finding::Older);
    }

    #[test]
    fn the_event_says_what_to_do() {
        let owner = Owner {
            kind: "ReplicaSet".to_owned(),
            name: "web-1".to_owned(),
            uid: String::new(),
        };
        for (policy, owner, expected) in [
            ("Always", Some(&owner), "delete it, and ReplicaSet web-1 makes another"),
            (
                "Never",
                Some(&owner),
                "deleting it may end the work of ReplicaSet web-1",
            ),
            ("Never", None, "delete it and create it again"),
        ] {
            let pod = json!({"metadata": {}, "spec": {"containers": [], "restartPolicy": policy}});
            let text = message("foo", &serde_json::from_value(pod).unwrap(), owner);
            let what = "gateway foo is for it, and it was created without it; ";
            assert_eq!(text, format!("{what}{expected}"));
        }
    }
}
