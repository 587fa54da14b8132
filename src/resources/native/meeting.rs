//! The first meeting with an object of which only its name is known: is there one, and may we apply ours over it?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

use super::observed::{applied_fields, is_found};
use crate::api::names::{annotation, label};

/// What is to be done with a wanted object that does not carry our label yet, or not as we left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// Apply it. `found` when somebody else's is there already, whose fields are taken only with `force`.
    Apply {
        /// Take fields from other field managers.
        force: bool,
        /// Remember that it was there.
        found: bool,
    },
    /// Metacontroller has made it and shall not keep it: take over its fields, then apply.
    Adopt,
    /// It is being deleted: wait for the end.
    Deleting,
    /// Metacontroller keeps it, or has kept it and nobody said that it shall be taken over.
    Metacontroller,
}

/// Decides from the metadata of what is there.
#[must_use]
pub fn meeting(metadata: &ObjectMeta, (set, manager): (&str, &str), adopt: bool) -> Meeting {
    if metadata.deletion_timestamp.is_some() {
        return Meeting::Deleting;
    }
    let annotations = metadata.annotations.as_ref();
    let has = |name| annotations.is_some_and(|annotations| annotations.contains_key(name));
    let labelled = metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(label::RESOURCE_SET));
    // Somebody may have taken our label off, or have restored a backup under another field manager.
    let applied = applied_fields(metadata, manager);
    let ours = labelled.is_some_and(|own| own == set) || applied.is_some();
    let found = applied.is_some_and(is_found);
    match (ours, has(annotation::DECORATOR_CONTROLLER)) {
        (_, true) if adopt => Meeting::Adopt,
        (_, true) => Meeting::Metacontroller,
        (true, false) => Meeting::Apply { force: !found, found },
        (false, false) => Meeting::Apply {
            force: false,
            found: true,
        },
    }
}

/// Whether an object that we have just made was there before: somebody else has fields of it.
#[must_use]
pub fn was_there(applied: &ObjectMeta, manager: &str) -> bool {
    let entries = applied.managed_fields.iter().flatten();
    let mut others = entries.filter(|entry| entry.manager.as_deref() != Some(manager));
    others.next().is_some()
}

/// The managed fields of an object of metacontroller's, as if we had applied what it wrote. What our next apply does not
/// say is then removed: its annotations, one of which may hold a Secret in clear, its owner reference, and fields that
/// the folder has dropped.
#[must_use]
pub fn taken_over(metadata: &ObjectMeta, manager: &str) -> Vec<ManagedFieldsEntry> {
    let marker = format!("f:{}", annotation::DECORATOR_CONTROLLER);
    let mut fields = metadata.managed_fields.clone().unwrap_or_default();
    let marks = |entry: &ManagedFieldsEntry| {
        let owned = entry.fields_v1.as_ref();
        owned.is_some_and(|owned| !owned.0["f:metadata"]["f:annotations"][&marker].is_null())
    };
    // One manager has one entry: of ours from an earlier time nothing stays.
    fields.retain(|entry| marks(entry) || entry.manager.as_deref() != Some(manager));
    if let Some(entry) = fields.iter_mut().find(|entry| marks(entry)) {
        entry.manager = Some(manager.to_owned());
        entry.operation = Some("Apply".to_owned());
    }
    fields
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn met(metadata: Value, adopt: bool) -> Meeting {
        let metadata: ObjectMeta = serde_json::from_value(metadata).expect("metadata");
        meeting(&metadata, ("default", "us"), adopt)
    }

    const fn apply(force: bool, found: bool) -> Meeting {
        Meeting::Apply { force, found }
    }

    #[test]
    fn what_is_somebody_elses_is_not_forced() {
        assert_eq!(met(json!({"name": "a"}), true), apply(false, true));
        let other = json!({"labels": {"resources.stationmaster.dev/set": "other"}});
        assert_eq!(met(other, false), apply(false, true));
    }

    #[test]
    fn what_is_ours_is_taken_back_unless_it_was_found() {
        let labelled = json!({"labels": {"resources.stationmaster.dev/set": "default"}});
        assert_eq!(met(labelled, false), apply(true, false));
        let managed = |fields: Value| {
            json!({
                "annotations": {"resources.stationmaster.dev/found": "true"},
                "managedFields": [{"manager": "us", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}],
            })
        };
        assert_eq!(
            met(managed(json!({"f:data": {}})), false),
            apply(true, false),
            "somebody else says that it was found"
        );
        let found = json!({"f:metadata": {"f:annotations": {"f:resources.stationmaster.dev/found": {}}}});
        assert_eq!(met(managed(found), false), apply(false, true));
        let updated = json!({
            "managedFields": [{"manager": "us", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}}],
        });
        assert_eq!(met(updated, false), apply(false, true));
    }

    #[test]
    fn what_metacontroller_keeps_is_taken_over_when_that_is_said() {
        let kept = json!({"annotations": {"metacontroller.k8s.io/decorator-controller": "resources"}});
        assert_eq!(met(kept.clone(), false), Meeting::Metacontroller);
        assert_eq!(met(kept, true), Meeting::Adopt);
        let both = json!({
            "labels": {"resources.stationmaster.dev/set": "default"},
            "annotations": {"metacontroller.k8s.io/decorator-controller": "resources"},
        });
        assert_eq!(met(both, false), Meeting::Metacontroller);
    }

    #[test]
    fn who_else_has_fields_of_a_new_object_was_there_before() {
        let applied = |managers: &[&str]| {
            let entries: Vec<_> = managers.iter().map(|manager| json!({"manager": manager})).collect();
            let metadata: ObjectMeta = serde_json::from_value(json!({"managedFields": entries})).expect("metadata");
            was_there(&metadata, "us")
        };
        assert!(applied(&["us", "kubectl"]) && !applied(&["us"]));
    }

    #[test]
    fn metacontrollers_fields_become_ours_and_others_stay() {
        let entry = |manager: &str, operation: &str, fields: &Value| json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let marked = json!({"f:metadata": {"f:annotations": {"f:metacontroller.k8s.io/decorator-controller": {}}}, "f:data": {}});
        let other = json!({"f:metadata": {"f:annotations": {"f:a": {}}}});
        let earlier = entry("us", "Apply", &other);
        let metadata = json!({"managedFields": [
            earlier, entry("renamed", "Update", &marked), entry("kubectl", "Update", &other),
        ]});
        let metadata: ObjectMeta = serde_json::from_value(metadata).expect("metadata");
        let expected = json!([entry("us", "Apply", &marked), entry("kubectl", "Update", &other)]);
        assert_eq!(
            serde_json::to_value(taken_over(&metadata, "us")).expect("JSON"),
            expected
        );
    }

    #[test]
    fn what_is_being_deleted_is_waited_for() {
        let metadata = ObjectMeta {
            deletion_timestamp: Some(Time(Timestamp::UNIX_EPOCH)),
            ..ObjectMeta::default()
        };
        assert_eq!(meeting(&metadata, ("default", "us"), true), Meeting::Deleting);
    }
}
