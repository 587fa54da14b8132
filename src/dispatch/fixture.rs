//! Valid objects and the requests that carry them; a test breaks one field.

use serde_json::{Value, json};

/// A valid JobExecution.
pub(super) fn execution(version: &str) -> Value {
    json!({
        "apiVersion": format!("dispatcher.ivan.vc/{version}"), "kind": "JobExecution",
        "metadata": {"name": "jobexecution-sample", "namespace": "default", "labels": null},
        "spec": {"jobTemplateName": "jobtemplate-sample", "payload": "a payload"},
    })
}

/// A valid JobTemplate that gives no warning.
pub(super) fn template(version: &str) -> Value {
    let container = json!({"name": "main", "image": "alpine:3.20", "command": ["echo", "{{ .Payload }}"]});
    json!({
        "apiVersion": format!("dispatcher.ivan.vc/{version}"), "kind": "JobTemplate",
        "metadata": {"name": "jobtemplate-sample", "namespace": "default"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}}},
    })
}

/// The request of a CREATE by jane.
pub(super) fn request(object: &Value) -> Value {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": object["kind"]},
        "subResource": "", "namespace": "default", "operation": "CREATE",
        "userInfo": {"username": "jane"}, "object": object, "oldObject": null,
    })
}

/// The request of an UPDATE by jane.
pub(super) fn updated(old: &Value, object: &Value) -> Value {
    let mut request = request(object);
    request["operation"] = json!("UPDATE");
    request["oldObject"] = old.clone();
    request
}
