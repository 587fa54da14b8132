//! What measurements on a real API server share: connections to it, what it has counted, and the processor time and
//! memory of processes.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every bench compiles this module and uses its own part"
)]

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;

use crate::common::cluster::ControlPlane;

/// Connections of the load.
pub const CONNECTIONS: usize = 16;

/// The number behind a flag; cargo adds flags of its own.
pub fn flag(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map(|text| text.parse().unwrap())
}

/// What runs the bench itself.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// One for each connection; a client's calls share one.
pub async fn clients(plane: &ControlPlane) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(client(plane).await);
    }
    clients
}

pub async fn client(plane: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Requests that the API server has counted, of those whose line of the metrics is meant.
pub fn requests(plane: &ControlPlane, is_meant: impl Fn(&str) -> bool) -> f64 {
    let metrics = plane.kubectl(&["get", "--raw", "/metrics"]);
    let requests = metrics
        .lines()
        .filter(|line| line.starts_with("apiserver_request_total{"));
    requests
        .filter(|line| is_meant(line))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Whether that line of the metrics is about requests that change something.
pub fn writes(line: &str) -> bool {
    !["GET", "LIST", "WATCH"]
        .iter()
        .any(|verb| line.contains(&format!("verb=\"{verb}\"")))
}

/// Seconds of processor time that the control plane has used.
pub fn server_cpu(plane: &ControlPlane) -> Vec<(String, f64)> {
    ["kube-apiserver", "etcd", "kube-controller-manager"]
        .iter()
        .map(|name| {
            let pid = std::fs::read_to_string(plane.folder().join(format!("pids/{name}.pid"))).unwrap();
            ((*name).to_owned(), cpu(pid.trim().parse().unwrap()))
        })
        .collect()
}

/// How much of a processor each had meanwhile, with our process since it has been started.
pub fn cpu_line(pid: u32, took: Duration, before: &[(String, f64)], after: &[(String, f64)]) -> String {
    let mut spent = vec![("stationmaster".to_owned(), cpu(pid))];
    spent.extend(difference(before, after));
    let shares = spent
        .iter()
        .map(|(name, seconds)| format!("{name} {:.0}%", 100.0 * seconds / took.as_secs_f64()));
    shares.collect::<Vec<_>>().join(", ")
}

/// What each has used between two looks.
pub fn difference(before: &[(String, f64)], after: &[(String, f64)]) -> Vec<(String, f64)> {
    let both = before.iter().zip(after);
    both.map(|((name, before), (_, after))| (name.clone(), after - before))
        .collect()
}

/// Seconds of processor time that a process has used.
pub fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Resident memory of a process in megabytes, now.
pub fn memory(pid: u32) -> f64 {
    resident(pid, "VmRSS:")
}

/// The most that it has had so far.
pub fn peak_memory(pid: u32) -> f64 {
    resident(pid, "VmHWM:")
}

fn resident(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

pub fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64()
}

/// The time that this share of all did not exceed, in hundredths; they are sorted.
pub fn quantile(times: &[Duration], share: usize) -> Duration {
    times[(times.len() - 1) * share / 100]
}

pub fn row(name: &str, value: impl std::fmt::Display) {
    println!("{name:<55} {value}");
}
