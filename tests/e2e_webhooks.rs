//! The webhooks of pods that `stationmaster manifests` prints, at a real API server: which pods it asks about, and what
//! becomes of them while nobody answers.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use serde_json::{Value, json};

const GATEWAY: [&str; 6] = [
    "--components=admission",
    "--gateway=192.0.2.1",
    "--initImage=init:1",
    "--setGatewayLabel=setGateway",
    "--setGatewayAnnotation=setGateway",
    "--setGatewayDefault",
];

/// A pod, by its labels and annotations.
fn pod(labels: &Value, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    })
}

/// A pod that a label marks, and one that an annotation marks.
fn marked() -> [Value; 2] {
    let mark = json!({"setGateway": "true"});
    [pod(&mark, &json!({})), pod(&json!({}), &mark)]
}

/// Whether the API server would store it behind a gateway; nothing is stored, since hooks are asked all the same.
fn created(plane: &ControlPlane, namespace: &str, pod: &Value) -> Result<bool, String> {
    let arguments = ["create", "-n", namespace, "--dry-run=server", "-o", "json", "-f", "-"];
    let output = plane.try_kubectl(&arguments, &pod.to_string());
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let stored: Value = serde_json::from_slice(&output.stdout).unwrap();
    Ok(stored["metadata"]["annotations"]["gateway.stationmaster.dev/injected"].is_string())
}

/// How many reviews of pods the server has answered.
fn reviews(server: &Server) -> u64 {
    server.requests("/mutate-pods")
}

fn started(flags: &[&str]) -> (ControlPlane, Server, String) {
    let plane = ControlPlane::start();
    let mut server = Server::prepare(&plane, &GATEWAY);
    server.spawn();
    server.register_with(&plane, flags);
    let namespace = plane.namespace();
    (plane, server, namespace)
}

#[test]
fn only_marked_pods_are_asked_about_and_only_labelled_ones_need_the_answer() {
    let (plane, mut server, namespace) = started(&["--exclude-namespace=kube-public"]);
    for system in ["kube-system", "kube-public"] {
        plane.until_account(system);
    }
    let [labelled, annotated] = marked();
    eventually("a gateway", || {
        created(&plane, &namespace, &labelled).ok().filter(|is| *is)
    });
    assert_eq!(created(&plane, &namespace, &annotated), Ok(true));
    let (asked, none) = (reviews(&server), json!({}));
    let mut mirror = labelled.clone();
    mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("x");
    mirror["spec"]["nodeName"] = json!("node");
    for (place, pod) in [
        (&*namespace, pod(&none, &none)),
        (&namespace, pod(&json!({"other": "true"}), &json!({"other": "true"}))),
        (&namespace, mirror),
        ("kube-system", labelled.clone()),
        ("kube-system", annotated.clone()),
        ("kube-public", labelled.clone()),
    ] {
        assert_eq!(created(&plane, place, &pod), Ok(false), "{place} {pod}");
    }
    assert_eq!(reviews(&server), asked, "nobody asks about other pods");
    server.kill();
    let refused = created(&plane, &namespace, &labelled).unwrap_err();
    assert!(
        refused.contains("failed calling webhook \"labelled.pods.gateway.stationmaster.dev\""),
        "{refused}"
    );
    for (place, pod) in [
        (&*namespace, annotated),
        (&namespace, pod(&none, &none)),
        ("kube-system", labelled),
    ] {
        assert_eq!(created(&plane, place, &pod), Ok(false), "{place} {pod}");
    }
}

#[test]
fn a_default_gateway_is_for_every_pod_of_the_namespaces_that_want_one() {
    let flags = [
        "--gateway-default",
        "--gateway-label=example.org/way",
        "--namespace-selector=routed-gateway=true",
    ];
    let (plane, mut server, namespace) = started(&flags);
    let none = json!({});
    // The label of a namespace is seen a moment later than it is set, which tells that the webhooks are in force too.
    plane.kubectl(&["label", "namespace", &namespace, "routed-gateway=true"]);
    let bare = pod(&none, &none);
    eventually("a gateway", || created(&plane, &namespace, &bare).ok().filter(|is| *is));
    let no = pod(&json!({"setGateway": "false"}), &none);
    assert_eq!(created(&plane, &namespace, &no), Ok(false));
    let (asked, elsewhere) = (reviews(&server), plane.namespace());
    for pod in marked() {
        assert_eq!(created(&plane, &elsewhere, &pod), Ok(false));
    }
    assert_eq!(reviews(&server), asked, "other namespaces are not asked about");
    server.kill();
    assert_eq!(created(&plane, &namespace, &bare), Ok(false));
    for pod in [no, pod(&json!({"example.org/way": "x"}), &none)] {
        let refused = created(&plane, &namespace, &pod).unwrap_err();
        assert!(refused.contains("labelled.pods.gateway.stationmaster.dev"), "{refused}");
    }
}
