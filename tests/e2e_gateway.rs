//! Pods behind a gateway at a real API server, which asks twice: what it makes of each pod of tests/data/gateway.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::cluster::{ControlPlane, eventually};
use common::process::{Process, QUIET, flag};
use common::serve::{certificate, install};
use serde_json::{Value, json};

/// Pods that the original changes, and what it makes of them, by their flags; the names in these resolve everywhere.
fn cases() -> BTreeMap<Vec<String>, Vec<(Value, Value)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gateway/pass");
    let mut cases: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        // An API server knows all fields of its pods.
        if path.ends_with("unknown_fields_survive.json") {
            continue;
        }
        let text = std::fs::read_to_string(path)
            .unwrap()
            .replace("vpn.example.org", "localhost");
        let case: Value = serde_json::from_str(&text).unwrap();
        let Some(made) = case.get("pod") else { continue };
        let flags = serde_json::from_value(case["flags"].clone()).unwrap();
        let sent = case["review"]["request"]["object"].clone();
        cases.entry(flags).or_default().push((sent, made.clone()));
    }
    cases
}

/// Registers both paths of a server for one namespace.
fn register(plane: &ControlPlane, namespace: &str, (address, authority): (SocketAddr, &str), policy: &str) {
    let webhook = |(name, path): (&str, &str)| {
        json!({
            "name": format!("{name}.gateway.stationmaster.dev"),
            "clientConfig": {"url": format!("https://{address}{path}"), "caBundle": STANDARD.encode(authority)},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "failurePolicy": policy, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "reinvocationPolicy": "IfNeeded",
        })
    };
    let paths = [("first", "/mutate-pods"), ("second", "/wh/mutating/setgateway")];
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": namespace}, "webhooks": paths.map(webhook),
    });
    plane.apply(&configuration.to_string());
}

/// A server with these flags and the certificate of that folder.
fn serving(folder: &Path, flags: &[String]) -> Process {
    let resolv = folder.join("resolv.conf");
    std::fs::write(&resolv, "search a.svc.cluster.local\nnameserver 10.96.0.10\n").unwrap();
    let own = [
        "--components=admission".to_owned(),
        "--webhook-listen-address=127.0.0.1:0".to_owned(),
        "--drain-seconds=0".to_owned(),
        flag("tls-cert-file-path", &folder.join("tls.crt")),
        flag("tls-key-file-path", &folder.join("tls.key")),
        flag("resolv-conf", &resolv),
    ];
    let flags: Vec<_> = own.iter().chain(flags).map(String::as_str).chain(QUIET).collect();
    Process::start(&flags)
}

/// What the API server would store.
fn stored(plane: &ControlPlane, namespace: &str, pod: &Value) -> Result<Value, String> {
    let mut pod = pod.clone();
    pod["metadata"]["namespace"] = json!(namespace);
    let arguments = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let output = plane.try_kubectl(&arguments, &pod.to_string());
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Names of the elements of a list of the spec, but for the token that every pod gets.
fn names(pod: &Value, list: &str) -> Vec<String> {
    let elements = pod["spec"][list].as_array().into_iter().flatten();
    let names = elements.map(|element| element["name"].as_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with("kube-api-access-")).collect()
}

fn is_stamped(pod: &Value) -> bool {
    let stamp = &pod["metadata"]["annotations"]["gateway.stationmaster.dev/injected"];
    stamp.as_str().is_some_and(|stamp| stamp.starts_with("default@"))
}

#[test]
fn each_pod_gets_its_gateway_once() {
    let plane = ControlPlane::start();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let mut seen = 0;
    for (flags, pods) in cases() {
        let (server, namespace) = (serving(folder.path(), &flags), plane.namespace());
        register(
            &plane,
            &namespace,
            (server.address("webhook"), &bundle.authority),
            "Fail",
        );
        // Neither the registration nor the namespace's account is there at once.
        eventually("a gateway", || {
            stored(&plane, &namespace, &pods[0].0).ok().filter(is_stamped)
        });
        for (sent, made) in pods {
            let stored = stored(&plane, &namespace, &sent).unwrap();
            assert!(is_stamped(&stored), "{stored:#}");
            for list in ["initContainers", "containers", "volumes"] {
                assert_eq!(names(&stored, list), names(&made, list), "{list} of {stored:#}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn the_failure_policy_decides_while_a_name_is_unknown() {
    let plane = ControlPlane::start();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let flags = ["--DNS=nowhere.invalid", "--setGatewayDefault"].map(str::to_owned);
    let (process, namespace) = (serving(folder.path(), &flags), plane.namespace());
    let server = (process.address("webhook"), &*bundle.authority);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    });
    register(&plane, &namespace, server, "Fail");
    let why = "failed to call webhook: the pod cannot be put behind gateway \"default\" yet: its DNS servers have not \
               resolved so far: nowhere.invalid";
    let refusal = eventually("a refusal", || {
        let refusal = stored(&plane, &namespace, &pod).err();
        refusal.filter(|refusal| refusal.contains("first.gateway.stationmaster.dev"))
    });
    assert!(refusal.contains(why), "{refusal}");
    register(&plane, &namespace, server, "Ignore");
    let passed = eventually("a pod", || stored(&plane, &namespace, &pod).ok());
    assert!(!is_stamped(&passed), "{passed:#}");
}
