//! How many admission reviews one core answers, beside what it could answer if there were nothing to decide.
//!
//! `cargo bench --bench admission`. Servers run on the first core, the client on the second; requests per second are
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
use serde_json::json;

const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(5);

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--echo", certificates] => common::echo::serve(Path::new(certificates)),
        [_, "--drive", address, certificates, path] => client(address, Path::new(certificates), path),
        // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
        arguments if arguments.contains(&"--bench") => compare(),
        _ => {}
    }
}

/// Runs one server after the other under the same load.
fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    println!("admission of a JobExecution with a payload of 4 kB, {CONNECTIONS} connections, one core for the server");
    println!(
        "{:22} {:>10} {:>9} {:>9} {:>14} {:>8}",
        "", "requests/s", "p50", "p99", "per CPU second", "of echo"
    );
    let echo = measure(
        "bare rustls + hyper",
        &Server::echo(folder.path()),
        folder.path(),
        "/",
        None,
    );
    measure(
        "validate",
        &Server::stationmaster(folder.path()),
        folder.path(),
        "/validate",
        Some(echo),
    );
    measure(
        "mutate",
        &Server::stationmaster(folder.path()),
        folder.path(),
        "/mutate",
        Some(echo),
    );
}

/// Prints one row; returns the requests for each second of the server's CPU time.
fn measure(name: &str, server: &Server, certificates: &Path, path: &str, echo: Option<f64>) -> f64 {
    let Load {
        rate,
        p50,
        p99,
        per_cpu,
    } = measured(server, certificates, &[path]);
    let share = echo.map_or(String::new(), |echo| format!("{:.0} %", 100.0 * per_cpu / echo));
    println!("{name:22} {rate:>10.0} {p50:>6.2} ms {p99:>6.2} ms {per_cpu:>14.0} {share:>8}");
    per_cpu
}

/// The client's process.
fn client(address: &str, certificates: &Path, path: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let requests = vec![request(path, review().as_bytes())];
    let seen = runtime.block_on(drive(
        address,
        &certificates.join("ca.crt"),
        requests,
        CONNECTIONS,
        TIME,
    ));
    tell(&seen);
}

/// What the API server sends when `kubectl create` makes an execution.
fn review() -> String {
    let kind = json!({"group": "dispatcher.ivan.vc", "version": "v1beta1", "kind": "JobExecution"});
    let resource = json!({"group": "dispatcher.ivan.vc", "version": "v1beta1", "resource": "jobexecutions"});
    let groups = ["system:masters", "system:authenticated"];
    let managed = json!([{
        "manager": "kubectl-create", "operation": "Update", "apiVersion": "dispatcher.ivan.vc/v1beta1",
        "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {".": {}, "f:jobTemplateName": {}, "f:payload": {}}},
    }]);
    let object = json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1",
        "kind": "JobExecution",
        "metadata": {
            "name": "jobtemplate-sample-x7k2m9q4vb", "namespace": "default", "uid": "0f2c4b3e-8d0f-4a53-9d0e-0d8e6f1c2b3a",
            "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1, "managedFields": managed,
        },
        "spec": {"jobTemplateName": "jobtemplate-sample", "payload": "my \"test\" payload, ".repeat(4096 / 19)},
    });
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": kind, "resource": resource, "requestKind": kind,
            "requestResource": resource, "name": "jobtemplate-sample-x7k2m9q4vb", "namespace": "default",
            "operation": "CREATE", "userInfo": {"username": "kubernetes-admin", "groups": groups},
            "object": object, "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-create"},
        },
    })
    .to_string()
}
