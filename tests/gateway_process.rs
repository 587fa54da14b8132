//! The gateway of the flags, in a process that has no cluster.

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::process::{Process, QUIET, flag};
use common::serve::{Client, certificate, eventually, install};
use serde_json::{Value, json};

/// A pod that is marked for the gateway.
fn review() -> String {
    let object = json!({
        "metadata": {"name": "app", "namespace": "media", "labels": {"setGateway": "true"}},
        "spec": {"containers": [{"name": "app"}]},
    });
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let request = json!({"uid": "u", "operation": "CREATE", "kind": kind, "namespace": "media", "object": object});
    json!({"apiVersion": "admission.k8s.io/v1", "request": request}).to_string()
}

#[tokio::test]
async fn flags_alone_put_pods_behind_a_gateway() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let resolv = folder.path().join("resolv.conf");
    std::fs::write(&resolv, "search a.svc.cluster.local\nnameserver 10.96.0.10\n").unwrap();
    let process = Process::start(&[
        "serve",
        "--components=admission",
        "--webhook-listen-address=127.0.0.1:0",
        "--health-probe-bind-address=127.0.0.1:0",
        "--metrics-bind-address=0",
        "--drain-seconds=0",
        &flag("tls-cert-file-path", &folder.path().join("tls.crt")),
        &flag("tls-key-file-path", &folder.path().join("tls.key")),
        &flag("resolv-conf", &resolv),
        "--gateway=localhost",
        "--DNS=localhost",
        "--DNSPolicy=None",
        "--setGatewayLabel=setGateway",
    ]);
    let (webhook, health) = (process.address("webhook"), process.address("health"));
    eventually("the first answers", async || {
        let ready = reqwest::get(format!("http://{health}/readyz")).await.unwrap();
        (ready.status() == 200).then_some(())
    })
    .await;
    let mut client = Client::connect(webhook, &bundle.authority).await.unwrap();
    client.post("/wh/mutating/setgateway?timeout=10s", &review()).await;
    let answer = client.answer().await;
    let review: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let patch = STANDARD.decode(review["response"]["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let nameserver: std::net::IpAddr = patch[0]["value"]["nameservers"][0].as_str().unwrap().parse().unwrap();
    assert!(nameserver.is_loopback(), "{patch}");
    assert_eq!(patch[0]["value"]["searches"], json!(["media.svc.cluster.local"]));
    process.terminate();
    assert_eq!(process.end().0.code(), Some(0));
}

#[test]
fn a_gateway_that_cannot_work_is_told_at_start() {
    for (flags, words) in [
        (
            &["--initImage=init:1", "--initMountPoint=/config"][..],
            "stationmaster: --initMountPoint is where a ConfigMap is mounted: pass --configmapName too",
        ),
        (
            &["--gateway=a.b", "--resolv-conf=/nonexistent"],
            "stationmaster: cannot read /nonexistent: pass --resolv-conf: No such file or directory (os error 2)",
        ),
    ] {
        let process = Process::start(&[&["--components=admission"], flags, &QUIET].concat());
        assert_eq!(process.failure(), words);
    }
}
