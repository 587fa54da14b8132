//! How many reviews of pods one core answers: marked for a gateway and not, beside a server that sends back what came.
//!
//! `cargo bench --bench gateway`. Servers run on the first core, the client on the second; requests per second are
//! also given for each second of CPU time, since a client that cannot keep up would otherwise be what is measured.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement prints numbers"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::missing_panics_doc,
    reason = "it may fail"
)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use common::driver::{drive, request};
use common::load::{Load, measured, tell};
use common::server::{Server, certificates};
use serde_json::{Value, json};

const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(5);
/// What the pod-gateway chart passes, but for names: these need nobody to resolve them.
const FLAGS: [&str; 15] = [
    "--gateway=192.0.2.1",
    "--DNS=192.0.2.53",
    "--DNSPolicy=None",
    "--setGatewayLabel=setGateway",
    "--setGatewayAnnotation=setGateway",
    "--initImage=ghcr.io/angelnu/pod-gateway:v1.8.1",
    "--initImagePullPol=IfNotPresent",
    "--initCmd=/bin/client_init.sh",
    "--initMountPoint=/config",
    "--sidecarImage=ghcr.io/angelnu/pod-gateway:v1.8.1",
    "--sidecarImagePullPol=IfNotPresent",
    "--sidecarCmd=/bin/client_sidecar.sh",
    "--sidecarMountPoint=/config",
    "--configmapName=pod-gateway",
    "--resolv-conf=/etc/resolv.conf",
];

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--echo", certificates] => common::echo::serve(Path::new(certificates)),
        [_, "--drive", address, certificates, path, mark] => client(address, Path::new(certificates), path, mark),
        // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
        arguments if arguments.contains(&"--bench") => compare(),
        _ => {}
    }
}

/// Runs one server after the other under the same load.
fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let bytes = review("true").len();
    println!("admission of a Pod, {bytes} bytes, {CONNECTIONS} connections, one core for the server");
    println!(
        "{:22} {:>10} {:>9} {:>9} {:>14} {:>8} {:>8}",
        "", "requests/s", "p50", "p99", "per CPU second", "of echo", "memory"
    );
    let echo = Server::echo(folder.path());
    let echo = measure("bare rustls + hyper", &echo, folder.path(), ["/", "true"], None);
    for (name, mark) in [("put behind a gateway", "true"), ("not concerned", "")] {
        let server = Server::gateway(folder.path(), &FLAGS);
        measure(name, &server, folder.path(), ["/mutate-pods", mark], Some(echo));
    }
}

/// Prints one row; returns the requests for each second of the server's CPU time.
fn measure(name: &str, server: &Server, certificates: &Path, arguments: [&str; 2], echo: Option<f64>) -> f64 {
    let Load {
        rate,
        p50,
        p99,
        per_cpu,
    } = measured(server, certificates, &arguments);
    let share = echo.map_or(String::new(), |echo| format!("{:.0} %", 100.0 * per_cpu / echo));
    let memory = server.peak_memory() as f64 / f64::from(1 << 20);
    println!("{name:22} {rate:>10.0} {p50:>6.2} ms {p99:>6.2} ms {per_cpu:>14.0} {share:>8} {memory:>4.0} MiB");
    per_cpu
}

/// The client's process.
fn client(address: &str, certificates: &Path, path: &str, mark: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let requests = vec![request(path, review(mark).as_bytes())];
    let authority = certificates.join("ca.crt");
    let seen = runtime.block_on(drive(address, &authority, requests, CONNECTIONS, TIME));
    tell(&seen);
}

/// What the API server sends when a ReplicaSet makes a pod, with members in the order of its own structs.
fn review(mark: &str) -> String {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    let user = json!({
        "username": "system:serviceaccount:kube-system:replicaset-controller",
        "uid": "8c5b5f0e-3a58-4d3c-9f07-8f1e3a3f4b11",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
    });
    let options = json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"});
    let members = [
        ("uid", json!("705ab4f5-6393-11e8-b7cc-42010a800002")),
        ("kind", kind.clone()),
        ("resource", resource.clone()),
        ("requestKind", kind),
        ("requestResource", resource),
        ("namespace", json!("media")),
        ("operation", json!("CREATE")),
        ("userInfo", user),
        ("object", pod(mark)),
        ("oldObject", Value::Null),
        ("dryRun", json!(false)),
        ("options", options),
    ];
    let request = members.map(|(name, value)| format!("\"{name}\":{value}")).join(",");
    format!(r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{{request}}}}}"#)
}

fn pod(mark: &str) -> Value {
    let mut labels = json!({"app.kubernetes.io/name": "downloader", "pod-template-hash": "6d4cf56db6"});
    if !mark.is_empty() {
        labels["setGateway"] = mark.into();
    }
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "generateName": "downloader-6d4cf56db6-", "namespace": "media", "creationTimestamp": null, "labels": labels,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "downloader-6d4cf56db6",
                "uid": "3f1d8d6e-1c0b-4a7e-8a55-7b8d2d3d9c2a", "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "downloads"}},
                {"name": "settings", "configMap": {"name": "downloader", "defaultMode": 420}},
                {"name": "kube-api-access-x7k2m", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ]}},
            ],
            "containers": [{
                "name": "downloader", "image": "registry.example.org/media/downloader:4.2.1",
                "args": ["--config=/etc/downloader/config.yaml", "--listen=:8080"],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [
                    {"name": "TZ", "value": "Europe/Prague"},
                    {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "downloader", "key": "api-key"}}},
                ],
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
                "volumeMounts": [
                    {"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/etc/downloader"},
                    {"name": "kube-api-access-x7k2m", "readOnly": true, "mountPath": account},
                ],
                "livenessProbe": {"httpGet": {"path": "/health", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
                "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "securityContext": {"fsGroup": 1000}, "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        },
    })
}
