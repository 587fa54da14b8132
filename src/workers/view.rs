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
