//! How long a conversion takes, one object at a time and ten thousand in one call, through the real server over TLS.
//!
//! `cargo bench --bench conversion`. The server runs on the first core, the client on the second, and a call is timed
//! by the client: from the first byte of the question to the last byte of the answer.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement prints numbers"
)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::driver::{connect, connector, drive, exchange, request};
use common::load::CLIENT_CORE;
use common::server::{Server, certificates, pinned};
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(5);
const MANY: usize = 10_000;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--drive", what, address, certificates] => client(what, address, Path::new(certificates)),
        // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
        arguments if arguments.contains(&"--bench") => measure(),
        _ => {}
    }
}

fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    println!("conversion over TLS, one connection, one core for the server");
    println!(
        "{:52} {:>10} {:>10} {:>12}",
        "one object of 4 kB in a call", "p50", "p99", "calls/s"
    );
    for what in ["template", "fresh", "down", "up"] {
        let server = Server::stationmaster(folder.path());
        let row = ask(what, &server, folder.path());
        println!(
            "{:52} {:>7.3} ms {:>7.3} ms {:>12.0}",
            describe(what),
            row[0],
            row[1],
            row[2]
        );
    }
    println!(
        "{:52} {:>10} {:>10} {:>12}",
        "10,000 objects of 10 kB in a call", "best", "worst", "memory/body"
    );
    for what in ["many-templates", "many-down", "many-up"] {
        let server = Server::stationmaster(folder.path());
        let idle = server.peak_memory();
        let row = ask(what, &server, folder.path());
        let memory = (server.peak_memory() - idle) as f64 / row[2];
        println!(
            "{:52} {:>8.3} s {:>8.3} s {:>10.2} x",
            describe(what),
            row[0],
            row[1],
            memory
        );
    }
}

fn describe(what: &str) -> &str {
    match what {
        "template" => "JobTemplate (only its version changes)",
        "fresh" => "JobExecution without status, v1beta1 to v1alpha1",
        "down" => "finished JobExecution, v1beta1 to v1alpha1",
        "up" => "the same with its annotation, v1alpha1 to v1beta1",
        "many-templates" => "JobTemplates",
        "many-down" => "finished JobExecutions, v1beta1 to v1alpha1",
        _ => "the same with their annotations, v1alpha1 to v1beta1",
    }
}

/// Three numbers from a client in a process of its own.
fn ask(what: &str, server: &Server, certificates: &Path) -> [f64; 3] {
    let own = std::env::current_exe().expect("this process has a file");
    let output = pinned(CLIENT_CORE, own.to_str().expect("its path is text"))
        .args(["--drive", what, &server.address.to_string()])
        .arg(certificates)
        .stderr(Stdio::inherit())
        .output()
        .expect("the client starts");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

fn client(what: &str, address: &str, certificates: &Path) {
    let address: SocketAddr = address.parse().expect("an address");
    let authority = certificates.join("ca.crt");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let [a, b, c] = match what.strip_prefix("many-") {
        None => runtime.block_on(one(address, &authority, review(what, 4 << 10, 1))),
        Some(what) => runtime.block_on(many(address, &authority, review(what, 10_000, MANY))),
    };
    println!("{a} {b} {c}");
}

/// p50 and p99 in milliseconds, and calls per second.
async fn one(address: SocketAddr, authority: &Path, review: String) -> [f64; 3] {
    let seen = drive(
        address,
        authority,
        vec![request("/convert", review.as_bytes())],
        1,
        TIME,
    )
    .await;
    let millis = |share| seen.quantile(share).as_secs_f64() * 1000.0;
    [millis(0.5), millis(0.99), seen.per_second()]
}

/// The best and the worst call in seconds, and the length of the body.
async fn many(address: SocketAddr, authority: &Path, review: String) -> [f64; 3] {
    let length = review.len();
    let request = request("/convert", review.as_bytes());
    drop(review);
    let mut answer = Vec::with_capacity(2 * length);
    let mut stream = connect(&connector(authority), address).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let sent = Instant::now();
        exchange(&mut stream, &request, &mut answer).await;
        times.push(sent.elapsed().as_secs_f64());
        assert!(answer.ends_with(b"]}}"), "the answer has converted objects");
    }
    times.sort_by(f64::total_cmp);
    [times[0], times[ROUNDS - 1], length as f64]
}

/// A review of objects of at most `size` bytes.
fn review(what: &str, size: usize, count: usize) -> String {
    let (object, to): (fn(usize) -> Value, _) = match what {
        "template" | "templates" => (template, "v1beta1"),
        "fresh" => (execution, "v1alpha1"),
        "down" => (finished, "v1alpha1"),
        _ => (lowered, "v1beta1"),
    };
    let too_much = object(size).to_string().len().saturating_sub(size);
    let objects = vec![object(size - too_much).to_string(); count].join(",");
    format!(
        r#"{{"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1","request":{{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","desiredAPIVersion":"dispatcher.ivan.vc/{to}","objects":[{objects}]}}}}"#
    )
}

fn template(size: usize) -> Value {
    let container = json!({"name": "main", "image": "alpine:3", "command": ["sh", "-c", "echo \"$(PAYLOAD)\""],
        "env": [{"name": "PAYLOAD", "value": "{{ .Payload }}"}, {"name": "FILLER", "value": filler(size)}]});
    let pod = json!({"containers": [container], "restartPolicy": "Never"});
    json!({"apiVersion": "dispatcher.ivan.vc/v1alpha1", "kind": "JobTemplate", "metadata": metadata(),
        "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}})
}

fn execution(size: usize) -> Value {
    json!({"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution", "metadata": metadata(),
        "spec": {"jobTemplateName": "jobtemplate-sample", "payload": filler(size)}})
}

/// Its times are those of its Job, so that v1alpha1 needs the annotation.
fn finished(size: usize) -> Value {
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": "the Job ended well",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:05Z"})
    };
    let mut execution = execution(size);
    execution["status"] = json!({
        "conditions": [
            condition("Waiting", "False", "JobRunning"),
            condition("Running", "False", "JobCompleted"),
            condition("Succeeded", "True", "JobSucceeded"),
        ],
        "job": {"apiVersion": "batch/v1", "kind": "Job", "namespace": "default", "name": "jobtemplate-sample-x7k2m9q4vb",
            "uid": "2f2c4b3e-8d0f-4a53-9d0e-0d8e6f1c2b3a"},
        "phase": "Succeeded",
        "observedGeneration": 1,
        "startTime": "2026-01-01T00:00:01Z",
        "completionTime": "2026-01-01T00:00:04Z",
    });
    execution
}

/// What our own server makes of a finished execution.
fn lowered(size: usize) -> Value {
    let question = json!({"apiVersion": "apiextensions.k8s.io/v1", "request": {"uid": "1",
        "desiredAPIVersion": "dispatcher.ivan.vc/v1alpha1", "objects": [finished(size)]}});
    let answer = stationmaster::serve::conversion::answer(question.to_string().as_bytes());
    let mut answer: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
    answer["response"]["convertedObjects"][0].take()
}

fn metadata() -> Value {
    let fields = json!({"f:spec": {".": {}, "f:jobTemplateName": {}, "f:payload": {}}});
    let managed = json!({"manager": "stationmaster", "operation": "Update", "apiVersion": "dispatcher.ivan.vc/v1beta1",
        "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields});
    json!({
        "name": "jobtemplate-sample-x7k2m9q4vb", "namespace": "default", "uid": "0f2c4b3e-8d0f-4a53-9d0e-0d8e6f1c2b3a",
        "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1, "resourceVersion": "4711",
        "labels": {"app": "sample"},
        "annotations": {"dispatch.stationmaster.dev/created-by": "kubernetes-admin", "dispatch.stationmaster.dev/nonce": "x7k2m9q4vb"},
        "managedFields": [managed],
    })
}

/// Text with quotes in it, as JSON in a payload has, that fills an object up to about a size.
fn filler(size: usize) -> String {
    let line = r#"{"key": "value of a payload", "n": 1}, "#;
    // Quotes count twice, and the rest of an object takes about 800 bytes.
    line.repeat(size.saturating_sub(800) / (line.len() + 6))
}
