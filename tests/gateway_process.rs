//! The gateway of the flags, in a process that has no cluster.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::process::{Process, QUIET, flag};
use common::serve::{Client, certificate, eventually, install};
use serde_json::{Value, json};
use stationmaster::trust::Bundle;

/// A pod that is marked for the gateway and has no name yet.
fn review() -> String {
    let object = json!({
        "metadata": {"generateName": "app-", "namespace": "media", "labels": {"setGateway": "true"}},
        "spec": {"containers": [{"name": "app"}]},
    });
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let request = json!({"uid": "u", "operation": "CREATE", "kind": kind, "namespace": "media", "object": object});
    json!({"apiVersion": "admission.k8s.io/v1", "request": request}).to_string()
}

/// The pod that the webhook makes of it, or rather the patch.
async fn patch(process: &Process, authority: &str) -> Value {
    let (webhook, health) = (process.address("webhook"), process.address("health"));
    eventually("the first answers", async || {
        let ready = reqwest::get(format!("http://{health}/readyz")).await.unwrap();
        (ready.status() == 200).then_some(())
    })
    .await;
    let mut client = Client::connect(webhook, authority).await.unwrap();
    client.post("/wh/mutating/setgateway?timeout=10s", &review()).await;
    let answer = client.answer().await;
    let review: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let patch = STANDARD.decode(review["response"]["patch"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&patch).unwrap()
}

/// Flags of a test for addresses and files, where a pod would have others or none.
fn place(folder: &Path, bundle: &Bundle) -> Vec<String> {
    install(bundle, folder);
    // As cert-manager writes it and the chart passes it: the key stands before the certificates.
    let combined = format!("{}\n{}{}", bundle.key, bundle.certificate, bundle.authority);
    std::fs::write(folder.join("tls-combined.pem"), combined).unwrap();
    let resolv = folder.join("resolv.conf");
    std::fs::write(&resolv, "search a.svc.cluster.local\nnameserver 10.96.0.10\n").unwrap();
    vec![
        "--webhook-listen-address=127.0.0.1:0".to_owned(),
        "--health-probe-bind-address=127.0.0.1:0".to_owned(),
        "--metrics-bind-address=0".to_owned(),
        "--drain-seconds=0".to_owned(),
        flag("tls-cert-file-path", &folder.join("tls-combined.pem")),
        flag("tls-key-file-path", &folder.join("tls.key")),
        flag("resolv-conf", &resolv),
    ]
}

/// What the pod-gateway chart starts its webhook with, in its order, but for what `place` gives.
const CHART: [&str; 16] = [
    "--gateway=localhost",
    "--DNS=172.16.0.1",
    "--configmapName=pod-gateway",
    "--setGatewayLabel=setGateway",
    "--setGatewayAnnotation=setGateway",
    "--setGatewayDefault",
    "--DNSPolicy=None",
    "--initImage=ghcr.io/angelnu/pod-gateway:v1.11.1",
    "--initImagePullPol=IfNotPresent",
    "--initCmd=/bin/client_init.sh",
    "--initMountPoint=/config",
    "--sidecarImage=ghcr.io/angelnu/pod-gateway:v1.11.1",
    "--sidecarImagePullPol=IfNotPresent",
    "--sidecarCmd=/bin/client_sidecar.sh",
    "--sidecarMountPoint=/config",
    "--sidecarAsInit",
];

#[tokio::test]
async fn the_charts_flags_are_enough() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    let place = place(folder.path(), &bundle);
    let flags: Vec<_> = place.iter().map(String::as_str).chain(CHART).collect();
    let process = Process::start(&flags);
    process.logged("the flags make a gateway, so that admission alone is on: pass --components for the other parts");
    let patch = patch(&process, &bundle.authority).await;
    let added = |path: &str| -> Vec<_> {
        let operations = patch.as_array().unwrap().iter();
        operations
            .filter(|operation| operation["path"] == path)
            .map(|operation| &operation["value"])
            .collect()
    };
    assert_eq!(added("/spec/dnsPolicy"), [&json!("None")]);
    assert_eq!(added("/spec/dnsConfig")[0]["nameservers"], json!(["172.16.0.1"]));
    let containers = added("/spec/initContainers/-");
    let names: Vec<_> = containers.iter().map(|container| &container["name"]).collect();
    assert_eq!(names, ["gateway-init", "gateway-sidecar"]);
    process.terminate();
    assert_eq!(process.end().0.code(), Some(0));
}

#[tokio::test]
async fn names_are_resolved_and_searches_are_those_of_the_pod() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    let place = place(folder.path(), &bundle);
    let own = [
        "serve",
        "--components=admission",
        "--gateway=localhost",
        "--DNS=localhost",
        "--DNSPolicy=None",
        "--setGatewayLabel=setGateway",
    ];
    let flags: Vec<_> = own.into_iter().chain(place.iter().map(String::as_str)).collect();
    let process = Process::start(&flags);
    let patch = patch(&process, &bundle.authority).await;
    let nameserver: std::net::IpAddr = patch[0]["value"]["nameservers"][0].as_str().unwrap().parse().unwrap();
    assert!(nameserver.is_loopback(), "{patch}");
    assert_eq!(patch[0]["value"]["searches"], json!(["media.svc.cluster.local"]));
    assert_eq!(process.logged("request")["generate_name"], "app-");
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
            &["--gateway=a b"],
            "stationmaster: --gateway: it is neither a host name nor an address",
        ),
        (
            &["--gateway=a.b", "--resolv-conf=/nonexistent"],
            "stationmaster: cannot read /nonexistent: pass --resolv-conf: No such file or directory (os error 2)",
        ),
        (
            &["--gateway=a.b", "--namespace-selector=routed-gateway=true"],
            "stationmaster: --namespace-selector does nothing here: put sync among --components, or leave it out; namespaces \
             of pods are chosen by match.namespaceSelector of a PodGateway, with gateways among --components, or by \
             --gateway-namespace-selector of `stationmaster manifests`",
        ),
    ] {
        let process = Process::start(&[&["--components=admission"], flags, &QUIET].concat());
        assert_eq!(process.failure(), words);
    }
}
