//! What `/mutate-pods` changes: a new pod that is marked for a gateway gets it. Patches are decided from a borrowed
//! view, and the same pod sent twice gets an empty one.

use super::patch::Pod;
use super::{Current, Error, InForce, Injection, Namespaces, Spared};
use crate::api::gateway::Unresolved;
use crate::api::pod::{PodMetadata, PodObject, PodSpec};
use crate::api::review::{AdmissionRequest, Cause, Verdict};
use crate::api::text::Text;

/// What was decided about a pod.
#[derive(Debug, Default, PartialEq)]
pub struct Decision {
    /// What the API server is told.
    pub verdict: Verdict,
    /// What became of the pod.
    pub outcome: Outcome,
    /// Name of the gateway that was chosen; empty when none was.
    pub gateway: String,
}

/// What became of a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It asks for nothing.
    #[default]
    Unmarked,
    /// It got the gateway.
    Injected,
    /// It has the gateway already.
    Unchanged,
    /// It asks for the gateway and cannot have it.
    Spared(Spared),
    /// Its mark is neither true nor false, and counts as false.
    Unclear,
    /// It was refused for such a mark.
    RefusedMark,
    /// It was refused, because it has something of a name that the gateway needs.
    NameTaken,
    /// It was let through without, because the name of a DNS server is not known.
    Unresolved,
}

impl Outcome {
    /// In one word, if it is worth a count.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Unmarked => None,
            Self::Injected => Some("injected"),
            Self::Unchanged => Some("unchanged"),
            Self::Spared(spared) => Some(spared.word()),
            Self::Unclear => Some("unclear mark"),
            Self::RefusedMark => Some("refused mark"),
            Self::NameTaken => Some("name taken"),
            Self::Unresolved => Some("unresolved, let through"),
        }
    }
}

/// Decides what a pod gets before it is created. Later its containers cannot be changed.
///
/// # Errors
/// The pod cannot be decoded, or has to get a gateway of which not everything is known.
pub fn mutate(
    request: &AdmissionRequest<'_, PodObject<'_>>,
    in_force: &InForce,
    namespaces: &dyn Namespaces,
) -> Result<Decision, Error> {
    let kind = &request.kind;
    let is_pod = kind.kind == "Pod" && kind.group.is_empty() && request.sub_resource.is_empty();
    let object = request.object.as_ref();
    let Some(object) = object.filter(|_| is_pod && request.operation == "CREATE") else {
        return Ok(Decision::default());
    };
    let nothing = PodMetadata::default();
    let metadata = object.metadata.as_ref().unwrap_or(&nothing);
    let namespace = match Text::of(metadata.namespace.as_ref()) {
        "" => &request.namespace,
        namespace => namespace,
    };
    let choice = in_force.choose(metadata, namespace, namespaces)?;
    if in_force.strict_marks() && !choice.unclear.is_empty() {
        return Ok(refused(Outcome::RefusedMark, choice.unclear));
    }
    let warnings = warnings(&choice.unclear);
    let (Some(spec), Some(current)) = (object.spec.as_ref(), choice.gateway) else {
        return Ok(left(Outcome::unmarked(&warnings), warnings));
    };
    let mut decision = decided(current, (namespace, metadata, spec), warnings)?;
    decision.gateway.clone_from(&current.gateway.name);
    Ok(decision)
}

/// Decides what a pod gets of the gateway that is for it.
fn decided(
    current: &Current,
    (namespace, metadata, spec): (&str, &PodMetadata<'_>, &PodSpec<'_>),
    mut warnings: Vec<String>,
) -> Result<Decision, Error> {
    if let Some(spared) = Spared::of(metadata, spec)? {
        warnings.push(without(current, spared.reason()));
        return Ok(left(Outcome::Spared(spared), warnings));
    }
    match &current.injection {
        Ok(injection) => {
            let pod = Pod::of(namespace, metadata, spec, injection)?;
            Ok(behind(&pod, injection).warned(warnings))
        }
        Err(missing) if current.gateway.spec.unresolved == Unresolved::Ignore => {
            warnings.push(without(current, &missing.to_string()));
            Ok(left(Outcome::Unresolved, warnings))
        }
        Err(missing) => Err(Error::Unresolved {
            gateway: current.gateway.name.clone(),
            missing: missing.clone(),
        }),
    }
}

impl Outcome {
    fn unmarked(warnings: &[String]) -> Self {
        if warnings.is_empty() {
            Self::Unmarked
        } else {
            Self::Unclear
        }
    }
}

impl Decision {
    fn warned(mut self, warnings: Vec<String>) -> Self {
        self.verdict.warnings = warnings;
        self
    }
}

fn refused(outcome: Outcome, causes: Vec<Cause>) -> Decision {
    let verdict = Verdict {
        causes,
        ..Verdict::default()
    };
    Decision {
        verdict,
        outcome,
        ..Decision::default()
    }
}

fn left(outcome: Outcome, warnings: Vec<String>) -> Decision {
    let decision = Decision {
        outcome,
        ..Decision::default()
    };
    decision.warned(warnings)
}

fn warnings(unclear: &[Cause]) -> Vec<String> {
    let warning = |cause: &Cause| format!("{} {}, and counts as false", cause.field, cause.message);
    unclear.iter().map(warning).collect()
}

fn without(current: &Current, reason: &str) -> String {
    format!("the pod is not put behind gateway {:?}: {reason}", current.gateway.name)
}

fn behind(pod: &Pod<'_, '_>, injection: &Injection) -> Decision {
    let taken = pod.taken(injection);
    if !taken.is_empty() {
        return refused(Outcome::NameTaken, taken);
    }
    let patch = pod.patch(injection);
    let outcome = if patch.is_empty() {
        Outcome::Unchanged
    } else {
        Outcome::Injected
    };
    let verdict = Verdict {
        patch,
        ..Verdict::default()
    };
    Decision {
        verdict,
        outcome,
        ..Decision::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{addresses, gateway, surroundings};
    use super::super::{Addresses, Labels, Missing, Rules};
    use super::*;
    use crate::api::gateway::{Gateway, SidecarMode, SidecarStart};

    struct Nowhere;

    impl Namespaces for Nowhere {
        fn labels(&self, _: &str) -> Option<Labels> {
            None
        }
    }

    fn current(change: impl FnOnce(&mut Gateway)) -> InForce {
        let mut gateway = gateway();
        change(&mut gateway);
        in_force(gateway, &addresses(), false)
    }

    fn in_force(gateway: Gateway, addresses: &Addresses, strict_marks: bool) -> InForce {
        let rules = Rules {
            strict_marks,
            ..Rules::default()
        };
        InForce::new(vec![gateway], (&surroundings(), addresses), rules, true)
    }

    fn chosen(mut decision: Decision) -> Decision {
        "default".clone_into(&mut decision.gateway);
        decision
    }

    fn pod() -> Value {
        json!({
            "metadata": {"labels": {"setGateway": "true"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        })
    }

    fn request(object: &Value) -> Value {
        json!({
            "uid": "u", "operation": "CREATE", "namespace": "media", "object": object,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
        })
    }

    fn decided(request: &Value, in_force: &InForce) -> Result<Decision, Error> {
        let text = request.to_string();
        mutate(
            &serde_json::from_str(&text).expect("the fixture is a request"),
            in_force,
            &Nowhere,
        )
    }

    /// The paths that are changed.
    fn paths(object: &Value, in_force: &InForce) -> Vec<String> {
        let decision = decided(&request(object), in_force).unwrap();
        let patch = json!(decision.verdict.patch);
        let operations = patch.as_array().unwrap().iter();
        let told = |operation: &Value| format!("{} {}", operation["op"], operation["path"]).replace('"', "");
        operations.map(told).collect()
    }

    #[test]
    fn parents_are_made_first() {
        let object = json!({"metadata": {"labels": {"setGateway": "true"}}, "spec": {}});
        let expected = [
            "add /spec/dnsConfig",
            "add /spec/dnsPolicy",
            "add /spec/initContainers",
            "add /spec/initContainers/-",
            "add /spec/containers",
            "add /spec/containers/-",
            "add /spec/volumes",
            "add /spec/volumes/-",
            "add /metadata/annotations",
            "add /metadata/annotations/gateway.stationmaster.dev~1injected",
        ];
        assert_eq!(paths(&object, &current(|_| ())), expected);
    }

    #[test]
    fn what_is_there_stays_in_its_place() {
        let mut object = pod();
        object["metadata"]["annotations"] = json!({});
        object["spec"]["initContainers"] = json!([{"name": "first"}]);
        object["spec"]["volumes"] = json!([{"name": "data"}]);
        object["spec"]["dnsPolicy"] = json!("None");
        let paths = |change: fn(&mut Gateway)| paths(&object, &current(change));
        let rest = [
            "add /spec/volumes/-",
            "add /metadata/annotations/gateway.stationmaster.dev~1injected",
        ];
        let all = |containers: &[&'static str]| [&["add /spec/dnsConfig"], containers, &rest[..]].concat();
        assert_eq!(
            paths(|_| ()),
            all(&["add /spec/initContainers/-", "add /spec/containers/-"])
        );
        assert_eq!(
            paths(|gateway| gateway.spec.init_first = true),
            all(&["add /spec/initContainers/0", "add /spec/containers/-"])
        );
        assert_eq!(
            paths(|gateway| gateway.spec.sidecar.as_mut().unwrap().mode = SidecarMode::Native),
            all(&["add /spec/initContainers/-", "add /spec/initContainers/-"])
        );
    }

    /// Names of a list of containers of the pod that comes of it.
    fn names(object: &Value, list: &str, in_force: &InForce) -> Vec<String> {
        let decision = decided(&request(object), in_force).unwrap();
        let patched = patched(object, &json!(decision.verdict.patch));
        let containers = patched["spec"][list].as_array().cloned().unwrap_or_default();
        let name = |container: &Value| container["name"].as_str().unwrap().to_owned();
        containers.iter().map(name).collect()
    }

    /// What the API server makes of a patch that only adds.
    fn patched(object: &Value, patch: &Value) -> Value {
        let mut object = object.clone();
        for operation in patch.as_array().unwrap() {
            let (parent, key) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
            match object.pointer_mut(parent).unwrap() {
                Value::Array(list) if key == "-" => list.push(operation["value"].clone()),
                Value::Array(list) => list.insert(key.parse().unwrap(), operation["value"].clone()),
                other => other[key] = operation["value"].clone(),
            }
        }
        object
    }

    #[test]
    fn before_init_moves_both_to_the_front_where_the_sidecar_is_one_of_them() {
        let (bare, mut own) = (pod(), pod());
        own["spec"]["initContainers"] = json!([{"name": "first"}, {"name": "second"}]);
        let started = |mode: SidecarMode| {
            current(move |gateway| {
                let sidecar = gateway.spec.sidecar.as_mut().unwrap();
                (sidecar.mode, sidecar.start) = (mode, SidecarStart::BeforeInit);
            })
        };
        for (mode, object, init, all) in [
            (
                SidecarMode::Native,
                &bare,
                &["gateway-init", "gateway-sidecar"][..],
                &["app"][..],
            ),
            (
                SidecarMode::Native,
                &own,
                &["gateway-init", "gateway-sidecar", "first", "second"],
                &["app"],
            ),
            (
                SidecarMode::Classic,
                &bare,
                &["gateway-init"],
                &["app", "gateway-sidecar"],
            ),
            (
                SidecarMode::Classic,
                &own,
                &["gateway-init", "first", "second"],
                &["app", "gateway-sidecar"],
            ),
            // Nobody knows whether all nodes run sidecars as init containers.
            (
                SidecarMode::Auto,
                &own,
                &["gateway-init", "first", "second"],
                &["app", "gateway-sidecar"],
            ),
        ] {
            let in_force = started(mode);
            assert_eq!(names(object, "initContainers", &in_force), init, "{mode:?}");
            assert_eq!(names(object, "containers", &in_force), all, "{mode:?}");
        }
    }

    #[test]
    fn a_copy_of_a_pod_gets_what_is_in_force() {
        let mut object = pod();
        object["metadata"]["annotations"] = json!({"gateway.stationmaster.dev/injected": "default@old"});
        object["spec"] = json!({
            "dnsPolicy": "None",
            "containers": [{"name": "app"}, {"name": "gateway-sidecar"}],
            "initContainers": [{"name": "gateway-init"}, {"name": "other"}],
            "volumes": [{"name": "gateway-configmap"}],
        });
        let expected = [
            "add /spec/dnsConfig",
            "remove /spec/containers/1",
            "remove /spec/initContainers/0",
            "add /spec/initContainers/0",
            "add /spec/initContainers/-",
            "remove /spec/volumes/0",
            "add /spec/volumes/0",
            "add /metadata/annotations/gateway.stationmaster.dev~1injected",
        ];
        let native = current(|gateway| gateway.spec.sidecar.as_mut().unwrap().mode = SidecarMode::Native);
        assert_eq!(paths(&object, &native), expected);
    }

    #[test]
    fn what_others_made_of_ours_is_kept() {
        let current = current(|_| ());
        let variables = json!([{"name": "gateway"}, {"name": "DNS"}, {"name": "DNS_ips"}, {"name": "K8S_DNS_ips"}]);
        let stamp = current.all()[0].injection.as_ref().unwrap().stamp.clone();
        let mut object = pod();
        object["metadata"]["annotations"] = json!({"gateway.stationmaster.dev/injected": stamp});
        object["spec"] = json!({
            "dnsPolicy": "None",
            "dnsConfig": {
                "options": [{"name": "ndots", "value": "5"}],
                "searches": ["media.svc.cluster.local", "svc.cluster.local"],
                "nameservers": ["192.0.2.7", "192.0.2.53"],
            },
            "containers": [{"name": "app"}, {"name": "gateway-sidecar", "image": "mirror/sidecar:1", "env": variables}],
            "initContainers": [{"name": "gateway-init", "command": ["/bin/init.sh"], "env": variables}],
            "volumes": [{"name": "gateway-configmap", "configMap": {"name": "settings"}}],
        });
        let decision = decided(&request(&object), &current).unwrap();
        assert_eq!(decision, chosen(left(Outcome::Unchanged, Vec::new())));
        // What another webhook added stays, too.
        let mut added = object.clone();
        added["spec"]["dnsConfig"]["searches"] = json!(["example.org", "media.svc.cluster.local", "svc.cluster.local"]);
        added["spec"]["dnsConfig"]["options"] = json!([{"name": "ndots", "value": "2"}]);
        assert!(paths(&added, &current).is_empty());
        // A pod of another namespace searches there.
        object["metadata"]["namespace"] = json!("other");
        assert_eq!(paths(&object, &current), ["add /spec/dnsConfig"]);
    }

    #[test]
    fn only_new_pods_are_changed() {
        let change = |pointer: &str, value: Value| {
            let mut request = request(&pod());
            *request.pointer_mut(pointer).unwrap() = value;
            request
        };
        let mut subresource = request(&pod());
        subresource["subResource"] = json!("ephemeralcontainers");
        for request in [
            change("/operation", json!("UPDATE")),
            change("/operation", json!("DELETE")),
            change("/object", json!(null)),
            change("/kind/kind", json!("Service")),
            change("/kind/group", json!("example.org")),
            change("/object/metadata/labels/setGateway", json!("false")),
            change("/object/metadata/labels", json!(null)),
            change("/object/spec", json!(null)),
            subresource,
        ] {
            assert_eq!(
                decided(&request, &current(|_| ())).unwrap(),
                Decision::default(),
                "{request}"
            );
        }
    }

    #[test]
    fn the_node_is_spared_with_a_warning() {
        let mut object = pod();
        object["spec"]["hostNetwork"] = json!(true);
        let warning = "the pod is not put behind gateway \"default\": it has hostNetwork: true, and the routes would be \
                       the node's";
        let expected = chosen(left(Outcome::Spared(Spared::HostNetwork), vec![warning.to_owned()]));
        assert_eq!(decided(&request(&object), &current(|_| ())).unwrap(), expected);
    }

    #[test]
    fn an_unclear_mark_warns_or_refuses() {
        let mut object = pod();
        object["metadata"]["labels"]["setGateway"] = json!("yes");
        let warning = "metadata.labels[setGateway] is neither \"true\" nor \"false\", and counts as false";
        let lenient = decided(
            &request(&object),
            &current(|gateway| gateway.spec.matches.default = true),
        );
        assert_eq!(lenient.unwrap(), left(Outcome::Unclear, vec![warning.to_owned()]));
        let strict = in_force(gateway(), &addresses(), true);
        let cause = Cause::invalid("metadata.labels[setGateway]", "is neither \"true\" nor \"false\"");
        assert_eq!(
            decided(&request(&object), &strict).unwrap(),
            refused(Outcome::RefusedMark, vec![cause])
        );
        object["metadata"]["annotations"] = json!({"setGateway": "true"});
        let decision = decided(&request(&object), &current(|_| ())).unwrap();
        assert_eq!(
            (decision.outcome, decision.verdict.warnings),
            (Outcome::Injected, vec![warning.to_owned()])
        );
    }

    #[test]
    fn unknown_names_refuse_or_leave() {
        let mut unknown = gateway();
        let fails = in_force(unknown.clone(), &Addresses::default(), false);
        let error = decided(&request(&pod()), &fails).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the pod cannot be put behind gateway \"default\" yet: its DNS servers have not resolved so far: \
             dns.example.org; try again later, or correct the gateway's DNS servers"
        );
        unknown.spec.unresolved = Unresolved::Ignore;
        let missing = Missing(vec!["dns.example.org".to_owned()]);
        let ignores = in_force(unknown, &Addresses::default(), false);
        let warning = without(&ignores.all()[0], &missing.to_string());
        let expected = chosen(left(Outcome::Unresolved, vec![warning]));
        assert_eq!(decided(&request(&pod()), &ignores).unwrap(), expected);
        // Whom it does not concern need not wait.
        let other = request(&json!({"metadata": {}, "spec": {}}));
        assert_eq!(decided(&other, &fails).unwrap(), Decision::default());
    }

    #[test]
    fn what_is_no_pod_is_not_decided_about() {
        for object in [
            json!({"metadata": {"labels": {"setGateway": 1}}}),
            json!({
                "metadata": {"labels": {"setGateway": "true"}},
                "spec": {"containers": [{"name": "gateway-sidecar", "env": 1}]},
            }),
        ] {
            let error = decided(&request(&object), &current(|_| ())).unwrap_err().to_string();
            assert!(error.starts_with("the pod cannot be decoded: "), "{error}");
        }
    }
}
