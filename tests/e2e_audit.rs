//! PodGateways at a real API server: what is told of them, and of pods that were created while no webhook answered.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::cluster::{ControlPlane, eventually};
use common::process::{Process, QUIET, flag};
use common::serve::{certificate, install};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

const INJECTED: &str = "gateway.stationmaster.dev/injected";

fn gateway(plane: &ControlPlane, spec: &Value) {
    let gateway = json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway", "metadata": {"name": "foo"}, "spec": spec,
    });
    plane.apply(&gateway.to_string());
}

/// For pods with the label `setGateway: foo`.
fn spec(gateway: &str) -> Value {
    json!({
        "gateway": gateway, "match": {"label": {"key": "setGateway", "value": "foo"}}, "init": {"image": "init:1"},
    })
}

fn pod_template() -> Value {
    json!({
        "metadata": {"labels": {"setGateway": "foo", "app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    })
}

fn bare_pod(plane: &ControlPlane, namespace: &str) {
    create_pod(plane, namespace, "bare", &json!({"setGateway": "foo"}));
}

/// A pod that asks for the gateway since a later second than it was created in: no finer times are kept.
fn pod_marked_later(plane: &ControlPlane, namespace: &str) {
    create_pod(plane, namespace, "later", &json!({}));
    let pod = plane.get(&["-n", namespace, "pod", "later"]);
    let created: Timestamp = pod["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap();
    eventually("another second", || {
        (Timestamp::now().as_second() > created.as_second()).then_some(())
    });
    plane.kubectl(&["-n", namespace, "label", "pod", "later", "setGateway=foo"]);
}

fn create_pod(plane: &ControlPlane, namespace: &str, name: &str, labels: &Value) {
    let mut pod = pod_template();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["labels"] = labels.clone();
    let created = plane.try_kubectl(&["-n", namespace, "create", "-f", "-"], &pod.to_string());
    assert!(created.status.success(), "{created:?}");
}

fn serving(plane: &ControlPlane, folder: &Path, flags: &[&str]) -> Process {
    let own = [
        "serve".to_owned(),
        "--components=admission,gateways,controllers".to_owned(),
        "--webhook-listen-address=127.0.0.1:0".to_owned(),
        "--drain-seconds=0".to_owned(),
        "--resolv-conf=/dev/null".to_owned(),
        flag("kubeconfig", &plane.kubeconfig()),
        flag("tls-cert-file-path", &folder.join("tls.crt")),
        flag("tls-key-file-path", &folder.join("tls.key")),
    ];
    let flags: Vec<_> = own
        .iter()
        .map(String::as_str)
        .chain(QUIET)
        .chain(flags.iter().copied())
        .collect();
    Process::start(&flags)
}

/// A condition's status, reason and message.
fn told(plane: &ControlPlane, type_: &str) -> Option<(String, String, String)> {
    let status = plane.get(&["podgateway", "foo"])["status"].clone();
    let found = status["conditions"]
        .as_array()?
        .iter()
        .find(|found| found["type"] == type_)?
        .clone();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

fn pods(plane: &ControlPlane, namespace: &str) -> Vec<Value> {
    let list = plane.get(&["-n", namespace, "pods"]);
    list["items"].as_array().unwrap().clone()
}

fn is_injected(pod: &Value) -> bool {
    let stamp = &pod["metadata"]["annotations"][INJECTED];
    stamp.as_str().is_some_and(|stamp| stamp.starts_with("foo@"))
}

/// Tells of the pods with the gateway what their node would tell.
fn make_ready(plane: &ControlPlane, namespace: &str) {
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}).to_string();
    for pod in pods(plane, namespace).iter().filter(|pod| is_injected(pod)) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let patch = [
            "patch",
            "pod",
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &ready,
        ];
        plane.kubectl(&[&["-n", namespace], &patch[..]].concat());
    }
}

fn not_injected(plane: &ControlPlane, namespace: &str) -> Vec<(String, String)> {
    let events = plane.get(&["-n", namespace, "events"]);
    let events = events["items"].as_array().unwrap().clone().into_iter();
    let told = events.filter(|event| event["reason"] == "NotInjected");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told.map(|event| (text(&event["involvedObject"]["name"]), text(&event["message"])))
        .collect()
}

#[test]
fn a_gateway_and_the_pods_that_lack_it_are_told_of() {
    let plane = ControlPlane::start().with_crds();
    let (folder, namespace) = (tempfile::tempdir().unwrap(), plane.namespace());
    install(&certificate(), folder.path());
    let level = "pod-security.kubernetes.io/enforce=baseline";
    plane.kubectl(&["create", "namespace", "strict"]);
    plane.kubectl(&["label", "namespace", "strict", level]);
    // By what `manifests` prints, as far as the server looks.
    let registered = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "stationmaster"},
    });
    plane.apply(&registered.to_string());
    gateway(&plane, &spec("nowhere.invalid"));
    bare_pod(&plane, &namespace);
    pod_marked_later(&plane, &namespace);
    let _process = serving(&plane, folder.path(), &[]);

    let resolved = eventually("a look-up", || told(&plane, "Resolved"));
    let never = "nowhere.invalid has never resolved, and pods look it up themselves";
    assert_eq!(
        resolved,
        ("False".to_owned(), "NotResolving".to_owned(), never.to_owned())
    );
    assert_eq!(told(&plane, "Ready").unwrap().1, "InForce");
    assert_eq!(told(&plane, "Enforced").unwrap().1, "FailHook");
    let (security, _, message) = told(&plane, "PodSecurity").unwrap();
    assert!(
        security == "False" && message.contains("1 namespace (strict)"),
        "{message}"
    );

    let events = eventually("an event", || {
        Some(not_injected(&plane, &namespace)).filter(|events| !events.is_empty())
    });
    let message = "gateway foo is for it, and it was created without it; delete it and create it again";
    assert_eq!(events, [("bare".to_owned(), message.to_owned())]);
    eventually("a count", || {
        let status = plane.get(&["podgateway", "foo"])["status"].clone();
        (status["uninjectedPods"] == 1).then_some(())
    });

    let mut addressed = spec("192.0.2.1");
    addressed["match"]["label"]["key"] = json!("other");
    gateway(&plane, &addressed);
    eventually("another state", || {
        told(&plane, "Resolved").filter(|told| told.1 == "Addresses")
    });
    eventually("a hint", || {
        told(&plane, "Enforced").filter(|told| told.1 == "NoFailHook")
    });
    eventually("no count", || {
        let status = plane.get(&["podgateway", "foo"])["status"].clone();
        (status["uninjectedPods"] == 0).then_some(())
    });
}

#[test]
fn pods_that_lack_their_gateway_are_evicted_if_their_controller_makes_others() {
    let plane = ControlPlane::start().with_crds();
    let (folder, bundle, namespace) = (tempfile::tempdir().unwrap(), certificate(), plane.namespace());
    install(&bundle, folder.path());
    gateway(&plane, &spec("192.0.2.1"));
    bare_pod(&plane, &namespace);
    let controller = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": pod_template()},
    });
    let mut controller = controller;
    controller["spec"]["selector"]["matchLabels"]["owned"] = json!("yes");
    controller["spec"]["template"]["metadata"]["labels"]["owned"] = json!("yes");
    plane.apply_in(&namespace, &controller.to_string());
    eventually("all pods", || (pods(&plane, &namespace).len() == 3).then_some(()));

    let process = serving(&plane, folder.path(), &["--evict-uninjected"]);
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pods"}, "webhooks": [{
            "name": "pods.gateway.stationmaster.dev",
            "clientConfig": {
                "url": format!("https://{}/mutate-pods", process.address("webhook")),
                "caBundle": STANDARD.encode(&bundle.authority),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        }],
    });
    plane.apply(&webhook.to_string());
    let one = || {
        let all = pods(&plane, &namespace);
        (all.len() == 3 && all.iter().filter(|pod| is_injected(pod)).count() == 1).then_some(())
    };
    eventually("the first pod with the gateway", one);
    // Nobody runs pods here; until somebody says that this one is ready, the other one stays.
    make_ready(&plane, &namespace);
    let all = eventually("both with the gateway", || {
        let all = pods(&plane, &namespace);
        (all.len() == 3 && all.iter().filter(|pod| is_injected(pod)).count() == 2).then_some(all)
    });
    let left: Vec<_> = all
        .iter()
        .filter(|pod| !is_injected(pod))
        .map(|pod| pod["metadata"]["name"].clone())
        .collect();
    assert_eq!(left, [json!("bare")]);
    assert_eq!(not_injected(&plane, &namespace).len(), 3);
}
