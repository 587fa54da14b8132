//! The command as a process: what it says when it cannot start, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use common::process::{Process, QUIET, flag};
use common::serve::{Client, REVIEW, certificate, eventually, install};
use reqwest::{StatusCode, Version};
use serde_json::{Value, json};

/// Starts with webhooks whose certificate comes from `folder`.
fn webhooks(folder: &Path, flags: &[&str]) -> Process {
    let chain = flag("tls-cert-file-path", &folder.join("tls.crt"));
    let key = flag("tls-key-file-path", &folder.join("tls.key"));
    let components = [
        "--components=admission",
        "--webhook-listen-address=127.0.0.1:0",
        &chain,
        &key,
    ];
    Process::start(&[&components[..], flags].concat())
}

#[tokio::test]
async fn sigterm_loses_no_request() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let flags = [
        "--health-probe-bind-address=127.0.0.1:0",
        "--metrics-bind-address=0",
        // Less than a body may take, which is ten.
        "--drain-seconds=6",
    ];
    let process = webhooks(folder.path(), &flags);
    let (webhook, health) = (process.address("webhook"), process.address("health"));
    let ready = async || reqwest::get(format!("http://{health}/readyz")).await.unwrap();
    assert_eq!(ready().await.status(), 200);
    let mut busy = Client::connect(webhook, &bundle.authority).await.unwrap();
    busy.begin("/validate", REVIEW.len()).await;

    process.terminate();
    let words = eventually("not ready", async || {
        let answer = ready().await;
        (answer.status() == 503).then_some(answer)
    });
    assert_eq!(words.await.text().await.unwrap(), "not ready: shutting down");
    new_clients_are_answered_and_sent_away(webhook, &bundle.authority).await;

    eventually("the end of listening", async || {
        Client::connect(webhook, &bundle.authority).await.is_err().then_some(())
    })
    .await;
    busy.send(REVIEW).await;
    assert!(busy.answer().await.contains("\"allowed\":true"));
    let (status, _) = process.end();
    assert_eq!(status.code(), Some(0));
}

/// With HTTP/1.1, which is told in the answer, and with HTTP/2, which has frames for it.
async fn new_clients_are_answered_and_sent_away(webhook: SocketAddr, authority: &str) {
    let mut http1 = Client::connect(webhook, authority).await.expect("still answering");
    http1.post("/validate", REVIEW).await;
    let answer = http1.answer().await;
    let closes = answer.contains("connection: close");
    assert!(closes && answer.contains("\"allowed\":true"), "{answer}");

    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    let http2 = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    let answer = http2
        .post(format!("https://{webhook}/validate"))
        .body(REVIEW)
        .send()
        .await
        .unwrap();
    assert_eq!((answer.version(), answer.status()), (Version::HTTP_2, StatusCode::OK));
}

/// Reviews that hold a secret where a payload is, and where none should be.
fn secretive() -> Vec<(&'static str, String)> {
    let review = |spec: Value| {
        let kind = json!({"group": "dispatcher.ivan.vc", "version": "v1beta1", "kind": "JobExecution"});
        let object = json!({"metadata": {"name": "a"}, "spec": spec});
        let request = json!({"uid": "u", "operation": "CREATE", "kind": kind, "name": "a", "object": object});
        json!({"apiVersion": "admission.k8s.io/v1", "request": request}).to_string()
    };
    vec![
        ("allow", review(json!({"jobTemplateName": "a", "payload": "hunter2"}))),
        (
            "deny",
            review(json!({"jobTemplateName": "a", "payload": "hunter2".repeat(100)})),
        ),
        ("invalid", review(json!("hunter2"))),
        ("invalid", "\"hunter2\"".to_owned()),
    ]
}

#[tokio::test]
async fn no_payload_is_logged_whatever_becomes_of_it() {
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let flags = ["--log-level=debug", "--drain-seconds=0", "--max-payload-bytes=99"];
    let process = webhooks(folder.path(), &[&flags[..], &QUIET].concat());
    let mut client = Client::connect(process.address("webhook"), &bundle.authority)
        .await
        .unwrap();
    for (decision, review) in secretive() {
        client.post("/validate", &review).await;
        client.answer().await;
        let line = process.logged("request");
        let uid = if review.starts_with('{') { "u" } else { "" };
        assert_eq!(
            (&line["decision"], &line["uid"]),
            (&decision.into(), &uid.into()),
            "{line}"
        );
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
    process.terminate();
    let (_, lines) = process.end();
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
}

/// Each of these is small and would have places for five members: together they would have thirty times the body.
#[tokio::test]
async fn a_list_of_tiny_objects_costs_no_more_memory_than_any_other() {
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let process = webhooks(folder.path(), &[&["--components=conversion"][..], &QUIET].concat());
    let mut client = Client::connect(process.address("webhook"), &bundle.authority)
        .await
        .unwrap();
    let objects = vec![r#"{"a":0}"#; 256 << 10].join(",");
    let review = format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{{"uid":"u",
        "desiredAPIVersion":"dispatcher.ivan.vc/v1beta1","objects":[{objects}]}}}}"#
    );
    let before = process.peak_memory();
    client.post("/convert", &review).await;
    let answer = client.answer().await;
    assert!(answer.len() > objects.len(), "{answer}");
    let grown = process.peak_memory() - before;
    assert!(grown < 6 * review.len(), "{grown} bytes for {}", review.len());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let process = Process::start(&[&["--components=admission", "--drain-seconds=600"][..], &QUIET].concat());
    process.logged("admission and conversion are off: pass --tls-cert-file-path and --tls-key-file-path (`stationmaster certs` makes files to try with)");
    process.logged("serving");
    process.terminate();
    process.logged("shutting down: not ready, still answering");
    process.terminate();
    assert_eq!(
        process.failure(),
        "stationmaster: told to stop twice: what was in flight is lost"
    );
}

#[test]
fn certificate_files_of_no_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| folder.path().join(name).display().to_string();
    let missing = webhooks(folder.path(), &QUIET).failure();
    assert_eq!(
        missing,
        format!(
            "stationmaster: cannot read {}: No such file or directory (os error 2)",
            file("tls.crt")
        )
    );

    install(&certificate(), folder.path());
    std::fs::write(file("tls.crt"), "hello").unwrap();
    let empty = webhooks(folder.path(), &QUIET).failure();
    assert_eq!(
        empty,
        format!("stationmaster: {}: holds no PEM certificate", file("tls.crt"))
    );

    install(&certificate(), folder.path());
    std::fs::write(file("tls.key"), certificate().key).unwrap();
    let pair = webhooks(folder.path(), &QUIET).failure();
    let start = format!(
        "stationmaster: {} and {} do not work together: ",
        file("tls.crt"),
        file("tls.key")
    );
    assert!(pair.starts_with(&start), "{pair}");
}

#[test]
fn a_taken_address_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let health = format!("--health-probe-bind-address={address}");
    let failure = Process::start(&["--components=admission", "--metrics-bind-address=0", &health]).failure();
    assert_eq!(
        failure,
        format!("stationmaster: cannot listen on {address}: Address already in use (os error 98)")
    );
}

#[test]
fn execute_and_controllers_need_a_cluster() {
    for component in ["execute", "controllers"] {
        let failure = Process::start(&[&["--components", component][..], &QUIET].concat()).failure();
        assert!(failure.starts_with("stationmaster: no cluster: "), "{failure}");
    }
}

#[test]
fn flags_that_mean_nothing_here_are_named_once() {
    let flags = ["--zap-devel", "--metrics-secure=false", "--components=admission"];
    let process = Process::start(&[&flags[..], &QUIET].concat());
    let line = process.logged("these flags mean nothing here");
    assert_eq!(
        (&line["level"], &line["flags"]),
        (&"WARN".into(), &"--zap-devel --metrics-secure".into())
    );
}
