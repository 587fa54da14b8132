//! The calls of the controller of GatewayClients, scenario by scenario, against an API server in process. Time is
//! simulated for what waits, and real for what is recorded.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::time::Duration;

use common::fake::{Fake, Fault};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use stationmaster::api::gateway::{Gateway, GatewaySpec, Mark, Match};
use stationmaster::clients::cluster::Cluster;
use stationmaster::gateway::client::Defaults;
use stationmaster::gateway::{self, Addresses, InForce, Resolv, Rules, Surroundings};
use stationmaster::reconcile::gateway_clients::Clients;
use stationmaster::reconcile::{self, Metrics, Options, Shared};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const CREATE: &str = "POST pods";
const STATUS: &str = "PUT gatewayclients run status";
const DELETE_POD: &str = "DELETE pods run";
const FORGET: &str = "DELETE gatewayclients run";

/// A process with the controller; killed when dropped.
struct Process(JoinHandle<()>);

impl Process {
    fn start(fake: &Fake) -> Self {
        Self::with(fake, in_force(&["foo", "bar"], true))
    }

    fn with(fake: &Fake, in_force: InForce) -> Self {
        let cluster = Cluster::from(fake.client());
        let stop = CancellationToken::new();
        let (clients, watch) = cluster.watched(stop.clone());
        let (namespaces, second) = cluster.watched(stop.clone());
        let clients = Clients {
            clients,
            gateways: gateway::shared(in_force),
            namespaces: Some(namespaces),
            defaults: Defaults {
                image: "alpine/curl".into(),
                command: vec!["sleep".into(), "infinity".into()],
            },
            retention: Duration::from_secs(600),
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
            gateways: None,
            workers: None,
            clients: Some(clients),
        };
        let run = reconcile::run(shared, stop);
        Self(tokio::spawn(async move {
            tokio::join!(watch, second, run);
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

fn in_force(names: &[&str], is_complete: bool) -> InForce {
    selecting(names, is_complete, None)
}

/// Gateways for the namespaces of that team.
fn selecting(names: &[&str], is_complete: bool, team: Option<&str>) -> InForce {
    let selector = |team: &str| serde_json::from_value(json!({"matchLabels": {"team": team}})).unwrap();
    let gateway = |name: &&str| Gateway {
        name: (*name).into(),
        spec: GatewaySpec {
            matches: Match {
                label: Some(Mark {
                    key: "setGateway".into(),
                    value: Some(format!("by-{name}")),
                }),
                namespace_selector: team.map(selector),
                ..Match::default()
            },
            ..GatewaySpec::default()
        },
    };
    let surroundings = Surroundings {
        resolv: Resolv::default(),
        native_sidecars: false,
    };
    let gateways = names.iter().map(gateway).collect();
    InForce::new(
        gateways,
        (&surroundings, &Addresses::default()),
        Rules::default(),
        is_complete,
    )
}

fn client() -> Value {
    json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
        "metadata": {"name": "run"}, "spec": {"gatewayName": "foo"},
    })
}

fn prepared() -> Fake {
    let fake = Fake::new();
    fake.put("gatewayclients", client());
    fake
}

fn status(fake: &Fake) -> Value {
    fake.get("gatewayclients", "run").unwrap()["status"].clone()
}

/// Phase and message.
fn told(fake: &Fake) -> (String, String) {
    let status = status(fake);
    let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
    (text("phase"), text("message"))
}

/// Reason of a condition.
fn reason(fake: &Fake, condition: &str) -> String {
    let status = status(fake);
    let mut all = status["conditions"].as_array().unwrap().iter();
    let found = all.find(|found| found["type"] == condition).unwrap();
    found["reason"].as_str().unwrap().to_owned()
}

fn uid(fake: &Fake) -> String {
    fake.get("pods", "run").unwrap()["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn in_phase(fake: &Fake, phase: &str) {
    fake.edit("pods", "run", |pod| pod["status"] = json!({"phase": phase}));
}

/// With a pod that is recorded.
async fn scheduled(fake: &Fake) -> Process {
    let process = Process::start(fake);
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    process
}

#[tokio::test(start_paused = true)]
async fn a_client_takes_a_pod_and_a_status() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    let pod = fake.get("pods", "run").unwrap();
    assert_eq!(pod["metadata"]["labels"]["setGateway"], "by-foo");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["controller"], true);
    let status = status(&fake);
    assert_eq!(
        (&status["phase"], &status["podUid"], &status["gateway"]),
        (&json!("Scheduled"), &pod["metadata"]["uid"], &json!("foo"))
    );
    assert_eq!(reason(&fake, "Injected"), "NotInjected");
    fake.edit("pods", "run", |pod| {
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    });
    fake.expect(STATUS).await;
    assert_eq!(told(&fake).0, "Ready");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_makes_no_second_pod() {
    for calls in 0..12 {
        let fake = prepared();
        fake.hang_after(Some(calls));
        let process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(1)).await;
        process.kill().await;
        let made = fake.get("pods", "run").map(|_| uid(&fake));
        fake.hang_after(None);
        fake.forget_writes().await;
        let _process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let writes = fake.writes().await;
        let creates = writes.iter().filter(|write| **write == CREATE).count();
        assert_eq!(creates, usize::from(made.is_none()), "{writes:?} after {calls} calls");
        assert_eq!(status(&fake)["podUid"], json!(uid(&fake)), "after {calls} calls");
        assert!(made.is_none_or(|made| made == uid(&fake)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_answer_meets_its_own_pod() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::AnswerLost]);
    // The watch would tell of the pod before the next try.
    fake.stall("pods");
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.expect("POST pods = 409").await;
    fake.expect(STATUS).await;
    assert_eq!(status(&fake)["podUid"], json!(uid(&fake)));
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_answer_that_filled_the_quota_is_no_failure() {
    for code in [403, 422] {
        let fake = prepared();
        fake.fail(CREATE, &[Fault::AnswerLost, Fault::Status(code)]);
        fake.stall("pods");
        let _process = Process::start(&fake);
        fake.expect(CREATE).await;
        fake.expect(&format!("POST pods = {code}")).await;
        fake.expect(STATUS).await;
        assert_eq!(
            (told(&fake).0, &status(&fake)["podUid"]),
            ("Scheduled".into(), &json!(uid(&fake)))
        );
        fake.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_pod_keeps_its_name() {
    let fake = prepared();
    fake.put("pods", json!({"metadata": {"name": "run"}}));
    let _process = Process::start(&fake);
    fake.expect("POST pods = 409").await;
    fake.expect(STATUS).await;
    assert_eq!(told(&fake).0, "Failed");
    assert_eq!(reason(&fake, "PodCreated"), "PodNameTaken");
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_an_earlier_client_is_waited_for() {
    let fake = prepared();
    let owner = json!({
        "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient", "name": "run", "uid": "earlier",
        "controller": true,
    });
    fake.put("pods", json!({"metadata": {"name": "run", "ownerReferences": [owner]}}));
    let _process = Process::start(&fake);
    fake.expect("POST pods = 409").await;
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "PodCreated")),
        ("Pending".into(), "PodNameBusy".into())
    );
    // It may hang, and is then asked for less and less often.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = fake.writes().await.len();
    assert!((8..=25).contains(&tries), "{tries}");
    fake.remove("pods", "run");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told(&fake).0, "Scheduled");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_an_outage_is_not() {
    for code in [403, 422] {
        let fake = prepared();
        fake.fail(CREATE, &[Fault::Status(code)]);
        let _process = Process::start(&fake);
        fake.expect(&format!("POST pods = {code}")).await;
        fake.expect(STATUS).await;
        let (phase, message) = told(&fake);
        assert_eq!(phase, "Failed");
        assert!(
            message.contains("refused by the test") && !message.contains("a secret"),
            "{message}"
        );
    }
    for code in [429, 500, 503, 409] {
        let fake = prepared();
        fake.fail(CREATE, &[Fault::Status(code)]);
        let _process = Process::start(&fake);
        fake.expect(&format!("POST pods = {code}")).await;
        fake.expect(CREATE).await;
        fake.expect(STATUS).await;
        assert_eq!(told(&fake).0, "Scheduled", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_lasts_is_told() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::Status(503); 4]);
    let _process = Process::start(&fake);
    for _ in 0..3 {
        fake.expect("POST pods = 503").await;
    }
    fake.expect(STATUS).await;
    fake.expect("POST pods = 503").await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "PodCreated")),
        ("Pending".into(), "Unavailable".into())
    );
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_gateway_is_refused_once_all_are_known() {
    let unknown = json!({"gatewayName": "baz"});
    let fake = prepared();
    fake.edit("gatewayclients", "run", |client| client["spec"] = unknown.clone());
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    let expected = "there is no gateway \"baz\": the gateways are bar, foo";
    assert_eq!(told(&fake), ("Failed".into(), expected.into()));
    assert_eq!(reason(&fake, "PodCreated"), "UnknownGateway");

    let fake = prepared();
    fake.edit("gatewayclients", "run", |client| client["spec"] = unknown);
    let _process = Process::with(&fake, in_force(&["foo"], false));
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "PodCreated")),
        ("Pending".into(), "GatewaysNotKnownYet".into())
    );
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_gateway_for_other_namespaces_gives_no_pod() {
    let namespace = |team: &str| json!({"metadata": {"name": "default", "namespace": "", "labels": {"team": team}}});
    let fake = prepared();
    fake.put("namespaces", namespace("b"));
    let _process = Process::with(&fake, selecting(&["foo"], true, Some("a")));
    fake.expect(STATUS).await;
    let (phase, message) = told(&fake);
    assert_eq!(
        (&*phase, reason(&fake, "PodCreated")),
        ("Failed", "NotForNamespace".into())
    );
    assert!(
        message.starts_with("gateway \"foo\" is not for namespace \"default\": "),
        "{message}"
    );
    fake.expect_silence().await;

    // One that is not known is waited for.
    let fake = prepared();
    let _process = Process::with(&fake, selecting(&["foo"], true, Some("a")));
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "PodCreated")),
        ("Pending".into(), "NamespaceNotKnownYet".into())
    );
    fake.put("namespaces", namespace("a"));
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn what_no_client_may_have_gets_no_pod() {
    let fake = prepared();
    fake.edit("gatewayclients", "run", |client| {
        client["spec"]["podTemplate"] = json!({"spec": {"hostNetwork": true}});
    });
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "PodCreated")),
        ("Failed".into(), "NotAllowed".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_pod_is_replaced_by_its_uid() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    let first = uid(&fake);
    in_phase(&fake, "Failed");
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, &status(&fake)["podUid"]),
        ("Pending".into(), &json!(first))
    );
    fake.expect(DELETE_POD).await;
    // It comes after the pause, which is recorded in real time.
    fake.edit("gatewayclients", "run", |client| {
        let conditions = client["status"]["conditions"].as_array_mut().unwrap();
        for condition in conditions {
            condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        }
    });
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    let second = uid(&fake);
    assert_ne!(first, second);
    let status = status(&fake);
    assert_eq!(
        (&status["podUid"], &status["phase"], &status["replaced"]),
        (&json!(second), &json!("Scheduled"), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_drained_is_made_again() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    fake.edit("pods", "run", |pod| {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "DisruptionTarget", "status": "True"}]});
    });
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready"), status(&fake)["replaced"].clone()),
        ("Pending".into(), "PodFailed".into(), json!(1))
    );
    fake.remove("pods", "run");
    // It comes after the pause, which is recorded in real time.
    fake.edit("gatewayclients", "run", |client| {
        for condition in client["status"]["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        }
    });
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    assert_eq!(told(&fake).0, "Scheduled");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fails_for_ever_fails_its_client() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    fake.edit("gatewayclients", "run", |client| {
        client["status"]["replaced"] = json!(5);
    });
    in_phase(&fake, "Failed");
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready")),
        ("Failed".into(), "PodFailed".into())
    );
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_ends_well_ends_its_client_and_stays() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    in_phase(&fake, "Succeeded");
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready")),
        ("Ended".into(), "PodSucceeded".into())
    );
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_ends_its_client() {
    let fake = prepared();
    let injected = json!("foo@1");
    let process = scheduled(&fake).await;
    fake.edit("pods", "run", |pod| {
        pod["metadata"]["annotations"]["gateway.stationmaster.dev/injected"] = injected;
    });
    fake.expect(STATUS).await;
    fake.remove("pods", "run");
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready")),
        ("Ended".into(), "PodDeleted".into())
    );
    process.kill().await;
    let _process = Process::start(&fake);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_asked_for_takes_the_pod() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    fake.edit("gatewayclients", "run", |client| {
        client["metadata"]["annotations"] = json!({"gateway.stationmaster.dev/end": "true"});
    });
    fake.expect(DELETE_POD).await;
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready")),
        ("Ended".into(), "EndRequested".into())
    );
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_comes_first_makes_no_pod() {
    let fake = prepared();
    fake.edit("gatewayclients", "run", |client| {
        client["metadata"]["annotations"] = json!({"gateway.stationmaster.dev/end": "true"});
    });
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    assert_eq!(told(&fake).0, "Ended");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_begins_with_the_client() {
    let fake = prepared();
    let _process = scheduled(&fake).await;
    // Long over: it was created in January.
    fake.edit("gatewayclients", "run", |client| {
        client["spec"]["lifetimeSeconds"] = json!(60);
    });
    fake.expect(DELETE_POD).await;
    fake.expect(STATUS).await;
    assert_eq!(
        (told(&fake).0, reason(&fake, "Ready")),
        ("Ended".into(), "LifetimeOver".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_ended_goes_in_the_end() {
    let fake = prepared();
    let ended = |fake: &Fake, time: String| {
        fake.edit("gatewayclients", "run", |client| {
            client["status"] = json!({"phase": "Ended", "finishTime": time});
        });
    };
    ended(&fake, "2026-01-01T00:00:00Z".into());
    let process = Process::start(&fake);
    fake.expect(FORGET).await;
    process.kill().await;
    // It may have been told twice before the watch showed that it is done.
    fake.forget_writes().await;
    fake.put("gatewayclients", client());
    ended(&fake, Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let process = Process::start(&fake);
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert_eq!(fake.writes().await, [""; 0]);
    process.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_answer_is_owed_stays_until_it_has_gone() {
    let fake = prepared();
    let owed = |how: &str| json!({"gateway.stationmaster.dev/reply": how});
    let long_ago = Timestamp::now() - Duration::from_secs(3600);
    fake.edit("gatewayclients", "run", |client| {
        client["metadata"]["annotations"] = owed("sink");
        client["status"] = json!({"phase": "Ended", "finishTime": long_ago.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
    });
    let _process = Process::start(&fake);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.writes().await, [""; 0]);
    fake.edit("gatewayclients", "run", |client| {
        client["metadata"]["annotations"] = owed("sent");
    });
    fake.expect(FORGET).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_get_a_thousand_pods() {
    let fake = Fake::new();
    for number in 0..1000 {
        let mut client = client();
        client["metadata"]["name"] = json!(format!("run-{number}"));
        fake.put("gatewayclients", client);
    }
    let _process = Process::start(&fake);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let writes = fake.writes().await;
    assert_eq!(writes.iter().filter(|write| *write == CREATE).count(), 1000);
    assert_eq!((fake.names("pods").len(), writes.len()), (1000, 2000));
}
