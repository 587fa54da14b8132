//! What `/mutate` changes: a new JobExecution tells who created it and has its template's labels; later writes cannot
//! change who created it. Patches are decided from borrowed views, and the same object sent twice gets an empty one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::subject::Subject;
use super::view::{self, Marks, Strings, field};
use super::{Error, Lookup, Templates};
use crate::api::names::annotation;
use crate::api::review::{AdmissionRequest, PatchOperation, Verdict};

/// Decides what to change before an object is written.
///
/// # Errors
/// When the request is not about an object of ours.
pub fn mutate(request: &AdmissionRequest<'_>, templates: &dyn Templates) -> Result<Verdict, Error> {
    let patch = match Subject::of(request)? {
        None | Some(Subject::JobTemplate) => Vec::new(),
        Some(Subject::JobExecution) => job_execution(request, templates)?,
    };
    Ok(Verdict {
        patch,
        ..Verdict::default()
    })
}

fn job_execution(
    request: &AdmissionRequest<'_>,
    templates: &dyn Templates,
) -> Result<Vec<PatchOperation>, serde_json::Error> {
    let Some(object) = &request.object else {
        return Ok(Vec::new());
    };
    let marks: Marks<'_> = view::metadata(object)?;
    let old: Option<Marks<'_>> = request.old_object.as_ref().map(view::metadata).transpose()?;
    let creator = match &old {
        None => Some(&*request.user_info.username),
        Some(old) => creator(&old.annotations),
    };
    let mut patch = Vec::new();
    stamp(&mut patch, &marks.annotations, creator);
    if old.is_none() {
        let template = view::text(object, field::JOB_TEMPLATE_NAME)?;
        if let Lookup::Found(labels) = templates.labels(&request.namespace, &template.0) {
            add_absent(&mut patch, &marks.labels, labels);
        }
    }
    Ok(patch)
}

fn creator<'o>(annotations: &'o Strings<'_>) -> Option<&'o str> {
    let text = annotations.as_ref()?.get(annotation::CREATED_BY)?;
    Some(&text.0)
}

/// Makes the annotation say `wanted`, or not be there.
fn stamp(patch: &mut Vec<PatchOperation>, annotations: &Strings<'_>, wanted: Option<&str>) {
    let pointer = member("annotations", annotation::CREATED_BY);
    match (creator(annotations), wanted) {
        (found, wanted) if found == wanted => {}
        (_, None) => patch.push(PatchOperation::Remove { path: pointer }),
        (_, Some(wanted)) => {
            parent(patch, "annotations", annotations);
            patch.push(PatchOperation::Add {
                path: pointer,
                value: wanted.into(),
            });
        }
    }
}

fn add_absent(patch: &mut Vec<PatchOperation>, labels: &Strings<'_>, wanted: BTreeMap<String, String>) {
    let mut absent = wanted
        .into_iter()
        .filter(|(key, _)| labels.as_ref().is_none_or(|labels| !labels.contains_key(key.as_str())))
        .peekable();
    if absent.peek().is_some() {
        parent(patch, "labels", labels);
    }
    patch.extend(absent.map(|(key, value)| PatchOperation::Add {
        path: member("labels", &key),
        value: Value::String(value),
    }));
}

/// A patch cannot add to an object that is not there.
fn parent(patch: &mut Vec<PatchOperation>, name: &str, found: &Strings<'_>) {
    if found.is_none() {
        patch.push(PatchOperation::Add {
            path: format!("/metadata/{name}"),
            value: json!({}),
        });
    }
}

/// The JSON pointer (RFC 6901) of a label or an annotation.
fn member(parent: &str, key: &str) -> String {
    format!("/metadata/{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{execution, request, template, updated};
    use super::*;

    const CREATED_BY: &str = "/metadata/annotations/dispatch.stationmaster.dev~1created-by";

    struct Labelled;

    impl Templates for Labelled {
        fn labels(&self, namespace: &str, name: &str) -> Lookup {
            assert_eq!((namespace, name), ("default", "jobtemplate-sample"));
            let labels = [("a.b/c~d", "from template"), ("team", "from template")];
            Lookup::Found(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
        }
    }

    fn patch(request: &Value, templates: &dyn Templates) -> Value {
        let text = request.to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        let verdict = mutate(&request, templates).expect("is ours");
        assert_eq!((verdict.causes, verdict.warnings), (Vec::new(), Vec::new()));
        json!(verdict.patch)
    }

    #[test]
    fn creates_the_parents_first() {
        for version in ["v1alpha1", "v1beta1"] {
            let expected = json!([
                {"op": "add", "path": "/metadata/annotations", "value": {}},
                {"op": "add", "path": CREATED_BY, "value": "jane"},
                {"op": "add", "path": "/metadata/labels", "value": {}},
                {"op": "add", "path": "/metadata/labels/a.b~1c~0d", "value": "from template"},
                {"op": "add", "path": "/metadata/labels/team", "value": "from template"},
            ]);
            assert_eq!(patch(&request(&execution(version)), &Labelled), expected);
        }
    }

    #[test]
    fn stamps_over_what_was_sent_and_keeps_labels() {
        let mut object = execution("v1beta1");
        object["metadata"]["annotations"] = json!({"x": "y", "dispatch.stationmaster.dev/created-by": "root"});
        object["metadata"]["labels"] = json!({"team": "own"});
        let expected = json!([
            {"op": "add", "path": CREATED_BY, "value": "jane"},
            {"op": "add", "path": "/metadata/labels/a.b~1c~0d", "value": "from template"},
        ]);
        assert_eq!(patch(&request(&object), &Labelled), expected);
    }

    #[test]
    fn has_nothing_to_add_the_second_time() {
        let mut object = execution("v1beta1");
        object["metadata"]["annotations"] = json!({"dispatch.stationmaster.dev/created-by": "jane"});
        object["metadata"]["labels"] = json!({"team": "own", "a.b/c~d": ""});
        assert_eq!(patch(&request(&object), &Labelled), json!([]));
    }

    #[test]
    fn adds_no_labels_while_the_template_is_unknown() {
        struct Missing;
        impl Templates for Missing {
            fn labels(&self, _: &str, _: &str) -> Lookup {
                Lookup::Missing
            }
        }
        let mut object = execution("v1beta1");
        object["metadata"]["annotations"] = json!({"dispatch.stationmaster.dev/created-by": "jane"});
        for templates in [&() as &dyn Templates, &Missing] {
            assert_eq!(patch(&request(&object), templates), json!([]));
        }
    }

    #[test]
    fn restores_the_creator_on_update() {
        let by = |creator: &str| {
            let mut object = execution("v1beta1");
            object["metadata"]["annotations"] = json!({"dispatch.stationmaster.dev/created-by": creator});
            object
        };
        let without = execution("v1beta1");
        let add = json!({"op": "add", "path": CREATED_BY, "value": "jim"});
        let parent = json!({"op": "add", "path": "/metadata/annotations", "value": {}});
        let cases = [
            (by("jim"), by("jim"), json!([])),
            (by("jim"), by("root"), json!([add])),
            (by("jim"), without.clone(), json!([parent, add])),
            (
                without.clone(),
                by("root"),
                json!([{"op": "remove", "path": CREATED_BY}]),
            ),
            (without.clone(), without, json!([])),
        ];
        for (old, new, expected) in cases {
            assert_eq!(patch(&updated(&old, &new), &Labelled), expected, "{old} {new}");
        }
    }

    #[test]
    fn leaves_templates_and_deletions_alone() {
        assert_eq!(patch(&request(&template("v1beta1")), &Labelled), json!([]));
        let mut deletion = request(&execution("v1beta1"));
        deletion["operation"] = json!("DELETE");
        assert_eq!(patch(&deletion, &Labelled), json!([]));
    }

    #[test]
    fn refuses_what_is_no_object_of_ours() {
        let mut pod = request(&execution("v1beta1"));
        pod["kind"] = json!({"group": "", "version": "v1", "kind": "Pod"});
        let mut odd = request(&execution("v1beta1"));
        odd["object"] = json!({"metadata": {"labels": {"a": 1}}});
        for (request, error) in [
            (pod, "stationmaster has no rules for Pod of v1,"),
            (odd, "the object cannot be decoded:"),
        ] {
            let text = request.to_string();
            let refused = mutate(&serde_json::from_str(&text).expect("the fixture is a request"), &());
            let message = refused.expect_err("is not ours").to_string();
            assert!(message.starts_with(error), "{message}");
        }
    }
}
