//! What of a container's resources and security the API server refuses in every pod, or no node starts.

use k8s_openapi::api::core::v1::SecurityContext;
use serde_json::{Map, Value};

use crate::api::key::is_label_key;
use crate::api::quantity::Quantity;
use crate::api::review::Cause;

/// What containers may ask for besides huge pages and what devices have, which has a domain.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const HUGE_PAGES: &str = "hugepages-";
/// The type of a profile that the node has.
const LOCALHOST: &str = "Localhost";
/// The one capability that the API server itself knows to be an escalation, in this spelling alone.
const ADMINISTRATOR: &str = "CAP_SYS_ADMIN";

/// What is wrong with `resources` and `securityContext` of a container, or of a pod; what is null is not there.
pub(super) fn faults(at: &str, (resources, security): (&Value, &Value)) -> Vec<Cause> {
    let mut faults = of_resources(&format!("{at}.resources"), resources);
    faults.extend(of_security(&format!("{at}.securityContext"), security));
    faults
}

fn of_resources(at: &str, resources: &Value) -> Vec<Cause> {
    let (limits, requests) = (&resources["limits"], &resources["requests"]);
    let mut faults = Vec::new();
    for (part, amounts) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in members(amounts) {
            let fault = amount_fault(name, amount);
            let fault = fault.or_else(|| beyond(name, amount, &limits[name]).filter(|_| part == "requests"));
            faults.extend(fault.map(|fault| Cause::invalid(format!("{at}.{part}[{name}]"), fault)));
        }
    }
    let has = |is_meant: fn(&str) -> bool| members(limits).chain(members(requests)).any(|(name, _)| is_meant(name));
    if has(|name| name.starts_with(HUGE_PAGES)) && !has(|name| name == "cpu" || name == "memory") {
        faults.push(Cause::invalid(
            at,
            "huge pages go with cpu or memory: ask for one of these too",
        ));
    }
    faults
}

fn members(amounts: &Value) -> impl Iterator<Item = (&String, &Value)> {
    amounts.as_object().into_iter().flat_map(Map::iter)
}

fn amount_fault(name: &str, amount: &Value) -> Option<String> {
    let is_of_containers = RESOURCES.contains(&name) || name.starts_with(HUGE_PAGES);
    let has_domain = name.contains('/') && is_label_key(name);
    if !is_of_containers && !has_domain {
        let known = RESOURCES.join(", ");
        return Some(format!(
            "no container has such a resource: say {known}, {HUGE_PAGES}SIZE or DOMAIN/NAME"
        ));
    }
    let Some(quantity) = quantity(amount) else {
        return Some(format!(
            "{amount} is no amount: say a number, with a unit such as m, k, M, G, Ki, Mi or Gi behind it"
        ));
    };
    if quantity.is_negative() {
        return Some(format!("{amount} is less than nothing: say an amount from 0"));
    }
    (is_device(name) && !quantity.is_whole()).then(|| format!("{amount} is a part of one: say a whole number"))
}

/// What a request has beyond its limit.
fn beyond(name: &str, request: &Value, limit: &Value) -> Option<String> {
    let requested = quantity(request)?;
    if !is_device(name) && !name.starts_with(HUGE_PAGES) {
        let is_beyond = requested > quantity(limit)?;
        return is_beyond.then(|| format!("{request} is more than the limit {limit}: lower it, or raise the limit"));
    }
    let is_same = quantity(limit) == Some(requested);
    (!is_same).then(|| format!("{request} of {name} cannot be shared with others: say the same as a limit"))
}

fn quantity(amount: &Value) -> Option<Quantity> {
    match amount {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        _ => None,
    }
}

/// A resource of somebody's own, which nodes hand out one by one.
fn is_device(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn of_security(at: &str, security: &Value) -> Vec<Cause> {
    if security.is_null() {
        return Vec::new();
    }
    let context: SecurityContext = match serde_json::from_value(security.clone()) {
        Ok(context) => context,
        Err(error) => return vec![Cause::invalid(at, format!("it cannot be decoded: {error}"))],
    };
    let seccomp = context.seccomp_profile.as_ref();
    let seccomp = seccomp.and_then(|own| profile(&own.type_, own.localhost_profile.as_deref(), is_below));
    let app_armor = context.app_armor_profile.as_ref();
    let app_armor = app_armor.and_then(|own| profile(&own.type_, own.localhost_profile.as_deref(), |_| true));
    let profiles = [("seccompProfile", seccomp), ("appArmorProfile", app_armor)];
    let profiles = profiles.into_iter().filter_map(|(profile, fault)| {
        let (field, text) = fault?;
        Some((format!("{profile}.{field}"), text))
    });
    let combined = contradictions(&context)
        .into_iter()
        .map(|(field, text)| (field.to_owned(), text));
    let faults = combined.chain(profiles);
    faults
        .map(|(field, text)| Cause::invalid(format!("{at}.{field}"), text))
        .collect()
}

/// What does not go together, or with no node.
fn contradictions(context: &SecurityContext) -> Vec<(&'static str, &'static str)> {
    let is_no_id = |id: Option<i64>| id.is_some_and(|id| i32::try_from(id).map_or(true, i32::is_negative));
    let may_not_escalate = context.allow_privilege_escalation == Some(false);
    let added = context.capabilities.as_ref().and_then(|own| own.add.as_ref());
    let administers = added.is_some_and(|added| added.iter().any(|name| name == ADMINISTRATOR));
    let proc_mount = context.proc_mount.as_deref();
    let faults = [
        (
            context.run_as_non_root == Some(true) && context.run_as_user == Some(0),
            (
                "runAsUser",
                "0 is root, and runAsNonRoot is true: say another user, or runAsNonRoot false",
            ),
        ),
        (
            is_no_id(context.run_as_user),
            ("runAsUser", "no user has that number: say one from 0 to 2147483647"),
        ),
        (
            is_no_id(context.run_as_group),
            ("runAsGroup", "no group has that number: say one from 0 to 2147483647"),
        ),
        (
            may_not_escalate && context.privileged == Some(true),
            (
                "allowPrivilegeEscalation",
                "it is false, and a privileged container can escalate: leave it out, or say privileged false",
            ),
        ),
        (
            may_not_escalate && administers,
            (
                "allowPrivilegeEscalation",
                "it is false, and CAP_SYS_ADMIN is an escalation: leave it out, or do not add that capability",
            ),
        ),
        (
            proc_mount.is_some_and(|mount| !["Default", "Unmasked"].contains(&mount)),
            ("procMount", "say Default or Unmasked, or leave it out"),
        ),
    ];
    faults
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, fault)| fault)
        .collect()
}

/// The field of a profile that is wrong, and why.
fn profile(source: &str, name: Option<&str>, is_name: fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    if ![LOCALHOST, "RuntimeDefault", "Unconfined"].contains(&source) {
        return Some(("type", "say RuntimeDefault, Localhost or Unconfined"));
    }
    let text = match (source == LOCALHOST, name) {
        (true, None | Some("")) => "type is Localhost: say which profile of the node",
        (true, Some(name)) if !is_name(name) => {
            "say a path below the kubelet's folder of profiles, without a slash in front"
        }
        (false, Some(_)) => "it belongs to the type Localhost: leave it out, or say that type",
        _ => return None,
    };
    Some(("localhostProfile", text))
}

fn is_below(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(resources: &Value, security: &Value) -> Vec<(String, String)> {
        let faults = faults("c", (resources, security));
        faults.into_iter().map(|cause| (cause.field, cause.message)).collect()
    }

    #[test]
    fn what_the_api_server_takes_is_no_fault() {
        for resources in [
            Value::Null,
            json!({}),
            json!({"limits": null, "requests": {"cpu": "100m", "memory": 1}}),
            json!({"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1000Mi"}}),
            json!({"limits": {"b.io/gpu": 1, "hugepages-2Mi": "4Mi"}, "requests": {"cpu": 1, "b.io/gpu": "1", "hugepages-2Mi": "4Mi"}}),
            json!({"limits": {"a.example/gpu": 1}}),
        ] {
            assert_eq!(told(&resources, &Value::Null), [], "{resources}");
        }
        for security in [
            json!({}),
            json!({"privileged": true, "runAsUser": 0, "runAsNonRoot": false}),
            json!({"runAsNonRoot": true}),
            json!({"runAsNonRoot": true, "runAsUser": 2_147_483_647, "runAsGroup": 0, "procMount": "Default"}),
            json!({"allowPrivilegeEscalation": false, "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}}),
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b"}, "appArmorProfile": {"type": "Unconfined"}}),
            json!({"aFieldOfTomorrow": {"a": 1}}),
        ] {
            assert_eq!(told(&Value::Null, &security), [], "{security}");
        }
    }

    #[test]
    fn amounts_are_amounts_and_requests_within_limits() {
        for (resources, field, text) in [
            (
                json!({"limits": {"cpu": "1 core"}}),
                ".limits[cpu]",
                "\"1 core\" is no amount",
            ),
            (
                json!({"limits": {"memory": true}}),
                ".limits[memory]",
                "true is no amount",
            ),
            (
                json!({"requests": {"memory": "64MB"}}),
                ".requests[memory]",
                "is no amount",
            ),
            (
                json!({"requests": {"cpu": -1}}),
                ".requests[cpu]",
                "-1 is less than nothing",
            ),
            (
                json!({"limits": {"mem": "1"}}),
                ".limits[mem]",
                "say cpu, memory, ephemeral-storage",
            ),
            (json!({"limits": {"a b/c": "1"}}), ".limits[a b/c]", "DOMAIN/NAME"),
            (
                json!({"limits": {"cpu": "500m"}, "requests": {"cpu": 1}}),
                ".requests[cpu]",
                "1 is more than the limit \"500m\"",
            ),
            (
                json!({"limits": {"a.example/gpu": "500m"}}),
                ".limits[a.example/gpu]",
                "a whole number",
            ),
            (
                json!({"requests": {"a.example/gpu": 1}}),
                ".requests[a.example/gpu]",
                "the same as a limit",
            ),
            (
                json!({"limits": {"cpu": 1, "hugepages-2Mi": "4Mi"}, "requests": {"hugepages-2Mi": "2Mi"}}),
                ".requests[hugepages-2Mi]",
                "the same as a limit",
            ),
            (json!({"limits": {"hugepages-2Mi": "4Mi"}}), "", "go with cpu or memory"),
        ] {
            let told = told(&resources, &Value::Null);
            assert!(
                told.len() == 1 && told[0].0 == format!("c.resources{field}") && told[0].1.contains(text),
                "{resources}: {told:?}"
            );
        }
    }

    #[test]
    fn a_security_context_does_not_contradict_itself() {
        for (security, field) in [
            (json!({"runAsNonRoot": true, "runAsUser": 0}), ".runAsUser"),
            (json!({"runAsUser": -1}), ".runAsUser"),
            (json!({"runAsGroup": 2_147_483_648_i64}), ".runAsGroup"),
            (json!({"runAsUser": "0"}), ""),
            (
                json!({"allowPrivilegeEscalation": false, "privileged": true}),
                ".allowPrivilegeEscalation",
            ),
            (
                json!({"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}),
                ".allowPrivilegeEscalation",
            ),
            (json!({"procMount": "Masked"}), ".procMount"),
            (json!({"seccompProfile": {"type": "Default"}}), ".seccompProfile.type"),
            (
                json!({"seccompProfile": {"type": "Localhost"}}),
                ".seccompProfile.localhostProfile",
            ),
            (
                json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "/var/lib/a"}}),
                ".seccompProfile.localhostProfile",
            ),
            (
                json!({"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}}),
                ".appArmorProfile.localhostProfile",
            ),
        ] {
            let fields: Vec<_> = told(&Value::Null, &security)
                .into_iter()
                .map(|(field, _)| field)
                .collect();
            assert_eq!(fields, [format!("c.securityContext{field}")], "{security}");
        }
    }
}
