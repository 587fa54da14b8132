//! What Kubernetes says of its types beyond their fields: which lists have keys, which values are replaced as a whole,
//! what is there by default. From the markers of Kubernetes 1.37's types.

use serde_json::{Value, json};

/// Types that keep fields which this release does not know: a newer API server may.
pub(super) const OPEN: &[&str] = &["PodSpec", "Container", "EphemeralContainer"];

/// Lists whose elements are told apart by keys, so that two appliers can own one element each. From the list markers
/// of Kubernetes 1.37's types; a new one is added here.
pub(super) const KEYED_LISTS: &[(&str, &str, &[&str])] = &[
    ("Container", "env", &["name"]),
    ("Container", "ports", &["containerPort", "protocol"]),
    ("Container", "volumeDevices", &["devicePath"]),
    ("Container", "volumeMounts", &["mountPath"]),
    ("EphemeralContainer", "env", &["name"]),
    ("EphemeralContainer", "ports", &["containerPort", "protocol"]),
    ("EphemeralContainer", "volumeDevices", &["devicePath"]),
    ("EphemeralContainer", "volumeMounts", &["mountPath"]),
    ("JobSchedulingConfiguration", "resourceClaims", &["name"]),
    ("PodSpec", "containers", &["name"]),
    ("PodSpec", "ephemeralContainers", &["name"]),
    ("PodSpec", "evictionResponders", &["name"]),
    ("PodSpec", "hostAliases", &["ip"]),
    ("PodSpec", "imagePullSecrets", &["name"]),
    ("PodSpec", "initContainers", &["name"]),
    ("PodSpec", "resourceClaims", &["name"]),
    ("PodSpec", "schedulingGates", &["name"]),
    (
        "PodSpec",
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
    ("PodSpec", "volumes", &["name"]),
    ("ResourceRequirements", "claims", &["name"]),
];

/// Lists of distinct scalars. Any list in neither table is replaced as a whole.
pub(super) const SETS: &[(&str, &str)] = &[
    ("ContainerRestartRuleOnExitCodes", "values"),
    ("PodFailurePolicyOnExitCodesRequirement", "values"),
    ("VolumeMount", "bindMountOptions"),
];

/// Objects that are replaced as a whole.
pub(super) const ATOMIC: &[&str] = &[
    "ConfigMapKeySelector",
    "FileKeySelector",
    "LabelSelector",
    "LocalObjectReference",
    "NodeSelector",
    "NodeSelectorTerm",
    "ObjectFieldSelector",
    "ObjectReference",
    "ResourceFieldSelector",
    "SecretKeySelector",
    "TypedLocalObjectReference",
];

/// References whose name may be absent: Kubernetes takes it for empty. The types that we derive from ask for it.
pub(super) const NAMELESS: &[&str] = &[
    "ConfigMapEnvSource",
    "ConfigMapKeySelector",
    "ConfigMapProjection",
    "ConfigMapVolumeSource",
    "LocalObjectReference",
    "SecretEnvSource",
    "SecretKeySelector",
    "SecretProjection",
];

/// Fields of a type with a default: a key of a list must have one where it may be absent.
pub(super) fn defaults(name: &str) -> Vec<(&'static str, Value)> {
    match name {
        "PodSpec" => vec![(
            "restartPolicy",
            json!({"default": "Never", "enum": ["Never", "OnFailure"]}),
        )],
        "ContainerPort" => vec![("protocol", json!({"default": "TCP"}))],
        "LocalObjectReference" => vec![("name", json!({"default": ""}))],
        _ => Vec::new(),
    }
}

/// Metadata inside a template: the five keys that upstream keeps, and `generateName`, which its own sample has: kubectl
/// refuses a field that the schema does not know. A Job is named by its template or its execution all the same.
pub(super) fn metadata() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": text});
    json!({"type": "object", "properties": {
        "annotations": texts,
        "finalizers": {"type": "array", "items": text},
        "generateName": text,
        "labels": texts,
        "name": text,
        "namespace": text,
    }})
}
