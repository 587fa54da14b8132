//! The containers of a bundle's pods: one for all workers, or one for each.

use serde_json::{Value, json};

use super::resources::resources;
use super::{Observed, image, names};
use crate::api::workers::{BundleWorker, Isolation, WorkerBundle, WorkerBundleSpec};
use crate::workers::build::Bring;
use crate::workers::pod::{self, CONFIG, FOLDER};
use crate::workers::runtime_image::RuntimeImage;
use crate::workers::{port, prefix};

/// The container of all workers.
const SHARED: &str = "workers";
/// The file that all workers are in.
const SHARED_FILE: &str = "config";
/// While an endpoint goes from everybody's tables, which takes seconds, the container answers on.
const DRAIN_SECONDS: u32 = 6;
/// A container that has not answered once after so many seconds is started again.
const START_SECONDS: u32 = 60;

/// The containers; none where nobody names an image.
pub(super) fn containers(bundle: &WorkerBundle, observed: &Observed<'_>) -> Option<Vec<Value>> {
    let spec = &bundle.spec;
    image(bundle, observed.runtime)?;
    let all: Vec<_> = spec.workers.iter().collect();
    // An image that somebody made by hand has one command.
    if spec.digest.is_none() || spec.isolation == Isolation::Account {
        return Some(vec![container(bundle, observed, (SHARED, SHARED_FILE), &all)]);
    }
    let each = all.iter().map(|worker| {
        let script = &worker.worker_name;
        container(bundle, observed, (&names::worker(script), script), &[*worker])
    });
    Some(each.collect())
}

/// What runs before them, to bring what no ConfigMap holds.
pub(super) fn first(bundle: &WorkerBundle, observed: &Observed<'_>) -> Vec<Value> {
    let (runtime, fetched) = (runtime(bundle, observed), &bundle.spec.pod_template.fetched);
    bring(&runtime, observed).containers(fetched)
}

/// The volumes that they mount.
pub(super) fn volumes(bundle: &WorkerBundle, observed: &Observed<'_>) -> Vec<Value> {
    let template = &bundle.spec.pod_template;
    let config = template.config_map.as_ref().map(|map| pod::volume(CONFIG, map));
    let modules = template.modules.iter();
    let modules = modules.map(|(folder, map)| pod::volume(&pod::modules_volume(folder), map));
    let fetched = bring(&runtime(bundle, observed), observed).volumes(&template.fetched);
    config.into_iter().chain(modules).chain(fetched).collect()
}

fn bring<'a>(runtime: &'a RuntimeImage, observed: &Observed<'a>) -> Bring<'a> {
    Bring {
        runtime,
        allowed: observed.allowed,
    }
}

/// The image that they run, and when it is pulled.
fn runtime(bundle: &WorkerBundle, observed: &Observed<'_>) -> RuntimeImage {
    RuntimeImage {
        image: image(bundle, observed.runtime).map(str::to_owned),
        pull_policy: pull_policy(&bundle.spec, observed.runtime).cloned(),
    }
}

fn container(
    bundle: &WorkerBundle,
    observed: &Observed<'_>,
    (name, file): (&str, &str),
    workers: &[&BundleWorker],
) -> Value {
    let spec = &bundle.spec;
    let mut container = json!({
        "name": name,
        "image": image(bundle, observed.runtime),
        "ports": workers.iter().map(|worker| container_port(worker)).collect::<Vec<_>>(),
        "envFrom": workers.iter().filter_map(|worker| secrets(worker)).collect::<Vec<_>>(),
        "env": workers.iter().flat_map(|worker| variables(worker)).collect::<Vec<_>>(),
        "resources": resources(spec.pod_template.resources.as_ref()),
        "securityContext": pod::security(),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "volumeMounts": mounts(spec, workers),
    });
    if let Some(policy) = pull_policy(spec, observed.runtime) {
        container["imagePullPolicy"] = json!(policy);
    }
    if spec.digest.is_some() {
        container["command"] = json!(["/workerd", "serve", format!("{FOLDER}/config/{file}.capnp")]);
    }
    if let Some(first) = workers.first() {
        probe(&mut container, spec, first);
    }
    container
}

fn pull_policy<'a>(spec: &'a WorkerBundleSpec, runtime: &'a RuntimeImage) -> Option<&'a String> {
    let template = &spec.pod_template;
    // What is said of the server's own image is not said of others.
    let default = runtime.pull_policy.as_ref().filter(|_| template.image.is_none());
    template.image_pull_policy.as_ref().or(default)
}

fn container_port(worker: &BundleWorker) -> Value {
    json!({"name": names::port(&worker.worker_name), "containerPort": worker.worker_number, "protocol": "TCP"})
}

/// Every key of its Secret, under its prefix.
fn secrets(worker: &BundleWorker) -> Option<Value> {
    let secret = worker.secret_ref.as_ref()?;
    let own = worker.env_prefix.clone();
    let prefix = own.unwrap_or_else(|| prefix::env_prefix(&worker.worker_name));
    Some(json!({"prefix": prefix, "secretRef": {"name": secret, "optional": false}}))
}

fn variables(worker: &BundleWorker) -> impl Iterator<Item = Value> {
    worker.variables.iter().map(|variable| {
        let key = json!({"name": variable.secret_name, "key": variable.key, "optional": false});
        json!({"name": variable.name, "valueFrom": {"secretKeyRef": key}})
    })
}

/// The configuration, and the modules of these workers alone.
fn mounts(spec: &WorkerBundleSpec, workers: &[&BundleWorker]) -> Vec<Value> {
    let template = &spec.pod_template;
    let config = template.config_map.as_ref().map(|_| pod::config_mount());
    let shared = workers.len() == spec.workers.len();
    let is_theirs = |folder: &str| shared || workers.iter().any(|worker| worker.release.as_deref() == Some(folder));
    let folders = template.modules.keys().chain(template.fetched.keys());
    let modules = folders.filter(|folder| is_theirs(folder));
    config
        .into_iter()
        .chain(modules.map(|folder| pod::modules_mount(folder)))
        .collect()
}

/// Adds the probes. None runs a worker's code, and an endless loop in one keeps all of its process from answering.
fn probe(container: &mut Value, spec: &WorkerBundleSpec, worker: &BundleWorker) {
    let number = worker.worker_number;
    // A pod is ready only if all of its containers are: one worker's loop would take the others out of the Service.
    let is_of_one = spec.digest.is_some() && spec.isolation == Isolation::Worker;
    let action = match &spec.digest {
        Some(_) => (
            "httpGet",
            json!({"path": "/", "port": port::health(spec.isolation, number)}),
        ),
        None => ("tcpSocket", json!({"port": number})),
    };
    for (name, timing) in [
        ("startupProbe", (1, START_SECONDS)),
        ("readinessProbe", (1, 3)),
        ("livenessProbe", (5, 3)),
    ] {
        let (period, failures) = timing;
        if is_of_one && name == "readinessProbe" {
            continue;
        }
        container[name] = json!({
            "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 2, "successThreshold": 1,
        });
        container[name][action.0] = action.1.clone();
    }
    // Whoever loops drains nothing, and does not hear that it is to end.
    container["livenessProbe"]["terminationGracePeriodSeconds"] = json!(1);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{bundle, by_hand, observed};
    use super::*;

    fn probes(action: &str, target: &Value) -> [(&'static str, Value); 3] {
        [
            ("startupProbe", 1, 60),
            ("readinessProbe", 1, 3),
            ("livenessProbe", 5, 3),
        ]
        .map(|(name, period, failures)| {
            let mut probe = json!({
                "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 2, "successThreshold": 1,
            });
            probe[action] = target.clone();
            if name == "livenessProbe" {
                probe["terminationGracePeriodSeconds"] = json!(1);
            }
            (name, probe)
        })
    }

    fn with(mut container: Value, probes: [(&str, Value); 3]) -> Value {
        for (name, probe) in probes {
            container[name] = probe;
        }
        container
    }

    fn expected(changes: &Value) -> Value {
        let mut container = json!({
            "envFrom": [], "env": [], "volumeMounts": [],
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            },
            "lifecycle": {"preStop": {"sleep": {"seconds": 6}}},
        });
        for (name, value) in changes.as_object().expect("changes") {
            container[name] = value.clone();
        }
        container
    }

    fn port(name: &str, number: i32) -> Value {
        json!({"name": name, "containerPort": number, "protocol": "TCP"})
    }

    fn variable() -> Value {
        let key = json!({"name": "tokens", "key": "token", "optional": false});
        json!({"name": "CART_TOKEN", "valueFrom": {"secretKeyRef": key}})
    }

    fn secret() -> Value {
        json!({"prefix": "WASM_WORKER_", "secretRef": {"name": "secrets", "optional": false}})
    }

    #[test]
    fn all_workers_of_an_account_share_a_container() {
        let containers = containers(&bundle(), &observed()).expect("there is an image");
        let expected = expected(&json!({
            "name": "workers", "image": "runtime:1", "imagePullPolicy": "Never",
            "command": ["/workerd", "serve", "/bundle/config/config.capnp"],
            "ports": [port("cart", 8080), port("wasm-worker", 8081)],
            "envFrom": [secret()], "env": [variable()],
            "volumeMounts": [
                pod::mount("config", "/bundle/config"),
                pod::mount("modules-c4f39ab857", "/bundle/modules/cart-1"),
                pod::mount("modules-183b7dd575", "/bundle/modules/wasm-worker-1"),
            ],
        }));
        let probes = probes("httpGet", &json!({"path": "/", "port": 8079}));
        assert_eq!(containers, [with(expected, probes)]);
    }

    #[test]
    fn isolated_workers_have_nothing_of_each_other() {
        let mut bundle = bundle();
        bundle.spec.isolation = Isolation::Worker;
        bundle.spec.pod_template.image = Some("bundle:1".into());
        let all = containers(&bundle, &observed()).expect("there is an image");
        let own = |script: &str, number: i32, changes: &Value| {
            let mut container = expected(changes);
            container["name"] = json!(script);
            container["image"] = json!("bundle:1");
            container["command"] = json!(["/workerd", "serve", format!("/bundle/config/{script}.capnp")]);
            container["ports"] = json!([port(script, number)]);
            let probes = probes("httpGet", &json!({"path": "/", "port": number + 10_000}));
            let mut container = with(container, probes);
            container.as_object_mut().expect("a container").remove("readinessProbe");
            container
        };
        let modules = |folder: &str| {
            let modules = pod::modules_mount(folder);
            json!([pod::mount("config", "/bundle/config"), modules])
        };
        let cart = json!({"env": [variable()], "volumeMounts": modules("cart-1")});
        let wasm = json!({"envFrom": [secret()], "volumeMounts": modules("wasm-worker-1")});
        assert_eq!(all, [own("cart", 8080, &cart), own("wasm-worker", 8081, &wasm)]);
    }

    #[test]
    fn an_image_made_by_hand_runs_its_own_command() {
        let containers = containers(&by_hand(), &observed()).expect("there is an image");
        let expected = expected(&json!({
            "name": "workers", "image": "1234:v2", "ports": [port("wasm-worker", 8080)],
        }));
        assert_eq!(
            containers,
            [with(expected, probes("tcpSocket", &json!({"port": 8080})))]
        );
    }

    #[test]
    fn without_an_image_nothing_runs() {
        let runtime = RuntimeImage::default();
        let observed = Observed {
            runtime: &runtime,
            ..observed()
        };
        assert_eq!(containers(&bundle(), &observed), None);
    }
}
