//! Metacontroller's hooks on the wire: each file of tests/data/sync/cases is a request that metacontroller 4.17 sent,
//! and the answer that it must get from the folder tests/data/sync/templates.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use clap::Parser;
use common::merge;
use futures::{FutureExt, stream};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::cli::Cli;
use stationmaster::clients::folder::{Folder, Timing};
use stationmaster::resources::{Current, Set};
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{self, Hooks, State};
use tower::ServiceExt;

fn data(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sync")
        .join(below)
}

/// Every case by the name of its file.
fn cases() -> Vec<(String, Value)> {
    let entries = data("cases").read_dir().expect("the folder is there");
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("can be read").path();
            let text = std::fs::read_to_string(&path).expect("can be read");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("a case is JSON"))
        })
        .collect();
    cases.sort_by(|one: &(String, Value), other| one.0.cmp(&other.0));
    cases
}

fn case(name: &str) -> Value {
    let found = cases().into_iter().find(|(other, _)| other == name);
    found.expect("the case is there").1
}

/// The hooks of a server with a folder of the data, or with none that is a set yet.
fn router(folder: Option<&str>, flags: &[&str]) -> Router {
    let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
    let current = folder.map_or_else(Current::default, |folder| {
        let files = Folder::new(data(folder), Timing::default()).read().expect("a folder");
        let files = files.iter().map(|file| (&*file.path, &*file.text));
        Current::of(Set::compile(files, args.resources.folder.options()).expect("a set"))
    });
    let mut registry = Registry::default();
    let hooks = Hooks::new(Arc::new(current), args.resources.rules(), &mut registry);
    serve::router(Arc::new(State {
        hooks: Some(hooks),
        ..State::new(registry, Readiness::default(), args.execute)
    }))
}

async fn sent(router: &Router, method: Method, path: &str, tag: Option<&str>, body: &Value) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(tag) = tag {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    let request = request.body(Body::from(body.to_string())).expect("a request");
    router.clone().oneshot(request).await.expect("a router does not fail")
}

async fn json_of(response: Response) -> Value {
    let body = response.into_body().collect().await.expect("an answer is whole");
    serde_json::from_slice(&body.to_bytes()).expect("an answer is JSON")
}

/// A good answer.
async fn answered(router: &Router, path: &str, body: &Value) -> Value {
    let response = sent(router, Method::POST, path, None, body).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    json_of(response).await
}

#[tokio::test]
async fn every_request_of_metacontroller_gets_the_answer_of_the_contract() {
    let cases = cases();
    assert_eq!(cases.len(), 9);
    let router = router(Some("templates"), &[]);
    for (name, case) in cases {
        let path = case["path"].as_str().expect("a case has a path");
        assert_eq!(
            answered(&router, path, &case["request"]).await,
            case["answer"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_get_with_a_body_is_a_sync_too() {
    let case = case("sync-v1-complete");
    let response = sent(
        &router(Some("templates"), &[]),
        Method::GET,
        "/sync",
        None,
        &case["request"],
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(json_of(response).await, case["answer"]);
}

#[tokio::test]
async fn other_methods_are_not_answered() {
    let router = router(Some("templates"), &[]);
    for (method, path) in [
        (Method::PUT, "/sync"),
        (Method::GET, "/finalize"),
        (Method::DELETE, "/customize"),
    ] {
        let response = sent(&router, method, path, None, &json!({})).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn an_answer_that_the_caller_has_is_not_sent_again() {
    let (router, case) = (router(Some("templates"), &[]), case("sync-v1-complete"));
    let tag_of = |response: &Response| response.headers()[header::ETAG].to_str().expect("a tag").to_owned();
    let first = sent(&router, Method::POST, "/sync", None, &case["request"]).await;
    let tag = tag_of(&first);
    let again = sent(&router, Method::POST, "/sync", Some(&tag), &case["request"]).await;
    assert_eq!(
        (again.status(), tag_of(&again)),
        (StatusCode::NOT_MODIFIED, tag.clone())
    );
    assert!(again.into_body().collect().await.expect("whole").to_bytes().is_empty());

    let mut changed = case["request"].clone();
    changed["attachments"]["Secret.v1"] = json!({});
    let other = sent(&router, Method::POST, "/sync", Some(&tag), &changed).await;
    assert_eq!(other.status(), StatusCode::OK);
    assert_ne!(tag_of(&other), tag);
    let finalize = sent(&router, Method::POST, "/finalize", Some(&tag), &case["request"]).await;
    assert_eq!(finalize.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_old_shape_with_lists_is_answered_in_its_shape() {
    let case = case("sync-v1-partial");
    let objects = |group: &Value| {
        group
            .as_object()
            .expect("a group")
            .values()
            .cloned()
            .collect::<Vec<_>>()
    };
    let groups = case["request"]["attachments"].as_object().expect("groups").iter();
    let children: Value = groups
        .map(|(key, group)| (key.clone(), Value::from(objects(group))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let request = json!({"parent": {"metadata": case["request"]["object"]["metadata"]}, "children": children});
    let expected = json!({
        "status": {"resources-ready": "False"}, "children": case["answer"]["attachments"], "resyncAfterSeconds": 10,
    });
    assert_eq!(
        answered(&router(Some("templates"), &[]), "/sync", &request).await,
        expected
    );
}

#[tokio::test]
async fn what_is_in_doubt_is_never_a_good_answer() {
    let router = router(Some("templates"), &[]);
    let namespace = json!({"metadata": {"name": "a", "labels": {"user.kubeflow.org/enabled": "true"}}});
    for request in [
        json!({}),
        json!([]),
        json!({"object": namespace}),
        json!({"object": {}, "attachments": {}}),
    ] {
        let response = sent(&router, Method::POST, "/sync", None, &request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{request}");
        assert_eq!(json_of(response).await["reason"], "InvalidRequest", "{request}");
    }
}

#[tokio::test]
async fn who_comes_when_too_many_are_there_is_told_to_wait() {
    let (router, case) = (router(Some("templates"), &[]), case("sync-v1-complete"));
    let waiting = |_| {
        let body = Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
        let request = Request::post("/sync").body(body).expect("a request");
        let mut answer = Box::pin(router.clone().oneshot(request));
        assert!((&mut answer).now_or_never().is_none());
        answer
    };
    let others: Vec<_> = (0..256).map(waiting).collect();
    let response = sent(&router, Method::POST, "/sync", None, &case["request"]).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(json_of(response).await["reason"], "TooManyRequests");
    drop(others);
    assert_eq!(answered(&router, "/sync", &case["request"]).await, case["answer"]);
}

#[tokio::test]
async fn without_a_set_there_is_no_answer_but_to_finalize() {
    let (router, sync) = (router(None, &[]), case("sync-v1-label-off-empty"));
    for path in ["/sync", "/customize"] {
        let response = sent(&router, Method::POST, path, None, &sync["request"]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let body = json_of(response).await;
        assert_eq!(body["reason"], "NoTemplates");
        assert!(body["faults"][0]["reason"].is_string(), "{body}");
    }
    let finalize = case("finalize-v1-empty");
    // Before it finalizes, metacontroller asks what it shall bring along.
    let (customize, expected) = (ending(), json!({"relatedResources": []}));
    assert_eq!(answered(&router, "/customize", &customize).await, expected);
    assert_eq!(
        answered(&router, "/finalize", &finalize["request"]).await,
        finalize["answer"]
    );
}

/// A request of customize for a namespace that is being deleted.
fn ending() -> Value {
    let mut request = case("customize-v1-enabled")["request"].clone();
    request["parent"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    request
}

#[tokio::test]
async fn customize_asks_for_what_templates_refer_to_whoever_asks() {
    let router = router(Some("referring"), &[]);
    let expected = json!({"relatedResources": [
        {"apiVersion": "v1", "resource": "configmaps", "namespace": "default", "names": ["tenant-defaults"]},
    ]});
    let case = case("customize-v1-enabled");
    let mut unlabelled = case["request"].clone();
    unlabelled["parent"]["metadata"]["labels"] = json!({});
    for request in [&case["request"], &unlabelled] {
        assert_eq!(answered(&router, "/customize", request).await, expected);
    }
    // It needs them no more, and one that could not be had would keep metacontroller from finalizing.
    let nothing = json!({"relatedResources": []});
    assert_eq!(answered(&router, "/customize", &ending()).await, nothing);
}

#[tokio::test]
async fn a_related_object_is_read_and_missed() {
    let (router, mut case) = (router(Some("referring"), &[]), case("sync-v1-empty"));
    let answer = answered(&router, "/sync", &case["request"]).await;
    assert_eq!(
        answer["attachments"][0]["data"],
        json!({"region": "eu", "team": "team-c"})
    );
    case["request"]["related"] = json!({});
    let response = sent(&router, Method::POST, "/sync", None, &case["request"]).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let told = json_of(response).await["error"].as_str().expect("a text").to_owned();
    assert!(told.contains("ConfigMap.v1 default/tenant-defaults"), "{told}");
}

/// What metacontroller does with an answer: it merges what is desired over what is there, and writes what differs.
fn writes(request: &Value, answer: &Value) -> Vec<String> {
    let mut writes = Vec::new();
    for desired in answer["attachments"].as_array().expect("a list") {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let group = format!("{}.{}", text(&desired["kind"]), text(&desired["apiVersion"]));
        let key = format!(
            "{}/{}",
            text(&desired["metadata"]["namespace"]),
            text(&desired["metadata"]["name"])
        );
        let observed = &request["attachments"][&group][&key];
        if merge::merged(observed, desired, &request["controller"]) != *observed {
            writes.push(format!("{group} {key}"));
        }
    }
    if !answer["status"].is_null() && answer["status"] != request["object"]["status"] {
        writes.push("status".to_owned());
    }
    writes
}

#[tokio::test]
async fn metacontroller_comes_to_rest() {
    let case = case("sync-v1-complete");
    let mut request = case["request"].clone();
    // The objects were written for the original, which wanted stringData. Over that a first write is due, and then none.
    let first = answered(&router(Some("templates"), &[]), "/sync", &request).await;
    assert_eq!(writes(&request, &first), ["Secret.v1 team-c/artifact-store"]);
    for group in request["attachments"].as_object_mut().expect("groups").values_mut() {
        for object in group.as_object_mut().expect("objects").values_mut() {
            merge::remember_data(object);
        }
    }
    let answer = answered(&router(Some("templates"), &[]), "/sync", &request).await;
    assert_eq!(writes(&request, &answer), Vec::<String>::new());
    assert_eq!(answer["resyncAfterSeconds"], Value::Null);

    // The comparison can tell: the status that a Namespace does not keep is written each time.
    let loud = answered(&router(Some("templates"), &["--status=always"]), "/sync", &request).await;
    assert_eq!(writes(&request, &loud), ["status"]);
    let mut unfolded = answer.clone();
    let secret = unfolded["attachments"]
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .find(|object| object["kind"] == "Secret");
    secret.expect("a Secret")["stringData"] = json!({"accesskey": "tenant"});
    assert_eq!(writes(&request, &unfolded), ["Secret.v1 team-c/artifact-store"]);
}

#[tokio::test]
async fn the_finalize_sequence_ends() {
    let router = router(Some("templates"), &[]);
    let mut request = case("finalize-v1-with-attachments")["request"].clone();
    for _ in 0..3 {
        let answer = answered(&router, "/finalize", &request).await;
        assert_eq!(answer["attachments"], json!([]));
        if answer["finalized"] == true {
            return;
        }
        // Metacontroller deletes what is not wanted, and asks again.
        for group in request["attachments"].as_object_mut().expect("groups").values_mut() {
            *group = json!({});
        }
    }
    unreachable!("it never ends");
}
