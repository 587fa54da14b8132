//! Whole objects through [`convert`], there and back.

use serde_json::{Value, json};

use super::*;
use crate::api::names::annotation::CONVERSION;

fn to(version: Version, object: &str) -> String {
    let raw: &RawValue = serde_json::from_str(object).expect("JSON");
    convert(raw, version).expect("a conversion").to_string()
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn down(object: &Value) -> Value {
    tree(&to(Version::V1alpha1, &object.to_string()))
}

fn up(object: &Value) -> Value {
    tree(&to(Version::V1beta1, &object.to_string()))
}

/// A finished execution, its times those of its Job.
fn finished() -> Value {
    json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1",
        "kind": "JobExecution",
        "metadata": {"name": "run", "namespace": "here", "uid": "u-1", "generation": 1, "annotations": {"a": "b"}},
        "spec": {"jobTemplateName": "t", "payload": "{\"phase\": 1}"},
        "status": {
            "conditions": [
                {"type": "Waiting", "status": "False", "reason": "JobRunning", "message": "", "lastTransitionTime": "2026-01-01T00:00:02Z"},
                {"type": "Running", "status": "False", "reason": "JobCompleted", "message": "", "lastTransitionTime": "2026-01-01T00:00:05Z"},
                {"type": "Succeeded", "status": "True", "reason": "JobSucceeded", "message": "", "lastTransitionTime": "2026-01-01T00:00:05Z"},
            ],
            "job": {"apiVersion": "batch/v1", "kind": "Job", "name": "run", "uid": "j"},
            "phase": "Succeeded",
            "observedGeneration": 1,
            "startTime": "2026-01-01T00:00:01Z",
            "completionTime": "2026-01-01T00:00:04Z",
        },
    })
}

#[test]
fn a_status_goes_down_without_what_v1alpha1_lacks_and_comes_back_whole() {
    let lower = down(&finished());
    assert_eq!(lower["apiVersion"], "dispatcher.ivan.vc/v1alpha1");
    let fields: Vec<_> = lower["status"].as_object().expect("a status").keys().collect();
    assert_eq!(fields, ["conditions", "job"]);
    assert!(lower["metadata"]["annotations"][CONVERSION].is_string());
    assert_eq!(up(&lower), finished());
}

#[test]
fn what_follows_from_the_conditions_needs_no_annotation() {
    let mut object = finished();
    object["status"]["startTime"] = "2026-01-01T00:00:02Z".into();
    object["status"]["completionTime"] = "2026-01-01T00:00:05Z".into();
    let lower = down(&object);
    assert_eq!(lower["metadata"], object["metadata"]);
    assert_eq!(up(&lower), object);
}

#[test]
fn without_the_annotation_phase_and_times_are_derived() {
    let mut lower = down(&finished());
    lower["metadata"]["annotations"] = json!({"a": "b"});
    let mut expected = finished();
    expected["status"]["startTime"] = "2026-01-01T00:00:02Z".into();
    expected["status"]["completionTime"] = "2026-01-01T00:00:05Z".into();
    assert_eq!(up(&lower), expected);
}

#[test]
fn an_annotation_of_an_older_status_is_ignored_and_goes() {
    let mut lower = down(&finished());
    lower["status"]["conditions"][2]["status"] = "False".into();
    let upper = up(&lower);
    assert_eq!(upper["status"]["phase"], "Failed");
    assert_eq!(upper["status"]["startTime"], "2026-01-01T00:00:02Z");
    assert_eq!(upper["metadata"]["annotations"], json!({"a": "b"}));
}

#[test]
fn an_annotation_copied_to_another_object_is_ignored() {
    let mut lower = down(&finished());
    lower["metadata"]["uid"] = "u-2".into();
    assert_eq!(up(&lower)["status"]["startTime"], "2026-01-01T00:00:02Z");
}

#[test]
fn the_annotation_is_left_out_where_it_does_not_fit() {
    let room = 256 * 1024 - "a".len();
    let mut object = finished();
    for (length, fits) in [(room - 400, true), (room - 100, false), (room, false)] {
        object["metadata"]["annotations"] = json!({"a": "x".repeat(length)});
        let lower = down(&object);
        assert_eq!(
            lower["metadata"]["annotations"].get(CONVERSION).is_some(),
            fits,
            "{length}"
        );
        assert_eq!(lower["status"].get("phase"), None);
    }
}

#[test]
fn annotations_are_made_where_there_are_none() {
    for (annotations, returned) in [(None, false), (Some(Value::Null), false), (Some(json!({})), false)] {
        let mut object = finished();
        let metadata = object["metadata"].as_object_mut().expect("metadata");
        metadata.remove("annotations");
        metadata.extend(annotations.map(|annotations| ("annotations".to_owned(), annotations)));
        let upper = up(&down(&object));
        assert_eq!(upper["metadata"].get("annotations").is_some(), returned);
        assert_eq!(upper["status"], object["status"]);
    }
}

#[test]
fn a_status_of_fields_that_only_v1beta1_has_survives() {
    let mut object = finished();
    object["status"] = json!({"phase": "Pending", "observedGeneration": 7});
    let lower = down(&object);
    assert_eq!(lower["status"], json!({}));
    assert_eq!(up(&lower), object);
    let mut emptied = lower.clone();
    emptied.as_object_mut().expect("an object").remove("status");
    assert_eq!(up(&emptied), object, "a client may leave out what is empty");
    emptied["status"] = Value::Null;
    assert_eq!(up(&emptied), object);
}

#[test]
fn without_fields_of_v1beta1_only_the_version_changes() {
    let text = r#"{"kind":"JobExecution", "apiVersion" : "dispatcher.ivan.vc/v1beta1","metadata":{"x":1.0e5},
        "spec":{"\u006aobTemplateName":"t","payload":"\/ \ud83d\ude00 é","big":123456789012345678901234567890},
        "status":{"job":{"n":-0.0}}}"#;
    assert_eq!(to(Version::V1alpha1, text), text.replace("v1beta1", "v1alpha1"));
    assert_eq!(to(Version::V1beta1, text), text);
}

#[test]
fn a_template_changes_its_version_only() {
    let text = r#"{"apiVersion":"dispatcher.ivan.vc/v1alpha1","kind":"JobTemplate","metadata":{},"spec":{"apiVersion":1},"status":{"phase":2}}"#;
    let expected = text.replace("v1alpha1", "v1beta1");
    assert_eq!(to(Version::V1beta1, text), expected);
}

#[test]
fn unknown_fields_stay_where_they_are() {
    let mut object = finished();
    object["new"] = json!([1, null]);
    object["metadata"]["new"] = json!("x");
    object["status"]["new"] = json!({"phase": 3});
    object["status"]["conditions"][0]["new"] = json!(1.5);
    let lower = down(&object);
    assert_eq!(lower["status"]["new"], object["status"]["new"]);
    assert_eq!(up(&lower), object);
}

#[test]
fn what_already_has_a_phase_keeps_it() {
    let mut object = finished();
    object["apiVersion"] = "dispatcher.ivan.vc/v1alpha1".into();
    object["status"]["phase"] = "Active".into();
    let mut expected = object.clone();
    expected["apiVersion"] = "dispatcher.ivan.vc/v1beta1".into();
    assert_eq!(up(&object), expected);
}

#[test]
fn odd_objects_change_their_version_only() {
    let odd = [
        ("status", json!("done")),
        ("status", json!({"phase": 5})),
        ("status", json!({"phase": "Running", "conditions": "none"})),
        ("status", json!({"startTime": "yesterday"})),
        ("metadata", json!(null)),
        ("metadata", json!([])),
        ("metadata", json!({"annotations": 1})),
        ("metadata", json!({"annotations": {"a": 1}})),
        ("kind", json!(7)),
        ("kind", json!(null)),
    ];
    for (field, value) in odd {
        let mut object = finished();
        object[field] = value;
        let mut expected = object.clone();
        expected["apiVersion"] = "dispatcher.ivan.vc/v1alpha1".into();
        assert_eq!(down(&object), expected);
        assert_eq!(up(&expected), object);
    }
}

#[test]
fn a_part_of_an_object_gets_the_metadata_that_the_api_server_asks_for() {
    let part =
        r#"{"apiVersion":"dispatcher.ivan.vc/v1beta1","kind":"JobExecution","status":{"phase":"Running","job":{}}}"#;
    let expected =
        r#"{"metadata":{},"apiVersion":"dispatcher.ivan.vc/v1alpha1","kind":"JobExecution","status":{"job":{}}}"#;
    assert_eq!(to(Version::V1alpha1, part), expected);
    let part = r#"{"apiVersion":"dispatcher.ivan.vc/v1alpha1","kind":"JobExecution","status":{"job":{"name":"x"}}}"#;
    let expected = r#"{"metadata":{},"apiVersion":"dispatcher.ivan.vc/v1beta1","kind":"JobExecution","status":{"phase":"Pending","job":{"name":"x"}}}"#;
    assert_eq!(to(Version::V1beta1, part), expected);
}

#[test]
fn what_names_no_version_passes_as_it_is() {
    for text in [
        "null",
        "5",
        "[]",
        "\"x\"",
        "{}",
        r#"{"apiVersion":5,"kind":"JobExecution"}"#,
    ] {
        assert_eq!(to(Version::V1beta1, text), text);
    }
}

#[test]
fn strangers_are_refused() {
    let refused = |text: &str| {
        let raw: &RawValue = serde_json::from_str(text).expect("JSON");
        convert(raw, Version::V1beta1).expect_err("a refusal").to_string()
    };
    assert_eq!(
        refused(r#"{"apiVersion":"dispatcher.ivan.vc/v1","kind":"JobExecution"}"#),
        "no conversion from or to \"dispatcher.ivan.vc/v1\": known are v1alpha1 and v1beta1 of dispatcher.ivan.vc"
    );
    assert_eq!(
        refused(r#"{"apiVersion":"dispatcher.ivan.vc/v1alpha1","kind":"PersistentVolumeClaimInstance"}"#),
        "no conversion for kind \"PersistentVolumeClaimInstance\": known are JobTemplate and JobExecution"
    );
}

#[test]
fn what_is_derived_is_what_the_reconciler_would_have_recorded() {
    use crate::api::dispatch::v1beta1::JobExecutionStatus;
    use crate::api::dispatch::view::{Job, JobExecution};
    use crate::dispatch::status::{Hold, Observed, Progress, reference, status};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    let now: Time = serde_json::from_value(json!("2026-01-01T00:00:09Z")).expect("a time");
    let reference = reference("here", "run", "j");
    let mut recorded = JobExecutionStatus::default();
    let mut jobs: Vec<Option<Value>> = vec![None];
    let started = json!({"startTime": "2026-01-01T00:00:09Z"});
    jobs.extend([json!({}), started.clone()].map(Some));
    for outcome in ["Complete", "Failed"] {
        let mut ended = started.clone();
        ended["conditions"] =
            json!([{"type": outcome, "status": "True", "lastTransitionTime": "2026-01-01T00:00:09Z"}]);
        jobs.push(Some(ended));
    }
    for job in jobs {
        let job: Option<Job> = job.map(|status| {
            serde_json::from_value(json!({"metadata": {"name": "run"}, "status": status})).expect("a Job")
        });
        let execution = json!({"metadata": {"generation": 1}, "status": recorded});
        let execution: JobExecution = serde_json::from_value(execution).expect("an execution");
        let hold = Hold {
            reason: "RenderError",
            message: "no",
        };
        let observed = job.as_ref().map_or(Observed::Held(hold), |job| Observed::Job {
            reference: &reference,
            progress: Progress::of(job),
        });
        recorded = status(&execution, observed, &now);
        let mut object = finished();
        object["status"] = serde_json::to_value(&recorded).expect("a status");
        let lower = down(&object);
        assert_eq!(lower["metadata"], object["metadata"], "all of it follows: {recorded:?}");
        assert_eq!(up(&lower), object);
    }
}
