//! How many syncs one core answers: metacontroller's own request of 12 kB, everything in place, over TLS. First for a
//! caller that does not have the answer, then for one that has; first for one namespace, then for more namespaces than
//! are remembered, so that each is rendered anew.
//!
//! `cargo bench --bench sync`. Servers run on the first core, the client on the second; requests per second are also
//! given for each second of CPU time, since a client that cannot keep up would otherwise be what is measured.
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
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::driver::{Seen, ask, connect, connector, drive};
use common::load::{Load, measured, tell};
use common::server::{Server, certificates};
use serde_json::Value;

const TIME: Duration = Duration::from_secs(5);
/// More than a server remembers.
const NAMESPACES: usize = 20_000;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--drive", address, certificates, connections, kind] => {
            client(address, Path::new(certificates), connections, kind);
        }
        // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
        arguments if arguments.contains(&"--bench") => measure_all(),
        _ => {}
    }
}

fn measure_all() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    println!(
        "sync of a namespace with 5 objects in place, {} bytes, one core for the server",
        case().len()
    );
    println!(
        "{:34} {:>10} {:>9} {:>9} {:>14}",
        "", "requests/s", "p50", "p99", "per CPU second"
    );
    for (name, connections, kind) in [
        ("whole answer, 32 connections", 32, "same"),
        ("rendered anew, 32 connections", 32, "other"),
        ("304, 32 connections", 32, "known"),
        ("whole answer, 1 connection", 1, "same"),
        ("304, 1 connection", 1, "known"),
    ] {
        measure(
            name,
            &Server::hooks(folder.path(), &data("templates")),
            folder.path(),
            connections,
            kind,
        );
    }
}

/// Prints one row.
fn measure(name: &str, server: &Server, certificates: &Path, connections: usize, kind: &str) {
    let Load {
        rate,
        p50,
        p99,
        per_cpu,
    } = measured(server, certificates, &[&connections.to_string(), kind]);
    println!("{name:34} {rate:>10.0} {p50:>6.3} ms {p99:>6.3} ms {per_cpu:>14.0}");
}

/// The client's process.
fn client(address: &str, certificates: &Path, connections: &str, kind: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let authority = certificates.join("ca.crt");
    let connections = connections.parse().expect("a number");
    let seen: Seen = runtime.block_on(async {
        let (case, tag) = (case(), tag(address, &authority).await);
        let requests = match kind {
            "known" => vec![written(&case, 0, Some(&tag))],
            "other" => (0..NAMESPACES).map(|number| written(&case, number, None)).collect(),
            _ => vec![written(&case, 0, None)],
        };
        drive(address, &authority, requests, connections, TIME).await
    });
    tell(&seen);
}

/// Waits until the folder is in force, and takes the tag of the answer.
async fn tag(address: SocketAddr, authority: &Path) -> String {
    let mut stream = connect(&connector(authority), address).await;
    let mut answer = Vec::new();
    let request = &written(&case(), 0, None);
    loop {
        ask(&mut stream, request, &mut answer).await;
        let text = String::from_utf8_lossy(&answer);
        if let Some(tag) = text.lines().find_map(|line| line.strip_prefix("etag: ")) {
            return tag.trim().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What metacontroller sends.
fn case() -> String {
    let case = std::fs::read_to_string(data("cases/sync-v1-complete.json")).expect("a case");
    let case: Value = serde_json::from_str(&case).expect("a case is JSON");
    case["request"].to_string()
}

/// The request of one of many namespaces.
fn written(case: &str, number: usize, tag: Option<&str>) -> Vec<u8> {
    let body = case.replace("team-c", &format!("team-{number:05}"));
    let known = tag.map_or(String::new(), |tag| format!("if-none-match: {tag}\r\n"));
    let head = format!(
        "POST /sync HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Go-http-client/1.1\r\ncontent-type: application/json\r\n\
         accept-encoding: gzip\r\n{known}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn data(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sync")
        .join(below)
}
