//! One of Kubernetes' types as a structural schema: no references, and no keyword that a CRD may not have.

mod tables;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use tables::{ATOMIC, KEYED_LISTS, NAMELESS, OPEN, SETS, defaults, metadata};

/// The schema of one of Kubernetes' types without references, and without what a CRD may not say.
pub(in crate::api) fn structural<T: JsonSchema>() -> Schema {
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

/// `metav1.Condition` with its limits, except on the length of a message: a status must not be refused because an API
/// server was verbose.
pub(in crate::api) fn conditions_of(description: &str) -> Schema {
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
        "description": description,
        "type": "array",
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
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
        if NAMELESS.contains(&name) {
            required_without_name(&mut schema);
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

/// A list of required fields may not be empty, and goes with its last one.
fn required_without_name(schema: &mut Value) {
    let required = schema["required"].as_array_mut();
    let left = required.map_or(0, |required| {
        required.retain(|field| field != "name");
        required.len()
    });
    if let (0, Some(schema)) = (left, schema.as_object_mut()) {
        schema.remove("required");
    }
}

/// Gives a schema further keywords.
pub(in crate::api) fn overlay(schema: &mut Value, more: Value) {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
}
