//! Pods behind a gateway at a real API server, which asks twice: what it makes of each pod of tests/data/gateway.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::cluster::{ControlPlane, eventually};
use common::process::{Process, flag};
use common::serve::{certificate, install};
use serde_json::{Value, json};

/// What is the same for some cases: flags, and what names and searches there are.
type Setting = (Vec<String>, String, String);

/// New pods, and what the original makes of those that it changes, by their setting.
fn cases() -> BTreeMap<Setting, Vec<(Value, Option<Value>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gateway/pass");
    let mut cases: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let request = &case["review"]["request"];
        let is_new_pod = request["operation"] == "CREATE" && request["kind"]["kind"] == "Pod";
        // An API server knows all fields of its pods.
        if !is_new_pod || path.ends_with("unknown_fields_survive.json") {
            continue;
        }
        let hosts = case["addresses"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(name, addresses)| {
                let addresses = addresses.as_array().unwrap().iter();
                addresses.map(move |address| format!("{} {name}\n", address.as_str().unwrap()))
            });
        let flags = serde_json::from_value(case["flags"].clone()).unwrap();
        let resolv = case["resolvConf"].as_str().unwrap().to_owned();
        let pod = (request["object"].clone(), case.get("pod").cloned());
        cases.entry((flags, resolv, hosts.collect())).or_default().push(pod);
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
fn serving(folder: &Path, (flags, resolv, hosts): &Setting) -> Process {
    std::fs::write(folder.join("resolv.conf"), resolv).unwrap();
    std::fs::write(folder.join("hosts"), hosts).unwrap();
    let own = [
        "--components=admission".to_owned(),
        "--webhook-listen-address=127.0.0.1:0".to_owned(),
        "--drain-seconds=0".to_owned(),
        flag("tls-cert-file-path", &folder.join("tls.crt")),
        flag("tls-key-file-path", &folder.join("tls.key")),
        flag("resolv-conf", &folder.join("resolv.conf")),
        "--metrics-bind-address=127.0.0.1:0".to_owned(),
        "--health-probe-bind-address=0".to_owned(),
    ];
    let flags: Vec<_> = own.iter().chain(flags).map(String::as_str).collect();
    Process::with_hosts(&folder.join("hosts"), &flags)
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

/// The path of something that is wanted and not there as it is wanted; the API server adds defaults, and its token.
fn missing(found: &Value, wanted: &Value, path: &str) -> Option<String> {
    let differs = || format!("{path}: {found:#} instead of {wanted:#}");
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().find_map(|(key, wanted)| {
            missing(found.get(key).unwrap_or(&Value::Null), wanted, &format!("{path}/{key}"))
        }),
        (Value::Array(found), Value::Array(wanted)) => {
            let is_token = |value: &&Value| {
                let name = value["name"].as_str().unwrap_or_default();
                name.starts_with("kube-api-access-")
            };
            let mut found = found.iter().filter(|value| !is_token(value));
            let differs = wanted.iter().enumerate().find_map(|(index, wanted)| {
                missing(found.next().unwrap_or(&Value::Null), wanted, &format!("{path}/{index}"))
            });
            differs.or_else(|| found.next().map(|more| format!("{path}: {more:#} is too much")))
        }
        // What is null or empty is not stored.
        (Value::Null, wanted) => (!is_empty(wanted)).then(differs),
        (found, wanted) => (found != wanted).then(differs),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
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
    let (mut seen, mut wrong) = (0, Vec::new());
    for (setting, pods) in cases() {
        let (server, namespace) = (serving(folder.path(), &setting), plane.namespace());
        register(
            &plane,
            &namespace,
            (server.address("webhook"), &bundle.authority),
            "Fail",
        );
        let metrics = server.address("metrics");
        // Neither the registration nor the namespace's account is there at once.
        let asked = || {
            let page = common::http::get(metrics.port(), "/metrics").unwrap().body;
            page.contains("stationmaster_requests_total{")
        };
        eventually("a question", || {
            stored(&plane, &namespace, &pods[0].0).ok().filter(|_| asked())
        });
        for (sent, made) in pods {
            let stored = stored(&plane, &namespace, &sent).unwrap();
            seen += 1;
            let Some(mut made) = made else {
                wrong.extend(is_stamped(&stored).then(|| format!("{stored:#} has a gateway")));
                continue;
            };
            made["metadata"] = json!({"labels": made["metadata"]["labels"]});
            // All are created in one namespace, whatever theirs is.
            let search = made.pointer_mut("/spec/dnsConfig/searches/0");
            let is_local = |search: &&mut Value| search.as_str().unwrap().ends_with(".svc.cluster.local");
            if let Some(search) = search.filter(is_local) {
                *search = json!(format!("{namespace}.svc.cluster.local"));
            }
            wrong.extend(missing(&stored, &made, ""));
            wrong.extend((!is_stamped(&stored)).then(|| format!("{stored:#} has no gateway")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{seen} pods");
    assert!(seen >= 60, "{seen}");
}

#[test]
fn the_failure_policy_decides_while_a_name_is_unknown() {
    let plane = ControlPlane::start();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let flags = ["--DNS=nowhere.invalid", "--setGatewayDefault"].map(str::to_owned);
    let setting = (flags.to_vec(), String::new(), String::new());
    let (process, namespace) = (serving(folder.path(), &setting), plane.namespace());
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
