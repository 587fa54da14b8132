//! An object of ours as admission reads it: the metadata that rules look at, and the spec as a tree.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::names::label;
use crate::api::review::{Members, Object};

/// An object of ours.
#[derive(Debug, PartialEq)]
pub(super) struct View {
    pub(super) metadata: Metadata,
    /// Without what is null, which counts as absent.
    pub(super) spec: Value,
}

/// What rules read of an object's metadata.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) owner_references: Option<Vec<OwnerReference>>,
    #[serde(default)]
    pub(super) deletion_timestamp: Option<String>,
}

impl View {
    /// Reads an object.
    pub(super) fn of(object: &Object<'_>) -> Result<Self, serde_json::Error> {
        let metadata = object.metadata.map(|raw| serde_json::from_str(raw.get())).transpose()?;
        let spec = object.spec.as_ref().map(tree).transpose()?;
        Ok(Self {
            metadata: metadata.unwrap_or_default(),
            spec: Value::Object(spec.unwrap_or_default()),
        })
    }

    /// The spec as one of our types, or a part of it.
    pub(super) fn decoded<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.spec)
    }

    /// The account that the label names.
    pub(super) fn account(&self) -> Option<&str> {
        let labels = self.metadata.labels.as_ref()?;
        labels
            .get(label::ACCOUNTS)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// An annotation of it.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether it is on its way out.
    pub(super) fn is_dying(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether a controller of that kind made it.
    pub(super) fn is_controlled_by(&self, kind: &str) -> bool {
        let mut owners = self.metadata.owner_references.iter().flatten();
        owners.any(|owner| owner.controller == Some(true) && owner.kind == kind)
    }
}

fn tree(members: &Members<'_>) -> Result<Map<String, Value>, serde_json::Error> {
    let member = |name: &str| {
        let value = members.get(name)?;
        let value = serde_json::from_str(value.get()).map(without_nulls);
        Some(value.map(|value| (name.to_owned(), value)))
    };
    members.names().filter_map(member).collect()
}

/// What is null is absent, as Kubernetes has it; elements of lists keep their places.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(object: &Value) -> View {
        let text = object.to_string();
        View::of(&serde_json::from_str(&text).expect("an object")).expect("a view")
    }

    #[test]
    fn what_is_null_is_absent_and_lists_keep_their_places() {
        let spec = json!({"a": null, "b": {"c": null, "d": [null, {"e": null}, 1]}, "f": ""});
        let expected = json!({"b": {"d": [null, {}, 1]}, "f": ""});
        assert_eq!(view(&json!({"spec": spec})).spec, expected);
    }

    #[test]
    fn what_an_object_lacks_is_empty() {
        let empty = View {
            metadata: Metadata::default(),
            spec: json!({}),
        };
        for object in [
            json!({}),
            json!({"metadata": {}, "spec": {}}),
            json!({"metadata": null, "spec": null}),
        ] {
            assert_eq!(view(&object), empty);
        }
        assert_eq!(
            (empty.account(), empty.annotation("a"), empty.is_dying()),
            (None, None, false)
        );
    }

    #[test]
    fn an_empty_label_names_no_account() {
        for (labels, expected) in [
            (json!({"accounts": "1234"}), Some("1234")),
            (json!({"accounts": ""}), None),
            (json!({"account": "1234"}), None),
            (json!(null), None),
        ] {
            let view = view(&json!({"metadata": {"labels": labels}}));
            assert_eq!(view.account(), expected);
        }
    }

    #[test]
    fn annotations_and_deletion_are_read() {
        let metadata = json!({"annotations": {"a": "b"}, "deletionTimestamp": "2026-01-01T00:00:00Z"});
        let view = view(&json!({"metadata": metadata}));
        assert_eq!((view.annotation("a"), view.annotation("b")), (Some("b"), None));
        assert!(view.is_dying());
    }

    #[test]
    fn only_a_controller_controls() {
        let owner = |kind: &str, controller: Value| json!({"apiVersion": "v1", "kind": kind, "name": "a", "uid": "u", "controller": controller});
        for (owners, expected) in [
            (json!([owner("WorkerAccount", json!(true))]), true),
            (json!([owner("WorkerAccount", json!(false))]), false),
            (json!([owner("WorkerAccount", json!(null))]), false),
            (json!([owner("Other", json!(true))]), false),
            (
                json!([owner("WorkerAccount", json!(false)), owner("Other", json!(true))]),
                false,
            ),
            (json!([]), false),
        ] {
            let view = view(&json!({"metadata": {"ownerReferences": owners}}));
            assert_eq!(view.is_controlled_by("WorkerAccount"), expected, "{owners}");
        }
    }
}
