//! Schemas of our CRDs that no derive can write: the Job of a JobTemplate, taken from Kubernetes' own types and made
//! structural, and the fields of a status as upstream has them. What Kubernetes says of its lists stands here as tables.

use k8s_openapi::api::batch::v1::JobTemplateSpec;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Types that keep fields which this release does not know: a newer API server may.
const OPEN: &[&str] = &["PodSpec", "Container", "EphemeralContainer"];

/// Lists whose elements are told apart by keys, so that two appliers can own one element each. From the list markers
/// of Kubernetes 1.37's types; a new one is added here.
const KEYED_LISTS: &[(&str, &str, &[&str])] = &[
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
const SETS: &[(&str, &str)] = &[
    ("ContainerRestartRuleOnExitCodes", "values"),
    ("PodFailurePolicyOnExitCodesRequirement", "values"),
    ("VolumeMount", "bindMountOptions"),
];

/// Objects that are replaced as a whole.
const ATOMIC: &[&str] = &[
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

/// `spec.jobTemplate`: a batch/v1 JobTemplateSpec whose strings may be templates, so that none has a format.
pub(super) fn job_template(_: &mut SchemaGenerator) -> Schema {
    structural::<JobTemplateSpec>()
}

/// `status.job`: a reference to the Job, replaced as a whole.
pub(super) fn job_reference(_: &mut SchemaGenerator) -> Schema {
    let mut schema = structural::<ObjectReference>();
    schema.insert("description".into(), "The Job of this execution.".into());
    schema
}

/// `status.conditions`: `metav1.Condition` with upstream's limits, except on the length of a message: a status must
/// not be refused because an API server was verbose.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    let mut condition = structural::<Condition>().to_value();
    let limits = [
        ("lastTransitionTime", json!({"format": "date-time"})),
        ("observedGeneration", json!({"minimum": 0})),
        (
            "reason",
            json!({"maxLength": 1024, "minLength": 1, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"}),
        ),
        ("status", json!({"enum": ["True", "False", "Unknown"]})),
        ("type", json!({"maxLength": 316})),
    ];
    for (field, limit) in limits {
        overlay(&mut condition["properties"][field], limit);
    }
    schemars::json_schema!({
        "description": "Waiting, Running and Succeeded.",
        "type": "array",
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}

/// A spec that cannot change. Scalar by scalar: the API server refuses rules whose cost it cannot bound.
pub(super) fn immutable(spec: &mut Schema) {
    let rules = [
        ("jobTemplateName", "self.jobTemplateName == oldSelf.jobTemplateName"),
        (
            "payload",
            "(has(self.payload) ? self.payload : '') == (has(oldSelf.payload) ? oldSelf.payload : '')",
        ),
    ];
    let rules = rules.map(|(field, rule)| {
        let message = format!("{field} is immutable: a JobExecution is one run, create another one");
        json!({"fieldPath": format!(".{field}"), "message": message, "rule": rule})
    });
    spec.insert("x-kubernetes-validations".into(), rules.into_iter().collect());
}

/// The schema of one of Kubernetes' types without references, and without what a CRD may not say.
fn structural<T: JsonSchema>() -> Schema {
    let mut root = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    let definitions = match root.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    let schemas = Schemas { definitions };
    Schema::try_from(schemas.object(&T::schema_name(), &root.to_value(), Descriptions::Kept)).unwrap_or_default()
}

/// Whether descriptions are part of the result. Below the pod spec they would be three quarters of the CRD, which then
/// no longer fits the annotation of a plain `kubectl apply`.
#[derive(Clone, Copy, PartialEq)]
enum Descriptions {
    Kept,
    Dropped,
}

/// The definitions that references point at.
struct Schemas {
    definitions: Map<String, Value>,
}

impl Schemas {
    /// A node that is a reference, perhaps with a description of its own, or stands for itself.
    fn node(&self, node: &Value, descriptions: Descriptions) -> Value {
        let Some(reference) = node["$ref"].as_str() else {
            return self.plain(node, descriptions);
        };
        let name = reference.rsplit('/').next().unwrap_or_default();
        let mut schema = self.object(name, &self.definitions[name], descriptions);
        if descriptions == Descriptions::Kept && node["description"].is_string() {
            schema["description"] = node["description"].clone();
        }
        schema
    }

    /// A named type, with what the tables say of it.
    fn object(&self, name: &str, definition: &Value, descriptions: Descriptions) -> Value {
        let name = name.rsplit('.').next().unwrap_or_default();
        let inner = if name == "PodSpec" {
            Descriptions::Dropped
        } else {
            descriptions
        };
        let mut schema = if name == "ObjectMeta" {
            metadata()
        } else {
            self.plain(definition, inner)
        };
        if descriptions == Descriptions::Kept && definition["description"].is_string() {
            schema["description"] = definition["description"].clone();
        }
        if OPEN.contains(&name) {
            schema["x-kubernetes-preserve-unknown-fields"] = true.into();
        }
        if ATOMIC.contains(&name) {
            schema["x-kubernetes-map-type"] = "atomic".into();
        }
        for (_, list, keys) in KEYED_LISTS.iter().filter(|(owner, ..)| *owner == name) {
            let lists = json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys});
            overlay(&mut schema["properties"][list], lists);
        }
        for (_, list) in SETS.iter().filter(|(owner, _)| *owner == name) {
            overlay(
                &mut schema["properties"][list],
                json!({"x-kubernetes-list-type": "set"}),
            );
        }
        for (field, value) in defaults(name) {
            overlay(&mut schema["properties"][field], value);
        }
        schema
    }

    /// A node without reference: the keywords that a structural schema knows, and only those.
    fn plain(&self, node: &Value, descriptions: Descriptions) -> Value {
        let mut schema = Map::new();
        for keyword in ["type", "required", "x-kubernetes-int-or-string"] {
            if let Some(value) = node.get(keyword) {
                schema.insert(keyword.into(), value.clone());
            }
        }
        if node["type"] == "integer"
            && let Some(format) = node.get("format")
        {
            schema.insert("format".into(), format.clone());
        }
        if descriptions == Descriptions::Kept
            && let Some(description) = node.get("description")
        {
            schema.insert("description".into(), description.clone());
        }
        for keyword in ["items", "additionalProperties"] {
            if let Some(child) = node.get(keyword) {
                schema.insert(keyword.into(), self.node(child, descriptions));
            }
        }
        if let Some(properties) = node["properties"].as_object() {
            let properties = properties
                .iter()
                .map(|(name, child)| (name.clone(), self.node(child, descriptions)));
            schema.insert("properties".into(), Value::Object(properties.collect()));
        }
        Value::Object(schema)
    }
}

/// Fields of a type with a default: a key of a list must have one where it may be absent.
fn defaults(name: &str) -> Vec<(&'static str, Value)> {
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
fn metadata() -> Value {
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

fn overlay(schema: &mut Value, more: Value) {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
}
