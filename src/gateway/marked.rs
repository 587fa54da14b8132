//! Whether a pod was marked for its gateway after it was created, by somebody else: the API server keeps who has set what.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

use crate::api::gateway::Match;

/// Whether no mark for this gateway was there when the pod was created. Where that is not known, they were.
#[must_use]
pub fn is_marked_later(metadata: &ObjectMeta, matches: &Match) -> bool {
    let (labels, annotations) = (metadata.labels.as_ref(), metadata.annotations.as_ref());
    let label = matches.label.as_ref().map(|mark| (labels, "f:labels", &mark.key));
    let annotation = matches.annotation.as_ref();
    let annotation = annotation.map(|mark| (annotations, "f:annotations", &mark.key));
    let marks = label.into_iter().chain(annotation);
    let marks = marks.filter(|(all, _, key)| all.is_some_and(|all| all.contains_key(*key)));
    let mut later = marks
        .map(|(_, place, key)| is_set_later(metadata, place, key))
        .peekable();
    later.peek().is_some() && later.all(|is_later| is_later)
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

    const LATER: &str = "2026-01-01T00:01:00Z";

    fn entry(time: &str, fields: &Value) -> Value {
        json!({"manager": "m", "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields})
    }

    fn is_later(managed: &[Value]) -> bool {
        let metadata = json!({
            "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": managed,
            "labels": {"setGateway": "foo"}, "annotations": {"a.b/c": "foo"},
        });
        let matches = json!({"label": {"key": "setGateway"}, "annotation": {"key": "a.b/c"}});
        let metadata = serde_json::from_value(metadata).unwrap();
        is_marked_later(&metadata, &serde_json::from_value(matches).unwrap())
    }

    #[test]
    fn who_owns_a_mark_tells_when_it_was_set() {
        let label = json!({"f:metadata": {"f:labels": {"f:setGateway": {}}}});
        let annotation = json!({"f:metadata": {"f:annotations": {"f:a.b/c": {}}}});
        let both = json!({"f:metadata": {"f:labels": {"f:setGateway": {}}, "f:annotations": {"f:a.b/c": {}}}});
        let mut created = both.clone();
        created["f:spec"] = json!({"f:containers": {}});
        let spec = json!({"f:spec": {"f:containers": {}}});
        let early = "2026-01-01T00:00:00Z";
        for (managed, expected) in [
            (vec![entry(early, &created)], false),
            // Who created it has changed something else since.
            (vec![entry(LATER, &created)], false),
            (vec![entry(early, &spec), entry(LATER, &both)], true),
            (
                vec![entry(early, &spec), entry(LATER, &label), entry(LATER, &annotation)],
                true,
            ),
            // One of the two was there, or the same was set again.
            (vec![entry(early, &label), entry(LATER, &annotation)], false),
            (vec![entry(early, &created), entry(LATER, &both)], false),
            (vec![entry(early, &both)], false),
            (vec![entry(LATER, &label)], false),
            (vec![], false),
        ] {
            assert_eq!(is_later(&managed), expected, "{managed:?}");
        }
    }

    #[test]
    fn a_pod_without_a_mark_was_not_marked_later() {
        let metadata = json!({"managedFields": [entry(LATER, &json!({}))]});
        let matches = Match {
            default: true,
            ..Match::default()
        };
        assert!(!is_marked_later(&serde_json::from_value(metadata).unwrap(), &matches));
    }
}
