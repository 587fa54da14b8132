//! GatewayClients at a real API server: from `kubectl apply` to a pod, and to every end.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::cluster::{ControlPlane, eventually};
use common::process::{Process, QUIET};
use common::server::Server;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

/// A process with the reconcilers.
fn reconciling(plane: &ControlPlane, flags: &[&str]) -> Process {
    let kubeconfig = format!("--kubeconfig={}", plane.kubeconfig().display());
    let own = [
        "serve",
        "--components=controllers,gateways",
        "--client-image=example.org/client",
        "--client-command=wait,here",
        &kubeconfig,
    ];
    Process::start(&[&own[..], &QUIET, flags].concat())
}

fn client(name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
        "metadata": {"name": name}, "spec": spec,
    })
    .to_string()
}

/// One gateway that a label chooses.
fn gateway(plane: &ControlPlane) {
    let gateway = json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway", "metadata": {"name": "foo"},
        "spec": {"gateway": "192.0.2.1", "init": {"image": "example.org/init"}, "match": {"label": {"key": "setGateway", "value": "by-foo"}}},
    });
    plane.apply(&gateway.to_string());
}

/// What is stored, or null.
fn stored(plane: &ControlPlane, namespace: &str, object: &str) -> Value {
    let found = plane.kubectl(&["-n", namespace, "get", "--ignore-not-found", "-o", "json", object]);
    serde_json::from_str(&found).unwrap_or_default()
}

/// The client once it is in that phase.
fn in_phase(plane: &ControlPlane, namespace: &str, name: &str, phase: &str) -> Value {
    eventually(&format!("{name} in phase {phase}"), || {
        let client = stored(plane, namespace, &format!("gatewayclient/{name}"));
        (client["status"]["phase"] == phase).then_some(client)
    })
}

fn gone(plane: &ControlPlane, namespace: &str, object: &str) {
    eventually(&format!("the end of {object}"), || {
        stored(plane, namespace, object).is_null().then_some(())
    });
}

#[test]
fn a_client_that_is_applied_gets_a_pod_until_it_ends() {
    let plane = ControlPlane::start().with_crds();
    gateway(&plane);
    let namespace = plane.namespace();
    let process = reconciling(&plane, &[]);
    // As most people apply: kubectl then keeps a copy in an annotation.
    let applied = ["-n", &namespace, "apply", "-f", "-"];
    let applied = plane.try_kubectl(&applied, &client("run", &json!({"gatewayName": "by-foo"})));
    assert!(applied.status.success());
    let scheduled = in_phase(&plane, &namespace, "run", "Scheduled");
    let pod = stored(&plane, &namespace, "pod/run");
    assert_eq!(scheduled["status"]["podUid"], pod["metadata"]["uid"]);
    assert_eq!(scheduled["status"]["gateway"], "foo");
    let labels = &pod["metadata"]["labels"];
    assert_eq!(
        (&labels["app.kubernetes.io/name"], &labels["setGateway"]),
        (&json!("run"), &json!("by-foo"))
    );
    assert_eq!(pod["metadata"]["annotations"]["setGateway"], "by-foo");
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        (&container["name"], &container["image"], &container["command"]),
        (&json!("client"), &json!("example.org/client"), &json!(["wait", "here"]))
    );
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);

    // A process that begins anew changes nothing.
    drop(process);
    let _process = reconciling(&plane, &[]);
    plane.apply_in(&namespace, &client("late", &json!({"gatewayName": "foo"})));
    in_phase(&plane, &namespace, "late", "Scheduled");
    assert_eq!(
        stored(&plane, &namespace, "pod/run")["metadata"]["uid"],
        pod["metadata"]["uid"]
    );

    plane.kubectl(&[
        "-n",
        &namespace,
        "annotate",
        "gatewayclient/run",
        "gateway.stationmaster.dev/end=true",
    ]);
    in_phase(&plane, &namespace, "run", "Ended");
    gone(&plane, &namespace, "pod/run");

    plane.kubectl(&["-n", &namespace, "delete", "pod/late", "--grace-period=0", "--force"]);
    // Without the webhook it was a pod without its gateway, of which another one is made.
    let replaced = eventually("another pod", || {
        let client = stored(&plane, &namespace, "gatewayclient/late");
        (client["status"]["replaced"] == 1 && client["status"]["phase"] == "Scheduled").then_some(client)
    });
    assert_ne!(replaced["status"]["podUid"], pod["metadata"]["uid"]);
}

#[test]
fn what_cannot_be_ends_and_goes() {
    let plane = ControlPlane::start().with_crds();
    gateway(&plane);
    let namespace = plane.namespace();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "1"}},
    });
    plane.apply_in(&namespace, &quota.to_string());
    eventually("a quota", || {
        let quota = stored(&plane, &namespace, "resourcequota/none");
        (quota["status"]["hard"]["pods"] == "1").then_some(())
    });
    let process = reconciling(&plane, &[]);
    plane.apply_in(&namespace, &client("short", &json!({"gatewayName": "foo"})));
    let short = in_phase(&plane, &namespace, "short", "Scheduled");
    plane.apply_in(&namespace, &client("many", &json!({"gatewayName": "foo"})));
    let refused = in_phase(&plane, &namespace, "many", "Failed");
    let message = refused["status"]["message"].as_str().unwrap();
    assert!(message.contains("exceeded quota"), "{message}");
    plane.apply_in(&namespace, &client("lost", &json!({"gatewayName": "baz"})));
    let unknown = in_phase(&plane, &namespace, "lost", "Failed");
    assert_eq!(
        unknown["status"]["message"],
        "there is no gateway \"baz\": the gateway is foo"
    );
    // Only now may its end come, and with it room for others.
    let created: Timestamp = short["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let lifetime = Timestamp::now().as_second() - created.as_second() + 5;
    let spec = json!({"gatewayName": "foo", "lifetimeSeconds": lifetime});
    plane.apply_in(&namespace, &client("short", &spec));
    in_phase(&plane, &namespace, "short", "Ended");
    gone(&plane, &namespace, "pod/short");

    drop(process);
    let _process = reconciling(&plane, &["--client-retention=1s"]);
    for name in ["many", "lost", "short"] {
        gone(&plane, &namespace, &format!("gatewayclient/{name}"));
    }
}

#[test]
fn with_the_webhooks_a_client_s_pod_is_injected_and_its_template_judged() {
    let plane = ControlPlane::start().with_crds();
    let _server = Server::start(&plane, &[]);
    gateway(&plane);
    let namespace = plane.namespace();
    plane.apply_in(&namespace, &client("run", &json!({"gatewayName": "foo"})));
    in_phase(&plane, &namespace, "run", "Scheduled");
    let injected = eventually("an injected pod", || {
        let client = stored(&plane, &namespace, "gatewayclient/run");
        let conditions = client["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == "Injected")
    });
    assert_eq!(
        (&injected["status"], &injected["reason"]),
        (&json!("True"), &json!("Injected"))
    );

    let in_namespace = ["-n", &namespace, "apply", "--server-side", "-f", "-"];
    let refusal = |name: &str, spec: Value| {
        let output = plane.try_kubectl(&in_namespace, &client(name, &spec));
        assert!(!output.status.success(), "{name}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let template = json!({"spec": {"containers": [], "hostNetwork": true}});
    let refused = refusal("bad", json!({"gatewayName": "foo", "podTemplate": template}));
    assert!(refused.contains("spec.podTemplate.spec.hostNetwork"), "{refused}");
    let refused = refusal("run", json!({"gatewayName": "bar"}));
    assert!(refused.contains("spec.gatewayName"), "{refused}");
    plane.apply_in(
        &namespace,
        &client("run", &json!({"gatewayName": "foo", "lifetimeSeconds": 100_000})),
    );

    plane.kubectl(&["-n", &namespace, "delete", "pod/run", "--grace-period=0", "--force"]);
    let ended = in_phase(&plane, &namespace, "run", "Ended");
    assert_eq!(ended["status"]["message"], "the pod was deleted");
    assert!(stored(&plane, &namespace, "pod/run").is_null());
}
