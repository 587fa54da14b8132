//! Pods behind gateways that really run: on the node of `make cluster`, with the pair of gateways of
//! manifests/gateway-stand-in, whose containers change no route.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::fs::File;
use std::process::Command;

use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use serde_json::{Value, json};

const NAMESPACE: &str = "client-system";

/// The node with our CRDs and the pair, while no `make run` of this checkout uses it.
fn node() -> (File, ControlPlane) {
    let plane = ControlPlane::node().with_crds();
    std::fs::create_dir_all("target/run").unwrap();
    let lock = File::create("target/run/lock").unwrap();
    assert!(
        lock.try_lock().is_ok(),
        "`make run` is active in this checkout: stop it with Ctrl-C, then test"
    );
    plane.kubectl(&["apply", "--server-side", "-k", "manifests/gateway-stand-in"]);
    (lock, plane)
}

/// Waits until the webhook of pods answers for a gateway.
fn until_in_force(plane: &ControlPlane, gateway: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "probe", "namespace": NAMESPACE, "labels": {"setGateway": gateway}},
        "spec": {"containers": [{"name": "app", "image": "alpine:latest"}]},
    });
    eventually("the gateway", || {
        let output = plane.try_kubectl(
            &["create", "--dry-run=server", "-o", "json", "-f", "-"],
            &pod.to_string(),
        );
        let pod: Value = serde_json::from_slice(&output.stdout).ok()?;
        pod["metadata"]["annotations"]["gateway.stationmaster.dev/injected"]
            .is_string()
            .then_some(())
    });
}

#[test]
fn a_job_behind_a_gateway_completes() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &[]);
    until_in_force(&plane, "foo");
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "behind-", "namespace": NAMESPACE},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {"setGateway": "foo"}},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "app", "image": "alpine:latest", "command": ["cat", "/etc/resolv.conf"]}],
                },
            },
        },
    });
    let created = plane.try_kubectl(
        &["create", "-o", "jsonpath={.metadata.name}", "-f", "-"],
        &job.to_string(),
    );
    let job = format!("job/{}", String::from_utf8(created.stdout).unwrap());
    plane.kubectl(&[
        "-n",
        NAMESPACE,
        "wait",
        "--for=condition=complete",
        &job,
        "--timeout=300s",
    ]);
    let log = |container: &str| plane.kubectl(&["-n", NAMESPACE, "logs", &job, "-c", container]);
    assert!(log("app").contains("nameserver 192.0.2.53"), "{}", log("app"));
    assert!(log("gateway-init").contains("behind 192.0.2.1 with DNS 192.0.2.53"));
    plane.kubectl(&["-n", NAMESPACE, "delete", &job]);
}

/// What curl is answered: headers in lower case, and the body.
fn posted(server: &Server, headers: &[&str], body: &str) -> (String, Value) {
    let headers = headers.iter().flat_map(|header| ["-H", *header]);
    let output = Command::new("curl")
        .args(["-sS", "-i", "-X", "POST", "--data-binary", body])
        .args(headers)
        .arg(format!("http://127.0.0.1:{}/events", server.web))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

/// The answer names a pod that comes to run behind the gateway.
fn is_done(plane: &ControlPlane, gateway: &str, (head, body): &(String, Value)) {
    let done = "ce-type: io.podgateway.client.scheduling.done";
    assert!(head.contains(done), "{head}\n{body:#}");
    assert_eq!(body["gateway_name"], gateway, "{body:#}");
    let pod = body["pod_name"].as_str().unwrap();
    let running = format!("pod/{pod}");
    plane.kubectl(&[
        "-n",
        NAMESPACE,
        "wait",
        "--for=condition=Ready",
        "--timeout=300s",
        &running,
    ]);
    let found = plane.get(&["-n", NAMESPACE, "pod", pod]);
    let stamp = &found["metadata"]["annotations"]["gateway.stationmaster.dev/injected"];
    assert!(stamp.as_str().unwrap().starts_with(&format!("{gateway}@")), "{found:#}");
    assert_eq!(found["spec"]["initContainers"][1]["name"], "gateway-sidecar");
    plane.kubectl(&["-n", NAMESPACE, "delete", "gatewayclient", pod]);
}

#[test]
fn an_event_ends_in_a_running_pod_behind_its_gateway() {
    let (_turn, plane) = node();
    let flags = [
        "--client-image=alpine:latest",
        "--client-namespace=client-system",
        "--event-reply-seconds=30",
    ];
    let server = Server::start(&plane, &flags);
    until_in_force(&plane, "foo");
    until_in_force(&plane, "bar");
    let (id, pending) = (server.pid(), "io.podgateway.client.pending");
    let binary = [
        "ce-specversion: 1.0",
        "ce-source: mySource",
        "content-type: application/json",
        &format!("ce-type: {pending}"),
        &format!("ce-id: binary-{id}"),
    ];
    is_done(&plane, "foo", &posted(&server, &binary, r#"{"gateway_name": "foo"}"#));
    let structured = json!({
        "specversion": "1.0", "type": pending, "source": "mySource", "id": format!("structured-{id}"),
        "datacontenttype": "application/json", "data": {"gateway_name": "bar", "message": "hello"},
    });
    let media = ["content-type: application/cloudevents+json"];
    is_done(&plane, "bar", &posted(&server, &media, &structured.to_string()));
}
