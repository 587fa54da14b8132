//! The committed CRDs are what the types say, and fit what installs them.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::path::Path;

use serde_json::Value;
use stationmaster::api;
use stationmaster::commands::crds::{file_name, yaml};

/// Annotations of one object may hold this much together; `kubectl apply` keeps the whole manifest in one.
const ANNOTATIONS: usize = 256 * 1024;

fn trees() -> Vec<Value> {
    api::crds()
        .iter()
        .map(|crd| serde_json::to_value(crd).unwrap())
        .collect()
}

/// Every node of every version's schema, with its path.
fn nodes(crd: &Value) -> Vec<(String, &Value)> {
    let versions = crd["spec"]["versions"].as_array().unwrap();
    let mut open: Vec<_> = versions
        .iter()
        .map(|version| {
            (
                version["name"].as_str().unwrap().to_owned(),
                &version["schema"]["openAPIV3Schema"],
            )
        })
        .collect();
    let mut closed = Vec::new();
    while let Some((path, node)) = open.pop() {
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            open.push((format!("{path}.{name}"), child));
        }
        for keyword in ["items", "additionalProperties"] {
            open.extend(node.get(keyword).map(|child| (format!("{path}[]"), child)));
        }
        closed.push((path, node));
    }
    closed
}

/// The nodes that are called so in both versions of the JobTemplate's pod spec.
fn in_pod_spec<'a>(nodes: &'a [(String, &Value)], name: &str) -> Vec<&'a Value> {
    let end = format!(".spec.jobTemplate.spec.template.spec{name}");
    nodes
        .iter()
        .filter(|(path, _)| path.ends_with(&end))
        .map(|(_, node)| *node)
        .collect()
}

#[test]
fn committed_crds_equal_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for crd in api::crds() {
        let committed = std::fs::read_to_string(folder.join(file_name(&crd))).unwrap();
        assert_eq!(committed, yaml(&crd).unwrap(), "run `make crds`");
    }
    assert_eq!(
        std::fs::read_dir(folder).unwrap().count(),
        api::crds().len(),
        "a file of no CRD lies in crds/"
    );
}

#[test]
fn yaml_reads_back_as_the_same_crd() {
    for crd in api::crds() {
        let read: Value = serde_saphyr::from_str(&yaml(&crd).unwrap()).unwrap();
        // Numbers lose their fraction on the way (`minimum: 0.0`), so compare as the API server decodes them.
        let read: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition =
            serde_json::from_value(read).unwrap();
        assert_eq!(read, crd);
    }
}

#[test]
fn each_crd_fits_the_annotation_of_kubectl_apply() {
    for crd in api::crds() {
        let size = serde_json::to_string(&crd).unwrap().len();
        assert!(size < ANNOTATIONS, "{} takes {size} bytes", file_name(&crd));
    }
}

#[test]
fn each_stored_version_is_served() {
    for crd in trees() {
        let versions = crd["spec"]["versions"].as_array().unwrap();
        let facts: Vec<_> = versions
            .iter()
            .map(|v| (v["name"].as_str().unwrap(), v["served"] == true, v["storage"] == true))
            .collect();
        let expected: &[_] = match crd["spec"]["group"].as_str() {
            Some(group) if group == "dispatcher.ivan.vc" || group.starts_with("api.worker-") => {
                &[("v1beta1", true, true), ("v1alpha1", true, false)]
            }
            _ => &[("v1alpha1", true, true)],
        };
        assert_eq!(facts, expected);
        assert!(
            versions
                .iter()
                .all(|v| v["schema"]["openAPIV3Schema"]["required"] == serde_json::json!(["spec"]))
        );
    }
}

#[test]
fn no_string_of_a_template_refuses_an_expression() {
    for crd in trees() {
        for (path, node) in nodes(&crd).iter().filter(|(path, _)| path.contains(".jobTemplate.")) {
            let refusing = ["format", "pattern", "maxLength", "minLength"];
            let found = refusing.iter().find(|keyword| node.get(**keyword).is_some());
            assert!(node["type"] != "string" || found.is_none(), "{path} has a {found:?}");
        }
    }
}

#[test]
fn keys_of_a_list_are_required_or_have_a_default() {
    for crd in trees() {
        for (path, list) in nodes(&crd) {
            for key in list["x-kubernetes-list-map-keys"].as_array().into_iter().flatten() {
                let item = &list["items"];
                let required = item["required"]
                    .as_array()
                    .is_some_and(|required| required.contains(key));
                let field = &item["properties"][key.as_str().unwrap()];
                assert!(field.is_object(), "{path} has no {key}");
                assert!(
                    required || field.get("default").is_some(),
                    "{path}: {key} may be absent"
                );
            }
        }
    }
}

#[test]
fn appliers_share_containers_ports_and_variables() {
    let crd = &trees()[1];
    let nodes = nodes(crd);
    for (list, keys) in [
        (".containers", vec!["name"]),
        (".initContainers", vec!["name"]),
        (".volumes", vec!["name"]),
        (".imagePullSecrets", vec!["name"]),
        (".hostAliases", vec!["ip"]),
        (".topologySpreadConstraints", vec!["topologyKey", "whenUnsatisfiable"]),
        (".containers[].ports", vec!["containerPort", "protocol"]),
        (".containers[].env", vec!["name"]),
        (".containers[].volumeMounts", vec!["mountPath"]),
        (".containers[].volumeDevices", vec!["devicePath"]),
    ] {
        let found = in_pod_spec(&nodes, list);
        assert_eq!(found.len(), 2, "{list}");
        for node in found {
            assert_eq!(node["x-kubernetes-list-type"], "map", "{list}");
            assert_eq!(node["x-kubernetes-list-map-keys"], serde_json::json!(keys), "{list}");
        }
    }
    for tolerations in in_pod_spec(&nodes, ".tolerations") {
        assert_eq!(
            tolerations.get("x-kubernetes-list-type"),
            None,
            "a list without type is atomic"
        );
    }
}

#[test]
fn pod_specs_and_containers_keep_newer_fields() {
    let crd = &trees()[1];
    let nodes = nodes(crd);
    for name in ["", ".containers[]", ".initContainers[]", ".ephemeralContainers[]"] {
        let found = in_pod_spec(&nodes, name);
        assert_eq!(found.len(), 2, "{name}");
        assert!(
            found
                .iter()
                .all(|node| node["x-kubernetes-preserve-unknown-fields"] == true),
            "{name}"
        );
    }
}

#[test]
fn metadata_in_a_template_has_upstreams_keys() {
    let crd = &trees()[1];
    let keys = [
        "annotations",
        "finalizers",
        "generateName",
        "labels",
        "name",
        "namespace",
    ];
    let nodes = nodes(crd);
    let found: Vec<_> = nodes.iter().filter(|(path, _)| path.ends_with(".metadata")).collect();
    assert_eq!(
        found.len(),
        6,
        "of the Job, its pods and their volume claims, in two versions"
    );
    for (path, metadata) in found {
        let properties = metadata["properties"].as_object().unwrap();
        assert!(properties.keys().eq(keys), "{path}");
    }
}

#[test]
fn references_may_leave_out_the_name_as_in_kubernetes() {
    let crd = &trees()[1];
    let nodes = nodes(crd);
    for (name, required) in [
        (".containers[].envFrom[].configMapRef", Value::Null),
        (".containers[].env[].valueFrom.secretKeyRef", serde_json::json!(["key"])),
        (".imagePullSecrets[]", Value::Null),
        (".volumes[].configMap", Value::Null),
    ] {
        let found = in_pod_spec(&nodes, name);
        assert_eq!(found.len(), 2, "{name}");
        assert!(found.iter().all(|node| node["required"] == required), "{name}");
    }
}

#[test]
fn restart_policy_defaults_to_never() {
    let crd = &trees()[1];
    let nodes = nodes(crd);
    for policy in in_pod_spec(&nodes, ".restartPolicy") {
        assert_eq!(
            *policy,
            serde_json::json!({"type": "string", "default": "Never", "enum": ["Never", "OnFailure"]})
        );
    }
}

#[test]
fn quantities_and_ports_may_be_numbers_or_text() {
    let crd = &trees()[1];
    let nodes = nodes(crd);
    for name in [
        ".containers[].resources.limits[]",
        ".containers[].livenessProbe.httpGet.port",
    ] {
        let found = in_pod_spec(&nodes, name);
        assert_eq!(found.len(), 2, "{name}");
        assert!(
            found
                .iter()
                .all(|node| **node == serde_json::json!({"x-kubernetes-int-or-string": true})),
            "{name}"
        );
    }
}
