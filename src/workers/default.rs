//! What `/mutate` changes: the label `accounts` where there is one account to choose from, a date as the runtime takes it,
//! and in v1alpha1 the annotation with what that cannot say, which is not its writers' to change. Patches are decided from what is there, and the same object sent twice gets an empty one.

use serde_json::{Value, json};

use super::day::Day;
use super::known::Known;
pub use super::subject::Error;
use super::subject::{Kind, Subject};
use super::view::View;
use crate::api::names::annotation::WORKERS_V1BETA1;
use crate::api::names::label;
use crate::api::review::{AdmissionRequest, PatchOperation, Verdict};

/// Decides what to change before an object is written.
///
/// # Errors
/// When the request is not about an object of ours, or that cannot be decoded.
pub fn mutate(request: &AdmissionRequest<'_>, known: &dyn Known) -> Result<Verdict, Error> {
    let (Some(subject), Some(object)) = (Subject::of(request)?, &request.object) else {
        return Ok(Verdict::default());
    };
    let object = View::of(object)?;
    let old = request.old_object.as_ref().map(View::of).transpose()?;
    if object.is_dying() {
        return Ok(Verdict::default());
    }
    let template = match subject.kind {
        Kind::Deployment => Some("/template"),
        Kind::Release => Some(""),
        Kind::Bundle | Kind::Account => None,
    };
    let mut patch = Vec::new();
    if let Some(template) = template {
        patch.extend(labelled(&object, &request.namespace, known));
        patch.extend(dated(&object.spec, template).filter(|_| !subject.is_old));
    }
    if let Some(old) = old.filter(|_| subject.is_old) {
        patch.extend(kept(&object, &old));
    }
    Ok(Verdict {
        patch,
        ..Verdict::default()
    })
}

/// The label, where it is missing and there is no choice.
fn labelled(object: &View, namespace: &str, known: &dyn Known) -> Vec<PatchOperation> {
    if object.account().is_some() {
        return Vec::new();
    }
    let accounts = known.accounts(namespace).unwrap_or_default();
    let [account] = &accounts[..] else {
        return Vec::new();
    };
    let mut patch = Vec::new();
    if object.metadata.labels.is_none() {
        patch.push(PatchOperation::Add {
            path: "/metadata/labels".to_owned(),
            value: json!({}),
        });
    }
    patch.push(PatchOperation::Add {
        path: format!("/metadata/labels/{}", label::ACCOUNTS),
        value: account.metadata.name.clone().unwrap_or_default().into(),
    });
    patch
}

/// A date that v1alpha1 writes in another form, which there stays as it is.
fn dated(spec: &Value, template: &str) -> Option<PatchOperation> {
    let path = format!("{template}/compatibilityDate");
    let day = Day::american(spec.pointer(&path)?.as_str()?)?;
    Some(PatchOperation::Replace {
        path: format!("/spec{path}"),
        value: day.to_string().into(),
    })
}

/// What a client of v1alpha1 lost, or has from an older state of the object, is as it is stored.
fn kept(object: &View, old: &View) -> Vec<PatchOperation> {
    let (found, wanted) = (object.annotation(WORKERS_V1BETA1), old.annotation(WORKERS_V1BETA1));
    let path = format!("/metadata/annotations/{}", WORKERS_V1BETA1.replace('/', "~1"));
    match wanted {
        _ if found == wanted => Vec::new(),
        None => vec![PatchOperation::Remove { path }],
        Some(wanted) => {
            let parent = PatchOperation::Add {
                path: "/metadata/annotations".to_owned(),
                value: json!({}),
            };
            let value = wanted.into();
            let parent = object.metadata.annotations.is_none().then_some(parent);
            parent
                .into_iter()
                .chain([PatchOperation::Add { path, value }])
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Around, account, deployment, old_deployment, release, request, updated};
    use super::*;

    fn patch(request: &Value, known: &dyn Known) -> Value {
        let text = request.to_string();
        let request = serde_json::from_str(&text).expect("the fixture is a request");
        let verdict = mutate(&request, known).expect("is ours");
        assert_eq!((verdict.causes, verdict.warnings), (Vec::new(), Vec::new()));
        json!(verdict.patch)
    }

    fn one_account() -> Around {
        Around::of(&[account("1234")])
    }

    #[test]
    fn a_worker_belongs_to_the_one_account_that_there_is() {
        let mut object = deployment("wasm-worker");
        object["metadata"]["labels"] = Value::Null;
        let label = json!({"op": "add", "path": "/metadata/labels/accounts", "value": "1234"});
        let parent = json!({"op": "add", "path": "/metadata/labels", "value": {}});
        assert_eq!(patch(&request(&object), &one_account()), json!([parent, label]));
        object["metadata"]["labels"] = json!({"a": "b"});
        assert_eq!(patch(&request(&object), &one_account()), json!([label]));
        object["metadata"]["labels"]["accounts"] = json!("");
        assert_eq!(patch(&request(&object), &one_account()), json!([label]));
        assert_eq!(patch(&request(&object), &()), json!([]));
        assert_eq!(patch(&request(&object), &Around::of(&[])), json!([]));
        let two = Around::of(&[account("1234"), account("5678")]);
        assert_eq!(patch(&request(&object), &two), json!([]));
    }

    #[test]
    fn a_date_gets_the_form_that_the_runtime_takes() {
        let mut object = deployment("wasm-worker");
        object["spec"]["template"]["compatibilityDate"] = json!("02/28/2026");
        let path = "/spec/template/compatibilityDate";
        let replaced = json!([{"op": "replace", "path": path, "value": "2026-02-28"}]);
        assert_eq!(patch(&request(&object), &one_account()), replaced);
        object["apiVersion"] = json!("api.worker-deployment/v1alpha1");
        assert_eq!(
            patch(&request(&object), &one_account()),
            json!([]),
            "v1alpha1 keeps its form"
        );
        let mut object = release("wasm-worker");
        object["spec"]["compatibilityDate"] = json!("02/28/2026");
        let replaced = json!([{"op": "replace", "path": "/spec/compatibilityDate", "value": "2026-02-28"}]);
        assert_eq!(patch(&request(&object), &one_account()), replaced);
    }

    #[test]
    fn what_v1alpha1_cannot_say_is_kept_whoever_writes_it() {
        let plain = old_deployment("wasm-worker");
        let with = |text: &str| {
            let mut object = plain.clone();
            object["metadata"]["annotations"] = json!({WORKERS_V1BETA1: text});
            object
        };
        let path = "/metadata/annotations/workers.stationmaster.dev~1v1beta1";
        let parent = json!({"op": "add", "path": "/metadata/annotations", "value": {}});
        let add = json!({"op": "add", "path": path, "value": "kept"});
        for (old, new, expected) in [
            (with("kept"), with("kept"), json!([])),
            (with("kept"), with("forged"), json!([add])),
            (with("kept"), plain.clone(), json!([parent, add])),
            (plain.clone(), with("forged"), json!([{"op": "remove", "path": path}])),
            (plain.clone(), plain.clone(), json!([])),
        ] {
            assert_eq!(patch(&updated(&old, &new), &one_account()), expected, "{old} {new}");
        }
        assert_eq!(
            patch(&request(&with("copied")), &one_account()),
            json!([]),
            "a new object may say it all"
        );
    }

    #[test]
    fn what_is_no_day_is_left_for_the_refusal() {
        let mut object = deployment("wasm-worker");
        for date in [json!("MM/DD/YYYY"), json!(5), Value::Null] {
            object["spec"]["template"]["compatibilityDate"] = date;
            assert_eq!(patch(&request(&object), &one_account()), json!([]));
        }
    }

    #[test]
    fn accounts_deletions_and_the_dying_are_left_alone() {
        let mut dying = deployment("wasm-worker");
        dying["metadata"]["labels"] = json!({});
        let mut deletion = request(&dying);
        deletion["operation"] = json!("DELETE");
        assert_eq!(patch(&deletion, &one_account()), json!([]));
        dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(patch(&updated(&dying, &dying), &one_account()), json!([]));
        assert_eq!(patch(&request(&account("1234")), &one_account()), json!([]));
    }

    #[test]
    fn refuses_what_is_no_object_of_ours() {
        let mut other = request(&deployment("wasm-worker"));
        other["kind"]["version"] = json!("v2");
        let text = other.to_string();
        let refused = mutate(&serde_json::from_str(&text).expect("the fixture is a request"), &());
        let message = refused.expect_err("is not ours").to_string();
        assert!(message.starts_with("stationmaster has no rules for WorkerDeployment of api.worker-deployment/v2"));
    }
}
