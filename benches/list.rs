//! A real list of executions through v1alpha1, which our webhook converts one object at a time, beside the same list
//! through v1beta1, which nobody converts. `cargo bench --bench list`; `-- --executions N` for another size.
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

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::cluster::ControlPlane;
use common::server::Server;
use kube::Client;
use plane::{CONNECTIONS, client};
use serde_json::json;

const TURNS: usize = 3;

fn main() {
    // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let plane = ControlPlane::start().with_crds();
    let _server = Server::start(&plane, &["--components", "admission,conversion"]);
    runtime.block_on(compare(&plane, plane::flag("--executions").unwrap_or(10_000)));
}

async fn compare(plane: &ControlPlane, size: usize) {
    let client = client(plane).await;
    fill(&client, size).await;
    let (mut stored, mut converted) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        stored.push(list(&client, "v1beta1", size).await);
        converted.push(list(&client, "v1alpha1", size).await);
    }
    let (stored, converted) = (median(stored), median(converted));
    let each = (converted.saturating_sub(stored)) / u32::try_from(size).unwrap();
    println!("list of {size} executions, median of {TURNS}");
    println!("{:22} {stored:>10.2?}", "v1beta1");
    println!("{:22} {converted:>10.2?}  {each:.1?} more for each object", "v1alpha1");
}

async fn fill(client: &Client, size: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..CONNECTIONS).map(|_| {
        let (client, next) = (client.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= size {
                    return;
                }
                create(&client, number).await;
            }
        })
    });
    futures::future::try_join_all(workers).await.unwrap();
}

async fn create(client: &Client, number: usize) {
    let execution = json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1",
        "kind": "JobExecution",
        "metadata": {"name": format!("execution-{number}")},
        "spec": {"jobTemplateName": "none", "payload": "x".repeat(200)},
    });
    let url = "/apis/dispatcher.ivan.vc/v1beta1/namespaces/default/jobexecutions";
    let request = axum::http::Request::post(url).header("content-type", "application/json");
    client
        .request_text(request.body(execution.to_string().into_bytes()).unwrap())
        .await
        .unwrap();
}

/// A consistent list from etcd, as kubectl asks for it, but in one piece.
async fn list(client: &Client, version: &str, size: usize) -> Duration {
    let url = format!("/apis/dispatcher.ivan.vc/{version}/namespaces/default/jobexecutions");
    let began = Instant::now();
    let text = client
        .request_text(axum::http::Request::get(url).body(Vec::new()).unwrap())
        .await
        .unwrap();
    let took = began.elapsed();
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), size);
    assert!(
        items
            .iter()
            .all(|item| item["apiVersion"] == format!("dispatcher.ivan.vc/{version}"))
    );
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
