//! What the pod template of a client may not have: whoever may create a client is no administrator of nodes, and no pod
//! may have some of it.

use serde_json::Value;

use crate::api::review::Cause;
use crate::gateway::container;

/// Where the template is.
const TEMPLATE: &str = "spec.podTemplate.spec";
/// Every list of containers that a pod has.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
/// What may be projected; others can be what a pod shows to prove who it is.
const SOURCES: [&str; 3] = ["secret", "configMap", "downwardAPI"];

/// What is wrong with a template.
pub(super) fn faults(template: &Value) -> Vec<Cause> {
    let spec = &template["spec"];
    let mut faults = of_pod(spec);
    faults.extend(each(spec, "volumes").flat_map(|(at, volume)| of_volume(&at, volume)));
    for list in LISTS {
        faults.extend(each(spec, list).flat_map(|(at, container)| of_container(&at, container)));
    }
    faults
}

fn of_pod(spec: &Value) -> Vec<Cause> {
    let mut faults = Vec::new();
    for field in ["serviceAccountName", "serviceAccount"] {
        if is_said(&spec[field]) {
            let text = "a client has no service account; leave it out, or create the pod yourself";
            faults.push(refused(TEMPLATE, field, text));
        }
    }
    if spec["automountServiceAccountToken"] == true {
        let text = "a client has no token of a service account; leave it out or say false";
        faults.push(refused(TEMPLATE, "automountServiceAccountToken", text));
    }
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == true {
            let text = "a client has no namespace of its node; leave it out or say false";
            faults.push(refused(TEMPLATE, field, text));
        }
    }
    if is_said(&spec["nodeName"]) {
        let text = "the scheduler chooses the node; use nodeSelector or affinity";
        faults.push(refused(TEMPLATE, "nodeName", text));
    }
    faults.extend(of_windows(TEMPLATE, spec));
    faults.extend(container::faults(TEMPLATE, (&Value::Null, &spec["securityContext"])));
    faults
}

fn of_volume(at: &str, volume: &Value) -> Vec<Cause> {
    let mut faults = Vec::new();
    if !volume["hostPath"].is_null() {
        let text = "a client has no files of its node; use emptyDir or a PersistentVolumeClaim";
        faults.push(refused(at, "hostPath", text));
    }
    let sources = each(&volume["projected"], "sources");
    for (index, (_, source)) in sources.enumerate() {
        let given = source.as_object().into_iter().flatten();
        let others = given.filter(|(name, value)| !value.is_null() && !SOURCES.contains(&name.as_str()));
        for (name, _) in others {
            let field = format!("projected.sources[{index}].{name}");
            let text = "a client has no token or certificate of its own; use secret, configMap or downwardAPI";
            faults.push(refused(at, &field, text));
        }
    }
    faults
}

fn of_container(at: &str, container: &Value) -> Vec<Cause> {
    let mut faults = Vec::new();
    let security = &container["securityContext"];
    for field in ["privileged", "allowPrivilegeEscalation"] {
        if security[field] == true {
            let field = format!("securityContext.{field}");
            faults.push(refused(
                at,
                &field,
                "a client is not privileged; leave it out or say false",
            ));
        }
    }
    if each(&security["capabilities"], "add").next().is_some() {
        let text = "a client adds no capabilities; what its gateway needs is in the gateway's own containers";
        faults.push(refused(at, "securityContext.capabilities.add", text));
    }
    if is_said(&security["procMount"]) && security["procMount"] != "Default" {
        let text = "a client sees of /proc what every container sees; leave it out";
        faults.push(refused(at, "securityContext.procMount", text));
    }
    for (index, (_, port)) in each(container, "ports").enumerate() {
        if port["hostPort"].as_i64().is_some_and(|port| port != 0) {
            let field = format!("ports[{index}].hostPort");
            faults.push(refused(at, &field, "a client has no port of its node; use a Service"));
        }
    }
    faults.extend(of_windows(at, container));
    faults.extend(container::faults(at, (&container["resources"], security)));
    faults
}

fn of_windows(at: &str, holder: &Value) -> Option<Cause> {
    let refused_here = holder["securityContext"]["windowsOptions"]["hostProcess"] == true;
    let field = "securityContext.windowsOptions.hostProcess";
    refused_here.then(|| {
        refused(
            at,
            field,
            "a client is no process of its node; leave it out or say false",
        )
    })
}

/// The elements of a list, each with its place; none where there is no list.
fn each<'v>(holder: &'v Value, list: &str) -> impl Iterator<Item = (String, &'v Value)> {
    let elements = holder[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = format!("{TEMPLATE}.{list}");
    elements
        .iter()
        .enumerate()
        .map(move |(index, element)| (format!("{place}[{index}]"), element))
}

fn is_said(value: &Value) -> bool {
    !value.is_null() && value != ""
}

fn refused(at: &str, field: &str, text: &str) -> Cause {
    Cause::invalid(format!("{at}.{field}"), text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(spec: &Value) -> Vec<String> {
        let faults = faults(&json!({"spec": spec}));
        faults.into_iter().map(|cause| cause.field).collect()
    }

    #[test]
    fn what_is_the_node_s_or_an_account_s_is_refused() {
        for (spec, field) in [
            (json!({"serviceAccountName": "a"}), "serviceAccountName"),
            (json!({"serviceAccount": "default"}), "serviceAccount"),
            (
                json!({"automountServiceAccountToken": true}),
                "automountServiceAccountToken",
            ),
            (json!({"hostNetwork": true}), "hostNetwork"),
            (json!({"hostPID": true}), "hostPID"),
            (json!({"hostIPC": true}), "hostIPC"),
            (json!({"nodeName": "n"}), "nodeName"),
            (
                json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
                "securityContext.windowsOptions.hostProcess",
            ),
            (
                json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
                "securityContext.seccompProfile.localhostProfile",
            ),
            (
                json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]}),
                "volumes[1].hostPath",
            ),
            (
                json!({"volumes": [{"name": "a", "projected": {"sources": [{"secret": {}}, {"serviceAccountToken": {}}]}}]}),
                "volumes[0].projected.sources[1].serviceAccountToken",
            ),
            (
                json!({"volumes": [{"name": "a", "projected": {"sources": [{"podCertificate": {"signerName": "s"}}]}}]}),
                "volumes[0].projected.sources[0].podCertificate",
            ),
        ] {
            assert_eq!(fields(&spec), [format!("spec.podTemplate.spec.{field}")], "{spec}");
        }
    }

    #[test]
    fn containers_of_every_list_are_looked_at() {
        for list in LISTS {
            for (container, field) in [
                (
                    json!({"securityContext": {"privileged": true}}),
                    "securityContext.privileged",
                ),
                (
                    json!({"securityContext": {"allowPrivilegeEscalation": true}}),
                    "securityContext.allowPrivilegeEscalation",
                ),
                (
                    json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
                    "securityContext.capabilities.add",
                ),
                (
                    json!({"securityContext": {"procMount": "Unmasked"}}),
                    "securityContext.procMount",
                ),
                (
                    json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
                    "securityContext.windowsOptions.hostProcess",
                ),
                (
                    json!({"ports": [{"containerPort": 1}, {"hostPort": 80}]}),
                    "ports[1].hostPort",
                ),
                (
                    json!({"resources": {"requests": {"cpu": "-1"}}}),
                    "resources.requests[cpu]",
                ),
                (
                    json!({"securityContext": {"runAsUser": -1}}),
                    "securityContext.runAsUser",
                ),
            ] {
                let spec = json!({list: [{"name": "fine"}, container]});
                assert_eq!(
                    fields(&spec),
                    [format!("spec.podTemplate.spec.{list}[1].{field}")],
                    "{spec}"
                );
            }
        }
    }

    #[test]
    fn what_takes_nothing_is_allowed() {
        let container = json!({
            "securityContext": {
                "privileged": false, "allowPrivilegeEscalation": false, "procMount": "Default",
                "capabilities": {"add": [], "drop": ["ALL"]},
            },
            "ports": [{"containerPort": 80, "hostPort": 0}],
        });
        let spec = json!({
            "serviceAccountName": "", "serviceAccount": null, "automountServiceAccountToken": false, "hostNetwork": false,
            "hostUsers": false, "nodeSelector": {"a": "b"}, "volumes": [
                {"name": "a", "configMap": {"name": "b"}},
                {"name": "c", "projected": {"sources": [
                    {"secret": {"name": "d"}}, {"configMap": {"name": "e"}, "serviceAccountToken": null},
                    {"downwardAPI": {"items": []}},
                ]}},
            ],
            "containers": [container], "initContainers": null,
        });
        assert_eq!(fields(&spec), [""; 0]);
        assert_eq!(faults(&Value::Null), []);
    }
}
