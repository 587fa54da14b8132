//! Figures of the dispatcher against a real API server: Jobs per second from a backlog, memory, writes per run, and
//! executes accepted beside bare creates. `cargo bench --bench dispatch`; `-- --executions N` for another size.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints and ends at the first failure"
)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "common/plane.rs"]
mod plane;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, PartialObjectMeta};
use plane::{CONNECTIONS, client, clients, cpu_line, memory, per_second, quantile, row, server_cpu};
use serde_json::{Value, json};
use stationmaster::api::dispatch::view::{Job, JobExecution};

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let size = plane::flag("--executions").unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        accepted(size.min(2000)).await;
        backlog(size, &["--shipped-rates"]).await;
        backlog(size, &[]).await;
        writes().await;
    });
}

/// Executes beside bare creates of the same object, turn by turn, webhooks registered, controllers off.
async fn accepted(size: usize) {
    let plane = ControlPlane::start().with_crds();
    plane.apply(&template().to_string());
    let server = Server::start(&plane, &["--components", "admission,conversion,execute"]);
    let clients = clients(&plane).await;
    let (mut bare, mut executes) = (Duration::ZERO, Duration::ZERO);
    let mut latencies = Vec::new();
    let round = size / 4;
    // An API server is busy with itself for a while after its start: the first turns are not counted.
    for turn in 0..6 {
        let alone = create(&clients, &format!("bare{turn}"), round).await;
        let through_us = execute(server.web, round, &mut latencies).await;
        if turn < 2 {
            latencies.clear();
        } else {
            bare += alone;
            executes += through_us;
        }
    }
    let (bare, executes) = (per_second(round * 4, bare), per_second(round * 4, executes));
    latencies.sort();
    row("bare creates, our webhooks, 16 connections", format!("{bare:.0}/s"));
    let times = format!(
        "p50 {:.1?}, p99 {:.1?}",
        quantile(&latencies, 50),
        quantile(&latencies, 99)
    );
    row(
        "executes accepted, 16 connections",
        format!("{executes:.0}/s, {:.0}%; {times}", 100.0 * executes / bare),
    );
}

async fn execute(port: u16, size: usize, latencies: &mut Vec<Duration>) -> Duration {
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..CONNECTIONS).map(|_| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
            let mut latencies = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < size {
                let began = Instant::now();
                let url = format!("http://127.0.0.1:{port}/execute/default/bench");
                let answer = client.put(url).body("x".repeat(1000)).send().await.unwrap();
                assert_eq!(answer.status(), 201);
                answer.bytes().await.unwrap();
                latencies.push(began.elapsed());
            }
            latencies
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        latencies.extend(worker.await.unwrap());
    }
    began.elapsed()
}

/// What a run that waits, starts and ends costs the API server in our writes, events aside.
async fn writes() {
    const RUNS: u32 = 20;
    let plane = ControlPlane::start().with_crds();
    plane.apply(&template().to_string().replace("\"suspend\":true", "\"suspend\":false"));
    let _controllers = Controllers::start(&plane);
    let before = written(&plane);
    create(&clients(&plane).await, "run", RUNS as usize).await;
    let all = |phase: &str| {
        eventually(phase, || {
            let list = plane.get(&["jobexecutions"]);
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|item| item["status"]["phase"] == phase)
                .then_some(())
        });
    };
    all("Running");
    for pod in plane.get(&["pods"])["items"].as_array().unwrap() {
        let name = pod["metadata"]["name"].as_str().unwrap();
        plane.kubectl(&[
            "patch",
            "pod",
            name,
            "--subresource=status",
            "-p",
            r#"{"status":{"phase":"Succeeded"}}"#,
        ]);
    }
    all("Succeeded");
    row(
        "writes per run",
        format!("{:.2}", (written(&plane) - before) / f64::from(RUNS)),
    );
}

/// Writes of executions, their status and new Jobs that the API server has counted.
fn written(plane: &ControlPlane) -> f64 {
    plane::requests(plane, |line| {
        let new_job = line.contains("resource=\"jobs\"") && line.contains("verb=\"POST\"");
        plane::writes(line) && (line.contains("resource=\"jobexecutions\"") || new_job)
    })
}

/// Creates executions while no controller runs, then starts the controllers and watches the Jobs come.
///
/// Kubernetes' own controller writes the status of each Job; with `--shipped-rates` it does so as slowly as it is shipped,
/// without as fast as it can, on the same processors.
async fn backlog(size: usize, flags: &[&str]) {
    let plane = ControlPlane::start_with(flags).with_crds();
    let client = client(&plane).await;
    plane.apply(&template().to_string());
    let idle = Controllers::start(&plane);
    row("memory idle", format!("{:.1} MB", memory(idle.child.id())));
    drop(idle);
    create(&clients(&plane).await, "bench", size).await;
    let before = server_cpu(&plane);
    let controllers = Controllers::start(&plane);
    let began = Instant::now();
    let mut reported = Instant::now();
    while controllers.created() < size {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(
            began.elapsed() < Duration::from_secs(240),
            "the backlog is not worked off: {}",
            controllers.created()
        );
        if reported.elapsed() > Duration::from_secs(5) {
            reported = Instant::now();
            eprintln!("{:.0} s: {} Jobs", began.elapsed().as_secs_f64(), controllers.created());
        }
    }
    let took = began.elapsed();
    row(
        &format!("Jobs created from a backlog {}", flags.concat()),
        format!("{:.0}/s ({size} in {took:.1?})", per_second(size, took)),
    );
    row(
        "  CPU meanwhile",
        cpu_line(controllers.child.id(), took, &before, &server_cpu(&plane)),
    );
    row("  memory after", format!("{:.1} MB", memory(controllers.child.id())));
    let jobs: Api<PartialObjectMeta<Job>> = Api::default_namespaced(client.clone());
    let count = jobs.list(&ListParams::default()).await.unwrap().items.len();
    assert_eq!(count, size, "one Job for each execution");
    drop(controllers);
    let again = Controllers::start(&plane);
    tokio::time::sleep(Duration::from_secs(15)).await;
    row(
        &format!("memory with {size} executions and Jobs, restarted"),
        format!("{:.1} MB", memory(again.child.id())),
    );
}

fn template() -> Value {
    json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate",
        "metadata": {"name": "bench", "namespace": "default"},
        "spec": {"jobTemplate": {"spec": {"suspend": true, "backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "alpine:latest", "command": ["echo", "{{ .Payload }}"],
                "env": [{"name": "NAME", "value": "{{ .Name }}"}]}],
        }}}}},
    })
}

/// Creates executions over 16 connections and returns how long that took.
async fn create(clients: &[Client], prefix: &str, size: usize) -> Duration {
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = clients.iter().map(|client| {
        let (client, next, prefix) = (client.clone(), Arc::clone(&next), prefix.to_owned());
        tokio::spawn(async move {
            let kind = ApiResource::erase::<JobExecution>(&());
            let api: Api<DynamicObject> = Api::default_namespaced_with(client, &kind);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= size {
                    return;
                }
                let mut object = DynamicObject::new(&format!("{prefix}-{number:06}"), &kind);
                object.data = json!({"spec": {"jobTemplateName": "bench", "payload": "x".repeat(1000)}});
                api.create(&PostParams::default(), &object).await.unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    began.elapsed()
}

/// Our server with nothing but the controllers.
struct Controllers {
    child: Child,
    health: u16,
}

impl Controllers {
    fn start(plane: &ControlPlane) -> Self {
        let health = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{health}");
        let child = Command::new(env!("CARGO_BIN_EXE_stationmaster"))
            .args([
                "serve",
                "--components",
                "controllers",
                "--health-probe-bind-address",
                &address,
            ])
            .args(["--metrics-bind-address", &address, "--kubeconfig"])
            .arg(plane.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let controllers = Self { child, health };
        eventually("the metrics", || controllers.metrics());
        controllers
    }

    fn metrics(&self) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.health)).ok()?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn created(&self) -> usize {
        let text = self.metrics().unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("job_executions_total "));
        line.map_or(0, |number| number.trim().parse().unwrap())
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
