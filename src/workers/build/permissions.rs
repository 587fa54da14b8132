//! What a pod that publishes may do, and the token that it shows.

use serde_json::{Value, json};

use crate::api::names::CATEGORY;
use crate::api::names::label;

/// Service account of pods that publish; it may create ConfigMaps in its namespace, and nothing else.
pub const SERVICE_ACCOUNT: &str = "stationmaster-build";
/// Volume of the token.
const TOKEN: &str = "token";

/// What a pod that publishes may do: its ServiceAccount, Role and RoleBinding, each with its `apiVersion`.
#[must_use]
pub fn permissions(namespace: &str) -> [Value; 3] {
    let metadata = json!({
        "name": SERVICE_ACCOUNT, "namespace": namespace, "labels": {label::PART_OF: CATEGORY},
    });
    let rbac = "rbac.authorization.k8s.io";
    [
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}],
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": SERVICE_ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": namespace}],
        }),
    ]
}

/// A token for the API server in one container, as the kubelet mounts it into all where nobody forbids it.
pub(super) fn token() -> Value {
    let sources = json!([
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]);
    json!({"name": TOKEN, "projected": {"sources": sources}})
}

/// Where it is looked for.
pub(super) fn token_mount() -> Value {
    crate::workers::pod::mount(TOKEN, "/var/run/secrets/kubernetes.io/serviceaccount")
}
