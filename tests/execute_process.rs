//! The execute endpoint of the command as a process: what its flags and files do, when it is ready, what it logs.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::net::SocketAddr;
use std::path::Path;

use common::api_server::{ApiServer, Fate};
use common::process::Process;
use common::serve::eventually;
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const WARNING: &str =
    "anyone who reaches the execute endpoint may execute: pass --execute-token-file, or keep others out";

/// A machine with a kubeconfig. Nobody answers at its address until `open`.
struct Machine {
    folder: tempfile::TempDir,
    socket: TcpListener,
}

impl Machine {
    async fn new() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = Self::knowing(socket.local_addr().unwrap());
        Self { folder, socket }
    }

    /// The same, with nobody at the address at all; from the first ports none is ever drawn for another test.
    fn alone() -> tempfile::TempDir {
        Self::knowing(([127, 0, 0, 1], 1).into())
    }

    fn knowing(address: SocketAddr) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [{"name": "a", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "a", "user": {}}],
        });
        std::fs::write(folder.path().join("config"), config.to_string()).unwrap();
        folder
    }

    /// An API server with templates of these names and texts.
    fn open(self, templates: &[(&str, &str)]) -> (ApiServer, tempfile::TempDir) {
        let api = ApiServer::default();
        for (name, text) in templates {
            let container = json!({"name": "main", "image": "a", "command": ["echo", text]});
            let template = json!({
                "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate",
                "metadata": {"name": name, "namespace": "default", "resourceVersion": "1"},
                "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}},
            });
            api.store("jobtemplates", template);
        }
        let router = api.router();
        tokio::spawn(async move { axum::serve(self.socket, router).await });
        (api, self.folder)
    }
}

/// The endpoint alone.
fn start(folder: &Path, flags: &[&str]) -> Process {
    let kubeconfig = format!("--kubeconfig={}", folder.join("config").display());
    let own = [
        "--components=execute",
        "--web-server-bind-address=127.0.0.1:0",
        "--health-probe-bind-address=127.0.0.1:0",
        "--metrics-bind-address=0",
        "--drain-seconds=0",
        &kubeconfig,
    ];
    Process::start(&[&own[..], flags].concat())
}

fn put(web: SocketAddr, template: &str, payload: &str) -> RequestBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{web}/execute/default/{template}");
    Client::new().put(url).body(payload.to_owned())
}

/// Status and text of a health route.
async fn health(address: SocketAddr, path: &str) -> (StatusCode, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn ready(address: SocketAddr) {
    eventually("readiness", async || {
        (health(address, "/readyz").await.0 == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn ready_once_the_templates_are_known_and_alive_before() {
    let machine = Machine::new().await;
    let process = start(machine.folder.path(), &[]);
    let (web, probes) = (process.address("execute"), process.address("health"));
    let waiting = (StatusCode::SERVICE_UNAVAILABLE, "not ready: job templates".to_owned());
    assert_eq!(health(probes, "/readyz").await, waiting);
    assert_eq!(health(probes, "/livez").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(
        put(web, "sample", "").send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let (_api, _folder) = machine.open(&[("sample", "{{ .Payload }}")]);
    ready(probes).await;
    assert_eq!(
        put(web, "sample", "").send().await.unwrap().status(),
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_token_file_keeps_others_out() {
    let folder = Machine::alone();
    std::fs::write(folder.path().join("token"), "secret\n").unwrap();
    let flag = format!("--execute-token-file={}", folder.path().join("token").display());
    let process = start(folder.path(), &[&flag]);
    let web = process.address("execute");
    let none = put(web, "sample", "").send().await.unwrap();
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(none.headers()[header::WWW_AUTHENTICATE], "Bearer");
    let right = put(web, "sample", "").bearer_auth("secret").send().await.unwrap();
    assert_eq!(right.status(), StatusCode::SERVICE_UNAVAILABLE, "no API server");
    assert_eq!(right.headers()[header::RETRY_AFTER], "1");
}

#[test]
fn an_endpoint_that_is_open_to_others_is_warned_about() {
    let folder = Machine::alone();
    std::fs::write(folder.path().join("token"), "secret").unwrap();
    let token = format!("--execute-token-file={}", folder.path().join("token").display());
    let everywhere = "--web-server-bind-address=0.0.0.0:0";
    for (flags, warned) in [
        (&[everywhere][..], true),
        (&[everywhere, &token][..], false),
        (&["--web-server-bind-address=127.0.0.1:0"][..], false),
    ] {
        let kubeconfig = format!("--kubeconfig={}", folder.path().join("config").display());
        let quiet = [
            "--metrics-bind-address=0",
            "--health-probe-bind-address=0",
            "--components=execute",
            &kubeconfig,
        ];
        let lines = Process::start(&[&quiet[..], flags].concat()).logged_until("serving");
        let found = lines
            .iter()
            .any(|line| line["message"] == WARNING && line["level"] == "WARN");
        assert_eq!(found, warned, "{flags:?}: {lines:?}");
    }
}

#[tokio::test]
async fn payloads_are_logged_when_that_is_asked_for() {
    let (_api, folder) = Machine::new().await.open(&[("sample", "{{ .Payload }}")]);
    let process = start(folder.path(), &["--log-job-execution-payloads"]);
    let (web, probes) = (process.address("execute"), process.address("health"));
    ready(probes).await;
    put(web, "sample", "my test payload").send().await.unwrap();
    assert_eq!(process.logged("payload")["payload"], "my test payload");
}

/// Templates and payloads, how each call ends, and what is logged of it.
#[tokio::test]
async fn no_payload_is_logged_whatever_becomes_of_it() {
    let failing = r#"{{ fail (printf "bad %s" .Payload) }}"#;
    let (api, folder) = Machine::new()
        .await
        .open(&[("sample", "{{ .Payload }}"), ("failing", failing)]);
    let process = start(
        folder.path(),
        &["--log-job-execution-payloads=false", "--log-level=debug"],
    );
    let (web, probes) = (process.address("execute"), process.address("health"));
    ready(probes).await;
    let field = "spec.jobTemplate.spec.template.spec.containers[0].command[1]";
    let cases = [
        ("sample", None, 201, "Created", Value::Null),
        ("failing", None, 422, "RenderError", field.into()),
        ("sample", Some(Fate::Quoted), 406, "Refused", Value::Null),
    ];
    for (template, fate, status, decision, field) in cases {
        api.plan(fate);
        let answer = put(web, template, "hunter2").send().await.unwrap();
        assert_eq!(answer.status(), status);
        let told = answer.text().await.unwrap();
        assert_eq!(
            told.contains("hunter2"),
            status != 201,
            "the caller is told all: {told}"
        );
        let line = process.logged("request");
        assert_eq!(
            (&line["decision"], &line["field"]),
            (&decision.into(), &field),
            "{line}"
        );
        assert!(status == 201 || line["status"] == status, "{line}");
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
    process.terminate();
    let (_, lines) = process.end();
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
}
