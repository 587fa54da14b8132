//! What `/validate` decides: which JobTemplates and JobExecutions may be written, in both versions alike. On UPDATE only
//! what the request changes is looked at, so that objects older than this server can be edited and deleted.

use serde_json::Value;
use serde_json::value::RawValue;

use super::view::{self, Identity, Text, field};
use super::{Error, Limits, Lookup, Templates, compiled, name, payload, subject::Subject, warnings};
use crate::api::review::{AdmissionRequest, Cause, Object, Verdict};

/// Faults that are listed of one object; the rest is counted.
const LISTED_CAUSES: usize = 100;

/// Decides whether an object may be written.
///
/// # Errors
/// When the request is not about an object of ours.
pub fn validate(request: &AdmissionRequest<'_>, limits: Limits, templates: &dyn Templates) -> Result<Verdict, Error> {
    let decided = match Subject::of(request)? {
        None => Ok(Verdict::default()),
        Some(Subject::JobTemplate) => job_template(request),
        Some(Subject::JobExecution) => job_execution(request, limits, templates),
    };
    Ok(decided?)
}

/// The object whose spec is to be looked at, and what is stored of it: nothing when it dies or its spec stays the same.
fn changed<'r, 'a>(
    request: &'r AdmissionRequest<'a>,
) -> Result<Option<(&'r Object<'a>, Identity<'a>)>, serde_json::Error> {
    let Some(object) = &request.object else { return Ok(None) };
    let metadata: Identity<'a> = view::metadata(object)?;
    let unchanged = request
        .old_object
        .as_ref()
        .is_some_and(|old| view::same_spec(object, old));
    let dying = metadata.deletion_timestamp.is_some();
    Ok((!unchanged && !dying).then_some((object, metadata)))
}

/// Whether the request changes that field of the spec.
fn changes(request: &AdmissionRequest<'_>, object: &Object<'_>, field: &str) -> bool {
    let old = request.old_object.as_ref();
    old.is_none_or(|old| !view::same(view::member(object, field), view::member(old, field)))
}

fn job_execution(
    request: &AdmissionRequest<'_>,
    limits: Limits,
    templates: &dyn Templates,
) -> Result<Verdict, serde_json::Error> {
    let Some((object, metadata)) = changed(request)? else {
        return Ok(Verdict::default());
    };
    let template = view::text(object, field::JOB_TEMPLATE_NAME)?;
    let mut verdict = Verdict::default();
    if request.operation == "CREATE" {
        verdict.causes.extend(execution_name(Text::of(metadata.name.as_ref())));
    }
    if changes(request, object, field::JOB_TEMPLATE_NAME) {
        let template = &*template.0;
        verdict.causes.extend(template_name(template));
        let unknown = templates.labels(&request.namespace, template) == Lookup::Missing;
        if unknown && verdict.allowed() {
            verdict.warnings.push(format!(
                "spec.jobTemplateName: there is no JobTemplate \"{template}\" in namespace \"{}\" yet; the Job is made when there is",
                request.namespace
            ));
        }
    }
    if changes(request, object, field::PAYLOAD) {
        let payload = view::member(object, field::PAYLOAD);
        verdict.causes.extend(execution_payload(payload, limits)?);
    }
    Ok(verdict)
}

fn execution_name(name: &str) -> Option<Cause> {
    (name.len() > name::EXECUTION_NAME_BYTES).then(|| {
        let message = format!(
            "must have at most {} characters, because it labels the Job, and has {}",
            name::EXECUTION_NAME_BYTES,
            name.len()
        );
        Cause::too_long("metadata.name", message)
    })
}

fn template_name(template: &str) -> Option<Cause> {
    const FIELD: &str = "spec.jobTemplateName";
    if template.is_empty() {
        return Some(Cause::required(FIELD, "must name a JobTemplate in the same namespace"));
    }
    (!name::is_subdomain(template)).then(|| {
        Cause::invalid(
            FIELD,
            "no JobTemplate can have this name: lower case letters, digits, '-' and '.' are allowed, 253 characters at most",
        )
    })
}

fn execution_payload(raw: Option<&RawValue>, limits: Limits) -> Result<Option<Cause>, serde_json::Error> {
    let Some(raw) = raw else { return Ok(None) };
    if raw.get().starts_with('"') && payload::surely_fits(raw.get().len() - 2, limits) {
        return Ok(None);
    }
    let text: Text<'_> = view::of(raw)?;
    let error = payload::check(&text.0, limits).err();
    Ok(error.map(|error| Cause::too_long("spec.payload", error.to_string())))
}

fn job_template(request: &AdmissionRequest<'_>) -> Result<Verdict, serde_json::Error> {
    let Some((object, _)) = changed(request)? else {
        return Ok(Verdict::default());
    };
    let Some(job_template) = view::member(object, field::JOB_TEMPLATE) else {
        return Ok(Verdict::denied(Cause::required(
            "spec.jobTemplate",
            "must be a Job template, as a CronJob has it",
        )));
    };
    let tree = view::tree(job_template)?;
    let old = request.old_object.as_ref();
    let old: Option<Value> = old.and_then(|old| view::tree(view::member(old, field::JOB_TEMPLATE)?).ok());
    let causes = listed(compiled::new_causes(&tree, old.as_ref()));
    Ok(Verdict {
        causes,
        warnings: warnings::warnings(&tree),
        patch: Vec::new(),
    })
}

fn listed(mut causes: Vec<Cause>) -> Vec<Cause> {
    let more = causes.len().saturating_sub(LISTED_CAUSES);
    causes.truncate(LISTED_CAUSES);
    if more > 0 {
        causes.push(Cause::invalid("spec.jobTemplate", format!("and {more} faults more")));
    }
    causes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{execution, request, template, updated};
    use super::*;

    const LIMITS: Limits = Limits { payload_bytes: 10 };

    struct Filled;

    impl Templates for Filled {
        fn labels(&self, namespace: &str, name: &str) -> Lookup {
            let known = (namespace, name) == ("default", "jobtemplate-sample");
            if known {
                Lookup::Found(std::collections::BTreeMap::new())
            } else {
                Lookup::Missing
            }
        }
    }

    fn decided(request: &Value) -> Verdict {
        let text = request.to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        validate(&request, LIMITS, &Filled).expect("is ours")
    }

    /// Why nothing is decided.
    fn undecided(request: &Value) -> String {
        let text = request.to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        validate(&request, LIMITS, &Filled)
            .expect_err("is not ours")
            .to_string()
    }

    /// The one field that is refused, with its reason.
    fn refused(request: &Value) -> Option<(String, &'static str)> {
        let verdict = decided(request);
        assert!(verdict.causes.len() < 2, "{verdict:?}");
        verdict
            .causes
            .into_iter()
            .next()
            .map(|cause| (cause.field, cause.reason))
    }

    fn broken(mut object: Value, pointer: &str, value: Value) -> Value {
        *object.pointer_mut(pointer).expect("the fixture has the field") = value;
        object
    }

    #[test]
    fn takes_valid_objects_of_both_versions() {
        for version in ["v1alpha1", "v1beta1"] {
            for object in [execution(version), template(version)] {
                assert_eq!(decided(&request(&object)), Verdict::default(), "{object}");
            }
        }
    }

    #[test]
    fn refuses_an_execution_with_one_wrong_field() {
        let name = "spec.jobTemplateName";
        let cases = [
            ("/metadata/name", json!("a".repeat(63)), None),
            (
                "/metadata/name",
                json!("a".repeat(64)),
                Some(("metadata.name", "FieldValueTooLong")),
            ),
            ("/spec/jobTemplateName", json!(""), Some((name, "FieldValueRequired"))),
            ("/spec/jobTemplateName", json!(null), Some((name, "FieldValueRequired"))),
            ("/spec/jobTemplateName", json!("a/b"), Some((name, "FieldValueInvalid"))),
            ("/spec/jobTemplateName", json!("A"), Some((name, "FieldValueInvalid"))),
            ("/spec/payload", json!("1234567890"), None),
            ("/spec/payload", json!("\n\n\n\n\n\n\n\n\n\n"), None),
            ("/spec/payload", json!(""), None),
            ("/spec/payload", json!(null), None),
            (
                "/spec/payload",
                json!("12345678901"),
                Some(("spec.payload", "FieldValueTooLong")),
            ),
            ("/spec", json!(null), Some((name, "FieldValueRequired"))),
        ];
        for (pointer, value, expected) in cases {
            let object = broken(execution("v1beta1"), pointer, value);
            let expected = expected.map(|(field, reason): (&str, _)| (field.to_owned(), reason));
            assert_eq!(refused(&request(&object)), expected, "{object}");
        }
    }

    #[test]
    fn has_a_hard_limit_for_payloads_as_json() {
        let object = broken(
            execution("v1beta1"),
            "/spec/payload",
            json!("<".repeat(payload::ESCAPED_BYTES / 6 + 1)),
        );
        let text = request(&object).to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        let limits = Limits {
            payload_bytes: usize::MAX,
        };
        let verdict = validate(&request, limits, &()).expect("is ours");
        assert_eq!(
            verdict.causes,
            [Cause::too_long(
                "spec.payload",
                "must have at most 1048576 bytes when escaped as JSON, and has 1048578"
            )]
        );
    }

    #[test]
    fn lets_the_server_draw_a_name() {
        let mut object = execution("v1beta1");
        object["metadata"] = json!({"generateName": "a-"});
        assert_eq!(decided(&request(&object)), Verdict::default());
    }

    #[test]
    fn lists_all_faults_at_once() {
        let mut object = execution("v1beta1");
        object["metadata"]["name"] = json!("a".repeat(64));
        object["spec"] = json!({"jobTemplateName": "-", "payload": "12345678901"});
        let fields: Vec<_> = decided(&request(&object))
            .causes
            .into_iter()
            .map(|cause| cause.field)
            .collect();
        assert_eq!(fields, ["metadata.name", "spec.jobTemplateName", "spec.payload"]);
    }

    #[test]
    fn warns_of_an_unknown_template_only_when_the_store_is_filled() {
        let object = broken(execution("v1beta1"), "/spec/jobTemplateName", json!("other"));
        let request = request(&object);
        let warnings = [
            "spec.jobTemplateName: there is no JobTemplate \"other\" in namespace \"default\" yet; the Job is made when there is",
        ];
        assert_eq!(
            decided(&request),
            Verdict {
                warnings: warnings.map(str::to_owned).to_vec(),
                ..Verdict::default()
            }
        );
        let text = request.to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        assert_eq!(validate(&request, LIMITS, &()).expect("is ours"), Verdict::default());
    }

    #[test]
    fn looks_only_at_what_an_update_changes() {
        let old = broken(
            execution("v1beta1"),
            "/spec",
            json!({"jobTemplateName": "A", "payload": "12345678901"}),
        );
        let old = broken(old, "/metadata/name", json!("a".repeat(64)));
        let reordered: Value =
            serde_json::from_str(r#"{"payload": "12345678901", "jobTemplateName": "A"}"#).expect("is JSON");
        let cases = [
            ("/metadata/labels", json!({"a": "b"}), None),
            ("/spec", reordered, None),
            ("/spec/payload", json!("12"), None),
            ("/spec/jobTemplateName", json!("b"), None),
            (
                "/spec/payload",
                json!("123456789012"),
                Some(("spec.payload".to_owned(), "FieldValueTooLong")),
            ),
            (
                "/spec/jobTemplateName",
                json!("B"),
                Some(("spec.jobTemplateName".to_owned(), "FieldValueInvalid")),
            ),
        ];
        for (pointer, value, expected) in cases {
            assert_eq!(
                refused(&updated(&old, &broken(old.clone(), pointer, value))),
                expected,
                "{pointer}"
            );
        }
    }

    #[test]
    fn lets_what_is_being_deleted_pass() {
        for object in [
            broken(execution("v1beta1"), "/spec", json!({})),
            broken(template("v1beta1"), "/spec", json!({})),
        ] {
            let mut dying = object.clone();
            dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            let mut old = dying.clone();
            old["spec"] = json!({"jobTemplateName": "a", "jobTemplate": {}});
            assert_eq!(decided(&updated(&old, &dying)), Verdict::default());
            assert_ne!(decided(&updated(&old, &object)), Verdict::default());
        }
    }

    #[test]
    fn names_every_string_of_a_template_that_is_no_template() {
        let mut object = template("v1alpha1");
        object["spec"]["jobTemplate"]["metadata"] = json!({"labels": {"a.b/c": "{{ nofunc }}"}});
        *container(&mut object) = json!({"command": ["a", "{{ .Nope }}"], "args": ["{{ if }}", "{{ .Payload }}"],
            "env": [{"name": "A", "value": "{{ end }}"}]});
        let fields: Vec<_> = decided(&request(&object))
            .causes
            .into_iter()
            .map(|cause| cause.field)
            .collect();
        let pod = "spec.jobTemplate.spec.template.spec.containers[0]";
        assert_eq!(
            fields,
            [
                "spec.jobTemplate.metadata.labels[a.b/c]".to_owned(),
                format!("{pod}.args[0]"),
                format!("{pod}.command[1]"),
                format!("{pod}.env[0].value")
            ]
        );
    }

    fn container(template: &mut Value) -> &mut Value {
        template
            .pointer_mut("/spec/jobTemplate/spec/template/spec/containers/0")
            .expect("the fixture has a container")
    }

    #[test]
    fn refuses_only_the_strings_that_an_update_breaks() {
        let mut old = template("v1beta1");
        container(&mut old)["args"] = json!(["{{ nofunc }}"]);
        let mut moved = old.clone();
        container(&mut moved)["args"] = json!(["x", "{{ nofunc }}"]);
        assert_eq!(refused(&updated(&old, &moved)), None);
        let mut worse = moved.clone();
        container(&mut worse)["args"] = json!(["{{ if }}", "{{ nofunc }}"]);
        let expected = (
            "spec.jobTemplate.spec.template.spec.containers[0].args[0]".to_owned(),
            "FieldValueInvalid",
        );
        assert_eq!(refused(&updated(&old, &worse)), Some(expected));
        container(&mut old)["args"] = json!([{"stored before": "anything"}]);
        assert!(refused(&updated(&old, &moved)).is_some());
    }

    #[test]
    fn warns_of_a_template_and_takes_it() {
        let mut object = template("v1beta1");
        *container(&mut object) = json!({"command": ["echo", "$PAYLOAD"], "env": [{"name": "PAYLOAD"}]});
        let verdict = decided(&request(&object));
        assert_eq!((verdict.causes, verdict.warnings.len()), (Vec::new(), 1));
        assert_eq!(decided(&updated(&object, &object)), Verdict::default());
    }

    #[test]
    fn wants_a_job_in_a_template() {
        for spec in [json!(null), json!({}), json!({"jobTemplate": null})] {
            let object = broken(template("v1beta1"), "/spec", spec);
            let expected = Some(("spec.jobTemplate".to_owned(), "FieldValueRequired"));
            assert_eq!(refused(&request(&object)), expected, "{object}");
        }
    }

    #[test]
    fn refuses_a_template_that_is_nested_too_deep_however_deep() {
        let nested = |levels: usize| (1..levels).fold(json!([]), |inner, _| json!([inner]));
        let with = |levels| broken(template("v1beta1"), "/spec/jobTemplate", nested(levels));
        assert_eq!(refused(&request(&with(64))), None);
        let expected = Some((format!("spec.jobTemplate{}", "[0]".repeat(64)), "FieldValueTooLong"));
        assert_eq!(refused(&request(&with(65))), expected);
        assert_eq!(refused(&request(&with(1000))), expected);
        assert_eq!(refused(&updated(&with(70), &with(71))), None);
    }

    #[test]
    fn counts_the_faults_that_are_too_many_to_list() {
        let object = broken(
            template("v1beta1"),
            "/spec/jobTemplate",
            json!(vec!["{{ nofunc }}"; 150]),
        );
        let causes = decided(&request(&object)).causes;
        assert_eq!(causes.len(), 101);
        assert_eq!(causes[100], Cause::invalid("spec.jobTemplate", "and 50 faults more"));
    }

    #[test]
    fn knows_its_kinds_and_lets_everything_but_writes_pass() {
        let broken_execution = broken(execution("v1beta1"), "/spec", json!({}));
        let with = |pointer: &str, value: Value| broken(request(&broken_execution), pointer, value);
        for passes in [
            with("/operation", json!("DELETE")),
            with("/subResource", json!("status")),
        ] {
            assert_eq!(decided(&passes), Verdict::default(), "{passes}");
        }
        for unknown in [
            with("/kind/kind", json!("Pod")),
            with("/kind/group", json!("")),
            with("/kind/version", json!("v1")),
        ] {
            assert!(
                undecided(&unknown).starts_with("stationmaster has no rules for "),
                "{unknown}"
            );
        }
    }

    #[test]
    fn decides_nothing_about_what_is_no_execution() {
        for (pointer, value) in [
            ("/spec/payload", json!({"a": 1})),
            ("/spec/payload", json!(1)),
            ("/metadata", json!(1)),
        ] {
            let object = broken(execution("v1beta1"), pointer, value);
            assert!(
                undecided(&request(&object)).starts_with("the object cannot be decoded: "),
                "{object}"
            );
        }
    }
}
