//! PodGateways at a real API server: in force a moment after kubectl has stored them, and checked before.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::cluster::{ControlPlane, eventually};
use common::process::{Process, QUIET, flag};
use common::serve::{certificate, install};
use serde_json::{Value, json};
use stationmaster::trust::Bundle;

const GATEWAYS: [&str; 3] = ["--components=admission,gateways", QUIET[0], QUIET[1]];

/// A server of PodGateways, for one control plane.
fn serving(plane: &ControlPlane, folder: &Path, more: &[&str]) -> Process {
    let resolv = folder.join("resolv.conf");
    std::fs::write(&resolv, "search a.svc.cluster.local\nnameserver 10.96.0.10\n").unwrap();
    let own = [
        "--webhook-listen-address=127.0.0.1:0".to_owned(),
        "--drain-seconds=0".to_owned(),
        flag("kubeconfig", &plane.kubeconfig()),
        flag("tls-cert-file-path", &folder.join("tls.crt")),
        flag("tls-key-file-path", &folder.join("tls.key")),
        flag("resolv-conf", &resolv),
    ];
    let hosts = folder.join("hosts");
    // A second server finds what the first has been left with.
    if !hosts.exists() {
        std::fs::write(&hosts, "127.0.0.1 localhost\n10.0.0.53 dns.gateway.test\n").unwrap();
    }
    let flags: Vec<_> = own.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Process::with_hosts(&hosts, &flags)
}

/// What `manifests` prints for a server, applied.
fn register(plane: &ControlPlane, folder: &Path, server: &Process, bundle: &Bundle) {
    let authority = folder.join("ca.crt");
    std::fs::write(&authority, &bundle.authority).unwrap();
    let url = format!("--webhook-url=https://{}", server.address("webhook"));
    plane.apply(&common::cluster::stationmaster(
        &["manifests", &url, &flag("ca-file", &authority)],
        "",
    ));
}

fn gateway(name: &str, dns: &str) -> Value {
    json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway", "metadata": {"name": name},
        "spec": {
            "gateway": "10.0.0.1", "dns": [dns],
            "match": {"label": {"key": "setGateway", "value": name}},
            "init": {"image": "init:1"}, "sidecar": {"image": "sidecar:1"},
        },
    })
}

/// What the API server would store of a pod that is marked for a gateway.
fn marked(plane: &ControlPlane, namespace: &str, gateway: &str) -> Result<Value, String> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "namespace": namespace, "labels": {"setGateway": gateway}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    });
    let output = plane.try_kubectl(
        &["create", "--dry-run=server", "-o", "json", "-f", "-"],
        &pod.to_string(),
    );
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn nameserver(pod: &Value) -> Option<&str> {
    pod["spec"]["dnsConfig"]["nameservers"][0].as_str()
}

#[test]
fn a_gateway_is_in_force_a_moment_after_kubectl_has_stored_it() {
    let plane = ControlPlane::start().with_crds();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let server = serving(&plane, folder.path(), &GATEWAYS);
    let namespace = plane.namespace();
    plane.apply(&gateway("foo", "10.0.0.1").to_string());
    register(&plane, folder.path(), &server, &bundle);
    eventually("the gateway", || {
        let pod = marked(&plane, &namespace, "foo").ok()?;
        (nameserver(&pod) == Some("10.0.0.1")).then_some(())
    });
    for (round, address) in ["10.0.0.2", "10.0.0.3", "10.0.0.4"].into_iter().enumerate() {
        let asked = Instant::now();
        marked(&plane, &namespace, "foo").unwrap();
        let question = asked.elapsed();
        plane.apply(&gateway("foo", address).to_string());
        let stored = Instant::now();
        eventually("the change", || {
            let pod = marked(&plane, &namespace, "foo").unwrap();
            (nameserver(&pod) == Some(address)).then_some(())
        });
        let took = stored.elapsed();
        println!("round {round}: in force {took:.2?} after kubectl had stored it, a dry run included");
        // What a question takes is the machine's matter.
        assert!(
            took < question * 3 + Duration::from_secs(3),
            "{took:?}, a question {question:?}"
        );
    }
    // Where it is a sidecar beside 1.29 and later, it is an init container.
    let pod = eventually("a native sidecar", || {
        let pod = marked(&plane, &namespace, "foo").unwrap();
        (pod["spec"]["initContainers"].as_array()?.len() == 2).then_some(pod)
    });
    assert_eq!(pod["spec"]["initContainers"][1]["restartPolicy"], "Always");
    plane.kubectl(&["delete", "podgateway", "foo"]);
    eventually("the end of the gateway", || {
        let pod = marked(&plane, &namespace, "foo").unwrap();
        nameserver(&pod).is_none().then_some(())
    });
}

#[test]
fn gateways_are_checked_before_they_are_stored() {
    let plane = ControlPlane::start().with_crds();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let server = serving(&plane, folder.path(), &GATEWAYS);
    register(&plane, folder.path(), &server, &bundle);
    let applied = |gateway: &Value| {
        let output = plane.try_kubectl(&["apply", "--server-side", "-f", "-"], &gateway.to_string());
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let told = eventually("a warning", || {
        let (accepted, told) = applied(&json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway", "metadata": {"name": "foo"},
            "spec": {"gateway": "vpn", "match": {"label": {"key": "setGateway", "value": "foo"}}},
        }));
        (accepted && told.contains("has no dot")).then_some(told)
    });
    assert!(told.contains("Warning"), "{told}");
    let mut other = gateway("other", "10.0.0.1");
    other["spec"]["match"]["label"]["value"] = json!("foo");
    let told = eventually("a refusal", || {
        let (accepted, told) = applied(&other);
        (!accepted).then_some(told)
    });
    assert!(
        told.contains("spec.match") && told.contains("PodGateway \"foo\""),
        "{told}"
    );
    let mut unmounted = gateway("bar", "10.0.0.1");
    unmounted["spec"]["init"]["mountPath"] = json!("/config");
    let (accepted, told) = applied(&unmounted);
    assert!(!accepted && told.contains("say configMapName too"), "{told}");
}

/// Whether the API server would store a pod with such a container.
fn takes(plane: &ControlPlane, namespace: &str, container: &Value) -> bool {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": namespace},
        "spec": {"containers": [container]},
    });
    let output = plane.try_kubectl(&["create", "--dry-run=server", "-f", "-"], &pod.to_string());
    let told = String::from_utf8_lossy(&output.stderr);
    let is_answered = output.status.success() || told.contains("is invalid") || told.contains("quantities must match");
    assert!(is_answered, "{container}: {told}");
    output.status.success()
}

/// Whether a gateway may have such a container.
fn allows(folder: &Path, container: &Value) -> bool {
    let mut gateway = gateway("foo", "10.0.0.1");
    gateway["spec"]["init"] = container.clone();
    let file = folder.join("gateway.json");
    std::fs::write(&file, gateway.to_string()).unwrap();
    let review = Command::new(env!("CARGO_BIN_EXE_stationmaster"))
        .arg("review")
        .arg(file)
        .output();
    review.unwrap().status.success()
}

#[test]
fn a_gateway_may_have_what_pods_can_have() {
    let plane = ControlPlane::start();
    let (namespace, folder) = (plane.namespace(), tempfile::tempdir().unwrap());
    for (field, values) in [
        (
            "resources",
            json!([
                {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": ".5G"}},
                {"limits": {"memory": "1e9"}, "requests": {"memory": "999999999"}},
                {"limits": {"memory": "1G"}, "requests": {"memory": "1Gi"}},
                {"limits": {"memory": "64MB"}},
                {"requests": {"cpu": "-1"}},
                {"limits": {"mem": "1"}},
                {"limits": {"cpu": "500m"}, "requests": {"cpu": 1}},
                {"limits": {"a.example/gpu": 1}},
                {"limits": {"a.example/gpu": "1500m"}},
                {"requests": {"a.example/gpu": 1}},
                {"limits": {"cpu": 1, "hugepages-2Mi": "4Mi"}},
                {"limits": {"hugepages-2Mi": "4Mi"}},
            ]),
        ),
        (
            "securityContext",
            json!([
                {"runAsNonRoot": true, "capabilities": {"add": ["NET_ADMIN"]}, "allowPrivilegeEscalation": false},
                {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}},
                {"runAsUser": -1},
                {"runAsGroup": 2_147_483_648_i64},
                {"allowPrivilegeEscalation": false, "privileged": true},
                {"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}},
                {"allowPrivilegeEscalation": false, "capabilities": {"add": ["SYS_ADMIN"]}},
                {"procMount": "Masked"},
                {"seccompProfile": {"type": "Default"}},
                {"seccompProfile": {"type": "Localhost"}},
                {"seccompProfile": {"type": "Localhost", "localhostProfile": "/a"}},
                {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}},
            ]),
        ),
    ] {
        for value in values.as_array().unwrap() {
            let mut container = json!({"name": "app", "image": "app:1"});
            container[field] = value.clone();
            let taken = takes(&plane, &namespace, &container);
            assert_eq!(allows(folder.path(), &container), taken, "{value}");
        }
    }
}

/// A line of `/metrics`.
fn metric(server: SocketAddr, name: &str) -> String {
    let output = Command::new("curl")
        .args(["-sS", &format!("http://{server}/metrics")])
        .output()
        .unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_default().to_owned()
}

#[test]
fn a_name_that_stops_resolving_stops_no_pod() {
    let plane = ControlPlane::start().with_crds();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    let own = [
        "--components=admission,gateways,controllers",
        "--metrics-bind-address=127.0.0.1:0",
        "--health-probe-bind-address=0",
    ];
    let server = serving(&plane, folder.path(), &own);
    let namespace = plane.namespace();
    plane.apply(&gateway("foo", "dns.gateway.test").to_string());
    register(&plane, folder.path(), &server, &bundle);
    let metrics = server.address("metrics");
    let created = || marked(&plane, &namespace, "foo");
    eventually("the gateway", || {
        let pod = created().ok()?;
        (nameserver(&pod) == Some("10.0.0.53")).then_some(())
    });
    let unresolved = || metric(metrics, "stationmaster_gateway_unresolved_names");
    let before = unresolved();
    std::fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n").unwrap();
    eventually("the name to fail", || (unresolved() != before).then_some(()));
    let pod = created().unwrap();
    assert_eq!(nameserver(&pod), Some("10.0.0.53"), "the last good address stays");
    let resolved = |status: &str| {
        let gateway = plane.get(&["podgateway", "foo"]);
        let conditions = gateway["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_so = |condition: &&Value| condition["type"] == "Resolved" && condition["status"] == status;
        conditions.iter().find(is_so).cloned()
    };
    let told = eventually("the condition", || resolved("False"));
    assert!(told["message"].as_str().unwrap().contains("10.0.0.53"), "{told:#}");
    // The address outlives the process too.
    drop(server);
    let server = serving(&plane, folder.path(), &own);
    register(&plane, folder.path(), &server, &bundle);
    let pod = eventually("a pod of the new server", || created().ok());
    assert_eq!(nameserver(&pod), Some("10.0.0.53"));
    std::fs::write(folder.path().join("hosts"), "10.0.0.54 dns.gateway.test\n").unwrap();
    eventually("the new address", || {
        let pod = created().unwrap();
        (nameserver(&pod) == Some("10.0.0.54")).then_some(())
    });
    eventually("the condition's end", || resolved("True"));
}

#[test]
fn without_the_kinds_of_gateways_a_server_is_ready_and_says_what_is_missing() {
    let plane = ControlPlane::start();
    let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
    install(&bundle, folder.path());
    for file in ["jobtemplates", "jobexecutions"] {
        plane.apply(&std::fs::read_to_string(format!("crds/{file}.dispatcher.ivan.vc.yaml")).unwrap());
    }
    // Everything is on, as it is for who has only changed the image.
    let own = [
        "--web-server-bind-address=127.0.0.1:0",
        "--metrics-bind-address=0",
        "--health-probe-bind-address=127.0.0.1:0",
    ];
    let server = serving(&plane, folder.path(), &own);
    let health = server.address("health");
    let told = "a kind of gateways cannot be read: install its CustomResourceDefinition and the role \
                stationmaster-gateways, or leave gateways and events out of --components";
    server.logged(told);
    eventually("a ready server", || {
        let ready = common::http::get(health.port(), "/readyz")?;
        (ready.status == 200).then_some(())
    });
}
