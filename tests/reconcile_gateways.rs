//! The calls of the controller of PodGateways, scenario by scenario, against an API server in process. Time is simulated.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::fake::{Fake, Fault};
use k8s_openapi::jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::api::gateway::{Gateway, PodGateway};
use stationmaster::clients::cluster::Cluster;
use stationmaster::gateway::{Hooks, InForce, Names, Rules, Surroundings, shared};
use stationmaster::reconcile::gateways::{Options, PodGateways};
use stationmaster::reconcile::{self, Metrics, Shared};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const STATUS: &str = "PUT podgateways foo status";
/// A create that stores nothing.
const TRIAL: &str = "POST pods";
/// What a pod behind the gateway is marked with.
const INJECTED: &str = "gateway.stationmaster.dev/injected";

/// A process with this controller, which ends with the test.
struct Process {
    names: watch::Sender<Arc<Names>>,
    registry: Registry,
    task: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the cluster was told of, without any flags.
fn hooks() -> Hooks {
    Hooks {
        labels: vec!["setGateway".to_owned()],
        annotations: vec!["setGateway".to_owned()],
        excluded: vec!["kube-system".to_owned()],
        ..Hooks::default()
    }
}

impl Process {
    fn start(fake: &Fake, evict: bool) -> Self {
        Self::start_with(fake, Options { hooks: hooks(), evict })
    }

    fn start_with(fake: &Fake, options: Options) -> Self {
        let (cluster, stop) = (Cluster::from(fake.client()), CancellationToken::new());
        let (stored, first) = cluster.watched::<PodGateway>(stop.clone());
        let (namespaces, second) = cluster.watched(stop.clone());
        let names = watch::Sender::new(Arc::new(Names::default()));
        let mut registry = Registry::default();
        let shared = Shared {
            metrics: Metrics::register(&mut registry),
            cluster,
            options: reconcile::Options {
                concurrency: 1,
                lease_namespace: None,
            },
            dispatch: None,
            resources: None,
            clients: None,
            workers: None,
            gateways: Some(PodGateways {
                stored,
                namespaces,
                in_force: in_force(fake),
                names: names.subscribe(),
                flags: None,
                options,
            }),
        };
        let run = reconcile::run(shared, stop);
        let task = async move {
            tokio::join!(first, second, run);
        };
        Self {
            names,
            registry,
            task: tokio::spawn(task),
        }
    }

    fn resolves<T>(&self, change: impl FnOnce(&mut Names) -> T) {
        let mut names = Names::clone(&self.names.borrow());
        change(&mut names);
        self.names.send_replace(Arc::new(names));
    }

    fn metric(&self, name: &str) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split(' ').nth(1).map(ToOwned::to_owned)
    }
}

/// The gateway that is stored is in force.
fn in_force(fake: &Fake) -> stationmaster::gateway::Shared {
    let stored: PodGateway = serde_json::from_value(fake.get_cluster_wide("podgateways", "foo").unwrap()).unwrap();
    let gateway = Gateway {
        name: "foo".to_owned(),
        spec: stored.spec,
    };
    let surroundings = Surroundings::default();
    let known = (&surroundings, Names::default().addresses().clone());
    shared(InForce::new(vec![gateway], (known.0, &known.1), Rules::default(), true))
}

/// A fake with a gateway that has this name.
fn prepared(gateway: &str) -> Fake {
    let fake = Fake::new();
    fake.put(
        "podgateways",
        json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway",
            "metadata": {"name": "foo", "namespace": ""},
            "spec": {
                "gateway": gateway, "match": {"label": {"key": "setGateway", "value": "foo"}},
                "init": {"image": "init:1"},
            },
        }),
    );
    fake.put("namespaces", json!({"metadata": {"name": "default", "namespace": ""}}));
    fake
}

/// A pod that asks for the gateway.
fn pod(name: &str, owner: Option<&str>) -> Value {
    let owner =
        owner.map(|kind| json!([{"apiVersion": "v1", "kind": kind, "name": "web", "uid": kind, "controller": true}]));
    json!({
        "metadata": {"name": name, "labels": {"setGateway": "foo"}, "ownerReferences": owner},
        "spec": {"containers": [{"name": "app"}]},
    })
}

/// The same with the gateway.
fn behind(name: &str) -> Value {
    with_gateway(pod(name, None))
}

/// What a controller makes while the webhook answers.
fn successor(name: &str, owner: &str, ready: &str) -> Value {
    let mut pod = with_gateway(pod(name, Some(owner)));
    pod["status"] = json!({"conditions": [{"type": "Ready", "status": ready}]});
    pod
}

fn with_gateway(mut pod: Value) -> Value {
    pod["metadata"]["annotations"] = json!({INJECTED: "foo@0"});
    pod["spec"]["initContainers"] = json!([{"name": "gateway-init"}]);
    pod
}

fn status(fake: &Fake) -> Value {
    fake.get_cluster_wide("podgateways", "foo").unwrap()["status"].clone()
}

fn told(fake: &Fake, condition: &str) -> (String, String) {
    let status = status(fake);
    let mut conditions = status["conditions"].as_array().unwrap().iter();
    let found = conditions.find(|found| found["type"] == condition).unwrap();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_once() {
    let fake = prepared("192.0.2.1");
    register(&fake, "2026-01-01T00:00:01Z");
    let _process = Process::start(&fake, false);
    fake.expect(STATUS).await;
    fake.expect_silence().await;
    for (condition, reason) in [
        ("Ready", "InForce"),
        ("Resolved", "Addresses"),
        ("Enforced", "FailHook"),
        ("PodSecurity", "Admitted"),
    ] {
        assert_eq!(told(&fake, condition), ("True".to_owned(), reason.to_owned()));
    }
    assert_eq!(status(&fake)["observedGeneration"], 1);
}

#[tokio::test(start_paused = true)]
async fn webhooks_that_come_and_go_are_told_of() {
    let fake = prepared("192.0.2.1");
    let _process = Process::start(&fake, false);
    fake.expect(STATUS).await;
    let unknown = ("Unknown".to_owned(), "NotRegistered".to_owned());
    assert_eq!(told(&fake, "Enforced"), unknown);
    register(&fake, "2026-01-01T00:00:01Z");
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Enforced"), ("True".to_owned(), "FailHook".to_owned()));
    // No answer is no news.
    fake.fail("GET mutatingwebhookconfigurations", &[Fault::Status(500)]);
    fake.expect_silence().await;
    fake.remove_cluster_wide("mutatingwebhookconfigurations", "stationmaster");
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Enforced"), unknown);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_is_told_at_once_and_one_that_does_once() {
    let fake = prepared("vpn.example.org");
    let process = Process::start(&fake, false);
    let answer = ["192.0.2.1".parse().unwrap()];
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    process.resolves(|names| names.hear("vpn.example.org", &answer, at(1)));
    fake.expect(STATUS).await;
    while let Some(again) = fake.writes().await.pop() {
        assert_eq!(again, STATUS);
    }
    // Before the first answer there may have been a write without.
    tokio::time::sleep(Duration::from_secs(2)).await;
    fake.forget_writes().await;
    assert_eq!(told(&fake, "Resolved").1, "Resolved");
    let resolved = status(&fake)["addresses"].clone();
    assert_eq!(
        resolved,
        json!([{"name": "vpn.example.org", "address": "192.0.2.1", "lastResolved": "1970-01-01T00:00:01Z"}])
    );

    process.resolves(|names| names.hear("vpn.example.org", &answer, at(2)));
    fake.expect_silence().await;
    let before = tokio::time::Instant::now();
    process.resolves(|names| names.fail("vpn.example.org"));
    fake.expect(STATUS).await;
    assert!(before.elapsed() <= Duration::from_secs(1));
    assert_eq!(told(&fake, "Resolved").1, "NotResolving");
    assert_eq!(status(&fake)["addresses"][0]["lastResolved"], "1970-01-01T00:00:02Z");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn counts_are_written_every_30_seconds_at_most() {
    let fake = prepared("192.0.2.1");
    let _process = Process::start(&fake, false);
    fake.expect(STATUS).await;
    for name in ["a", "b", "c"] {
        fake.put("pods", behind(name));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    fake.expect_after(Duration::from_secs(26), STATUS).await;
    assert_eq!(status(&fake)["injectedPods"], 3);
    fake.remove("pods", "a");
    fake.expect_after(Duration::from_secs(29), STATUS).await;
    assert_eq!(status(&fake)["injectedPods"], 2);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_race_looks_again() {
    let fake = prepared("192.0.2.1");
    fake.fail(STATUS, &[Fault::Status(409), Fault::Status(500)]);
    let _process = Process::start(&fake, false);
    fake.expect(&format!("{STATUS} = 409")).await;
    fake.expect(&format!("{STATUS} = 500")).await;
    fake.expect(STATUS).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_its_gateway_is_told_of() {
    let fake = prepared("192.0.2.1");
    let process = Process::start(&fake, false);
    fake.expect(STATUS).await;
    fake.put("pods", pod("lost", None));
    let mut others = [
        behind("behind"),
        pod("older", None),
        pod("host", None),
        pod("ended", None),
        pod("theirs", None),
    ];
    others[1]["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    others[2]["spec"]["hostNetwork"] = json!(true);
    others[3]["status"] = json!({"phase": "Succeeded"});
    others[4]["spec"]["initContainers"] = json!([{"name": "gateway-init"}]);
    for other in others {
        fake.put("pods", other);
    }
    fake.put(
        "pods",
        json!({"metadata": {"name": "unrelated"}, "spec": {"containers": []}}),
    );
    fake.expect_after(Duration::from_secs(20), STATUS).await;
    assert_eq!(status(&fake)["injectedPods"], 2, "ours and theirs");
    assert_eq!(status(&fake)["uninjectedPods"], 1);
    fake.expect_silence().await;
    assert_eq!(
        process
            .metric("stationmaster_gateway_pods_uninjected{gateway=\"foo\"}")
            .as_deref(),
        Some("1")
    );
    assert_eq!(
        process
            .metric("stationmaster_gateway_pods_stale{gateway=\"foo\"}")
            .as_deref(),
        Some("1")
    );
    let events = fake.names("events");
    assert_eq!(events.len(), 1);
    let event = fake.get("events", &events[0]).unwrap();
    assert_eq!(
        (&event["reason"], &event["involvedObject"]["name"]),
        (&json!("NotInjected"), &json!("lost"))
    );

    // Another process finds the same, and says nothing twice.
    drop(process);
    let _process = Process::start(&fake, true);
    fake.expect_silence().await;
    assert_eq!(fake.names("events"), events);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_asks_later_was_rightly_created_without_it() {
    let fake = prepared("192.0.2.1");
    fake.annotate_pods(json!({INJECTED: "foo@0"}));
    let mut there = pod("there", Some("ReplicaSet"));
    there["metadata"]["labels"] = json!({});
    fake.put("pods", there);
    let _process = Process::start(&fake, true);
    fake.expect(STATUS).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    fake.edit("pods", "there", |pod| {
        pod["metadata"]["labels"] = json!({"setGateway": "foo"});
    });
    fake.expect_silence().await;
    assert_eq!(fake.names("pods"), ["there"]);
    assert!(fake.names("events").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_was_marked_while_another_process_led_was_not_missed() {
    let fake = with_lost(&[("marked", Some("ReplicaSet"))]);
    let entry = |time: &str, fields: Value| json!({"manager": "m", "time": time, "fieldsV1": fields});
    let managed = json!([
        entry("2026-01-01T00:00:00Z", json!({"f:spec": {"f:containers": {}}})),
        entry(
            "2026-01-01T00:01:00Z",
            json!({"f:metadata": {"f:labels": {"f:setGateway": {}}}})
        ),
    ]);
    fake.edit("pods", "marked", |pod| pod["metadata"]["managedFields"] = managed);
    let _process = Process::start(&fake, true);
    assert!(evicted(&fake, 600).await.is_empty());
    assert!(fake.names("events").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stamp_alone_puts_no_pod_behind_a_gateway() {
    let fake = prepared("192.0.2.1");
    let mut forged = pod("forged", None);
    forged["metadata"]["annotations"] = json!({INJECTED: "foo@x"});
    let mut unmarked = forged.clone();
    unmarked["metadata"]["name"] = json!("unmarked");
    unmarked["metadata"]["labels"] = json!({});
    let mut excluded = behind("excluded");
    excluded["metadata"]["namespace"] = json!("kube-system");
    for pod in [forged, unmarked, excluded, behind("behind")] {
        fake.put("pods", pod);
    }
    let _process = Process::start(&fake, false);
    fake.expect(STATUS).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let status = status(&fake);
    assert_eq!(
        (&status["injectedPods"], &status["uninjectedPods"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(fake.names("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_no_webhook_is_asked_no_pod_is_missed() {
    let fake = with_lost(&[("lost", None), ("web-a", Some("ReplicaSet"))]);
    let mut elsewhere = pod("routed", None);
    elsewhere["metadata"]["namespace"] = json!("routed");
    fake.put("pods", elsewhere);
    let labelled = |name: &str| {
        let labels = json!({"routed-gateway": "true"});
        json!({"metadata": {"name": name, "namespace": "", "labels": labels}})
    };
    fake.put("namespaces", labelled("routed"));
    let hooks = Hooks {
        namespaces: serde_json::from_value(json!({"matchLabels": {"routed-gateway": "true"}})).unwrap(),
        ..hooks()
    };
    let _process = Process::start_with(&fake, Options { hooks, evict: true });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        status(&fake)["uninjectedPods"],
        1,
        "in the one namespace that is asked about"
    );
    assert_eq!(fake.names("events").len(), 1);

    // A namespace that is asked about from now on: its pods were rightly created without, but for those to come.
    fake.put("namespaces", labelled("default"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    fake.put("pods", pod("later", None));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(status(&fake)["uninjectedPods"], 2);
    // And it is left out again.
    fake.put("namespaces", json!({"metadata": {"name": "default", "namespace": ""}}));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(status(&fake)["uninjectedPods"], 1);
    assert_eq!(fake.names("pods").len(), 4, "none was evicted");
}

#[tokio::test(start_paused = true)]
async fn where_no_webhook_is_asked_pod_security_refuses_nothing() {
    let fake = prepared("192.0.2.1");
    for (name, reason) in [("kube-system", "Admitted"), ("strict", "Restricted")] {
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
        fake.put(
            "namespaces",
            json!({"metadata": {"name": name, "namespace": "", "labels": labels}}),
        );
        let _process = Process::start(&fake, false);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(told(&fake, "PodSecurity").1, reason);
    }
}

/// The pods that are evicted in that many seconds.
async fn evicted(fake: &Fake, seconds: u64) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let writes = fake.writes().await.into_iter();
    let pod = |write: String| Some(write.strip_prefix("POST pods ")?.strip_suffix(" eviction")?.to_owned());
    writes.filter_map(pod).collect()
}

/// A fake whose webhook answers, with pods that were created while it did not.
fn with_lost(pods: &[(&str, Option<&str>)]) -> Fake {
    let fake = prepared("192.0.2.1");
    fake.annotate_pods(json!({INJECTED: "foo@0"}));
    for (name, owner) in pods {
        fake.put("pods", pod(name, *owner));
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn evicts_one_at_a_time_what_a_controller_makes_again() {
    let web = Some("ReplicaSet");
    let fake = with_lost(&[("bare", None), ("job", Some("Job")), ("web-a", web), ("web-b", web)]);
    let _process = Process::start(&fake, true);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut writes = fake.writes().await;
    writes.retain(|write| write != STATUS);
    assert_eq!(writes, [TRIAL, "POST pods web-a eviction"]);
    fake.put("pods", successor("web-c", "ReplicaSet", "True"));
    assert_eq!(evicted(&fake, 12).await, ["web-b"]);
    fake.put("pods", successor("web-d", "ReplicaSet", "True"));
    assert!(evicted(&fake, 5000).await.is_empty());
    assert_eq!(fake.names("pods"), ["bare", "job", "web-c", "web-d"]);
    assert_eq!(status(&fake)["uninjectedPods"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_next_one_waits_for_a_ready_successor_of_the_same_controller() {
    let fake = with_lost(&[("web-a", Some("ReplicaSet")), ("web-b", Some("ReplicaSet"))]);
    fake.put("pods", successor("before", "ReplicaSet", "True"));
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-a"]);
    fake.put("pods", successor("other", "StatefulSet", "True"));
    fake.put("pods", successor("web-c", "ReplicaSet", "False"));
    assert!(evicted(&fake, 500).await.is_empty());
    fake.edit("pods", "web-c", |pod| {
        pod["status"]["conditions"][0]["status"] = json!("True");
    });
    assert_eq!(evicted(&fake, 5).await, ["web-b"]);
}

#[tokio::test(start_paused = true)]
async fn another_leader_waits_for_the_successor_too() {
    let fake = with_lost(&[("web-a", Some("ReplicaSet")), ("web-b", Some("ReplicaSet"))]);
    let first = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-a"]);
    fake.put("pods", successor("web-c", "ReplicaSet", "False"));
    drop(first);
    let _second = Process::start(&fake, true);
    assert!(evicted(&fake, 600).await.is_empty());
    fake.edit("pods", "web-c", |pod| {
        pod["status"]["conditions"][0]["status"] = json!("True");
    });
    assert_eq!(evicted(&fake, 90).await, ["web-b"]);
}

#[tokio::test(start_paused = true)]
async fn another_leader_waits_for_the_end_of_the_evicted_pod_too() {
    let fake = with_lost(&[("web-0", Some("StatefulSet")), ("web-1", Some("StatefulSet"))]);
    fake.delay_evictions();
    let first = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-0"]);
    drop(first);
    let _second = Process::start(&fake, true);
    assert!(evicted(&fake, 600).await.is_empty());
    fake.remove("pods", "web-0");
    fake.put("pods", successor("web-0", "StatefulSet", "True"));
    assert_eq!(evicted(&fake, 90).await, ["web-1"]);
}

#[tokio::test(start_paused = true)]
async fn while_one_behind_the_gateway_is_not_ready_no_other_is_evicted() {
    let web = Some("ReplicaSet");
    let fake = with_lost(&[("web-a", web), ("web-b", web), ("zoo-0", Some("StatefulSet"))]);
    // With the mark of an older state of the gateway, which only a look at the whole pod confirms.
    fake.put("pods", successor("web-c", "ReplicaSet", "False"));
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 60).await, ["zoo-0"]);
    fake.put("pods", successor("zoo-0", "StatefulSet", "True"));
    assert!(evicted(&fake, 5000).await.is_empty());
    fake.remove("pods", "web-c");
    assert_eq!(evicted(&fake, 90).await.len(), 1);
    fake.put("pods", successor("web-d", "ReplicaSet", "False"));
    assert!(evicted(&fake, 9000).await.is_empty(), "for longer than an hour");
}

#[tokio::test(start_paused = true)]
async fn a_successor_may_have_the_name_of_the_evicted_pod() {
    let fake = with_lost(&[("web-0", Some("StatefulSet")), ("web-1", Some("StatefulSet"))]);
    fake.delay_evictions();
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-0"]);
    assert!(evicted(&fake, 100).await.is_empty(), "it has not ended");
    fake.remove("pods", "web-0");
    fake.put("pods", successor("web-0", "StatefulSet", "True"));
    assert_eq!(evicted(&fake, 5).await, ["web-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_controller_without_a_successor_is_left_alone_for_an_hour_and_others_for_a_while() {
    let web = Some("ReplicaSet");
    let fake = with_lost(&[("web-a", web), ("web-b", web), ("zoo-0", Some("StatefulSet"))]);
    let process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-a"]);
    assert!(evicted(&fake, 1190).await.is_empty());
    assert_eq!(evicted(&fake, 30).await, ["zoo-0"]);
    fake.put("pods", successor("zoo-0", "StatefulSet", "True"));
    assert!(evicted(&fake, 2900).await.is_empty());
    assert_eq!(evicted(&fake, 120).await, ["web-b"]);
    let unreplaced = "stationmaster_gateway_evictions_total{gateway=\"foo\",result=\"unreplaced\"}";
    assert_eq!(process.metric(unreplaced).as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_end_has_no_successor() {
    let fake = with_lost(&[("web-a", Some("ReplicaSet")), ("zoo-0", Some("StatefulSet"))]);
    fake.delay_evictions();
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 8).await, ["web-a"]);
    fake.put("pods", successor("web-c", "ReplicaSet", "True"));
    assert!(evicted(&fake, 1190).await.is_empty());
    assert_eq!(evicted(&fake, 30).await, ["zoo-0"]);
}

#[tokio::test(start_paused = true)]
async fn an_eviction_whose_answer_is_lost_is_one() {
    let fake = with_lost(&[("web-a", Some("ReplicaSet")), ("web-b", Some("ReplicaSet"))]);
    fake.fail("POST pods web-a eviction", &[Fault::AnswerLost]);
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 500).await, ["web-a"]);
}

#[tokio::test(start_paused = true)]
async fn what_runs_once_is_not_evicted_whoever_made_it() {
    let fake = with_lost(&[("step", Some("Workflow"))]);
    fake.edit("pods", "step", |pod| pod["spec"]["restartPolicy"] = json!("Never"));
    let _process = Process::start(&fake, true);
    assert!(evicted(&fake, 600).await.is_empty());
    assert_eq!(status(&fake)["uninjectedPods"], 1);
    let event = fake.get("events", &fake.names("events")[0]).unwrap();
    let message = event["message"].as_str().unwrap();
    assert!(
        message.ends_with("; deleting it may end the work of Workflow web"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_out_is_neither_told_of_nor_evicted() {
    let fake = with_lost(&[("web-a", Some("ReplicaSet"))]);
    let _process = Process::start(&fake, true);
    fake.expect(STATUS).await;
    // Before the watch tells of it.
    fake.stall("pods");
    fake.edit("pods", "web-a", |pod| {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    });
    assert!(evicted(&fake, 600).await.is_empty());
    assert!(fake.names("events").is_empty());
}

/// Tells the API server of our webhooks, at that time.
fn register(fake: &Fake, time: &str) {
    let metadata = json!({"name": "stationmaster", "namespace": "", "creationTimestamp": time});
    fake.put("mutatingwebhookconfigurations", json!({"metadata": metadata}));
}

#[tokio::test(start_paused = true)]
async fn pods_older_than_the_webhooks_were_not_missed() {
    let fake = with_lost(&[("older", Some("ReplicaSet")), ("lost", Some("ReplicaSet"))]);
    register(&fake, "2026-01-01T00:00:01Z");
    fake.edit("pods", "lost", |pod| {
        pod["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:01Z");
    });
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 600).await, ["lost"]);
    assert_eq!(fake.names("pods"), ["older"]);
    assert_eq!(fake.names("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_not_known_since_when_webhooks_are_asked_no_pod_is_judged() {
    let fake = with_lost(&[("older", Some("ReplicaSet"))]);
    register(&fake, "2026-01-01T00:00:01Z");
    // Asked for the pod and for the status.
    fake.fail("GET mutatingwebhookconfigurations", &[Fault::Status(500); 2]);
    let _process = Process::start(&fake, true);
    assert!(evicted(&fake, 600).await.is_empty());
    assert!(fake.names("events").is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_a_gateway_without_a_beginning_nothing_is_evicted() {
    for registered in [None, Some("2025-01-01T00:00:00Z")] {
        let fake = with_lost(&[("web-a", Some("ReplicaSet"))]);
        if let Some(time) = registered {
            register(&fake, time);
        }
        let process = Process::start(&fake, true);
        // As one that flags make, it is in force and not stored.
        fake.remove_cluster_wide("podgateways", "foo");
        assert!(evicted(&fake, 600).await.is_empty(), "{registered:?}");
        let uninjected = process.metric("stationmaster_gateway_pods_uninjected{gateway=\"foo\"}");
        assert_eq!(uninjected.as_deref(), Some("1"));
    }
}

#[tokio::test(start_paused = true)]
async fn pods_older_than_what_chooses_them_are_counted_and_not_evicted() {
    let matches = json!({"f:spec": {"f:match": {"f:label": {}}}});
    let asked = json!({"f:webhooks": {"k:{\"name\":\"pods\"}": {"f:namespaceSelector": {}}}});
    for (plural, name, fields) in [
        ("podgateways", "foo", matches),
        ("mutatingwebhookconfigurations", "stationmaster", asked),
    ] {
        let fake = with_lost(&[("a-older", Some("ReplicaSet")), ("lost", Some("StatefulSet"))]);
        register(&fake, "2026-01-01T00:00:00Z");
        let mut changed = fake.get_cluster_wide(plural, name).unwrap();
        changed["metadata"]["namespace"] = json!("");
        changed["metadata"]["managedFields"] =
            json!([{"manager": "m", "time": "2026-01-01T00:00:01Z", "fieldsV1": fields}]);
        fake.put(plural, changed);
        fake.edit("pods", "lost", |pod| {
            pod["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:01Z");
        });
        let _process = Process::start(&fake, true);
        assert_eq!(evicted(&fake, 600).await, ["lost"], "{plural}");
        assert_eq!(status(&fake)["uninjectedPods"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn evicts_nothing_whose_successor_would_be_no_better() {
    let fake = prepared("192.0.2.1");
    fake.put("pods", pod("web-a", Some("ReplicaSet")));
    let process = Process::start(&fake, true);
    fake.expect(STATUS).await;
    fake.expect(TRIAL).await;
    let again = fake.expect_after(Duration::from_secs(20), STATUS);
    again.await;
    fake.expect(TRIAL).await;
    assert_eq!(fake.names("pods"), ["web-a"]);
    let postponed = "stationmaster_gateway_evictions_total{gateway=\"foo\",result=\"postponed\"}";
    assert!(process.metric(postponed).is_some());
    // Once the webhook answers, and the budget allows it.
    fake.annotate_pods(json!({INJECTED: "foo@0"}));
    fake.fail("POST pods web-a eviction", &[Fault::Status(429)]);
    fake.expect(TRIAL).await;
    fake.expect("POST pods web-a eviction = 429").await;
    fake.expect_after(Duration::from_secs(59), TRIAL).await;
    fake.expect("POST pods web-a eviction").await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_refused_again_and_again_keep_no_others_from_their_turn() {
    let fake = with_lost(&[]);
    for number in 0..8 {
        let name = format!("stuck-{number}");
        fake.put("pods", pod(&name, Some("ReplicaSet")));
        fake.fail(&format!("POST pods {name} eviction"), &[Fault::Status(429); 20]);
    }
    fake.put("pods", pod("zoo-0", Some("StatefulSet")));
    let _process = Process::start(&fake, true);
    assert_eq!(evicted(&fake, 200).await, ["zoo-0"]);
}

#[tokio::test(start_paused = true)]
async fn gives_up_where_pods_come_back_without_it() {
    let fake = prepared("192.0.2.1");
    fake.annotate_pods(json!({INJECTED: "foo@0"}));
    let _process = Process::start(&fake, true);
    let mut evictions = 0;
    for round in 0..6 {
        let name = format!("web-{round}");
        let mut returned = pod(&name, Some("ReplicaSet"));
        // Later than whatever was evicted before.
        returned["metadata"]["creationTimestamp"] = json!("2999-01-01T00:00:00Z");
        fake.put("pods", returned);
        evictions += evicted(&fake, 5000).await.len();
    }
    assert_eq!(evictions, 3, "the first one and what came back twice");
    assert_eq!(fake.names("pods").len(), 3);
}
