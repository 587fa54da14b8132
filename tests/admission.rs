//! Admission on the wire: each file of tests/data/admission is a review, and the answer that it must get.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use common::api_server::ApiServer;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::cli::Cli;
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{self, State};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The files of one folder, by name.
fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/admission")
        .join(folder);
    let entries = folder.read_dir().expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("can be read").path()).collect();
    files.sort();
    files
}

/// A server that knows the templates of the case, or that knows of none because it has no cluster.
async fn state(templates: Option<&Vec<Value>>) -> State {
    let offline = State::new(
        Registry::default(),
        Readiness::default(),
        Cli::parse_from(["stationmaster"]).serve.execute,
    );
    let Some(metadata) = templates else { return offline };
    let api = ApiServer::default();
    for metadata in metadata {
        api.store(
            "jobtemplates",
            json!({"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate", "metadata": metadata}),
        );
    }
    let cluster = api.cluster();
    let (templates, run) = cluster.templates(CancellationToken::new());
    tokio::spawn(run);
    assert!(templates.wait_until_ready().await);
    State {
        cluster: Some(cluster),
        templates: Some(templates),
        ..offline
    }
}

/// The answer, its patch decoded.
async fn answered(case: &Value) -> Value {
    let router = serve::router(Arc::new(state(case["templates"].as_array()).await));
    let route = case["route"].as_str().expect("a case has a route");
    let request = Request::post(format!("{route}?timeout=5s")).body(Body::from(case["review"].to_string()));
    let answer = router
        .oneshot(request.expect("a request"))
        .await
        .expect("a router does not fail");
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("an answer is whole")
        .to_bytes();
    let mut review: Value = serde_json::from_slice(&body).expect("an answer is JSON");
    assert_eq!(
        (&review["apiVersion"], &review["kind"]),
        (&json!("admission.k8s.io/v1"), &json!("AdmissionReview"))
    );
    let mut response = review["response"].take();
    if let Some(patch) = response["patch"].as_str() {
        let patch = STANDARD.decode(patch).expect("a patch is base64");
        response["patch"] = serde_json::from_slice(&patch).expect("a patch is JSON");
    }
    response
}

async fn check(folder: &str, allowed: bool) {
    let mut wrong = Vec::new();
    let files = cases(folder);
    assert!(files.len() > 10, "the cases are gone");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("can be read");
        let case: Value = serde_json::from_str(&text).expect("a case is JSON");
        let response = answered(&case).await;
        if response != case["response"] || response["allowed"] != allowed {
            wrong.push(format!("{}\n{response:#}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "answered otherwise:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn allows() {
    check("pass", true).await;
}

#[tokio::test]
async fn refuses() {
    check("fail", false).await;
}

#[tokio::test]
async fn a_patched_object_needs_no_patch_the_second_time() {
    let mut patched = 0;
    for file in cases("pass") {
        let text = std::fs::read_to_string(&file).expect("can be read");
        let mut case: Value = serde_json::from_str(&text).expect("a case is JSON");
        let response = answered(&case).await;
        let Some(operations) = response["patch"].as_array() else {
            continue;
        };
        for operation in operations {
            apply(&mut case["review"]["request"]["object"], operation);
        }
        assert_eq!(answered(&case).await["patch"], Value::Null, "{}", file.display());
        patched += 1;
    }
    assert!(patched > 2);
}

/// One step of a JSON patch, where its parent is.
fn apply(object: &mut Value, operation: &Value) {
    let (parent, key) = operation["path"]
        .as_str()
        .and_then(|path| path.rsplit_once('/'))
        .expect("a pointer");
    let key = key.replace("~1", "/").replace("~0", "~");
    let members = object
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("the parent is there");
    match operation["op"].as_str() {
        Some("add" | "replace") => members.insert(key, operation["value"].clone()),
        Some("remove") => Some(members.remove(&key).expect("what is removed is there")),
        other => unreachable!("{other:?} is never sent"),
    };
}
