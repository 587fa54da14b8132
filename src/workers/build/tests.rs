use serde_json::{Value, json};

use super::*;
use crate::workers::fixture;

const REGISTRY: &str = "registry.example.com/workers";

/// An account with storage, a registry and Secrets for everything.
fn account(delivery: &str) -> WorkerAccount {
    let mut account = fixture::account("1234");
    account["metadata"]["uid"] = json!("u");
    account["spec"] = json!({
        "delivery": delivery, "storage": {"endpoint": "https://s3.example.com", "secretName": "s3-keys"},
        "image": {"repository": REGISTRY, "pushSecret": "push"}, "podTemplate": {"imagePullSecret": "pull"},
    });
    serde_json::from_value(account).expect("the fixture is an account")
}

/// A release whose code is behind URLs, or inline.
fn release(fetched: bool) -> WorkerRelease {
    let mut release = fixture::release("shop");
    if fetched {
        release["spec"]["modules"] = json!([]);
        release["spec"]["urls"] = json!([{"url": "s3://bucket/index.js"}]);
    }
    serde_json::from_value(release).expect("the fixture is a release")
}

fn with<T>(account: &WorkerAccount, work: impl FnOnce(&Builder<'_>) -> T) -> T {
    let allowed = Allowed {
        private_urls: false,
        plain_http: vec!["registry:5000".into()],
    };
    let runtime = RuntimeImage {
        image: Some("runtime:1".into()),
        pull_policy: Some("IfNotPresent".into()),
    };
    work(&Builder {
        account,
        runtime,
        allowed: &allowed,
    })
}

fn pod(job: &Value) -> &Value {
    &job["spec"]["template"]["spec"]
}

/// Names of a pod's containers, and what else than the shared folder and code each can read.
fn reach(job: &Value, containers: &str) -> Vec<(String, Vec<String>)> {
    let containers = pod(job)[containers].as_array().cloned().unwrap_or_default();
    let each = containers.iter().map(|container| {
        let mounts = container["volumeMounts"].as_array().expect("mounts").iter();
        let mounts = mounts.filter_map(|mount| mount["name"].as_str());
        let secret = |name: &&str| name.starts_with("registry-") || *name == "token";
        let variables = container["env"].as_array().expect("variables").iter();
        let keys = variables.filter_map(|variable| variable["valueFrom"]["secretKeyRef"]["name"].as_str());
        let read = mounts.filter(secret).chain(keys).map(str::to_owned);
        (container["name"].as_str().expect("a name").to_owned(), read.collect())
    });
    each.collect()
}

fn step(name: &str, reads: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), reads.iter().map(|name| (*name).to_owned()).collect())
}

/// The container of a step.
fn container<'j>(job: &'j Value, name: &str) -> &'j Value {
    let containers = pod(job)["containers"].as_array().expect("containers");
    let found = containers.iter().find(|container| container["name"] == name);
    found.expect("the step is there")
}

fn volumes_of_registry() -> [String; 2] {
    ["push", "pull"].map(|secret| format!("registry-{}", hash(secret)))
}

#[test]
fn each_step_of_a_release_reads_what_it_needs_and_nothing_else() {
    let [push, pull] = volumes_of_registry();
    let keys = ["s3-keys", "s3-keys"];
    let fetched = release(true);
    let job = with(&account("Image"), |builder| builder.release(&fetched));
    let expected = [
        step(FETCH, &keys),
        step(PROVE, &[]),
        step(PUSH, &[&push, &pull]),
        step(PUBLISH, &["token"]),
    ];
    assert_eq!(reach(&job, "containers"), expected);
    let job = with(&account("ConfigMap"), |builder| builder.release(&fetched));
    let expected = [step(FETCH, &keys), step(PROVE, &[]), step(PUBLISH, &["token"])];
    assert_eq!(reach(&job, "containers"), expected);
    let inline = release(false);
    let job = with(&account("Image"), |builder| builder.release(&inline));
    assert_eq!(reach(&job, "containers"), [step(PROVE, &[])]);
    assert_eq!(pod(&job)["serviceAccountName"], Value::Null);
}

#[test]
fn pods_of_jobs_have_no_rights() {
    let job = with(&account("Image"), |builder| builder.release(&release(true)));
    let pod = pod(&job);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    for container in pod["containers"].as_array().expect("containers") {
        let expected = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        });
        assert_eq!(container["securityContext"], expected);
        assert_eq!(
            (&container["image"], &container["imagePullPolicy"]),
            (&json!("runtime:1"), &json!("IfNotPresent"))
        );
    }
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], TTL_SECONDS);
    assert_eq!(job["metadata"]["ownerReferences"][0]["kind"], "WorkerRelease");
}

/// A Job without it would stay for ever.
const TTL_SECONDS: i32 = 300;

fn pods() -> BundlePodTemplate {
    serde_json::from_value(json!({
        "modules": {"a-1": "a-1"},
        "fetched": {
            "b-1": {"digest": "sha256:b", "image": "registry.example.com/workers@sha256:c", "pullSecret": "pull"},
            "c-1": {
                "digest": "sha256:c", "template": {"scriptName": "c"},
                "storage": {"endpoint": "https://s3.example.com", "secretName": "s3-keys"},
            },
        },
    }))
    .expect("pods")
}

fn composed(proves: bool, tag: Option<&str>) -> Value {
    let pods = pods();
    with(&account("Image"), |builder| {
        builder.composition(&Composing {
            job: "workers-1234-0123456789-compose",
            config_map: "workers-1234-0123456789",
            pods: &pods,
            proves,
            tag,
        })
    })
}

#[test]
fn a_composition_is_proved_or_pushed_or_both() {
    let [push, pull] = volumes_of_registry();
    let (prove, publish) = (step(PROVE, &[]), step(PUBLISH, &[&*push, &*pull]));
    let job = composed(true, None);
    assert_eq!(reach(&job, "containers"), std::slice::from_ref(&prove));
    let job = composed(true, Some("t"));
    assert_eq!(reach(&job, "containers"), [prove, publish.clone()]);
    let command = container(&job, PUBLISH)["command"].clone();
    let expected = json!([
        "/stationmaster",
        "build-bundle",
        "push-bundle",
        "--base",
        "runtime:1",
        "--repository",
        REGISTRY,
        "--tag",
        "t",
        "--owner",
        "default/1234/u",
        format!("--registry-config=/registry/{}/config.json", hash("push")),
        format!("--registry-config=/registry/{}/config.json", hash("pull")),
        "--plain-http=registry:5000",
    ]);
    assert_eq!(command, expected);
    let job = composed(false, Some("t"));
    assert_eq!(reach(&job, "containers"), [publish]);
    let command = container(&job, PUBLISH)["command"]
        .as_array()
        .expect("a command")
        .clone();
    assert!(command.contains(&json!("--proved")), "{command:?}");
}

#[test]
fn code_that_no_config_map_holds_is_brought_first() {
    let job = composed(true, None);
    let names = ["b-1", "c-1"].map(|folder| format!("fetch-{}", hash(folder)));
    let pull = format!("registry-{}", hash("pull"));
    let expected = [step(&names[0], &[&pull]), step(&names[1], &["s3-keys", "s3-keys"])];
    assert_eq!(reach(&job, "initContainers"), expected);
    let first = pod(&job)["initContainers"].as_array().expect("init containers");
    let pulled = json!([
        "/stationmaster",
        "build-bundle",
        "pull-code",
        "--code=b-1=registry.example.com/workers@sha256:c",
        "--modules=/bundle/modules",
        format!("--registry-config=/registry/{}/config.json", hash("pull")),
        "--plain-http=registry:5000",
    ]);
    assert_eq!(first[0]["command"], pulled);
    let fetched = json!([
        "/stationmaster",
        "build-bundle",
        "fetch",
        "--release",
        "c-1",
        "--modules=/bundle/modules",
        "--digest=sha256:c",
    ]);
    assert_eq!(first[1]["command"], fetched);
    let volumes = pod(&job)["volumes"].as_array().expect("volumes").clone();
    let mut names: Vec<_> = volumes.iter().map(|volume| volume["name"].to_string()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "{volumes:?}");
    for container in first.iter().chain([container(&job, PROVE)]) {
        for mount in container["volumeMounts"].as_array().expect("mounts") {
            assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
        }
    }
}

#[test]
fn images_are_deleted_where_a_registry_is_named() {
    let mut account = account("ConfigMap");
    let images = ["registry.example.com/workers@sha256:a"];
    let job = with(&account, |builder| builder.purge("p", &images)).expect("a Job");
    let [push, pull] = volumes_of_registry();
    assert_eq!(reach(&job, "containers"), [step(PURGE, &[&push, &pull])]);
    let command = container(&job, PURGE)["command"].as_array().expect("a command");
    assert_eq!(command.last(), Some(&json!(images[0])));
    account.spec.image = None;
    assert_eq!(with(&account, |builder| builder.purge("p", &images)), None);
}

#[test]
fn names_of_jobs_tell_what_they_are_of_and_fit() {
    let bundle = "b".repeat(53);
    let push = push_name(&bundle, ("d", "r", "p"), 0);
    assert!(push.len() <= 63 && push.ends_with("-image"), "{push}");
    assert_ne!(push, push_name(&bundle, ("d", "r2", "p"), 0));
    assert_ne!(push, push_name(&bundle, ("d2", "r", "p"), 0));
    assert_ne!(push, push_name(&bundle, ("d", "r", "p"), 1));
    let purge = purge_name(&bundle, &["a", "b"], 0);
    assert!(purge.len() <= 63 && purge != purge_name(&bundle, &["a"], 0), "{purge}");
    assert_ne!(purge, purge_name(&bundle, &["a", "b"], 1));
}
