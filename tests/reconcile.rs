//! The reconciler's calls, scenario by scenario, against an API server in process. Time is simulated.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::fake::{Fake, Fault};
use serde_json::{Value, json};
use stationmaster::clients::cluster::Cluster;
use stationmaster::reconcile::{self, Dispatch, Metrics, Options, Shared};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Reconciles at a time.
const CONCURRENCY: u16 = 4;
const CREATE: &str = "POST jobs";
const RELEASE: &str = "PATCH jobs run";
const STATUS: &str = "PUT jobexecutions run status";
const DELETE: &str = "DELETE jobexecutions run";

/// A process with the controllers, which ends with the test or when it is killed.
struct Process {
    task: JoinHandle<()>,
    stop: CancellationToken,
    filled: watch::Receiver<bool>,
}

impl Process {
    fn start(fake: &Fake) -> Self {
        Self::with(fake, None)
    }

    fn with(fake: &Fake, lease_namespace: Option<&str>) -> Self {
        let cluster = Cluster::from(fake.client());
        let stop = CancellationToken::new();
        let (templates, watch) = cluster.templates(stop.clone());
        let options = Options {
            concurrency: CONCURRENCY,
            lease_namespace: lease_namespace.map(Into::into),
        };
        let dispatch = Dispatch {
            templates,
            compiled: Arc::default(),
            filled: watch::Sender::default(),
        };
        let filled = dispatch.filled.subscribe();
        let shared = Shared {
            cluster,
            metrics: Metrics::default(),
            options,
            dispatch: Some(dispatch),
            resources: None,
            clients: None,
            gateways: None,
            workers: None,
        };
        let run = reconcile::run(shared, stop.clone());
        let task = async move {
            tokio::join!(watch, run);
        };
        Self {
            task: tokio::spawn(task),
            stop,
            filled,
        }
    }

    /// Asks it to end, as SIGTERM does, and waits until it has.
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(1), self.task)
            .await
            .expect("it ends at once")
            .unwrap();
    }

    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn template(text: &str) -> Value {
    json!({"metadata": {"name": "t"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {
        "containers": [{"name": "c", "image": "i", "command": ["echo", text]}],
    }}}}}})
}

fn execution() -> Value {
    json!({"metadata": {"name": "run"}, "spec": {"jobTemplateName": "t", "payload": "hello"}})
}

/// A fake with template and execution.
fn prepared() -> Fake {
    let fake = Fake::new();
    fake.put("jobtemplates", template("{{ .Payload }}"));
    fake.put("jobexecutions", execution());
    fake
}

fn started(fake: &Fake, job: &str) {
    fake.edit("jobs", job, |job| {
        job["status"] = json!({"active": 1, "startTime": "2026-01-01T00:00:01Z"});
    });
}

fn finished(fake: &Fake, job: &str) {
    fake.edit("jobs", job, |job| {
        job["status"] = json!({
            "startTime": "2026-01-01T00:00:01Z", "completionTime": "2026-01-01T00:00:02Z",
            "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"}],
        });
    });
}

/// Phase, then reason and message of the condition that says why.
fn told(fake: &Fake, condition: &str) -> (String, String, String) {
    let status = fake.get("jobexecutions", "run").unwrap()["status"].clone();
    let conditions = status["conditions"].as_array().unwrap().iter();
    let found = conditions.clone().find(|found| found["type"] == condition).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&status["phase"]), text(&found["reason"]), text(&found["message"]))
}

fn reason(fake: &Fake) -> String {
    told(fake, "Waiting").1
}

fn owned_job(name: &str, uid: &Value) -> Value {
    json!({"metadata": {"name": name, "ownerReferences": [{
        "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution", "name": "run", "uid": uid, "controller": true,
    }]}})
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_three_writes() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    started(&fake, "run");
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Running").0, "Running");
    finished(&fake, "run");
    fake.expect(STATUS).await;
    assert_eq!(
        told(&fake, "Succeeded"),
        ("Succeeded".into(), "JobSucceeded".into(), "the Job ended well".into())
    );
    fake.expect_silence().await;
    let job = fake.get("jobs", "run").unwrap();
    assert_eq!(
        job.pointer("/spec/template/spec/containers/0/command"),
        Some(&json!(["echo", "hello"]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_start_is_recorded_after_a_second() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.expect_after(Duration::from_secs(1), STATUS).await;
    assert_eq!(reason(&fake), "JobCreated");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_worked_off_before_its_jobs_are_told_about() {
    const EXECUTIONS: usize = 200;
    let fake = Fake::new();
    fake.put("jobtemplates", template("{{ .Payload }}"));
    for number in 0..EXECUTIONS {
        let metadata = json!({"name": format!("run-{number}")});
        fake.put(
            "jobexecutions",
            json!({"metadata": metadata, "spec": {"jobTemplateName": "t"}}),
        );
    }
    fake.delay_writes(Duration::from_millis(100));
    let _process = Process::start(&fake);
    // The last few are no backlog any more.
    for _ in 0..EXECUTIONS - 2 * usize::from(CONCURRENCY) {
        fake.expect(CREATE).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let recorded = |name: &String| fake.get("jobexecutions", name).unwrap()["status"]["phase"] == "Pending";
    assert!(fake.names("jobexecutions").iter().all(recorded));
    assert_eq!(fake.names("jobs").len(), EXECUTIONS);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_at_once_takes_two_writes() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    finished(&fake, "run");
    fake.expect(STATUS).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_job() {
    let fake = prepared();
    fake.edit("jobtemplates", "t", |template| {
        template["spec"]["jobTemplate"]["metadata"] = json!({"name": "fixed"});
    });
    fake.fail(CREATE, &[Fault::AnswerLost]);
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    assert_eq!(reason(&fake), "JobCreated");
    assert_eq!(fake.names("jobs"), ["fixed"]);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn killed_after_any_call_there_is_one_job() {
    for calls in 0..30 {
        let fake = prepared();
        fake.hang_after(Some(calls));
        let process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        if fake.get("jobs", "run").is_some() {
            finished(&fake, "run");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        process.kill().await;
        fake.hang_after(None);
        let created = fake.get("jobs", "run").map(|job| job["metadata"]["uid"].clone());
        let _process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fake.names("jobs"), ["run"], "after {calls} calls");
        if created.is_some() {
            assert_eq!(
                fake.get("jobs", "run").map(|job| job["metadata"]["uid"].clone()),
                created
            );
            assert_eq!(told(&fake, "Succeeded").1, "JobSucceeded", "after {calls} calls");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_job_of_another_name() {
    let fake = prepared();
    let rename = |name: &str| {
        fake.edit("jobtemplates", "t", |template| {
            template["spec"]["jobTemplate"]["metadata"] = json!({ "name": name });
        });
    };
    rename("one");
    fake.fail(CREATE, &[Fault::AnswerLost]);
    fake.stall("jobs");
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    rename("two");
    fake.expect(STATUS).await;
    assert_eq!(reason(&fake), "JobCreated");
    assert_eq!(fake.names("jobs"), ["one"]);
}

/// A fake whose Job removes itself after its end.
fn with_ttl() -> Fake {
    let fake = prepared();
    fake.edit("jobtemplates", "t", |template| {
        template["spec"]["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] = json!(60);
    });
    fake
}

/// Whether the Job may run, and whether it is marked as held.
fn held(fake: &Fake) -> (bool, bool) {
    let job = fake.get("jobs", "run").unwrap();
    let marked = &job["metadata"]["annotations"]["dispatch.stationmaster.dev/held"];
    (job["spec"]["suspend"] != true, *marked == "true")
}

#[tokio::test(start_paused = true)]
async fn a_job_that_removes_itself_runs_once_it_is_recorded() {
    let fake = with_ttl();
    fake.delay_writes(Duration::from_millis(100));
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    assert_eq!(held(&fake), (false, true));
    fake.expect(STATUS).await;
    assert_eq!(reason(&fake), "JobCreated");
    assert_eq!(held(&fake), (false, true));
    fake.expect(RELEASE).await;
    assert_eq!(held(&fake), (true, false));
    started(&fake, "run");
    fake.expect(STATUS).await;
    finished(&fake, "run");
    fake.expect(STATUS).await;
    fake.remove("jobs", "run");
    fake.expect(DELETE).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_held_job_is_recorded_and_released_after_a_crash() {
    let fake = with_ttl();
    fake.delay_writes(Duration::from_secs(1));
    let process = Process::start(&fake);
    fake.expect(CREATE).await;
    process.kill().await;
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    fake.expect(RELEASE).await;
    assert_eq!(held(&fake), (true, false));
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_tried_again() {
    let fake = with_ttl();
    fake.fail("PATCH jobs", &[Fault::Status(503), Fault::AnswerLost]);
    let _process = Process::start(&fake);
    for write in [CREATE, STATUS, "PATCH jobs run = 503", RELEASE] {
        fake.expect(write).await;
    }
    fake.expect_silence().await;
    assert_eq!(held(&fake), (true, false));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_forbidden_is_told_once() {
    const FORBIDDEN: &str = "PATCH jobs run = 403";
    let fake = with_ttl();
    fake.fail("PATCH jobs", &[Fault::Status(403); 4]);
    let _process = Process::start(&fake);
    for write in [CREATE, STATUS, FORBIDDEN, FORBIDDEN, STATUS] {
        fake.expect(write).await;
    }
    assert_eq!(reason(&fake), "JobCreateError");
    for write in [FORBIDDEN, FORBIDDEN, RELEASE, STATUS] {
        fake.expect(write).await;
    }
    assert_eq!(reason(&fake), "JobCreated");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn killed_after_any_call_a_job_that_removes_itself_is_made_once() {
    for calls in 0..30 {
        let fake = with_ttl();
        fake.hang_after(Some(calls));
        let process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let ran = fake.get("jobs", "run").is_some() && held(&fake).0;
        if ran {
            finished(&fake, "run");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        process.kill().await;
        if ran {
            fake.remove("jobs", "run");
        }
        fake.hang_after(None);
        let _process = Process::start(&fake);
        tokio::time::sleep(Duration::from_secs(120)).await;
        let created = fake.writes().await.iter().filter(|write| *write == CREATE).count();
        assert_eq!(created, 1, "after {calls} calls");
        assert!(ran || held(&fake) == (true, false), "after {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_job_of_the_name_is_waited_for() {
    let fake = prepared();
    fake.put("jobs", json!({"metadata": {"name": "run"}}));
    let _process = Process::start(&fake);
    fake.expect("POST jobs = 409").await;
    fake.expect(STATUS).await;
    let message = "Job default/run exists and belongs to another owner";
    assert_eq!(
        told(&fake, "Waiting"),
        ("Pending".into(), "JobNameTaken".into(), message.into())
    );
    fake.expect_silence().await;
    fake.remove("jobs", "run");
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_that_nobody_has_is_tried_again_in_a_second() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::Taken; 2]);
    let _process = Process::start(&fake);
    fake.expect("POST jobs = 409").await;
    fake.expect_after(Duration::from_secs(1), "POST jobs = 409").await;
    fake.expect_after(Duration::from_secs(1), CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_template_is_waited_for() {
    let fake = Fake::new();
    fake.put("jobexecutions", execution());
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    let message = "spec.jobTemplateName: there is no JobTemplate default/t";
    assert_eq!(
        told(&fake, "Waiting"),
        ("Pending".into(), "FetchJobTemplateError".into(), message.into())
    );
    fake.expect_silence().await;
    fake.put("jobtemplates", template("{{ .Payload }}"));
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_that_the_watch_has_not_brought_is_not_missing() {
    let fake = Fake::new();
    fake.stall("jobtemplates");
    let _process = Process::start(&fake);
    fake.expect_silence().await;
    fake.put("jobtemplates", template("{{ .Payload }}"));
    fake.put("jobexecutions", execution());
    fake.expect_silence().await;
    fake.stall("");
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_is_told_later() {
    for code in [503, 409] {
        let fake = Fake::new();
        fake.put("jobexecutions", execution());
        fake.fail(STATUS, &[Fault::Status(code)]);
        let _process = Process::start(&fake);
        fake.expect(&format!("{STATUS} = {code}")).await;
        fake.expect(STATUS).await;
        assert_eq!(reason(&fake), "FetchJobTemplateError");
        fake.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_that_could_not_be_looked_at_is_told_later() {
    let fake = prepared();
    fake.put("jobs", json!({"metadata": {"name": "run"}}));
    // The first look says whose Job it is, the second whether it is still there.
    fake.fail("GET jobs run", &[Fault::None, Fault::Status(503)]);
    let _process = Process::start(&fake);
    fake.expect("POST jobs = 409").await;
    fake.expect("POST jobs = 409").await;
    fake.expect(STATUS).await;
    assert_eq!(reason(&fake), "JobNameTaken");
}

#[tokio::test(start_paused = true)]
async fn an_unrenderable_template_is_waited_for() {
    let fake = Fake::new();
    fake.put("jobtemplates", template("{{ .Nope }}"));
    fake.put("jobexecutions", execution());
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    let (phase, reason, message) = told(&fake, "Waiting");
    assert_eq!((phase.as_str(), reason.as_str()), ("Pending", "RenderError"));
    assert!(
        message.starts_with("spec.jobTemplate.spec.template.spec.containers[0].command[1]: "),
        "{message}"
    );
    fake.expect_silence().await;
    fake.edit("jobtemplates", "t", |stored| {
        stored["spec"] = template("fixed")["spec"].clone();
    });
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn no_payload_is_told_whoever_prints_it() {
    let fake = prepared();
    fake.edit("jobtemplates", "t", |stored| {
        stored["spec"] = template("{{ fail .Payload }}")["spec"].clone();
    });
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    let message =
        "spec.jobTemplate.spec.template.spec.containers[0].command[1]: fail: `stationmaster render job` shows the text";
    assert_eq!(told(&fake, "Waiting").2, message);
    fake.expect_silence().await;
    for event in fake.names("events") {
        assert_eq!(fake.get("events", &event).unwrap()["message"], message);
    }
    assert_eq!(fake.names("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_job_is_tried_again_when_the_template_changes() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::Status(422)]);
    let _process = Process::start(&fake);
    fake.expect("POST jobs = 422").await;
    fake.expect(STATUS).await;
    let message = "spec.a: Invalid value: …: refused by the test";
    let rejected = ("Pending".into(), "JobRejected".into(), message.into());
    assert_eq!(told(&fake, "Waiting"), rejected);
    fake.expect_silence().await;
    fake.edit("jobtemplates", "t", |template| {
        template["spec"]["jobTemplate"]["metadata"] = json!({});
    });
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_job_is_tried_less_and_less_often_and_told_once() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::Status(403); 12]);
    let _process = Process::start(&fake);
    fake.expect("POST jobs = 403").await;
    fake.expect(STATUS).await;
    assert_eq!(reason(&fake), "JobCreateError");
    for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        fake.expect_after(Duration::from_millis(pause * 1000 - 100), "POST jobs = 403")
            .await;
    }
    fake.expect_after(Duration::from_secs(299), CREATE).await;
    let events = fake.names("events");
    assert_eq!(events.len(), 2, "Failed once, Created once: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_moments_weakness_of_the_api_server_is_not_told() {
    let fake = prepared();
    fake.fail(CREATE, &[Fault::Status(503), Fault::Status(429)]);
    let _process = Process::start(&fake);
    for write in ["POST jobs = 503", "POST jobs = 429", CREATE, STATUS] {
        fake.expect(write).await;
    }
    assert_eq!(reason(&fake), "JobCreated");
}

#[tokio::test(start_paused = true)]
async fn a_job_deleted_while_it_runs_ends_the_execution() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    started(&fake, "run");
    fake.expect(STATUS).await;
    fake.remove("jobs", "run");
    fake.expect(STATUS).await;
    let deleted = (
        "Failed".into(),
        "JobDeleted".into(),
        "the Job was deleted before it had ended".into(),
    );
    assert_eq!(told(&fake, "Succeeded"), deleted);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_deleted_before_it_was_recorded_is_not_made_again() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.remove("jobs", "run");
    fake.expect(STATUS).await;
    assert_eq!(
        fake.get("jobexecutions", "run").unwrap()["status"]["job"]["name"],
        "run"
    );
    assert_eq!(told(&fake, "Succeeded").1, "JobDeleted");
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_goes_after_its_finished_job() {
    let fake = prepared();
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    finished(&fake, "run");
    fake.expect(STATUS).await;
    fake.remove("jobs", "run");
    fake.expect(DELETE).await;
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_being_deleted_is_left_alone() {
    let fake = prepared();
    fake.edit("jobexecutions", "run", |run| {
        run["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    let _process = Process::start(&fake);
    fake.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_upstream_left_running_keeps_its_job() {
    let fake = prepared();
    let uid = fake.get("jobexecutions", "run").unwrap()["metadata"]["uid"].clone();
    fake.put("jobs", owned_job("run-x7k2p", &uid));
    started(&fake, "run-x7k2p");
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Running").0, "Running");
    finished(&fake, "run-x7k2p");
    fake.expect(STATUS).await;
    fake.expect_silence().await;
    assert_eq!(fake.names("jobs"), ["run-x7k2p"]);
}

#[tokio::test(start_paused = true)]
async fn what_upstream_left_finished_goes_with_its_job() {
    let fake = prepared();
    fake.edit("jobexecutions", "run", |run| {
        run["status"] = json!({
            "job": {"kind": "Job", "name": "run-x7k2p", "namespace": "default", "uid": "j", "resourceVersion": "5"},
            "conditions": [{
                "type": "Running", "status": "False", "reason": "JobCompleted", "message": "Job completed running",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        });
    });
    let _process = Process::start(&fake);
    fake.expect(DELETE).await;
    assert!(fake.names("jobs").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_second_job_that_upstream_made_undoes_no_end() {
    let fake = prepared();
    let uid = fake.get("jobexecutions", "run").unwrap()["metadata"]["uid"].clone();
    for name in ["run-a", "run-b"] {
        fake.put("jobs", owned_job(name, &uid));
    }
    finished(&fake, "run-b");
    let recorded = fake.get("jobs", "run-b").unwrap()["metadata"]["uid"].clone();
    fake.edit("jobexecutions", "run", |run| {
        run["status"] = json!({"job": {"name": "run-b", "namespace": "default", "uid": recorded}});
    });
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    assert_eq!(told(&fake, "Succeeded").1, "JobSucceeded");
    fake.remove("jobs", "run-b");
    fake.expect(DELETE).await;
}

#[tokio::test(start_paused = true)]
async fn an_outdated_store_makes_no_second_job() {
    let fake = Fake::new();
    fake.put("jobexecutions", execution());
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    // Another replica has run it meanwhile and its Job is gone, but the watch of executions is silent.
    fake.stall("jobexecutions");
    let ran = json!({
        "job": {"kind": "Job", "name": "run", "namespace": "default", "uid": "j"},
        "conditions": [{
            "type": "Succeeded", "status": "True", "reason": "JobSucceeded", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    fake.edit("jobexecutions", "run", |run| run["status"] = ran);
    fake.put("jobtemplates", template("{{ .Payload }}"));
    fake.expect_silence().await;
    fake.stall("");
    fake.expect(DELETE).await;
    assert!(fake.names("jobs").is_empty());
}

#[tokio::test(start_paused = true)]
async fn watches_survive_restarts_lost_history_and_odd_objects() {
    let fake = prepared();
    fake.put(
        "jobexecutions",
        json!({"metadata": {"name": "odd"}, "spec": {"jobTemplateName": 7}, "status": {"conditions": "no"}}),
    );
    fake.put("jobtemplates", json!({"metadata": {"name": "odd"}}));
    let _process = Process::start(&fake);
    fake.expect("PUT jobexecutions odd status").await;
    fake.expect(CREATE).await;
    fake.cut(false);
    started(&fake, "run");
    fake.expect(STATUS).await;
    fake.cut(true);
    finished(&fake, "run");
    fake.expect(STATUS).await;
    fake.cut(true);
    fake.remove("jobs", "run");
    fake.expect(DELETE).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_that_is_nested_too_deep_stops_no_other() {
    let fake = prepared();
    let deep = (1..200).fold(json!({"a": {}}), |inner, _| json!({ "a": inner }));
    fake.put(
        "jobtemplates",
        json!({"metadata": {"name": "deep", "managedFields": [{"fieldsV1": deep}]}, "spec": {"jobTemplate": deep}}),
    );
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    fake.edit("jobtemplates", "deep", |template| {
        template["metadata"]["labels"] = json!({"a": "b"});
    });
    let mut other = execution();
    (other["metadata"]["name"], other["spec"]["jobTemplateName"]) = (json!("other"), json!("deep"));
    fake.put("jobexecutions", other);
    fake.expect("PUT jobexecutions other status").await;
    let condition = fake.get("jobexecutions", "other").unwrap()["status"]["conditions"][0].clone();
    assert_eq!(condition["reason"], "RenderError");
    let message = condition["message"].as_str().unwrap();
    assert!(message.contains(".a: is nested too deep"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_template_that_is_no_job_stops_nothing() {
    let fake = prepared();
    fake.put(
        "jobtemplates",
        json!({"metadata": {"name": "odd"}, "spec": {"jobTemplate": "x"}}),
    );
    let mut odd = execution();
    (odd["metadata"]["name"], odd["spec"]["jobTemplateName"]) = (json!("odd"), json!("odd"));
    fake.put("jobexecutions", odd);
    let _process = Process::start(&fake);
    fake.expect(CREATE).await;
    fake.expect(CREATE).await;
}

/// An execution that nothing is left to do for.
fn over(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"jobTemplateName": "t"}, "status": {"conditions": [{
        "type": "Succeeded", "status": "False", "reason": "JobDeleted", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}})
}

/// A fake with more objects of each kind than one page of a list has, all of them of the past.
fn crowded() -> Fake {
    let fake = Fake::new();
    for number in 0..150 {
        fake.put("jobexecutions", over(&format!("x-{number}")));
        fake.put("jobtemplates", json!({"metadata": {"name": format!("x-{number}")}}));
    }
    fake.delay_pages(Duration::from_secs(1));
    fake
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_only_a_long_list_shows_gets_its_job() {
    let fake = crowded();
    fake.put("jobtemplates", template("{{ .Payload }}"));
    let _process = Process::start(&fake);
    fake.expect_silence().await;
    fake.stall("jobexecutions");
    fake.put("jobexecutions", execution());
    fake.expect_silence().await;
    fake.cut(true);
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_that_only_a_long_list_shows_releases_its_executions() {
    let fake = crowded();
    fake.put("jobexecutions", execution());
    let _process = Process::start(&fake);
    fake.expect(STATUS).await;
    fake.expect_silence().await;
    fake.stall("jobtemplates");
    fake.put("jobtemplates", template("{{ .Payload }}"));
    fake.expect_silence().await;
    fake.cut(true);
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_list() {
    let fake = prepared();
    fake.hang_after(Some(0));
    let process = Process::start(&fake);
    tokio::time::sleep(Duration::from_secs(5)).await;
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_runs() {
    let fake = prepared();
    let process = Process::start(&fake);
    fake.expect(CREATE).await;
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn executions_and_jobs_are_known_once_they_can_be_listed() {
    let fake = prepared();
    fake.fail("GET jobs", &[Fault::Status(403)]);
    let mut process = Process::start(&fake);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!*process.filled.borrow());
    let filled = process.filled.wait_for(|filled| *filled);
    assert!(tokio::time::timeout(Duration::from_secs(60), filled).await.is_ok());
    fake.expect(CREATE).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_replicas_writes_and_the_other_follows() {
    let fake = prepared();
    let first = Process::with(&fake, Some("default"));
    fake.expect(CREATE).await;
    fake.expect(STATUS).await;
    let _second = Process::with(&fake, Some("default"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    first.kill().await;
    started(&fake, "run");
    fake.expect_after(Duration::from_secs(10), STATUS).await;
    assert_eq!(
        fake.get("leases", "stationmaster").unwrap()["spec"]["leaseTransitions"],
        1
    );
}
