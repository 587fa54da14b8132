//! What the hooks want is what the real API server stores of it: metacontroller compares both, and has nothing to write
//! again.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::cluster::ControlPlane;
use common::merge;
use serde_json::{Value, json};
use stationmaster::resources::{Namespace, Options, Set};

/// One object of each kind that the DecoratorControllers of manifests/metacontroller declare, in ways that are not how
/// they are stored.
const FOLDER: &str = r#"
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {}}, data: {team: "{{ NAMESPACE }}", none: null}}
---
{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {key: "{{ NAMESPACE }}"}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, imagePullSecrets: [{name: registry}]}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: a}, spec: {hard: {pods: 50, count/secrets: 2000, limits.cpu: 1000m, requests.memory: 1024Mi}}}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {limits: [
  {type: Container, default: {cpu: 1}, max: {cpu: 4, memory: 1Gi}, min: {memory: 0, ephemeral-storage: 1Mi}, maxLimitRequestRatio: {cpu: 4}},
  {type: Pod, max: {cpu: 8}}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a},
  subjects: [{kind: User, name: u}, {kind: ServiceAccount, name: a, namespace: "{{ NAMESPACE }}"}],
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: a}}
"#;

#[test]
fn what_is_wanted_is_what_is_stored() {
    let plane = ControlPlane::start();
    let namespace = Namespace {
        name: plane.namespace(),
        ..Namespace::default()
    };
    let set = Set::compile([("all.yaml", FOLDER)], Options::default()).unwrap();
    let desired = set.desired(&namespace).unwrap().objects;
    assert_eq!(desired.len(), 7);
    for object in desired {
        let wanted = serde_json::from_str(object.manifest.get()).unwrap();
        let (stored, merged) = both(&plane, &wanted);
        assert_eq!(merged, stored, "{} would be written again", object.kind);
    }

    // The comparison can tell.
    let metadata = json!({"name": "b", "namespace": namespace.name});
    let unlike =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": 50}}});
    let (stored, merged) = both(&plane, &unlike);
    assert_ne!(merged, stored);
}

/// What is there once metacontroller has created an object, and what it then wants there to be.
fn both(plane: &ControlPlane, wanted: &Value) -> (Value, Value) {
    let controller = json!({"metadata": {"name": "tenants"}});
    let created = merge::created(wanted, &controller).to_string();
    let output = plane.try_kubectl(&["create", "-o", "json", "-f", "-"], &created);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stored: Value = serde_json::from_slice(&output.stdout).unwrap();
    let merged = merge::merged(&stored, wanted, &controller);
    (stored, merged)
}
