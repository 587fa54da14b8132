//! The Job of an execution: what the rendered template says, with the name, labels and owner that make it this execution's.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::api::dispatch::view::Job;
use crate::api::names::{DISPATCH_GROUP, annotation, label};

/// A Job that was removed sooner could be gone before its end is recorded, and would then be missed or run again.
pub const SHORTEST_TTL_SECONDS: u64 = 60;

/// The execution that a Job belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Name of the execution.
    pub name: &'a str,
    /// Namespace of the execution, of its template and of its Job.
    pub namespace: &'a str,
    /// UID of the execution.
    pub uid: &'a str,
}

/// A Job to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The whole object, as it will run; every field of the template is in it, known to us or not.
    pub job: Value,
    /// What was changed on the way and may surprise.
    pub warnings: Vec<String>,
}

impl Desired {
    /// The name that makes creating the Job idempotent.
    #[must_use]
    pub fn name(&self) -> &str {
        self.job["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Whether the Job could run, end and remove itself before anybody has recorded it. Then it would be made again.
    #[must_use]
    pub fn removes_itself(&self) -> bool {
        let spec = &self.job["spec"];
        !spec["ttlSecondsAfterFinished"].is_null() && spec["suspend"] != true
    }

    /// What to create: the Job itself, or one that does not run until it is [released](release).
    #[must_use]
    pub fn to_create(&self) -> Cow<'_, Value> {
        if !self.removes_itself() {
            return Cow::Borrowed(&self.job);
        }
        let mut held = self.job.clone();
        held["spec"]["suspend"] = true.into();
        let annotations = &mut held["metadata"]["annotations"];
        // Something that is no map is for the API server to refuse.
        if annotations.is_null() || annotations.is_object() {
            annotations[annotation::HELD] = "true".into();
        }
        Cow::Owned(held)
    }
}

/// Whether the Job waits to be recorded and [released](release).
#[must_use]
pub fn is_held(job: &Job) -> bool {
    let annotations = job.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| annotations.get(annotation::HELD).is_some_and(|held| held == "true"))
}

/// The merge patch that lets the held Job of that UID run, and no other of its name.
#[must_use]
pub fn release(uid: &str) -> Value {
    json!({"metadata": {"uid": uid, "annotations": {annotation::HELD: null}}, "spec": {"suspend": false}})
}

/// Makes the Job from the rendered `spec.jobTemplate`.
#[must_use]
pub fn of_rendered(owner: Owner<'_>, rendered: Value) -> Desired {
    let mut warnings = Vec::new();
    let mut rendered = object(rendered);
    let metadata = metadata(owner, object(rendered.remove("metadata").unwrap_or_default()));
    let mut spec = rendered.remove("spec").unwrap_or_default();
    raise_ttl(&mut spec, &mut warnings);
    never_restart_by_default(&mut spec);
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec});
    Desired { job, warnings }
}

/// Users' labels, annotations and finalizers stay; name, namespace and owner are what they must be.
fn metadata(owner: Owner<'_>, mut template: Map<String, Value>) -> Map<String, Value> {
    let mut metadata = Map::new();
    let name = template.get("name").and_then(Value::as_str);
    let name = name.filter(|name| !name.is_empty()).unwrap_or(owner.name);
    metadata.insert("name".into(), name.into());
    metadata.insert("namespace".into(), owner.namespace.into());
    let mut labels = object(template.remove("labels").unwrap_or_default());
    labels.insert(label::CONTROLLER_UID.into(), owner.uid.into());
    labels.insert(label::JOB_EXECUTION_NAME.into(), owner.name.into());
    metadata.insert("labels".into(), labels.into());
    for key in ["annotations", "finalizers"] {
        if let Some(mut value) = template.remove(key).filter(|value| !value.is_null()) {
            // Ours to set: whoever has it is released.
            value.as_object_mut().map(|members| members.remove(annotation::HELD));
            metadata.insert(key.into(), value);
        }
    }
    metadata.insert("ownerReferences".into(), json!([{
        "apiVersion": format!("{DISPATCH_GROUP}/v1beta1"), "kind": "JobExecution", "name": owner.name, "uid": owner.uid,
        "controller": true, "blockOwnerDeletion": true,
    }]));
    metadata
}

/// What is no object has no members; the schema admits none today.
fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value {
        map
    } else {
        Map::new()
    }
}

fn raise_ttl(spec: &mut Value, warnings: &mut Vec<String>) {
    let Some(ttl) = spec.get_mut("ttlSecondsAfterFinished") else {
        return;
    };
    // Something that is no number is for the API server to refuse.
    if let Some(seconds) = ttl.as_u64().filter(|seconds| *seconds < SHORTEST_TTL_SECONDS) {
        warnings.push(format!(
            "ttlSecondsAfterFinished is {seconds}: raised to {SHORTEST_TTL_SECONDS}, so that the end of the Job can be recorded"
        ));
        *ttl = SHORTEST_TTL_SECONDS.into();
    }
}

fn never_restart_by_default(spec: &mut Value) {
    let Some(pod) = spec.pointer_mut("/template/spec").and_then(Value::as_object_mut) else {
        return;
    };
    let policy = pod.entry("restartPolicy").or_insert(Value::Null);
    if policy.is_null() || *policy == "" {
        *policy = "Never".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'_> = Owner {
        name: "run",
        namespace: "here",
        uid: "uid-1",
    };

    fn rendered(metadata: &Value) -> Value {
        json!({"metadata": metadata, "spec": {"template": {"spec": {"containers": [{"name": "c", "newField": {"x": 1}}]}}}})
    }

    #[test]
    fn the_whole_job_of_a_plain_template() {
        let desired = of_rendered(OWNER, rendered(&Value::Null));
        let expected = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "run",
                "namespace": "here",
                "labels": {"controller-uid": "uid-1", "job-execution-name": "run"},
                "ownerReferences": [{
                    "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution", "name": "run", "uid": "uid-1",
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {"template": {"spec": {
                "containers": [{"name": "c", "newField": {"x": 1}}], "restartPolicy": "Never",
            }}},
        });
        assert_eq!(
            desired,
            Desired {
                job: expected,
                warnings: vec![]
            }
        );
    }

    #[test]
    fn keeps_the_templates_name_labels_annotations_and_finalizers() {
        let template = json!({
            "name": "fixed", "namespace": "elsewhere", "generateName": "no-", "creationTimestamp": null,
            "labels": {"a": "b", "controller-uid": "forged"}, "annotations": {"c": "d"}, "finalizers": ["e/f"],
        });
        let desired = of_rendered(OWNER, rendered(&template));
        let metadata = &desired.job["metadata"];
        assert_eq!(desired.name(), "fixed");
        assert_eq!(metadata["namespace"], "here");
        assert_eq!(
            metadata["labels"],
            json!({"a": "b", "controller-uid": "uid-1", "job-execution-name": "run"})
        );
        assert_eq!(metadata["annotations"], json!({"c": "d"}));
        assert_eq!(metadata["finalizers"], json!(["e/f"]));
        assert_eq!(metadata.as_object().map(Map::len), Some(6));
    }

    #[test]
    fn an_empty_name_is_none() {
        assert_eq!(of_rendered(OWNER, rendered(&json!({"name": ""}))).name(), "run");
    }

    #[test]
    fn raises_a_ttl_that_is_too_short_to_see_the_end() {
        for (ttl, expected, warnings) in [(0, 60, 1), (59, 60, 1), (60, 60, 0), (3600, 3600, 0)] {
            let desired = of_rendered(OWNER, json!({"spec": {"ttlSecondsAfterFinished": ttl}}));
            assert_eq!(desired.job["spec"]["ttlSecondsAfterFinished"], expected, "{ttl}");
            assert_eq!(desired.warnings.len(), warnings, "{ttl}");
        }
    }

    #[test]
    fn holds_what_removes_itself_until_it_is_released() {
        let with = |spec: Value| of_rendered(OWNER, json!({"metadata": {"annotations": {"a": "b"}}, "spec": spec}));
        let held = with(json!({"ttlSecondsAfterFinished": 90}));
        let created = held.to_create();
        assert_eq!(created["spec"], json!({"ttlSecondsAfterFinished": 90, "suspend": true}));
        let annotations = json!({"a": "b", "dispatch.stationmaster.dev/held": "true"});
        assert_eq!(created["metadata"]["annotations"], annotations);
        let job: Job = serde_json::from_value(created.into_owned()).expect("a Job");
        assert!(is_held(&job));
        let job: Job = serde_json::from_value(held.job).expect("a Job");
        assert!(!is_held(&job), "it is printed as it will run");
        let released = json!({"metadata": {"uid": "j", "annotations": {"dispatch.stationmaster.dev/held": null}},
            "spec": {"suspend": false}});
        assert_eq!(release("j"), released);
        for spec in [
            json!({"ttlSecondsAfterFinished": 90, "suspend": true}),
            json!({"ttlSecondsAfterFinished": null}),
            json!({"suspend": false}),
            json!("odd"),
        ] {
            let desired = with(spec);
            assert_eq!(*desired.to_create(), desired.job);
        }
    }

    #[test]
    fn a_template_cannot_ask_to_be_released() {
        let held = json!({"metadata": {"annotations": {"dispatch.stationmaster.dev/held": "true"}}});
        assert_eq!(of_rendered(OWNER, held).job["metadata"]["annotations"], json!({}));
    }

    #[test]
    fn takes_whatever_was_stored_before_there_was_a_schema() {
        for odd in [
            json!("x"),
            json!([]),
            json!(1),
            json!({"metadata": "x"}),
            json!({"metadata": []}),
            json!({"metadata": {"labels": "x", "name": 1}, "spec": null}),
        ] {
            let desired = of_rendered(OWNER, odd);
            assert_eq!((desired.name(), &desired.job["spec"]), ("run", &Value::Null));
            assert_eq!(desired.job["metadata"]["labels"]["controller-uid"], "uid-1");
        }
    }

    #[test]
    fn leaves_what_only_the_api_server_can_judge() {
        let odd =
            json!({"spec": {"ttlSecondsAfterFinished": "soon", "template": {"spec": {"restartPolicy": "OnFailure"}}}});
        let desired = of_rendered(OWNER, odd.clone());
        assert_eq!(desired.job["spec"], odd["spec"]);
        assert_eq!(of_rendered(OWNER, Value::Null).job["spec"], Value::Null);
    }
}
