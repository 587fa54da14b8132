//! The calls of the controller of WorkerBundles, scenario by scenario, against an API server in process. Time is
//! simulated for what waits, and real for what is recorded.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::time::Duration;

use common::fake::{Fake, Fault};
use serde_json::{Value, json};
use stationmaster::clients::cluster::Cluster;
use stationmaster::reconcile::workers::Workers;
use stationmaster::reconcile::{self, Metrics, Options, Shared};
use stationmaster::workers::build::Allowed;
use stationmaster::workers::runtime_image::RuntimeImage;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const POLICY: &str = "PATCH networkpolicies shop";
const BUDGET: &str = "PATCH poddisruptionbudgets shop";
const SERVICE: &str = "PATCH services shop";
const DEPLOYMENT: &str = "PATCH deployments shop";
const INGRESS: &str = "PATCH ingresses shop";
const ROUTE: &str = "PATCH httproutes shop.cart";
const STATUS: &str = "PUT workerbundles shop status";
const ALL: [&str; 6] = [POLICY, BUDGET, SERVICE, DEPLOYMENT, INGRESS, STATUS];

/// A process with the controller; killed when dropped.
struct Process(JoinHandle<()>);

impl Process {
    fn start(fake: &Fake) -> Self {
        let cluster = Cluster::from(fake.client());
        let stop = CancellationToken::new();
        let (accounts, first) = cluster.watched(stop.clone());
        let (deployments, second) = cluster.watched(stop.clone());
        let (releases, third) = cluster.watched(stop.clone());
        let (bundles, fourth) = cluster.watched(stop.clone());
        let (secrets, fifth) = cluster.watched(stop.clone());
        let workers = Workers {
            accounts,
            deployments,
            releases,
            bundles,
            secrets,
            runtime: RuntimeImage {
                image: Some("runtime:1".into()),
                pull_policy: None,
            },
            workerd: None,
            allowed: Allowed::default(),
        };
        let shared = Shared {
            cluster,
            metrics: Metrics::default(),
            options: Options {
                concurrency: 4,
                lease_namespace: None,
            },
            dispatch: None,
            resources: None,
            clients: None,
            gateways: None,
            workers: Some(workers),
        };
        let run = reconcile::run(shared, stop);
        Self(tokio::spawn(async move {
            tokio::join!(first, second, third, fourth, fifth, run);
        }))
    }

    async fn kill(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn bundle() -> Value {
    json!({
        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle", "metadata": {"name": "shop"},
        "spec": {
            "digest": "sha256:1",
            "workers": [{"workerName": "cart", "workerNumber": 8080, "release": "cart-1", "routes": ["cart.example.com"]}],
            "podTemplate": {"configMap": "shop-1", "modules": {"cart-1": "cart-1"}},
        },
    })
}

/// With a worker that refers to Secrets.
fn secretive() -> Value {
    let mut bundle = bundle();
    bundle["spec"]["workers"][0]["secretRef"] = json!("secrets");
    bundle
}

fn with(bundle: Value) -> Fake {
    let fake = Fake::new();
    fake.put("workerbundles", bundle);
    fake
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secrets"}, "data": {"key": value}})
}

async fn expect_all(fake: &Fake, writes: &[&str]) {
    for write in writes {
        fake.expect(write).await;
    }
}

/// A process that has made everything and rests.
async fn resting(fake: &Fake) -> Process {
    let process = Process::start(fake);
    expect_all(fake, &ALL).await;
    fake.expect_silence().await;
    process
}

/// Plays the Deployment's controller and its nodes.
fn roll_out(fake: &Fake) {
    fake.edit("deployments", "shop", |deployment| {
        deployment["status"] = json!({
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        });
    });
}

fn status(fake: &Fake) -> Value {
    fake.get("workerbundles", "shop").unwrap()["status"].clone()
}

/// Status and reason of a condition.
fn told(fake: &Fake, type_: &str) -> (String, String) {
    let status = status(fake);
    let conditions = status["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|condition| condition["type"] == type_).unwrap();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

fn says(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

fn secrets_digest(fake: &Fake) -> Value {
    let deployment = fake.get("deployments", "shop").unwrap();
    deployment["spec"]["template"]["metadata"]["annotations"]["workers.stationmaster.dev/secrets"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_bundle_becomes_its_objects_and_is_told_of_when_they_run() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    assert_eq!(told(&fake, "Ready"), says("False", "RollingOut"));
    roll_out(&fake);
    fake.expect(STATUS).await;
    let mut status = status(&fake);
    status["conditions"] = json!([]);
    assert_eq!(
        status,
        json!({
            "observedGeneration": 1, "ready": "1/1", "image": "runtime:1", "configMap": "shop-1", "digest": "sha256:1",
            "workers": [{"workerName": "cart", "workerNumber": 8080, "release": "cart-1"}], "conditions": [],
        })
    );
    assert_eq!(told(&fake, "Ready"), says("True", "RolledOut"));
    assert_eq!(told(&fake, "Routed"), says("True", "Applied"));
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing() {
    let fake = with(bundle());
    resting(&fake).await.kill().await;
    let _process = Process::start(&fake);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_others_change_or_delete_comes_back_and_what_they_add_stays() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    fake.remove("services", "shop");
    fake.expect(SERVICE).await;
    fake.edit("networkpolicies", "shop", |policy| {
        policy["spec"]["egress"] = json!([{}]);
    });
    fake.expect(POLICY).await;
    fake.edit("ingresses", "shop", |ingress| {
        let labels = ingress["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove("workers.stationmaster.dev/bundle");
    });
    fake.expect(INGRESS).await;
    fake.edit("deployments", "shop", |deployment| {
        deployment["spec"]["replicas"] = json!(5);
        deployment["metadata"]["annotations"]["theirs"] = json!("stays");
    });
    fake.expect(STATUS).await;
    assert_eq!(status(&fake)["ready"], "0/5");
    fake.expect_silence().await;
    assert_eq!(fake.get("deployments", "shop").unwrap()["spec"]["replicas"], 5);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_somebody_else_is_not_taken() {
    let fake = with(bundle());
    fake.put(
        "services",
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}),
    );
    let _process = Process::start(&fake);
    expect_all(&fake, &[POLICY, BUDGET, DEPLOYMENT, INGRESS, STATUS]).await;
    assert_eq!(told(&fake, "Ready"), says("False", "NameTaken"));
    fake.expect_silence().await;
    fake.remove("services", "shop");
    expect_all(&fake, &[SERVICE, STATUS]).await;
    assert_eq!(told(&fake, "Ready"), says("False", "RollingOut"));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_bundle_left_is_waited_for() {
    let fake = with(bundle());
    let owner = json!({
        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle", "name": "shop", "uid": "before",
        "controller": true,
    });
    let metadata = json!({"name": "shop", "ownerReferences": [owner]});
    fake.put(
        "deployments",
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}),
    );
    let _process = Process::start(&fake);
    expect_all(&fake, &[POLICY, BUDGET, SERVICE, INGRESS, STATUS]).await;
    assert_eq!(told(&fake, "Ready"), says("False", "Deleting"));
    fake.remove("deployments", "shop");
    expect_all(&fake, &[DEPLOYMENT, STATUS]).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_holds_the_pods_and_a_changed_one_replaces_them() {
    let fake = with(secretive());
    let _process = Process::start(&fake);
    expect_all(&fake, &[POLICY, BUDGET, SERVICE, INGRESS, STATUS]).await;
    assert_eq!(told(&fake, "Ready"), says("False", "SecretNotFound"));
    fake.expect_silence().await;
    fake.put("secrets", secret("MQ=="));
    expect_all(&fake, &["POST secrets", DEPLOYMENT, STATUS]).await;
    let first = secrets_digest(&fake);
    assert!(first.as_str().is_some_and(|digest| digest.len() == 64));
    roll_out(&fake);
    fake.expect(STATUS).await;

    fake.edit("secrets", "secrets", |secret| secret["data"]["key"] = json!("Mg=="));
    fake.expect(DEPLOYMENT).await;
    assert_ne!(secrets_digest(&fake), first);
    fake.edit("secrets", "secrets", |secret| secret["data"]["key"] = json!("MQ=="));
    fake.expect(DEPLOYMENT).await;
    assert_eq!(secrets_digest(&fake), first);
    fake.remove("secrets", "secrets");
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Ready"), says("False", "SecretNotFound"));
    assert_eq!(status(&fake)["digest"], "sha256:1", "its pods go on");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn routes_take_the_place_of_an_ingress_and_the_other_way_round() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    fake.edit("workerbundles", "shop", |bundle| {
        bundle["metadata"]["generation"] = json!(2);
        bundle["spec"]["gateway"] = json!({"name": "public"});
    });
    expect_all(&fake, &[ROUTE, "DELETE ingresses shop", STATUS]).await;
    fake.edit("workerbundles", "shop", |bundle| {
        bundle["metadata"]["generation"] = json!(3);
        bundle["spec"].as_object_mut().unwrap().remove("gateway");
    });
    expect_all(&fake, &[INGRESS, "DELETE httproutes shop.cart", STATUS]).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_route_that_its_gateway_refuses_is_told_of() {
    let mut bundle = bundle();
    bundle["spec"]["gateway"] = json!({"name": "public"});
    let fake = with(bundle);
    let _process = Process::start(&fake);
    expect_all(&fake, &[POLICY, BUDGET, SERVICE, DEPLOYMENT, ROUTE, STATUS]).await;
    for (value, state) in [
        ("False", says("False", "RouteRefused")),
        ("True", says("True", "Applied")),
    ] {
        fake.edit("httproutes", "shop.cart", |route| {
            let condition = json!({"type": "Accepted", "status": value, "reason": "r", "message": "m"});
            route["status"] = json!({"parents": [{"parentRef": {"name": "public"}, "conditions": [condition]}]});
        });
        fake.expect(STATUS).await;
        assert_eq!(told(&fake, "Routed"), state);
    }
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn without_the_gateway_api_all_else_runs() {
    let mut bundle = bundle();
    bundle["spec"]["gateway"] = json!({"name": "public"});
    let fake = with(bundle);
    fake.fail("GET httproutes", &[Fault::Status(404)]);
    let _process = Process::start(&fake);
    expect_all(&fake, &[POLICY, BUDGET, SERVICE, DEPLOYMENT, STATUS]).await;
    assert_eq!(told(&fake, "Ready"), says("False", "RollingOut"));
    assert_eq!(told(&fake, "Routed"), says("False", "KindUnusable"));
    fake.expect_after(Duration::from_secs(50), ROUTE).await;
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Routed"), says("True", "Applied"));
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn the_image_that_ran_before_is_told_of_until_the_new_one_runs() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    roll_out(&fake);
    fake.expect(STATUS).await;
    fake.edit("workerbundles", "shop", |bundle| {
        bundle["metadata"]["generation"] = json!(2);
        bundle["spec"]["podTemplate"] = json!({"image": "runtime:2"});
        bundle["spec"]["digest"] = json!("sha256:2");
    });
    fake.edit("deployments", "shop", |deployment| {
        deployment["metadata"]["generation"] = json!(2);
    });
    expect_all(&fake, &[DEPLOYMENT, "PATCH workerbundles shop", STATUS]).await;
    let last = |fake: &Fake| fake.get("workerbundles", "shop").unwrap()["metadata"]["annotations"]["lastImage"].clone();
    assert_eq!(
        (last(&fake), status(&fake)["lastImage"].clone()),
        (json!("runtime:1"), json!("runtime:1"))
    );
    assert_eq!(status(&fake)["digest"], "sha256:1");
    fake.edit("deployments", "shop", |deployment| {
        deployment["status"]["observedGeneration"] = json!(2);
    });
    expect_all(&fake, &["PATCH workerbundles shop", STATUS]).await;
    assert_eq!(
        (last(&fake), status(&fake)["lastImage"].clone()),
        (Value::Null, Value::Null)
    );
    assert_eq!(
        (&status(&fake)["digest"], &status(&fake)["image"]),
        (&json!("sha256:2"), &json!("runtime:2"))
    );
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_deployment_goes_when_the_new_one_runs() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    fake.edit("workerbundles", "shop", |bundle| {
        bundle["metadata"]["generation"] = json!(2);
        bundle["spec"]["deploymentName"] = json!("other");
    });
    expect_all(&fake, &["PATCH deployments other", STATUS]).await;
    fake.expect_silence().await;
    fake.edit("deployments", "other", |deployment| {
        deployment["status"] = json!({
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        });
    });
    expect_all(&fake, &["DELETE deployments shop", STATUS]).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_bundle_without_workers_is_nothing() {
    let fake = with(bundle());
    let _process = resting(&fake).await;
    fake.edit("workerbundles", "shop", |bundle| {
        bundle["metadata"]["generation"] = json!(2);
        bundle["spec"]["workers"] = json!([]);
    });
    let deleted = [
        "ingresses",
        "deployments",
        "services",
        "poddisruptionbudgets",
        "networkpolicies",
    ];
    for kind in deleted {
        fake.expect(&format!("DELETE {kind} shop")).await;
    }
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Ready"), says("False", "NoWorkers"));
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_object_fails_at_does_not_keep_the_others() {
    let fake = with(bundle());
    fake.fail("PATCH services", &[Fault::Status(403)]);
    let _process = Process::start(&fake);
    let refused = format!("{SERVICE} = 403");
    expect_all(&fake, &[POLICY, BUDGET, &refused, DEPLOYMENT, INGRESS, STATUS]).await;
    // Whatever wakes it, such as the objects that it has just made, has it tried again.
    expect_all(&fake, &[SERVICE, STATUS]).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_anywhere_leaves_nothing_half_done() {
    for calls in 0..70 {
        let fake = with(secretive());
        fake.put("secrets", secret("MQ=="));
        fake.hang_after(Some(calls));
        let process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        process.kill().await;
        fake.hang_after(None);
        let _second = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        for (kind, names) in [
            ("networkpolicies", vec!["shop"]),
            ("poddisruptionbudgets", vec!["shop"]),
            ("services", vec!["shop"]),
            ("deployments", vec!["shop"]),
            ("ingresses", vec!["shop"]),
            ("secrets", vec!["secrets", "stationmaster-workers-key"]),
        ] {
            assert_eq!(fake.names(kind), names, "after {calls} calls");
        }
        assert_eq!(told(&fake, "Ready"), says("False", "RollingOut"), "after {calls} calls");
        fake.forget_writes().await;
        fake.expect_silence().await;
    }
}
