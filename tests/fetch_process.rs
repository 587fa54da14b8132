//! `build-bundle fetch` as it runs in a build Job: code comes from a real S3 server and by http, and lies in the folder that
//! the steps share.

#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

mod common;

use std::fs;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use common::bucket::{S3, SECRET_ACCESS_KEY};
use common::build::{RELEASE, step, step_of_many, told, verdict};
use serde_json::{Value, json};
use stationmaster::api::workers::{ProofState, WorkerTemplate};
use stationmaster::workers::code::Code;
use stationmaster::workers::proof::{self, Verdict};
use tempfile::TempDir;

const PRIVATE: &[&str] = &["--allow-private-addresses"];

fn template(urls: &Value) -> Value {
    json!({"scriptName": "a", "compatibilityDate": "2026-01-01", "urls": urls})
}

/// A server of one file.
async fn serve(content: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/from%20http.txt?token=t", listener.local_addr().unwrap());
    let router = Router::new().route("/{*path}", get(move || async move { content }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What the step says, and the folder that it leaves.
fn fetch(urls: &Value, flags: &[&str], variables: &[(&str, String)]) -> (Verdict, TempDir) {
    let work = tempfile::tempdir().unwrap();
    let variables = [&[told(&template(urls))], variables].concat();
    let output = step("fetch", work.path(), flags, &variables);
    (verdict(&output), work)
}

fn refused(urls: &Value, variables: &[(&str, String)]) -> String {
    let (verdict, work) = fetch(urls, &[], variables);
    assert_eq!(
        (verdict.state, verdict.reason.as_deref()),
        (ProofState::Failed, Some("FetchFailed"))
    );
    assert_eq!(names(work.path()), ["failed"]);
    let message = verdict.message.unwrap();
    assert!(!message.contains(SECRET_ACCESS_KEY), "{message}");
    message
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_of_all_urls_lies_in_the_folder() {
    let s3 = S3::start(&["code"]);
    for (key, content) in [("v1/index.js", "main"), ("v1/lib/b.wasm", "wasm"), ("one.js", "one")] {
        s3.put("code", key, content).await;
    }
    let urls = json!([
        {"url": "s3://code/v1/"},
        {"url": "s3://code/one.js", "name": "other.js"},
        {"url": serve("text").await},
    ]);
    let (verdict, work) = fetch(&urls, PRIVATE, &s3.environment());
    let modules = work.path().join("modules").join(RELEASE);
    let content = |name: &str| fs::read_to_string(modules.join(name)).unwrap();
    let contents: Vec<_> = (0..4).map(|number| content(&number.to_string())).collect();
    assert_eq!(contents, ["main", "wasm", "one", "text"]);
    let listing: Value = serde_json::from_str(&content("modules.json")).unwrap();
    let expected = json!([
        {"name": "index.js", "type": "EsModule"},
        {"name": "lib/b.wasm", "type": "Wasm"},
        {"name": "other.js", "type": "EsModule"},
        {"name": "from http.txt", "type": "Text"},
    ]);
    assert_eq!(listing, expected);
    assert_eq!(names(&modules), ["0", "1", "2", "3", "modules.json"]);
    assert_eq!(names(work.path()), ["fetched", "modules"]);
    // The same code inline is the same.
    let inline: WorkerTemplate = serde_json::from_value(json!({
        "scriptName": "b", "compatibilityDate": "2026-01-01", "modules": [
            {"name": "index.js", "text": "main"}, {"name": "other.js", "text": "one"},
            {"name": "lib/b.wasm", "text": "wasm"}, {"name": "from http.txt", "text": "text"},
        ],
    }))
    .unwrap();
    let digest = Code::inline(&inline).unwrap().digest(&inline);
    let expected = Verdict {
        digest: Some(digest),
        size: Some(15),
        ..Verdict::passed()
    };
    assert_eq!(verdict, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_had_is_told_and_stops_the_build() {
    let s3 = S3::start(&["code"]);
    s3.put("code", "a.js", "body of a").await;
    let (environment, url) = (s3.environment(), serve("body of b").await);
    for (urls, expected) in [
        (json!([{"url": url}]), "its address is not one of the Internet"),
        (
            json!([{"url": "s3://code/b.js"}]),
            "cannot fetch s3://code/b.js: there is no such object",
        ),
        (
            json!([{"url": "s3://code/a.js", "sha256": "ab".repeat(32)}]),
            "the SHA-256 of s3://code/a.js is ",
        ),
        (
            json!([{"url": "s3://code/a.js"}, {"url": "s3://code/"}]),
            "two modules are called \"a.js\"",
        ),
        (json!([{"url": "gs://code/a.js"}]), "must begin with s3://"),
        (json!([]), "there is no module"),
    ] {
        let message = refused(&urls, &environment);
        assert!(message.contains(expected) && !message.contains("body of"), "{message}");
    }
    let mut wrong = environment.clone();
    wrong[2].1 = "another secret".to_owned();
    let one = json!([{"url": "s3://code/a.js"}]);
    assert!(refused(&one, &wrong).contains("SignatureDoesNotMatch"));
    let message = refused(&one, &[]);
    assert!(
        message.ends_with("the WorkerAccount names no S3 server: set `storage`"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_what_was_proved_is_refused_and_fails() {
    let template = template(&json!([{"url": serve("text").await}]));
    let fetch = |work: &Path, flags: &[&str]| step("fetch", work, &[PRIVATE, flags].concat(), &[told(&template)]);
    let (work, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let proved = verdict(&fetch(work.path(), &[])).digest.unwrap();
    // As an init container does it, into the folder that pods mount.
    let folder = elsewhere.path().join("bundle/modules");
    let flags = ["--modules", folder.to_str().unwrap(), "--digest", &proved];
    assert_eq!(verdict(&fetch(elsewhere.path(), &flags)).digest, Some(proved.clone()));
    assert_eq!(fs::read_to_string(folder.join(RELEASE).join("0")).unwrap(), "text");
    assert_eq!(names(elsewhere.path()), ["bundle", "fetched"]);

    let other = format!("sha256:{}", "ab".repeat(32));
    let changed = tempfile::tempdir().unwrap();
    let output = fetch(changed.path(), &["--digest", &other]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let refused = proof::read(String::from_utf8(output.stdout).unwrap().trim()).unwrap();
    assert_eq!(refused.reason.as_deref(), Some("FetchFailed"));
    let expected = format!("the code behind the URLs is not what was proved: its digest is {proved}, not {other}");
    assert_eq!(refused.message, Some(expected));
    assert_eq!(names(changed.path()), ["failed"]);
    // The same of what cannot be had.
    let output = step("fetch", changed.path(), &["--digest", &proved], &[told(&template)]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn what_is_composed_of_code_that_did_not_come_is_not_proved() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("failed"), "").unwrap();
    let output = step_of_many("prove", work.path(), &["--composed", "--fetched"], &[]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_step_that_breaks_fails() {
    let work = tempfile::tempdir().unwrap();
    let output = step("fetch", work.path(), &[], &[("WORKER_TEMPLATE", "{secret".to_owned())]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(
        log.contains("WORKER_TEMPLATE is no template") && !log.contains("{secret"),
        "{log}"
    );
    assert_eq!(names(work.path()), ["failed"]);
}
