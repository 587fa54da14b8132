//! Is everything there that a namespace shall have?

use std::collections::BTreeSet;

use super::desired::{Desired, Object};
use crate::api::hook::{Group, Groups, Listed};

/// What was found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) is_ready: bool,
    /// Wanted kinds for which the request has no group: the controller does not declare them, so they cannot be
    /// waited for.
    pub(super) undeclared: BTreeSet<String>,
}

/// By name where every object that is there has one, else by number.
pub(super) fn readiness(desired: &Desired, groups: &Groups<'_>, namespace: &str) -> Readiness {
    let mut readiness = Readiness {
        is_ready: true,
        ..Readiness::default()
    };
    for object in &desired.objects {
        match groups.get(object.group.as_str()) {
            None => drop(readiness.undeclared.insert(object.group.clone())),
            Some(group) => readiness.is_ready &= is_there(object, group, namespace, desired),
        }
    }
    readiness
}

fn is_there(object: &Object, group: &Group<'_>, namespace: &str, desired: &Desired) -> bool {
    match group {
        Group::Named(keys) => keys.iter().any(|key| names(key, namespace, &object.name)),
        Group::Listed(listed) if listed.iter().all(|other| other.metadata.name.is_some()) => {
            listed.iter().any(|other| is_listed(other, namespace, &object.name))
        }
        Group::Listed(listed) => {
            let wanted = desired.objects.iter().filter(|other| other.group == object.group);
            listed.len() == wanted.count()
        }
    }
}

/// `namespace/name`, or the name alone.
fn names(key: &str, namespace: &str, name: &str) -> bool {
    match key.split_once('/') {
        Some(parts) => parts == (namespace, name),
        None => key == name,
    }
}

fn is_listed(listed: &Listed<'_>, namespace: &str, name: &str) -> bool {
    let metadata = &listed.metadata;
    let elsewhere = metadata.namespace.as_ref().is_some_and(|own| own != namespace);
    metadata.name.as_deref() == Some(name) && !elsewhere
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    fn desired(objects: &[(&str, &str)]) -> Desired {
        let object = |(group, name): &(&str, &str)| Object {
            api_version: String::new(),
            kind: String::new(),
            name: (*name).to_owned(),
            group: (*group).to_owned(),
            force_conflicts: false,
            manifest: to_raw_value(&1).expect("JSON"),
        };
        Desired {
            objects: objects.iter().map(object).collect(),
        }
    }

    #[test]
    fn everything_wanted_is_looked_for() {
        let desired = desired(&[("A.v1", "a"), ("A.v1", "b"), ("B.v1", "c")]);
        for (groups, is_ready) in [
            (r#"{"A.v1": {"x/a": {}, "x/b": {}}, "B.v1": {"x/c": {}}}"#, true),
            (r#"{"A.v1": {"a": {}, "b": {}, "other": {}}, "B.v1": {"c": {}}}"#, true),
            (r#"{"A.v1": {"x/a": {}}, "B.v1": {"x/c": {}}}"#, false),
            (r#"{"A.v1": {"y/a": {}, "x/b": {}}, "B.v1": {"x/c": {}}}"#, false),
            (r#"{"A.v1": {"x/a": {}, "x/other": {}}, "B.v1": {"x/c": {}}}"#, false),
            (
                r#"{"A.v1": [{"metadata": {"name": "b"}}, {"metadata": {"name": "a"}}], "B.v1": {"c": {}}}"#,
                true,
            ),
            (
                r#"{"A.v1": [{"metadata": {"name": "b"}}, {"metadata": {"name": "z"}}], "B.v1": {"c": {}}}"#,
                false,
            ),
            (
                r#"{"A.v1": [{"metadata": {"name": "b"}}, {"metadata": {"name": "a", "namespace": "y"}}], "B.v1": {"c": {}}}"#,
                false,
            ),
            (r#"{"A.v1": [{}, {}], "B.v1": [{}]}"#, true),
            (r#"{"A.v1": [{}], "B.v1": [{}]}"#, false),
            (r#"{"A.v1": [{}, {}, {}], "B.v1": [{}]}"#, false),
            (r#"{"A.v1": null, "B.v1": null}"#, false),
        ] {
            let groups: Groups<'_> = serde_json::from_str(groups).expect("groups");
            let found = readiness(&desired, &groups, "x");
            assert_eq!(found.is_ready, is_ready, "{groups:?}");
            assert!(found.undeclared.is_empty());
        }
    }

    #[test]
    fn kinds_that_are_not_declared_do_not_count() {
        let desired = desired(&[("A.v1", "a"), ("B.v1", "b"), ("B.v1", "c")]);
        let groups: Groups<'_> = serde_json::from_str(r#"{"A.v1": {"x/a": {}}}"#).expect("groups");
        let expected = Readiness {
            is_ready: true,
            undeclared: ["B.v1".to_owned()].into(),
        };
        assert_eq!(readiness(&desired, &groups, "x"), expected);
    }

    #[test]
    fn nothing_wanted_is_there_at_once() {
        assert!(readiness(&Desired::default(), &Groups::new(), "x").is_ready);
    }
}
