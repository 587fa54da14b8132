//! Metacontroller's hooks on the wire, of versions v1 and v2: borrowed, partial views of a request and the fields of
//! an answer. Metacontroller decodes answers of v2 strictly: what is not here must not be said.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::Text;

/// A request of any hook. A DecoratorController sends `object` and `attachments`, a CompositeController `parent` and
/// `children`. In version v2 some metacontrollers send these for both, and want each kind's own answer.
#[derive(Debug, Deserialize)]
pub struct HookRequest<'a> {
    /// Who asks.
    #[serde(borrow, default)]
    pub controller: Option<Controller<'a>>,
    /// The parent of a DecoratorController.
    #[serde(borrow, default)]
    pub object: Option<Parent<'a>>,
    /// The parent of a CompositeController, and of every `customize`.
    #[serde(borrow, default)]
    pub parent: Option<Parent<'a>>,
    /// What is there, of a DecoratorController.
    #[serde(borrow, default)]
    pub attachments: Option<Groups<'a>>,
    /// What is there, of a CompositeController.
    #[serde(borrow, default)]
    pub children: Option<Groups<'a>>,
    /// What the customize hook asked for.
    #[serde(borrow, default)]
    pub related: Option<&'a RawValue>,
    /// The parent is being deleted and has our finalizer.
    #[serde(default)]
    pub finalizing: Option<bool>,
}

/// The part of a controller that decisions read.
#[derive(Debug, Default, Deserialize)]
pub struct Controller<'a> {
    /// `DecoratorController` or `CompositeController`.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

/// The part of a parent object that decisions read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent<'a> {
    /// `v1`.
    #[serde(borrow, default)]
    pub api_version: Cow<'a, str>,
    /// `Namespace`.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    /// Its name, labels and annotations.
    #[serde(borrow, default)]
    pub metadata: ParentMetadata<'a>,
}

/// The part of a parent's metadata that decisions read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentMetadata<'a> {
    /// The parent's name.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// Undecoded.
    #[serde(borrow, default)]
    pub labels: Option<&'a RawValue>,
    /// Undecoded: annotations can be long, and are seldom read.
    #[serde(borrow, default)]
    pub annotations: Option<&'a RawValue>,
    /// There once it is being deleted.
    #[serde(borrow, default)]
    pub deletion_timestamp: Option<Cow<'a, str>>,
}

/// What is there, by group key: `ConfigMap.v1`, `RoleBinding.rbac.authorization.k8s.io/v1`.
pub type Groups<'a> = BTreeMap<Cow<'a, str>, Group<'a>>;

/// The objects of one kind that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group<'a> {
    /// Keys `namespace/name`, or `name`.
    Named(Vec<Cow<'a, str>>),
    /// Names and namespaces, as far as the objects have any.
    Listed(Vec<Listed<'a>>),
}

/// One object of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Listed<'a> {
    /// The part that is read.
    #[serde(borrow, default)]
    pub metadata: ListedMetadata<'a>,
}

/// The part of a listed object's metadata that decisions read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ListedMetadata<'a> {
    /// Its name.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// Its namespace.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
}

impl Group<'_> {
    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Named(keys) => keys.len(),
            Self::Listed(objects) => objects.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Group<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(GroupVisitor)
    }
}

struct GroupVisitor;

impl<'de> Visitor<'de> for GroupVisitor {
    type Value = Group<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects, in a map or a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Group::Named(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(Text(key)) = members.next_key()? {
            members.next_value::<IgnoredAny>()?;
            keys.push(key);
        }
        Ok(Group::Named(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut objects = Vec::new();
        while let Some(object) = items.next_element()? {
            objects.push(object);
        }
        Ok(Group::Listed(objects))
    }
}

/// An answer of sync or finalize.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookAnswer<'a> {
    /// Compared with the parent's whole status and written where it differs; absent leaves the status alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HookStatus>,
    /// What a DecoratorController shall see to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<&'a RawValue>>,
    /// What a CompositeController shall see to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<&'a RawValue>>,
    /// When to ask again although nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resync_after_seconds: Option<u32>,
    /// On finalize: nothing is left, the finalizer may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalized: Option<bool>,
}

/// The status that the resource dispatcher gave its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HookStatus {
    /// `True` or `False`; absent for a parent that wants nothing.
    #[serde(rename = "resources-ready", skip_serializing_if = "Option::is_none")]
    pub resources_ready: Option<&'static str>,
}

/// An answer of customize.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomizeAnswer {
    /// What the next requests of sync and finalize shall bring along.
    pub related_resources: Vec<RelatedRule>,
}

/// Objects of one kind in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelatedRule {
    /// `v1`.
    pub api_version: String,
    /// `configmaps`.
    pub resource: String,
    /// Absent for cluster-scoped objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The objects' names.
    pub names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_read_is_decoded() {
        let text = r#"{"controller": {"a": [1]}, "object": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a",
            "labels": {"b": "c"}, "managedFields": [{}]}, "spec": {}}, "attachments": {"Secret.v1": {"a/s": {"data": {}}},
            "Role.v1": null, "Pod.v1": [{"metadata": {"name": "p", "namespace": "a"}}, {}]}, "related": {}, "finalizing": false}"#;
        let request: HookRequest<'_> = serde_json::from_str(text).expect("a request");
        let object = request.object.expect("an object");
        assert_eq!((&*object.kind, &*object.metadata.name), ("Namespace", "a"));
        assert!(matches!(object.metadata.name, Cow::Borrowed(_)));
        assert_eq!(object.metadata.labels.map(RawValue::get), Some("{\"b\": \"c\"}"));
        let groups = request.attachments.expect("groups");
        assert_eq!(groups["Secret.v1"], Group::Named(vec!["a/s".into()]));
        assert!(groups["Role.v1"].is_empty());
        let Group::Listed(listed) = &groups["Pod.v1"] else {
            unreachable!("a list")
        };
        assert_eq!(listed[0].metadata.name.as_deref(), Some("p"));
        assert_eq!(listed[1], Listed::default());
    }

    #[test]
    fn an_answer_says_what_is_set_and_no_more() {
        let answer = |answer: HookAnswer<'_>| serde_json::to_value(answer).expect("an answer");
        assert_eq!(answer(HookAnswer::default()), json!({}));
        let status = HookStatus { resources_ready: None };
        let whole = HookAnswer {
            status: Some(status),
            attachments: Some(Vec::new()),
            children: None,
            resync_after_seconds: Some(10),
            finalized: Some(true),
        };
        let expected = json!({"status": {}, "attachments": [], "resyncAfterSeconds": 10, "finalized": true});
        assert_eq!(answer(whole), expected);
    }
}
