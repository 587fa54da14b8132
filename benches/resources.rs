//! Figures of the native mode against a real API server: how long a new namespace waits for its 5 objects when 100 are
//! made at once, beside bare creates and applies of the same objects; and 5,000 namespaces, brought to what is wanted and then met
//! again after a restart. `cargo bench --bench resources`; `-- --namespaces N` for another size of the second part,
//! `-- --turns N` for more turns of the first, 0 for none of either; `-- --concurrency N` namespaces at a time.
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

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::cluster::{ControlPlane, stationmaster};
use common::http;
use common::server::Server;
use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta, TypeMeta};
use kube::runtime::watcher::{Config, Event, watcher};
use plane::{client, clients, memory, peak_memory, per_second, quantile, row};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// The folder that was in use with the resource dispatcher.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sync/templates");
/// Namespaces that are made at once.
const AT_ONCE: usize = 100;
/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_secs(600);
/// So long an eye is kept on what is at rest.
const REST: Duration = Duration::from_secs(20);

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
    runtime.block_on(async {
        let turns = plane::flag("--turns").unwrap_or(5);
        if turns > 0 {
            at_once(&["--shipped-rates"], turns).await;
            at_once(&[], turns).await;
        }
        let size = plane::flag("--namespaces").unwrap_or(5000);
        if size > 0 {
            many(size).await;
        }
    });
}

/// 100 namespaces that want the folder, then twice 100 for which this program itself makes the same objects, turn by turn.
///
/// Kubernetes' own controllers make two objects in each new namespace and write the status of its quota; with
/// `--shipped-rates` they do so as slowly as they are shipped, without as fast as they can, on the same processors.
async fn at_once(flags: &[&str], turns: usize) {
    let plane = ControlPlane::start_with(flags).with_crds();
    let server = server(&plane);
    let objects = Objects::rendered();
    let clients = clients(&plane).await;
    let mut arrivals = Arrivals::follow(&client(&plane).await, &objects).await;
    let [mut native, mut created, mut applied] = [const { Turns::new() }; 3];
    let mut before = (0.0, 0.0);
    // An API server is busy with itself for a while after its start: the first turn is not counted.
    for turn in 0..=turns {
        if turn == 1 {
            [native, created, applied] = [const { Turns::new() }; 3];
            before = sent(&plane, &objects);
        }
        native
            .add(
                through_us(&clients, &mut arrivals, &format!("native{turn}")),
                &plane,
                &server,
            )
            .await;
        settled(&clients[0], AT_ONCE * (3 * turn + 1)).await;
        for (by, turns, place) in [(By::Create, &mut created, 2), (By::Apply, &mut applied, 3)] {
            let prefix = format!("bare{place}-{turn}");
            let bare = by_hand(&clients, &mut arrivals, (&objects, by), &prefix);
            turns.add(bare, &plane, &server).await;
            settled(&clients[0], AT_ONCE * (3 * turn + place)).await;
        }
    }
    let (mut after, flags) = (sent(&plane, &objects), flags.concat());
    after.0 -= f64::from(u32::try_from(turns * AT_ONCE * objects.0.len()).unwrap());
    native.print(&format!("namespace complete, {AT_ONCE} at once {flags}"));
    row(&format!("  our requests in {turns} turns"), requests(before, after));
    created.print("  the same objects by bare creates");
    applied.print("  the same objects by bare applies");
}

/// What the turns came to.
struct Turns {
    waited: Vec<Duration>,
    number: u32,
    used: Vec<(String, f64)>,
}

impl Turns {
    const fn new() -> Self {
        Self {
            waited: Vec::new(),
            number: 0,
            used: Vec::new(),
        }
    }

    async fn add(&mut self, turn: impl Future<Output = Vec<Duration>>, plane: &ControlPlane, server: &Server) {
        let before = used(plane, server);
        self.waited.extend(turn.await);
        self.number += 1;
        let now = plane::difference(&before, &used(plane, server));
        if self.used.is_empty() {
            self.used = now;
        } else {
            self.used.iter_mut().zip(now).for_each(|(sum, (_, more))| sum.1 += more);
        }
    }

    fn print(mut self, name: &str) {
        self.waited.sort();
        let [p50, p99, max] = [50, 99, 100].map(|share| quantile(&self.waited, share));
        let number = self.waited.len();
        row(
            name,
            format!("p50 {p50:.2?}, p99 {p99:.2?}, max {max:.2?} (of {number})"),
        );
        let used = self.used.iter();
        let used = used.map(|(name, seconds)| format!("{name} {:.2} s", seconds / f64::from(self.number)));
        row("  CPU meanwhile", used.collect::<Vec<_>>().join(", "));
    }
}

/// Seconds of processor time that all have used.
fn used(plane: &ControlPlane, server: &Server) -> Vec<(String, f64)> {
    let mut used = vec![("stationmaster".to_owned(), plane::cpu(server.pid()))];
    used.extend(plane::server_cpu(plane));
    used
}

/// From the answer to the creation of each until its objects are there.
async fn through_us(clients: &[Client], arrivals: &mut Arrivals, prefix: &str) -> Vec<Duration> {
    let labels = json!({"user.kubeflow.org/enabled": "true"});
    let created = namespaces_at_once(clients, prefix, labels, |_| {}).await;
    arrivals.complete(&created).await
}

/// The same by as many workers as the server has, each one namespace after the other.
async fn by_hand(
    clients: &[Client],
    arrivals: &mut Arrivals,
    (objects, by): (&Objects, By),
    prefix: &str,
) -> Vec<Duration> {
    let (sender, receiver) = mpsc::unbounded_channel::<String>();
    let receiver = Arc::new(Mutex::new(receiver));
    let workers = clients.iter().map(|client| {
        let (client, receiver, objects) = (client.clone(), Arc::clone(&receiver), objects.clone());
        tokio::spawn(async move {
            loop {
                let next = receiver.lock().await.recv().await;
                let Some(namespace) = next else { return };
                objects.make(&client, &namespace, by).await;
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    let hand_over = move |name: &str| sender.send(name.to_owned()).unwrap();
    let created = namespaces_at_once(clients, prefix, json!({}), hand_over).await;
    for worker in workers {
        worker.await.unwrap();
    }
    arrivals.complete(&created).await
}

/// Creates 100 namespaces at the same time and notes when each was answered.
async fn namespaces_at_once(
    clients: &[Client],
    prefix: &str,
    labels: Value,
    answered: impl Fn(&str) + Clone + Send + 'static,
) -> HashMap<String, Instant> {
    let creations = (0..AT_ONCE).map(|number| {
        let (client, answered) = (clients[number % clients.len()].clone(), answered.clone());
        let (name, labels) = (format!("{prefix}-{number}"), labels.clone());
        tokio::spawn(async move {
            create_namespace(client, &name, &labels).await;
            let now = Instant::now();
            answered(&name);
            (name, now)
        })
    });
    let creations: Vec<_> = creations.collect();
    drop(answered);
    let mut created = HashMap::new();
    for creation in creations {
        created.extend([creation.await.unwrap()]);
    }
    created
}

async fn create_namespace(client: Client, name: &str, labels: &Value) {
    let kind = ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&());
    let mut namespace = DynamicObject::new(name, &kind);
    namespace.metadata.labels = serde_json::from_value(labels.clone()).unwrap();
    let api: Api<DynamicObject> = Api::all_with(client, &kind);
    api.create(&PostParams::default(), &namespace).await.unwrap();
}

/// Waits until Kubernetes' own controllers have done their part in that many namespaces.
async fn settled(client: &Client, namespaces: usize) {
    let began = Instant::now();
    for (plural, selector) in [
        ("ServiceAccount", "metadata.name=default"),
        ("ConfigMap", "metadata.name=kube-root-ca.crt"),
    ] {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", plural));
        let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client.clone(), &kind);
        let mut reported = Instant::now();
        loop {
            let list = api.list(&ListParams::default().fields(selector)).await.unwrap();
            // Kubernetes has a few namespaces of its own.
            if list.items.len() >= namespaces + 4 {
                break;
            }
            assert!(began.elapsed() < LIMIT, "{} of {namespaces} {plural}", list.items.len());
            progress(&mut reported, || format!("{plural}: {} namespaces", list.items.len()));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    // The quotas' status has no end that could be seen from outside.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// How an object is made.
#[derive(Clone, Copy)]
enum By {
    Create,
    /// Server-side.
    Apply,
}

/// What the folder makes for one namespace.
#[derive(Clone)]
struct Objects(Vec<(ApiResource, Value)>);

impl Objects {
    fn rendered() -> Self {
        let wanted = ["--label", "user.kubeflow.org/enabled=true", "-o", "json"];
        let arguments = [
            &["render", "namespace", "some", "--templates-folder", FOLDER],
            &wanted[..],
        ]
        .concat();
        let text = stationmaster(&arguments, "");
        let objects = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        Self(objects.map(|object| typed(object.unwrap())).collect())
    }

    /// One after the other.
    async fn make(&self, client: &Client, namespace: &str, by: By) {
        for (kind, object) in &self.0 {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
            let mut object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
            object.metadata.namespace = Some(namespace.to_owned());
            match by {
                By::Create => api.create(&PostParams::default(), &object).await.unwrap(),
                By::Apply => {
                    let name = object.metadata.name.clone().unwrap();
                    let (params, patch) = (PatchParams::apply("bench"), Patch::Apply(&object));
                    api.patch(&name, &params, &patch).await.unwrap()
                }
            };
        }
    }
}

fn typed(object: Value) -> (ApiResource, Value) {
    let types: TypeMeta = serde_json::from_value(object.clone()).unwrap();
    let kind = GroupVersionKind::try_from(&types).unwrap();
    (ApiResource::from_gvk(&kind), object)
}

/// Applies and gets of the folder's kinds that the API server has counted; nobody but us and this program makes any.
fn sent(plane: &ControlPlane, objects: &Objects) -> (f64, f64) {
    let of = |verb: &str| {
        plane::requests(plane, |line| {
            is_about(line, objects) && line.contains(&format!("verb=\"{verb}\""))
        })
    };
    (of("APPLY"), of("GET"))
}

fn requests(before: (f64, f64), after: (f64, f64)) -> String {
    format!("{:.0} applies, {:.0} gets", after.0 - before.0, after.1 - before.1)
}

/// Whether that line of the metrics is about the folder's kinds themselves, and not their status.
fn is_about(line: &str, objects: &Objects) -> bool {
    let mut kinds = objects.0.iter().map(|(kind, _)| kind);
    line.contains("subresource=\"\"") && kinds.any(|kind| line.contains(&format!("resource=\"{}\"", kind.plural)))
}

/// The folder's objects as watches tell of them, each when it was told first.
struct Arrivals {
    events: mpsc::UnboundedReceiver<(usize, String, Instant)>,
    kinds: usize,
    /// They end with this.
    _watches: JoinSet<()>,
}

impl Arrivals {
    /// Returns once every watch is up.
    async fn follow(client: &Client, objects: &Objects) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (up, mut ready) = mpsc::unbounded_channel();
        let mut watches = JoinSet::new();
        for (number, (kind, object)) in objects.0.iter().enumerate() {
            let name = object["metadata"]["name"].as_str().unwrap();
            let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client.clone(), kind);
            let config = Config::default().fields(&format!("metadata.name={name}"));
            let (sender, up) = (sender.clone(), up.clone());
            watches.spawn(async move {
                let mut watch = std::pin::pin!(watcher(api, config));
                while let Some(event) = watch.next().await {
                    let now = Instant::now();
                    match event.unwrap() {
                        Event::InitDone => up.send(()).unwrap(),
                        Event::Apply(object) => {
                            let namespace = object.metadata.namespace.unwrap();
                            // The other end is gone when nobody waits any more.
                            let _ = sender.send((number, namespace, now));
                        }
                        _ => {}
                    }
                }
            });
        }
        for _ in &objects.0 {
            ready.recv().await.unwrap();
        }
        Self {
            events,
            kinds: objects.0.len(),
            _watches: watches,
        }
    }

    /// Waits until these namespaces have one object of each kind, and tells how long each had to wait.
    async fn complete(&mut self, created: &HashMap<String, Instant>) -> Vec<Duration> {
        let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
        let mut waited = Vec::new();
        while waited.len() < created.len() {
            let event = tokio::time::timeout(Duration::from_secs(60), self.events.recv());
            let event = event.await.expect("all objects come within a minute");
            let (number, namespace, at) = event.unwrap();
            let Some(began) = created.get(&namespace) else { continue };
            let seen = seen.entry(namespace).or_default();
            if !seen.contains(&number) {
                seen.push(number);
                if seen.len() == self.kinds {
                    waited.push(at.saturating_duration_since(*began));
                }
            }
        }
        waited
    }
}

/// Namespaces that are there before the server is; then the server again, when there is nothing left to do.
async fn many(size: usize) {
    let plane = ControlPlane::start().with_crds();
    let objects = Objects::rendered();
    let clients = clients(&plane).await;
    fill(&clients, size).await;
    settled(&clients[0], size).await;
    let wanted = size * objects.0.len();
    let (before, sent_before) = (plane::server_cpu(&plane), sent(&plane, &objects));
    let began = Instant::now();
    let mut server = server(&plane);
    until_applied(&server, wanted).await;
    let took = began.elapsed();
    let cpu = plane::cpu_line(server.pid(), took, &before, &plane::server_cpu(&plane));
    let rate = per_second(wanted, took);
    row(
        &format!("{size} namespaces, {wanted} objects"),
        format!("{took:.1?}, {rate:.0} objects/s"),
    );
    row("  CPU meanwhile", cpu);
    tokio::time::sleep(REST).await;
    row("  our requests", requests(sent_before, sent(&plane, &objects)));
    row("  memory", memories(&server));
    server.kill();
    restarted(&plane, &mut server, (&objects, wanted)).await;
}

async fn restarted(plane: &ControlPlane, server: &mut Server, (objects, wanted): (&Objects, usize)) {
    let written = || plane::requests(plane, |line| is_about(line, objects) && plane::writes(line));
    let told = || {
        plane::requests(plane, |line| {
            line.contains("resource=\"resourcesets\"") && plane::writes(line)
        })
    };
    let (before, told_before) = (written(), told());
    let began = Instant::now();
    server.spawn();
    let ready = began.elapsed();
    until_applied(server, wanted).await;
    let known = began.elapsed();
    let cpu = plane::cpu(server.pid());
    tokio::time::sleep(REST).await;
    row(
        "restarted",
        format!("ready after {ready:.1?}, all compared after {known:.1?}, {cpu:.1} s of CPU"),
    );
    row("  memory", memories(server));
    row(
        "  writes",
        format!(
            "{:.0} of objects, {:.0} of the ResourceSet; {} by our own count",
            written() - before,
            told() - told_before,
            writes_told(server)
        ),
    );
}

fn memories(server: &Server) -> String {
    let (now, peak) = (memory(server.pid()), peak_memory(server.pid()));
    format!("{now:.1} MB after {REST:.0?} at rest, {peak:.1} MB at most")
}

/// Namespaces that want the folder, over all connections.
async fn fill(clients: &[Client], size: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let workers = clients.iter().map(|client| {
        let (client, next) = (client.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            let mut reported = Instant::now();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= size {
                    return;
                }
                let labels = json!({"user.kubeflow.org/enabled": "true"});
                create_namespace(client.clone(), &format!("many-{number}"), &labels).await;
                progress(&mut reported, || format!("{number} namespaces"));
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

/// Our server with nothing but the native mode.
fn server(plane: &ControlPlane) -> Server {
    let concurrency = plane::flag("--concurrency").unwrap_or(16).to_string();
    let flags = [
        &[
            "--components",
            "sync",
            "--dispatch",
            "native",
            "--concurrency",
            &concurrency,
        ][..],
        &["--templates-folder", FOLDER, "--api-requests-per-second", "1000"],
    ];
    let mut server = Server::prepare(plane, &flags.concat());
    server.spawn();
    server
}

async fn until_applied(server: &Server, wanted: usize) {
    let (began, mut reported) = (Instant::now(), Instant::now());
    loop {
        let applied = metric(server, "stationmaster_resources{state=\"applied\"} ");
        if applied == wanted {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{applied} of {wanted} are applied");
        progress(&mut reported, || {
            format!("{applied} applied, {:.0} MB", memory(server.pid()))
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the server counts itself.
fn writes_told(server: &Server) -> usize {
    ["adopt", "apply", "delete", "withdraw"]
        .iter()
        .map(|verb| {
            metric(
                server,
                &format!("stationmaster_resource_writes_total{{verb=\"{verb}\"}} "),
            )
        })
        .sum()
}

fn metric(server: &Server, line: &str) -> usize {
    let text = http::get(server.health, "/metrics").map_or_else(String::new, |answer| answer.body);
    let number = text.lines().find_map(|own| own.strip_prefix(line));
    number.map_or(0, |number| number.trim().parse().unwrap())
}

/// Every five seconds, for whoever waits.
fn progress(reported: &mut Instant, say: impl FnOnce() -> String) {
    if reported.elapsed() > Duration::from_secs(5) {
        *reported = Instant::now();
        eprintln!("{}", say());
    }
}
