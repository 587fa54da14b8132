//! The objects that one namespace shall have, of all that a folder's templates made of it.

use serde_json::value::RawValue;

use super::manifest::Manifest;
use super::skip;
use super::{Namespace, Set};

/// The objects that one namespace shall have.
#[derive(Debug, Default)]
pub struct Desired {
    /// In the order of the files.
    pub objects: Vec<Object>,
}

/// One of them.
#[derive(Debug)]
pub struct Object {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `ConfigMap`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// As metacontroller calls its kind: `ConfigMap.v1`.
    pub group: String,
    /// The template wants fields of other field managers too.
    pub force_conflicts: bool,
    /// The whole object.
    pub manifest: Box<RawValue>,
}

impl Desired {
    /// What is kept in memory, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        let objects = self.objects.iter();
        objects
            .map(|object| size_of::<Object>() + object.manifest.get().len() + 128)
            .sum()
    }
}

impl Set {
    /// Chooses among everything that was rendered for a namespace. Of several manifests of one object the one that
    /// names the namespace wins, then the first.
    pub(super) fn chosen(manifests: Vec<Manifest>, namespace: &Namespace) -> Desired {
        let mut chosen: Vec<Manifest> = Vec::new();
        let is_elsewhere = |manifest: &Manifest| manifest.namespace.as_ref().is_some_and(|own| *own != namespace.name);
        for manifest in manifests.into_iter().filter(|manifest| !is_elsewhere(manifest)) {
            match chosen.iter_mut().find(|other| other.is(&manifest)) {
                Some(other) if other.namespace.is_none() && manifest.namespace.is_some() => *other = manifest,
                Some(_) => {}
                None => chosen.push(manifest),
            }
        }
        chosen.retain(|manifest| {
            !manifest.skippable || !skip::refuses(&namespace.annotations, &manifest.kind, &manifest.name)
        });
        let objects = chosen.into_iter().map(|manifest| object(manifest, &namespace.name));
        Desired {
            objects: objects.collect(),
        }
    }
}

fn object(manifest: Manifest, namespace: &str) -> Object {
    let (api_version, kind, name) = (
        manifest.api_version.clone(),
        manifest.kind.clone(),
        manifest.name.clone(),
    );
    let force_conflicts = manifest.force_conflicts;
    #[expect(clippy::expect_used, reason = "a tree of JSON values is JSON")]
    let manifest = serde_json::value::to_raw_value(&manifest.within(namespace)).expect("a tree is JSON");
    Object {
        group: format!("{kind}.{api_version}"),
        api_version,
        kind,
        name,
        force_conflicts,
        manifest,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest(name: &str, namespace: Option<&str>, data: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": {"from": data}})
    }

    fn chosen(documents: Vec<Value>, namespace: &Namespace) -> Vec<(String, String)> {
        let manifests = documents
            .into_iter()
            .map(|document| Manifest::of(document).expect("an object"));
        let desired = Set::chosen(manifests.collect(), namespace);
        let fact = |object: &Object| {
            let tree: Value = serde_json::from_str(object.manifest.get()).expect("JSON");
            assert_eq!(tree["metadata"]["namespace"], namespace.name.as_str());
            (
                object.name.clone(),
                tree["data"]["from"].as_str().unwrap_or_default().to_owned(),
            )
        };
        desired.objects.iter().map(fact).collect()
    }

    fn gold() -> Namespace {
        Namespace {
            name: "gold".to_owned(),
            ..Namespace::default()
        }
    }

    #[test]
    fn the_namespaces_own_wins_then_the_first() {
        let documents = vec![
            manifest("a", None, "first"),
            manifest("a", None, "second"),
            manifest("a", Some("gold"), "own"),
            manifest("a", Some("gold"), "own again"),
            manifest("b", Some("gold"), "own"),
            manifest("b", None, "global"),
            manifest("c", Some("silver"), "elsewhere"),
        ];
        let expected = [("a", "own"), ("b", "own")].map(|(name, from)| (name.to_owned(), from.to_owned()));
        assert_eq!(chosen(documents, &gold()), expected);
    }

    #[test]
    fn only_what_may_be_refused_is_refused() {
        let mut skippable = manifest("a", None, "x");
        skippable["metadata"]["annotations"] = json!({"stationmaster.dev/skippable": "true"});
        let documents = vec![skippable, manifest("b", None, "x")];
        let mut namespace = gold();
        assert_eq!(chosen(documents.clone(), &namespace).len(), 2);
        let refused = "ConfigMap/a,ConfigMap/b".to_owned();
        namespace
            .annotations
            .insert("stationmaster.dev/skip".to_owned(), refused);
        assert_eq!(chosen(documents, &namespace), [("b".to_owned(), "x".to_owned())]);
    }
}
