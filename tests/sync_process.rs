//! Metacontroller's hooks of the command as a process: where they are answered, and what is logged of them.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::process::{Process, QUIET, flag};
use common::serve::{Client, certificate, eventually, install};
use serde_json::{Value, json};

const FOLDER: &str = concat!("--folder=", env!("CARGO_MANIFEST_DIR"), "/tests/data/sync/templates");

/// A server with hooks alone, on free ports.
fn hooks(flags: &[&str]) -> Process {
    let own = ["--components=sync", "--web-server-bind-address=127.0.0.1:0", FOLDER];
    Process::start(&[&own[..], &QUIET, flags].concat())
}

fn request(name: &str) -> Value {
    json!({
        "object": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"user.kubeflow.org/enabled": "true"}}},
        "attachments": {"Secret.v1": {"team/other": {"data": {"password": "hunter2"}}}},
        "related": {"Secret.v1": {"team/other": {"data": {"password": "hunter2"}}}},
    })
}

/// How many objects a good answer has.
async fn objects(url: &str) -> Option<usize> {
    let answer = reqwest::Client::new()
        .post(url)
        .json(&request("team"))
        .send()
        .await
        .unwrap();
    let body: Value = answer.error_for_status().ok()?.json().await.unwrap();
    body["attachments"].as_array().map(Vec::len)
}

#[tokio::test]
async fn every_path_of_the_port_is_sync() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let process = hooks(&["--port=0"]);
    let (sync, port) = (process.address("sync"), process.address("sync-port").port());
    eventually("the folder", async || objects(&format!("http://{sync}/sync")).await).await;
    for path in ["", "/", "/sync", "/finalize", "/any/path?at=all"] {
        assert_eq!(
            objects(&format!("http://127.0.0.1:{port}{path}")).await,
            Some(5),
            "{path}"
        );
    }
    let get = reqwest::get(format!("http://127.0.0.1:{port}/any")).await.unwrap();
    assert_eq!(get.status(), 405);
    let elsewhere = reqwest::Client::new()
        .post(format!("http://{sync}/any"))
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test]
async fn hooks_are_answered_over_tls_too() {
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let file = |name: &str, file: &str| flag(name, &folder.path().join(file));
    let (chain, key) = (
        file("tls-cert-file-path", "tls.crt"),
        file("tls-key-file-path", "tls.key"),
    );
    let process = hooks(&["--webhook-listen-address=127.0.0.1:0", &chain, &key]);
    let mut client = Client::connect(process.address("webhook"), &bundle.authority)
        .await
        .unwrap();
    let body = request("team").to_string();
    eventually("the folder", async || {
        client.post("/sync", &body).await;
        client.answer().await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_request_is_logged_but_the_name() {
    let process = hooks(&["--log-level=debug", "--drain-seconds=0", "--port=0"]);
    let sync = process.address("sync");
    let secret = |text: &str| text.replace("team", "hunter2");
    eventually("the folder", async || objects(&format!("http://{sync}/sync")).await).await;
    let bad = [
        secret(&json!({"object": {"metadata": {"name": "team", "labels": {"a": 1}}}, "attachments": {}}).to_string()),
        json!({"object": {"metadata": {"name": "a", "labels": "hunter2"}}, "attachments": {}}).to_string(),
        json!({"object": {"metadata": {"name": "a"}}, "attachments": "hunter2"}).to_string(),
        "{\"object\": hunter2".to_owned(),
        "\"hunter2\"".to_owned(),
    ];
    for (index, body) in bad.into_iter().enumerate() {
        let answer = reqwest::Client::new()
            .post(format!("http://{sync}/sync"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 500);
        let text = answer.text().await.unwrap();
        // A name is told, whatever it is.
        assert!(index == 0 || !text.contains("hunter2"), "{text}");
    }
    process.terminate();
    let (status, lines) = process.end();
    assert_eq!(status.code(), Some(0));
    let told: Vec<_> = lines.iter().filter(|line| line.contains("hunter2")).collect();
    assert!(
        told.iter().all(|line| line.contains("namespace \\\"hunter2\\\"")),
        "{told:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains("\"route\":\"/sync\"")),
        "{lines:?}"
    );
}

#[test]
fn without_a_folder_nothing_is_disturbed() {
    let process = Process::start(&[&["--components=admission,sync", "--drain-seconds=0"][..], &QUIET].concat());
    process.logged("sync is off: pass --templates-folder");
    process.logged("serving");
    process.terminate();
    assert_eq!(process.end().0.code(), Some(0));
}
