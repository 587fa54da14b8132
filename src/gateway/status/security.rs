//! Whether the Pod Security levels of namespaces let the containers of a gateway in.

use serde_json::Value;

use super::super::{Labels, selects};
use super::Said;
use crate::api::gateway::GatewaySpec;
use crate::api::names::{condition_type, label, reason};

/// Namespaces that are named; of more there is a number.
const NAMED: usize = 10;
/// What a container may add under the level baseline.
const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Levels of Pod Security, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Restricted,
    Baseline,
    Privileged,
}

/// Some namespaces refuse its containers, or none does.
pub(super) fn claim(spec: &GatewaySpec, namespaces: &[(String, Labels)]) -> Said {
    let needed = needed(spec);
    let selector = spec.matches.namespace_selector.as_ref();
    let selected = namespaces
        .iter()
        .filter(|(_, labels)| selector.is_none_or(|selector| selects(selector, labels)));
    let refusing = selected.filter(|(_, labels)| enforced(labels) < needed);
    let mut refusing: Vec<_> = refusing.map(|(name, _)| name.as_str()).collect();
    if refusing.is_empty() {
        let message = "no namespace is known to refuse its containers".to_owned();
        return (condition_type::POD_SECURITY, Some(true), reason::ADMITTED, message);
    }
    refusing.sort_unstable();
    let message = format!(
        "Pod Security refuses its containers in {} ({}): label them {}=privileged, or leave them out of \
         spec.match.namespaceSelector",
        count(refusing.len()),
        list(&refusing),
        label::POD_SECURITY_ENFORCE,
    );
    (condition_type::POD_SECURITY, Some(false), reason::RESTRICTED, message)
}

fn count(namespaces: usize) -> String {
    match namespaces {
        1 => "1 namespace".to_owned(),
        more => format!("{more} namespaces"),
    }
}

fn list(names: &[&str]) -> String {
    let mut list = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        list.push_str(", …");
    }
    list
}

/// Without the label the cluster's own default holds, which is privileged unless somebody has changed it.
fn enforced(labels: &Labels) -> Level {
    match labels.get(label::POD_SECURITY_ENFORCE).map(String::as_str) {
        Some("restricted") => Level::Restricted,
        Some("baseline") => Level::Baseline,
        _ => Level::Privileged,
    }
}

/// The level that takes both containers.
fn needed(spec: &GatewaySpec) -> Level {
    let containers = spec
        .init
        .iter()
        .chain(spec.sidecar.iter().map(|sidecar| &sidecar.container));
    let levels = containers.map(|container| container.security_context.as_ref().map_or(Level::Privileged, level));
    levels.max().unwrap_or(Level::Restricted)
}

/// The level that takes a container with this security context, as far as that alone decides.
fn level(context: &Value) -> Level {
    let added = context["capabilities"]["add"].as_array().into_iter().flatten();
    let mut added = added.filter_map(Value::as_str);
    if context["privileged"] == true || !added.clone().all(|added| BASELINE.contains(&added)) {
        return Level::Privileged;
    }
    let dropped = context["capabilities"]["drop"].as_array().into_iter().flatten();
    let drops_all = dropped.into_iter().any(|dropped| dropped == "ALL");
    let is_restricted = context["runAsNonRoot"] == true
        && context["allowPrivilegeEscalation"] == false
        && context["seccompProfile"]["type"].is_string()
        && drops_all
        && added.all(|added| added == "NET_BIND_SERVICE");
    if is_restricted {
        Level::Restricted
    } else {
        Level::Baseline
    }
}
