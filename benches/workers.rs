//! Figures of workers on the real node: from the begin of `kubectl apply` or `kubectl patch` to the first answer of what was
//! changed, through the Service, beside a bare Deployment of the same runtime; and the server's memory with many releases,
//! against a real API server without a node.
//!
//! `cargo bench --bench workers`; `-- --samples N` for more or fewer of each, `-- --releases N` for another number of them,
//! `-- bare` or other words of [`PARTS`] for these alone, `-- quick` for the runtime image of the tests. Prints rows of the
//! README's table.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints and ends at the first failure"
)]

#[path = "common/answer.rs"]
mod answer;
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "common/plane.rs"]
mod plane;

use std::fs::File;
use std::time::{Duration, Instant};

use answer::{Asked, Clock};
use common::bucket::{ACCESS_KEY_ID, S3, SECRET_ACCESS_KEY};
use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use common::workers::{ACCOUNT, Account, RUNTIME, flags, flags_with_workerd, node_with, saying, worker};
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use stationmaster::api::workers::WorkerRelease;

/// What can be asked for alone.
const PARTS: [&str; 5] = ["memory", "bare", "server", "jobs", "images"];
/// Where pods reach this machine.
const BRIDGE: &str = "10.244.0.1";
/// The worker that is measured.
const SHOP: &str = "shop";
/// The one beside it.
const CART: &str = "cart";
/// The Service of the account, whose name begins with a digit.
const SERVICE: &str = "workers-1234";
/// Bytes of code of each release that the server's memory is measured with.
const CODE: usize = 100 << 10;
/// After so long a server is at rest.
const REST: Duration = Duration::from_secs(15);

/// What prints rows.
type Measure = fn(&Bench);

fn main() {
    // `cargo test --all-targets` runs benches too, without this flag: they have to compile, no more.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("| figure | measured | command |\n|---|---|---|");
    if is_wanted("memory") {
        memory(plane::flag("--releases").unwrap_or(200));
    }
    if PARTS[1..].iter().any(|part| is_wanted(part)) {
        on_the_node();
    }
}

fn is_wanted(part: &str) -> bool {
    is_named(part) || !PARTS.into_iter().any(is_named)
}

fn is_named(word: &str) -> bool {
    std::env::args().any(|argument| argument == word)
}

fn on_the_node() {
    let bench = Bench::start();
    let parts: [(&str, Measure); 4] = [
        ("bare", bare),
        ("server", proved_by_the_server),
        ("jobs", proved_by_jobs),
        ("images", delivered_as_images),
    ];
    for (_, measure) in parts.into_iter().filter(|(part, _)| is_wanted(part)) {
        measure(&bench);
    }
}

/// What runs workers, without us, and what `kubectl` has in every figure.
fn bare(bench: &Bench) {
    let alone = |account: &Account<'_>| {
        let began = Instant::now();
        apply(account, &[config_map("nothing", &json!({"key": "value"}))]);
        began.elapsed()
    };
    let deployment = |account: &Account<'_>| {
        let wanted = unique(account, "bare");
        let asked = Asked {
            namespace: &account.namespace,
            service: "bare",
            port: SHOP,
        };
        let objects = bare_objects(&saying(&wanted));
        bench.clock.until(&asked, &wanted, || apply(account, &objects))
    };
    bench.sample(&deployment);
    bench.measure(
        "`kubectl apply` of a ConfigMap, begin to end: a part of what follows",
        alone,
    );
    bench.measure(
        "bare Deployment of workerd, with Service: `kubectl apply` to the first 200",
        deployment,
    );
}

fn proved_by_the_server(bench: &Bench) {
    const BY: &str = "proved by the server";
    let _server = bench.serve(&flags_with_workerd());
    bench.measure(
        &format!("worker, inline code, {BY}: `kubectl apply` to the first 200 (asked: under 3 s)"),
        |account| bench.first(account, &json!({})),
    );
    bench.measure(
        &format!("worker and its account in one `kubectl apply`, {BY}, to the first 200"),
        |account| bench.deploy(account, SHOP, "first", &[worker_account(&json!({}))]),
    );
    changes(bench, BY);
}

fn proved_by_jobs(bench: &Bench) {
    const BY: &str = "proved by a Job";
    let _server = bench.serve(&flags());
    let bucket = S3::start_at(BRIDGE, &["code"]);
    bench.measure(
        &format!("worker, inline code, {BY}: `kubectl apply` to the first 200 (asked: under 5 s)"),
        |account| bench.first(account, &json!({})),
    );
    bench.measure(
        &format!("worker, code from an S3 server, {BY}: `kubectl apply` to the first 200 (asked: under 5 s)"),
        |account| bench.fetched(account, &bucket),
    );
    changes(bench, BY);
}

fn changes(bench: &Bench, by: &str) {
    bench.measure(
        &format!("new inline code of a worker, {by}: `kubectl apply` to the first new answer"),
        |account| bench.update(account),
    );
    bench.measure(
        &format!(
            "rollback by `spec.release` after both workers of the account have moved on, together {by}: `kubectl patch` to \
             the first old answer (asked: under 3 s)"
        ),
        |account| bench.rollback(account),
    );
}

/// Through the cluster's registry, where the runtime image is under that name too: the node asks it first, whatever the
/// host is, and builds take the image from the host that it names.
fn delivered_as_images(bench: &Bench) {
    let ports = std::fs::read_to_string(bench.plane.folder().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_str(&ports).unwrap();
    let registry = format!("{BRIDGE}:{}", ports["registry"]);
    let runtime = RUNTIME.replace("docker.io", &registry);
    let flags = [
        format!("--worker-runtime-image={runtime}"),
        format!("--worker-plain-http={registry}"),
        "--worker-image-pull-policy=IfNotPresent".to_owned(),
        "--drain-seconds=0".to_owned(),
    ];
    let _server = Server::start(&bench.plane, &flags.each_ref().map(String::as_str));
    let first = |account: &Account<'_>| {
        let repository = format!("{registry}/bench-{}", account.namespace);
        bench.first(
            account,
            &json!({"delivery": "Image", "image": {"repository": repository}}),
        )
    };
    bench.sample(&first);
    bench.measure(
        "worker, inline code, delivered as an image: `kubectl apply` to the first 200 (asked: under 10 s)",
        first,
    );
}

/// The node and how it is asked.
struct Bench {
    plane: ControlPlane,
    clock: Clock,
    samples: usize,
    _turn: File,
}

impl Bench {
    fn start() -> Self {
        let (turn, plane) = node_with(if is_named("quick") { "quick" } else { "release" });
        Self {
            clock: Clock::new(&plane),
            plane,
            samples: plane::flag("--samples").unwrap_or(7),
            _turn: turn,
        }
    }

    /// A server of this build, beside the cluster; one worker is thrown away, after which images and caches are warm.
    fn serve(&self, flags: &[String]) -> Server {
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let server = Server::start(&self.plane, &flags);
        self.sample(&|account: &Account<'_>| self.first(account, &json!({})));
        server
    }

    /// Prints one row.
    fn measure(&self, figure: &str, take: impl Fn(&Account<'_>) -> Duration) {
        let mut times: Vec<_> = (0..self.samples).map(|_| self.sample(&take)).collect();
        times.sort();
        eprintln!("{figure}: {times:.2?}");
        let number = times.len();
        let [median, best, worst] = [number / 2, 0, number - 1].map(|index| times[index].as_secs_f64());
        println!(
            "| {figure} | median {median:.2} s, {best:.2} to {worst:.2} s of {number} | `cargo bench --bench workers` |"
        );
    }

    /// One sample, in a namespace of its own, whose pods are gone before the next one begins.
    fn sample(&self, take: &impl Fn(&Account<'_>) -> Duration) -> Duration {
        let account = Account {
            plane: &self.plane,
            namespace: self.plane.namespace(),
        };
        let took = take(&account);
        let namespace = &account.namespace;
        self.plane.kubectl(&["delete", "namespace", namespace, "--wait=false"]);
        eventually("a namespace without pods", || {
            account.all("pods").is_empty().then_some(())
        });
        took
    }

    /// The first worker of an account that the server knows.
    fn first(&self, account: &Account<'_>, spec: &Value) -> Duration {
        open(account, spec);
        self.deploy(account, SHOP, "first", &[])
    }

    fn fetched(&self, account: &Account<'_>, bucket: &S3) -> Duration {
        let keys = json!({"accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": keys});
        apply(account, &[secret]);
        open(
            account,
            &json!({"storage": {"endpoint": bucket.endpoint(), "secretName": "keys"}}),
        );
        let wanted = unique(account, "fetched");
        let key = format!("{}/index.js", account.namespace);
        self.clock.runtime().block_on(bucket.put("code", &key, saying(&wanted)));
        let mut deployment = worker(SHOP, "");
        deployment["spec"]["template"]["modules"] = json!([]);
        deployment["spec"]["template"]["urls"] = json!([{"url": format!("s3://code/{key}")}]);
        let objects = [deployment];
        self.clock
            .until(&of(account, SHOP), &wanted, || apply(account, &objects))
    }

    fn update(&self, account: &Account<'_>) -> Duration {
        self.first(account, &json!({}));
        settle(account);
        self.deploy(account, SHOP, "second", &[])
    }

    /// To a release that never ran beside what its neighbour is by then.
    fn rollback(&self, account: &Account<'_>) -> Duration {
        self.first(account, &json!({}));
        self.deploy(account, CART, "first", &[]);
        let first = eventually("the first release", || {
            let deployment = account.get("workerdeployment", SHOP);
            Some(deployment["status"]["currentRelease"].as_str()?.to_owned())
        });
        for script in [SHOP, CART] {
            self.deploy(account, script, "second", &[]);
        }
        settle(account);
        let patch = json!({"spec": {"release": first}}).to_string();
        let arguments = ["patch", "workerdeployment", SHOP, "--type=merge", "-p", &patch];
        let arguments = [&["-n", &account.namespace], &arguments[..]].concat();
        let wanted = unique(account, "first");
        self.clock.until(&of(account, SHOP), &wanted, || {
            account.plane.kubectl(&arguments);
        })
    }

    /// Applies a worker of one inline module, behind these objects, and waits for its answer.
    fn deploy(&self, account: &Account<'_>, script: &str, text: &str, before: &[Value]) -> Duration {
        let wanted = unique(account, text);
        let objects = [before, &[worker(script, &saying(&wanted))]].concat();
        self.clock
            .until(&of(account, script), &wanted, || apply(account, &objects))
    }
}

/// An answer that no other sample gives.
fn unique(account: &Account<'_>, text: &str) -> String {
    format!("{text} of {}", account.namespace)
}

/// The port of a worker.
fn of<'a>(account: &'a Account<'_>, script: &'a str) -> Asked<'a> {
    Asked {
        namespace: &account.namespace,
        service: SERVICE,
        port: script,
    }
}

/// As a user does it.
fn apply(account: &Account<'_>, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let arguments = ["-n", &account.namespace, "apply", "-f", "-"];
    let output = account.plane.try_kubectl(&arguments, &list);
    assert!(output.status.success(), "{list}: {output:?}");
}

fn worker_account(spec: &Value) -> Value {
    json!({
        "apiVersion": "api.worker-account/v1beta1", "kind": "WorkerAccount", "metadata": {"name": ACCOUNT}, "spec": spec,
    })
}

/// Makes the account, and waits until the server has seen it.
fn open(account: &Account<'_>, spec: &Value) {
    apply(account, &[worker_account(spec)]);
    eventually("an account that the server knows", || {
        account.get("workeraccount", ACCOUNT)["status"]["observedGeneration"].as_i64()
    });
}

/// Waits until nothing of an earlier state answers any more: one pod is left of all that ran workers.
fn settle(account: &Account<'_>) {
    eventually("one pod", || {
        let pods = account.all("pods").into_iter();
        let running = pods.filter(|pod| pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet");
        (running.count() == 1).then_some(())
    });
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// The least that runs a worker on a cluster, with the resources and the pace of the probes that ours have.
fn bare_objects(module: &str) -> [Value; 3] {
    const CONFIG: &str = "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = (
    compatibilityDate = \"2026-11-01\", modules = [(name = \"index.js\", esModule = embed \"index.js\")],
  ))],
  sockets = [(name = \"main\", address = \"*:8080\", http = (), service = \"main\")],
);
";
    let probe = |period: u32, failures: u32| {
        json!({
            "httpGet": {"path": "/", "port": 8080}, "periodSeconds": period, "failureThreshold": failures,
            "timeoutSeconds": 2,
        })
    };
    let container = json!({
        "name": "workerd", "image": RUNTIME, "imagePullPolicy": "IfNotPresent",
        "command": ["/workerd", "serve", "/bundle/config.capnp"], "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "startupProbe": probe(1, 60), "readinessProbe": probe(1, 3), "livenessProbe": probe(5, 3),
        "volumeMounts": [{"name": "bundle", "mountPath": "/bundle", "readOnly": true}],
    });
    let pod = json!({
        "automountServiceAccountToken": false, "containers": [container],
        "volumes": [{"name": "bundle", "configMap": {"name": "bare"}}],
    });
    let labels = json!({"app": "bare"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bare"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare"},
        "spec": {"selector": labels, "ports": [{"name": SHOP, "port": 8080}]},
    });
    let code = config_map("bare", &json!({"config.capnp": CONFIG, "index.js": module}));
    [code, deployment, service]
}

/// What the server keeps of releases whose code is inline: with none, with so many, and started anew beside them.
fn memory(releases: usize) {
    let plane = ControlPlane::start().with_crds();
    let mut server = Server::start(&plane, &["--drain-seconds=0"]);
    let namespace = plane.namespace();
    let at_rest = |server: &Server| {
        std::thread::sleep(REST);
        plane::memory(server.pid())
    };
    let idle = at_rest(&server);
    let last = plane::runtime().block_on(fill(&plane, &namespace, releases));
    until_known(&plane, &namespace, &last);
    let known = at_rest(&server);
    let most = plane::peak_memory(server.pid());
    server.kill();
    server.spawn();
    until_known(&plane, &namespace, &last);
    let anew = at_rest(&server);
    println!(
        "| memory of the server with {releases} releases of {} KiB inline, at rest | {known:.0} MB, {anew:.0} MB started \
         anew ({idle:.0} MB without any, {most:.0} MB at most) | `cargo bench --bench workers` |",
        CODE >> 10
    );
}

/// Makes releases of one worker, none like the other, of an account that is not there; returns the name of the last.
async fn fill(plane: &ControlPlane, namespace: &str, releases: usize) -> String {
    let api: Api<WorkerRelease> = Api::namespaced(plane::client(plane).await, namespace);
    let mut last = String::new();
    for number in 0..releases {
        let code = saying(&number.to_string());
        let filler = "x".repeat(CODE - code.len() - "//".len());
        let mut release = worker(SHOP, &format!("{code}//{filler}"));
        last = format!("{SHOP}-{number:010}");
        release["apiVersion"] = json!("api.worker-release/v1beta1");
        release["kind"] = json!("WorkerRelease");
        release["metadata"]["name"] = json!(last);
        release["spec"] = release["spec"]["template"].take();
        let release = serde_json::from_value(release).unwrap();
        api.create(&PostParams::default(), &release).await.unwrap();
    }
    last
}

/// Waits until admission, which reads the stores alone, misses a release that is not there, and that one no more.
fn until_known(plane: &ControlPlane, namespace: &str, release: &str) {
    let is_missed = |release: &str| {
        let mut deployment = worker(SHOP, &saying("pinned"));
        deployment["spec"]["release"] = json!(release);
        let arguments = ["-n", namespace, "create", "--dry-run=server", "-f", "-"];
        let output = plane.try_kubectl(&arguments, &deployment.to_string());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).contains("there is no WorkerRelease")
    };
    eventually("known releases", || {
        (is_missed("none") && !is_missed(release)).then_some(())
    });
}
