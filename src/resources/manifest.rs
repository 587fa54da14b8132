//! One rendered document: is it an object, where does it belong, and what does its template say beside it?

use serde_json::{Map, Value};

use super::stored;
use crate::api::names::annotation::{FORCE_CONFLICTS, SKIPPABLE};

/// An object, its markers taken off.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// The namespace that it names itself.
    pub(super) namespace: Option<String>,
    /// Namespaces may refuse it.
    pub(super) skippable: bool,
    /// Fields of other field managers are taken over.
    pub(super) force_conflicts: bool,
    tree: Map<String, Value>,
}

impl Manifest {
    pub(super) fn of(document: Value) -> Result<Self, String> {
        let Value::Object(mut tree) = document else {
            return Err("a document must be a mapping".to_owned());
        };
        let api_version = text(&tree, "apiVersion").ok_or("apiVersion must be text")?;
        let kind = text(&tree, "kind").ok_or("kind must be text")?;
        stored::normalize(&mut tree)?;
        let metadata = tree.get_mut("metadata").and_then(Value::as_object_mut);
        let metadata = metadata.ok_or("metadata must be a mapping")?;
        let name = text(metadata, "name").ok_or("metadata.name must be text")?;
        let namespace = match metadata.get("namespace") {
            None => None,
            Some(Value::String(namespace)) => Some(namespace.clone()).filter(|namespace| !namespace.is_empty()),
            Some(_) => return Err("metadata.namespace must be text: put it in quotes".to_owned()),
        };
        let (skippable, force_conflicts) = (take(metadata, SKIPPABLE), take(metadata, FORCE_CONFLICTS));
        Ok(Self {
            api_version,
            kind,
            name,
            namespace,
            skippable,
            force_conflicts,
            tree,
        })
    }

    /// Whether both are the same object, wherever their templates put them.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.api_version, &self.kind, &self.name) == (&other.api_version, &other.kind, &other.name)
    }

    /// The object in its namespace.
    pub(super) fn within(mut self, namespace: &str) -> Value {
        if let Some(Value::Object(metadata)) = self.tree.get_mut("metadata") {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        Value::Object(self.tree)
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    let text = members.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Removes a marker, and the annotations with the last of them.
fn take(metadata: &mut Map<String, Value>, marker: &str) -> bool {
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else {
        return false;
    };
    let Some(value) = annotations.remove(marker) else {
        return false;
    };
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    value == "true" || value == true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_says_what_it_is() {
        let document = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "gold", "annotations": {"stationmaster.dev/skippable": "true"}},
        });
        let manifest = Manifest::of(document).expect("an object");
        assert_eq!((&*manifest.kind, &*manifest.name), ("ConfigMap", "a"));
        assert_eq!(manifest.namespace.as_deref(), Some("gold"));
        assert!(manifest.skippable && !manifest.force_conflicts);
        let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(manifest.within("b"), expected);
    }

    #[test]
    fn markers_go_and_other_annotations_stay() {
        for (annotations, skippable, left) in [
            (json!({"stationmaster.dev/skippable": true}), true, json!(null)),
            (json!({"stationmaster.dev/skippable": "false"}), false, json!(null)),
            (
                json!({"stationmaster.dev/skippable": "true", "a": "b"}),
                true,
                json!({"a": "b"}),
            ),
            (
                json!({"stationmaster.dev/force-conflicts": "true", "a": "b"}),
                false,
                json!({"a": "b"}),
            ),
            (json!({"a": "b"}), false, json!({"a": "b"})),
        ] {
            let document =
                json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "annotations": annotations}});
            let manifest = Manifest::of(document).expect("an object");
            assert_eq!(manifest.skippable, skippable, "{annotations}");
            assert_eq!(manifest.within("b")["metadata"]["annotations"], left, "{annotations}");
        }
    }

    #[test]
    fn what_is_no_object_is_told() {
        let metadata = json!({"name": "a"});
        for (document, fault) in [
            (json!("text"), "a document must be a mapping"),
            (json!({"kind": "A", "metadata": metadata}), "apiVersion must be text"),
            (
                json!({"apiVersion": 1, "kind": "A", "metadata": metadata}),
                "apiVersion must be text",
            ),
            (json!({"apiVersion": "v1", "metadata": metadata}), "kind must be text"),
            (json!({"apiVersion": "v1", "kind": "A"}), "metadata must be a mapping"),
            (
                json!({"apiVersion": "v1", "kind": "A", "metadata": {}}),
                "metadata.name must be text",
            ),
            (
                json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": ""}}),
                "metadata.name must be text",
            ),
            (
                json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": true}}),
                "metadata.name must be text",
            ),
            (
                json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "namespace": 123}}),
                "metadata.namespace must be text: put it in quotes",
            ),
        ] {
            assert_eq!(Manifest::of(document).expect_err(fault), fault);
        }
    }
}
