//! Whether a pod was marked for its gateway after it was created, by somebody else: the API server keeps who has set what.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

use super::select::{Rank, select};
use super::{Error, Marks};
use crate::api::gateway::Match;

/// Whether this gateway is for the pod by marks that it was not created with. Where that is not known, it was.
#[must_use]
pub fn is_marked_later(metadata: &ObjectMeta, matches: &Match) -> bool {
    is_chosen(matches, metadata) && !is_chosen(matches, &Created(metadata))
}

fn is_chosen(matches: &Match, marks: &impl Marks) -> bool {
    select(matches, marks).is_ok_and(|selected| selected.by > Rank::Nothing)
}

/// A pod with the marks alone that it was created with.
struct Created<'p>(&'p ObjectMeta);

impl Marks for Created<'_> {
    fn label(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        let found = self.0.label(key)?;
        Ok(found.filter(|_| !is_set_later(self.0, "f:labels", key)))
    }

    fn annotation(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        let found = self.0.annotation(key)?;
        Ok(found.filter(|_| !is_set_later(self.0, "f:annotations", key)))
    }
}

/// Whether all who own this field are others than who created the pod, and own it since later.
fn is_set_later(metadata: &ObjectMeta, place: &str, key: &str) -> bool {
    let field = format!("f:{key}");
    let owns = |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| fields.0["f:metadata"][place].get(&field).is_some())
    };
    let mut owners = metadata.managed_fields.iter().flatten().filter(owns).peekable();
    let is_later = |owner: &ManagedFieldsEntry| {
        let has_created = owner
            .fields_v1
            .as_ref()
            .is_some_and(|fields| fields.0.get("f:spec").is_some());
        let times = owner.time.as_ref().zip(metadata.creation_timestamp.as_ref());
        !has_created && times.is_some_and(|(set, created)| set.0 > created.0)
    };
    owners.peek().is_some() && owners.all(is_later)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EARLY: &str = "2026-01-01T00:00:00Z";
    const LATER: &str = "2026-01-01T00:01:00Z";

    fn entry(time: &str, fields: &Value) -> Value {
        json!({"manager": "m", "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields})
    }

    fn is_later(managed: &[Value], marks: (&str, &str), default: bool) -> bool {
        let metadata = json!({
            "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": managed,
            "labels": {"setGateway": marks.0}, "annotations": {"a.b/c": marks.1},
        });
        let mark = |key: &str| json!({"key": key, "value": "foo"});
        let matches = json!({"label": mark("setGateway"), "annotation": mark("a.b/c"), "default": default});
        let metadata = serde_json::from_value(metadata).unwrap();
        is_marked_later(&metadata, &serde_json::from_value(matches).unwrap())
    }

    fn label() -> Value {
        json!({"f:metadata": {"f:labels": {"f:setGateway": {}}}})
    }

    fn annotation() -> Value {
        json!({"f:metadata": {"f:annotations": {"f:a.b/c": {}}}})
    }

    fn both() -> Value {
        json!({"f:metadata": {"f:labels": {"f:setGateway": {}}, "f:annotations": {"f:a.b/c": {}}}})
    }

    #[test]
    fn who_owns_a_mark_tells_when_it_was_set() {
        let mut created = both();
        created["f:spec"] = json!({"f:containers": {}});
        let spec = json!({"f:spec": {"f:containers": {}}});
        for (managed, expected) in [
            (vec![entry(EARLY, &created)], false),
            // Who created it has changed something else since.
            (vec![entry(LATER, &created)], false),
            (vec![entry(EARLY, &spec), entry(LATER, &both())], true),
            (
                vec![entry(EARLY, &spec), entry(LATER, &label()), entry(LATER, &annotation())],
                true,
            ),
            // The label would have been enough, or the same was set again.
            (vec![entry(EARLY, &label()), entry(LATER, &annotation())], false),
            (vec![entry(EARLY, &created), entry(LATER, &both())], false),
            (vec![entry(EARLY, &both())], false),
            (vec![], false),
        ] {
            assert_eq!(is_later(&managed, ("foo", "foo"), false), expected, "{managed:?}");
        }
    }

    #[test]
    fn the_mark_that_decides_is_judged() {
        for (first, later, marks, expected) in [
            // The label says no.
            (label(), annotation(), ("bar", "foo"), true),
            (annotation(), label(), ("foo", "foo"), false),
            (annotation(), label(), ("bar", "foo"), false),
            // No gateway is for it.
            (label(), annotation(), ("foo", "bar"), false),
        ] {
            let managed = [entry(EARLY, &first), entry(LATER, &later)];
            assert_eq!(is_later(&managed, marks, false), expected, "{first} {marks:?}");
        }
    }

    #[test]
    fn a_gateway_that_is_for_all_pods_was_for_it_without_its_marks() {
        assert!(is_later(&[entry(LATER, &both())], ("foo", "foo"), false));
        assert!(!is_later(&[entry(LATER, &both())], ("foo", "foo"), true));
    }

    #[test]
    fn a_pod_without_a_mark_was_not_marked_later() {
        let metadata: ObjectMeta =
            serde_json::from_value(json!({"managedFields": [entry(LATER, &json!({}))]})).unwrap();
        for default in [false, true] {
            let matches = Match {
                default,
                ..Match::default()
            };
            assert!(!is_marked_later(&metadata, &matches));
        }
    }
}
