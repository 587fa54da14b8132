//! What `/validate` decides about PodGateways, and where clients are decided about: what would have pods refused later is refused now.

use std::net::IpAddr;

use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Map, Value};

use super::overlap::clash;
use super::{InForce, client, container};
use crate::api::gateway::{Gateway, GatewaySpec, InjectedContainer, Mark};
use crate::api::key::{is_annotation_key, is_label_key};
use crate::api::names::GATEWAY_GROUP;
use crate::api::review::{AdmissionRequest, Cause, Members, Object, Verdict};

/// Characters of a label's value.
const LABEL_VALUE: usize = 63;
/// Operators of a label selector.
const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

/// Decides whether a PodGateway or a GatewayClient may be written; nothing is said of other kinds.
///
/// # Errors
/// It cannot be decoded.
pub fn validate(request: &AdmissionRequest<'_>, in_force: &InForce) -> Result<Verdict, serde_json::Error> {
    if request.kind.group == GATEWAY_GROUP && request.kind.kind == "GatewayClient" {
        return client::validate(request);
    }
    let is_ours = request.kind.group == GATEWAY_GROUP && request.kind.kind == "PodGateway";
    let Some(object) = request.object.as_ref().filter(|_| is_ours) else {
        return Ok(Verdict::default());
    };
    if is_dying(object) || request.old_object.as_ref().is_some_and(|old| same_spec(object, old)) {
        return Ok(Verdict::default());
    }
    let gateway = Gateway {
        name: request.name.clone().into_owned(),
        spec: spec(object)?,
    };
    let mut causes: Vec<_> = nothing(&gateway.spec).into_iter().collect();
    causes.extend(faults(&gateway.spec));
    let others = in_force.all().iter().map(|current| &current.gateway);
    let overlap = others
        .filter(|other| other.name != gateway.name)
        .find_map(|other| clash(&gateway, other));
    causes.extend(overlap.map(|overlap| {
        let message = format!(
            "{} is what PodGateway {:?} matches in some of the same namespaces: give one of them another value, or a \
             namespaceSelector that excludes the other's",
            overlap.mark, overlap.other
        );
        Cause::invalid("spec.match", message)
    }));
    let warnings = if causes.is_empty() {
        oddities(&gateway.spec, in_force)
    } else {
        Vec::new()
    };
    Ok(Verdict {
        causes,
        warnings,
        ..Verdict::default()
    })
}

/// What an object asks for.
pub(super) fn spec<T: DeserializeOwned>(object: &Object<'_>) -> Result<T, serde_json::Error> {
    let members = object.spec.as_ref();
    let tree = members.map(tree).transpose()?;
    serde_json::from_value(tree.ok_or_else(|| serde_json::Error::custom("it has no spec"))?)
}

/// What is null is absent.
fn tree(members: &Members<'_>) -> Result<Value, serde_json::Error> {
    let member = |name: &str| {
        let value = members.get(name)?;
        Some(serde_json::from_str(value.get()).map(|value| (name.to_owned(), value)))
    };
    let tree: Result<Map<_, _>, serde_json::Error> = members.names().filter_map(member).collect();
    Ok(Value::Object(tree?))
}

fn same_spec(object: &Object<'_>, old: &Object<'_>) -> bool {
    let (one, other): (Result<GatewaySpec, _>, _) = (spec(object), spec(old));
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

fn is_dying(object: &Object<'_>) -> bool {
    let metadata = object
        .metadata
        .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    metadata.is_some_and(|metadata| metadata["deletionTimestamp"].is_string())
}

fn nothing(spec: &GatewaySpec) -> Option<Cause> {
    let is_nothing = spec.gateway.is_empty() && spec.dns.is_empty() && spec.init.is_none() && spec.sidecar.is_none();
    let message = "nothing is given to pods: say gateway, dns, init or sidecar";
    is_nothing.then(|| Cause::required("spec.gateway", message))
}

/// What pods would be refused for, or could never be matched by, whoever makes the gateway.
#[must_use]
pub fn faults(spec: &GatewaySpec) -> Vec<Cause> {
    let mut faults = Vec::new();
    let is_name = |name: &str| name.parse::<IpAddr>().is_ok() || is_host_name(name);
    if !spec.gateway.is_empty() && !is_name(&spec.gateway) {
        faults.push(Cause::invalid(
            "spec.gateway",
            "it is neither a host name nor an address",
        ));
    }
    for (index, name) in spec.dns.iter().enumerate().filter(|(_, name)| !is_name(name)) {
        let message = format!("{name:?} is neither a host name nor an address");
        faults.push(Cause::invalid(format!("spec.dns[{index}]"), message));
    }
    let sidecar = spec.sidecar.as_ref().map(|sidecar| &sidecar.container);
    for (field, container) in [("init", spec.init.as_ref()), ("sidecar", sidecar)] {
        let Some(container) = container else { continue };
        faults.extend(mount(field, container, spec.config_map_name.as_deref()));
        let (resources, security) = (container.resources.as_ref(), container.security_context.as_ref());
        let none = &Value::Null;
        let parts = (resources.unwrap_or(none), security.unwrap_or(none));
        faults.extend(container::faults(&format!("spec.{field}"), parts));
    }
    let (label, annotation) = (&spec.matches.label, &spec.matches.annotation);
    faults.extend(
        label
            .iter()
            .filter_map(|mark| key("label", mark, is_label_key(&mark.key))),
    );
    faults.extend(label.iter().filter_map(value));
    faults.extend(
        annotation
            .iter()
            .filter_map(|mark| key("annotation", mark, is_annotation_key(&mark.key))),
    );
    faults.extend(selector(spec));
    faults
}

fn mount(field: &str, container: &InjectedContainer, config_map: Option<&str>) -> Option<Cause> {
    let path = container.mount_path.as_deref()?;
    let field = format!("spec.{field}.mountPath");
    if config_map.is_none_or(str::is_empty) {
        let message = "it is where a ConfigMap is mounted: say configMapName too";
        return Some(Cause::invalid(field, message));
    }
    let is_path = path.starts_with('/') && !path.contains(':');
    (!is_path).then(|| Cause::invalid(field, "say an absolute path without a colon"))
}

fn key(field: &str, mark: &Mark, is_key: bool) -> Option<Cause> {
    let message = "say NAME or DOMAIN/NAME, of letters, digits, - _ and .";
    (!is_key).then(|| Cause::invalid(format!("spec.match.{field}.key"), format!("{:?}: {message}", mark.key)))
}

/// An annotation may have any.
fn value(label: &Mark) -> Option<Cause> {
    let value = label.value.as_deref()?;
    let is_outer = |letter: char| letter.is_ascii_alphanumeric();
    let is_value = value.len() <= LABEL_VALUE
        && value.starts_with(is_outer)
        && value.ends_with(is_outer)
        && value.chars().all(|letter| is_outer(letter) || "-_.".contains(letter));
    let message = "no label can have that value: up to 63 letters, digits, - _ and .";
    (!is_value).then(|| Cause::invalid("spec.match.label.value", message))
}

fn selector(spec: &GatewaySpec) -> Vec<Cause> {
    let selector = spec.matches.namespace_selector.as_ref();
    let expressions = selector.and_then(|selector| selector.match_expressions.as_ref());
    let mut faults = Vec::new();
    for (index, expression) in expressions.into_iter().flatten().enumerate() {
        let field = format!("spec.match.namespaceSelector.matchExpressions[{index}]");
        let has_values = expression.values.as_ref().is_some_and(|values| !values.is_empty());
        let operator = expression.operator.as_str();
        if !OPERATORS.contains(&operator) {
            let message = format!("say one of {}", OPERATORS.join(", "));
            faults.push(Cause::invalid(field + ".operator", message));
        } else if operator.ends_with("In") != has_values {
            let message = format!("{operator} takes {}", if has_values { "none" } else { "some" });
            faults.push(Cause::invalid(field + ".values", message));
        }
    }
    faults
}

/// Letters, digits, hyphens and underscores between dots, as resolvers take them.
fn is_host_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        !part.is_empty() && part.len() <= 63 && part.chars().all(is_letter)
    };
    name.len() <= 253 && name.strip_suffix('.').unwrap_or(name).split('.').all(is_part)
}

/// What is allowed and seldom meant.
fn oddities(spec: &GatewaySpec, in_force: &InForce) -> Vec<String> {
    let rule = &spec.matches;
    let incomplete = spec.gateway.parse::<IpAddr>().is_ok() || !spec.gateway.contains('.');
    let mut oddities = Vec::new();
    if incomplete && !spec.gateway.is_empty() {
        oddities.push(
            "spec.gateway is an address or has no dot: pod-gateway's scripts look it up as a complete name".into(),
        );
    }
    if rule.label.is_none() && rule.annotation.is_none() && !rule.default {
        oddities.push("spec.match is empty: no pod gets the gateway".into());
    }
    if spec.dns.is_empty() && spec.dns_policy.as_deref() == Some("None") {
        oddities
            .push("spec.dnsPolicy None without spec.dns: pods without nameservers of their own will be refused".into());
    }
    oddities.extend(in_force.hooks().gaps(rule));
    oddities
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{addresses, surroundings};
    use super::super::{Hooks, Rules};
    use super::*;

    fn known() -> InForce {
        let rules = Rules {
            hooks: Hooks {
                labels: vec!["setGateway".to_owned()],
                ..Hooks::default()
            },
            ..Rules::default()
        };
        let foo = json!({"gateway": "foo.example.org", "match": {"label": {"key": "setGateway", "value": "foo"}}});
        let foo = Gateway {
            name: "foo".to_owned(),
            spec: serde_json::from_value(foo).unwrap(),
        };
        InForce::new(vec![foo], (&surroundings(), &addresses()), rules, true)
    }

    fn good() -> Value {
        json!({
            "gateway": "bar.example.org", "dns": ["10.0.0.1"], "configMapName": "settings",
            "init": {"image": "init:1", "mountPath": "/config", "resources": {"limits": {"memory": "64Mi"}}},
            "sidecar": {"image": "sidecar:1", "securityContext": {"privileged": true}},
            "match": {
                "label": {"key": "setGateway", "value": "bar"},
                "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
            },
        })
    }

    fn verdict(name: &str, spec: &Value, old: Option<&Value>) -> Verdict {
        let object = |spec: &Value| json!({"metadata": {"name": name}, "spec": spec});
        let request = json!({
            "uid": "u", "operation": "CREATE", "name": name, "object": object(spec),
            "oldObject": old.map(object),
            "kind": {"group": "gateway.stationmaster.dev", "version": "v1alpha1", "kind": "PodGateway"},
        });
        validate(&serde_json::from_str(&request.to_string()).unwrap(), &known()).unwrap()
    }

    #[test]
    fn refuses_what_pods_would_be_refused_for() {
        assert_eq!(verdict("bar", &good(), None), Verdict::default());
        for (pointer, value, field) in [
            ("/gateway", json!("a b"), "spec.gateway"),
            ("/dns", json!(["10.0.0.1", "b,c"]), "spec.dns[1]"),
            ("/configMapName", json!(null), "spec.init.mountPath"),
            ("/init/mountPath", json!("config"), "spec.init.mountPath"),
            ("/match/label/key", json!("a b"), "spec.match.label.key"),
            ("/match/label/value", json!("a/b"), "spec.match.label.value"),
            ("/match/label/value", json!("foo"), "spec.match"),
            (
                "/init/resources",
                json!({"limits": {"memory": "64MB"}}),
                "spec.init.resources.limits[memory]",
            ),
            (
                "/sidecar/securityContext",
                json!({"runAsNonRoot": true, "runAsUser": 0}),
                "spec.sidecar.securityContext.runAsUser",
            ),
            (
                "/match/namespaceSelector/matchExpressions/0/operator",
                json!("Like"),
                "spec.match.namespaceSelector.matchExpressions[0].operator",
            ),
            (
                "/match/namespaceSelector/matchExpressions/0/values",
                json!([]),
                "spec.match.namespaceSelector.matchExpressions[0].values",
            ),
        ] {
            let mut spec = good();
            *spec.pointer_mut(pointer).unwrap() = value;
            let verdict = verdict("bar", &spec, None);
            let fields: Vec<_> = verdict.causes.iter().map(|cause| &*cause.field).collect();
            assert_eq!(fields, [field], "{pointer}");
        }
    }

    #[test]
    fn the_other_gateway_is_named() {
        let mut spec = good();
        spec["match"] = json!({"label": {"key": "setGateway", "value": "foo"}});
        let told = &verdict("bar", &spec, None).causes[0].message;
        assert!(
            told.contains("label setGateway=foo is what PodGateway \"foo\" matches"),
            "{told}"
        );
        assert!(verdict("foo", &spec, None).allowed(), "it does not overlap with itself");
        assert!(
            verdict("bar", &spec, Some(&spec)).allowed(),
            "what was stored before can be edited elsewhere"
        );
    }

    #[test]
    fn warns_of_what_is_seldom_meant() {
        let warned = |pointer: &str, value: Value| {
            let mut spec = good();
            *spec.pointer_mut(pointer).unwrap() = value;
            verdict("bar", &spec, None).warnings
        };
        for (pointer, value, expected) in [
            ("/gateway", json!("10.0.0.1"), "is an address"),
            ("/gateway", json!("vpn"), "has no dot"),
            ("/match", json!({}), "no pod gets the gateway"),
            ("/match/label/key", json!("other"), "--gateway-label other"),
        ] {
            let warnings = warned(pointer, value);
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{warnings:?}");
        }
    }
}
