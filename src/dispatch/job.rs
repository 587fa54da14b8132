//! The Job of an execution: what the rendered template says, with the name, labels and owner that make it this execution's.

use serde_json::{Map, Value, json};

use crate::api::names::{DISPATCH_GROUP, label};

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
    /// The whole object; every field of the template is in it, known to us or not.
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
        if let Some(value) = template.remove(key).filter(|value| !value.is_null()) {
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
