//! What goes to a sink, with sinks and an API server in process. Time is simulated.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use common::endpoint::{CLIENTS, DONE, Endpoint, FAILED, pending, request, schedule};
use common::fake::{Fake, Fault};
use serde_json::{Value, json};
use stationmaster::serve::events::deliver;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// What a replica leaves to the one whose it is.
const GRACE: Duration = Duration::from_secs(15);
/// Longer than all attempts at two sinks.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// A place that takes events.
struct Sink {
    address: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Answers that are to come; then 202.
    answers: VecDeque<u16>,
    always: Option<u16>,
    /// Headers of what came.
    events: Vec<axum::http::HeaderMap>,
}

impl Sink {
    async fn start(answers: &[u16], always: Option<u16>) -> Self {
        let seen = Seen {
            answers: answers.to_vec().into(),
            always,
            ..Seen::default()
        };
        let seen = Arc::new(Mutex::new(seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// One header of every event, in the order of their coming.
    fn told(&self, header: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let events = seen.events.iter();
        events.map(|event| event[header].to_str().unwrap().to_owned()).collect()
    }

    async fn has(&self, number: usize) {
        until("events at the sink", || self.told("ce-id").len() >= number).await;
        assert_eq!(self.told("ce-id").len(), number);
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, request: Request) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    seen.events.push(request.headers().clone());
    let answer = seen.answers.pop_front().or(seen.always).unwrap_or(202);
    StatusCode::from_u16(answer).unwrap()
}

/// Waits for a condition. Time must not leap while a socket is read, so that it goes by in small steps.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(LIMIT, waiting).await.is_ok(), "no {what} in {LIMIT:?}");
}

/// A process that sends what is left to tell; killed when dropped.
struct Process(Endpoint, JoinHandle<()>);

impl Process {
    async fn start(fake: &Fake, sink: &Sink, flags: &[&str]) -> Self {
        let to = format!("--sink={}", sink.address);
        let endpoint = Endpoint::at(fake, &[&["--event-reply-seconds=0", &to][..], flags].concat()).await;
        let delivery = tokio::spawn(deliver(endpoint.state.clone()));
        Self(endpoint, delivery)
    }

    async fn promise(&self, id: &str) {
        let answer = self.0.post(&pending(id)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, ""));
    }

    async fn counts(&self, outcome: &str) -> Option<String> {
        let start = format!("stationmaster_sink_deliveries_total{{outcome=\"{outcome}\"}} ");
        let page = self.0.metrics().await;
        page.lines()
            .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.1.abort();
    }
}

fn only(fake: &Fake) -> String {
    let names = fake.names(CLIENTS);
    assert_eq!(names.len(), 1);
    names[0].clone()
}

fn annotation(fake: &Fake, name: &str) -> Value {
    let client = fake.get(CLIENTS, &only(fake)).unwrap();
    client["metadata"]["annotations"][format!("gateway.stationmaster.dev/{name}")].clone()
}

/// Plays the reconciler.
fn becomes(fake: &Fake, phase: &str) {
    let name = only(fake);
    let status = json!({"phase": phase, "podName": name, "podUid": "uid", "message": "why"});
    fake.edit(CLIENTS, &name, |client| client["status"] = status);
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_refuses_is_a_dead_letter() {
    let (fake, sink, dead) = (
        Fake::new(),
        Sink::start(&[503, 400], None).await,
        Sink::start(&[503], None).await,
    );
    let process = Process::start(&fake, &sink, &[&format!("--dead-letter-sink={}", dead.address)]).await;
    process.promise("1").await;
    becomes(&fake, "Scheduled");
    until("mark", || annotation(&fake, "reply") == "sent").await;
    assert_eq!(sink.told("ce-type"), [DONE, DONE]);
    assert_eq!(dead.told("ce-type"), [DONE, DONE]);
    assert_eq!(process.counts("dead-letter").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn what_no_sink_takes_is_lost() {
    let began = Instant::now();
    let (fake, sink) = (Fake::new(), Sink::start(&[], Some(503)).await);
    let process = Process::start(&fake, &sink, &[]).await;
    process.promise("1").await;
    becomes(&fake, "Scheduled");
    until("mark", || annotation(&fake, "reply") == "lost").await;
    assert!(began.elapsed() > Duration::from_secs(1700), "{:?}", began.elapsed());
    assert_eq!(sink.told("ce-id").len(), 14);
    assert_eq!(process.counts("lost").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn what_both_sinks_refuse_for_good_is_lost_at_once() {
    let (fake, sink, dead) = (
        Fake::new(),
        Sink::start(&[400], None).await,
        Sink::start(&[400], None).await,
    );
    let process = Process::start(&fake, &sink, &[&format!("--dead-letter-sink={}", dead.address)]).await;
    process.promise("1").await;
    becomes(&fake, "Scheduled");
    until("mark", || annotation(&fake, "reply") == "lost").await;
    assert_eq!((sink.told("ce-id").len(), dead.told("ce-id").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn another_replica_keeps_the_promise_of_one_that_is_gone() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let gone = Process::start(&fake, &sink, &[]).await;
    gone.promise("1").await;
    drop(gone);
    becomes(&fake, "Scheduled");
    let began = Instant::now();
    let _next = Process::start(&fake, &sink, &[]).await;
    until("mark", || annotation(&fake, "reply") == "sent").await;
    assert!(began.elapsed() >= GRACE, "{:?}", began.elapsed());
    // And one after that has nothing to tell.
    let _last = Process::start(&fake, &sink, &[]).await;
    sleep(GRACE * 2).await;
    sink.has(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_not_sent_again_because_it_cannot_be_marked() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    process.promise("1").await;
    let faults = [500, 409, 422, 403, 503].map(Fault::Status);
    fake.fail("PATCH gatewayclients", &faults);
    fake.fail("PATCH gatewayclients", &[Fault::AnswerLost]);
    becomes(&fake, "Scheduled");
    sink.has(1).await;
    // What is looked at again must not be sent again.
    becomes(&fake, "Ready");
    until("mark", || annotation(&fake, "reply") == "sent").await;
    sleep(GRACE * 2).await;
    sink.has(1).await;
    assert_eq!(process.counts("sent").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn what_another_replica_has_sent_is_not_sent_again_though_no_watch_shows_it() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let gone = Process::start(&fake, &sink, &[]).await;
    gone.promise("1").await;
    drop(gone);
    becomes(&fake, "Scheduled");
    let _next = Process::start(&fake, &sink, &[]).await;
    sleep(Duration::from_secs(1)).await;
    fake.stall(CLIENTS);
    fake.edit(CLIENTS, &only(&fake), |client| {
        client["metadata"]["annotations"]["gateway.stationmaster.dev/reply"] = "sent".into();
    });
    sleep(GRACE * 2).await;
    sink.has(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_delivery_does_not_undo_the_mark_of_what_was_sent() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let other = Endpoint::at(&fake, &["--event-reply-seconds=0"]).await;
    assert_eq!(other.post(&pending("1")).await.status, StatusCode::CONFLICT);
    let process = Process::start(&fake, &sink, &[]).await;
    // Its watch shows neither that another replica has answered, nor that anything has changed.
    fake.stall(CLIENTS);
    becomes(&fake, "Scheduled");
    fake.edit(CLIENTS, &only(&fake), |client| {
        client["metadata"]["annotations"]["gateway.stationmaster.dev/reply"] = "sent".into();
    });
    process.promise("1").await;
    assert_eq!(annotation(&fake, "reply"), "sent");
    fake.stall("");
    sleep(GRACE * 2).await;
    sink.has(0).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_dies_with_its_client_is_lost_and_counted() {
    // With an answer that the sink does not take, with one that is none yet, and with one that has gone.
    for (phase, refusals, lost) in [
        (Some("Scheduled"), 50, true),
        (None, 0, true),
        (Some("Scheduled"), 0, false),
    ] {
        let (fake, sink) = (Fake::new(), Sink::start(&vec![503; refusals], None).await);
        let process = Process::start(&fake, &sink, &[]).await;
        process.promise("1").await;
        if let Some(phase) = phase {
            becomes(&fake, phase);
            until("an attempt", || !sink.told("ce-id").is_empty()).await;
        }
        if !lost {
            until("mark", || annotation(&fake, "reply") == "sent").await;
        }
        sleep(Duration::from_secs(2)).await;
        fake.remove(CLIENTS, &only(&fake));
        sleep(Duration::from_secs(2)).await;
        let expected = lost.then_some("1");
        assert_eq!(
            process.counts("lost").await.as_deref(),
            expected,
            "{phase:?} {refusals}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn another_client_of_the_name_is_told_of_anew() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    process.promise("1").await;
    // It has gone, which cannot be written while there is that client.
    fake.fail("PATCH gatewayclients", &[Fault::Status(500); 3]);
    becomes(&fake, "Scheduled");
    sink.has(1).await;
    let (name, mut next) = (only(&fake), fake.get(CLIENTS, &only(&fake)).unwrap());
    fake.remove(CLIENTS, &name);
    next["metadata"]["uid"] = Value::Null;
    fake.put(CLIENTS, next);
    until("mark", || annotation(&fake, "reply") == "sent").await;
    sink.has(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_has_gone_away_leaves_no_promise() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let other = Endpoint::at(&fake, &["--event-reply-seconds=0"]).await;
    assert_eq!(other.post(&pending("1")).await.status, StatusCode::CONFLICT);
    let process = Process::start(&fake, &sink, &[]).await;
    fake.delay_writes(Duration::from_secs(5));
    let gone = timeout(Duration::from_secs(1), process.0.post(&pending("1"))).await;
    assert!(gone.is_err() && annotation(&fake, "reply") == Value::Null);
    fake.delay_writes(Duration::ZERO);
    // Another replica promises, and is left the time to keep it.
    let began = Instant::now();
    fake.edit(CLIENTS, &only(&fake), |client| {
        client["metadata"]["annotations"]["gateway.stationmaster.dev/reply"] = "sink".into();
    });
    becomes(&fake, "Scheduled");
    until("mark", || annotation(&fake, "reply") == "sent").await;
    assert!(began.elapsed() >= GRACE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_comes_first_is_answered_at_the_sink() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    // The watch does not show yet what an end has left.
    fake.stall(CLIENTS);
    assert_eq!(process.0.send(ends(&["1"])).await.status, StatusCode::ACCEPTED);
    assert_eq!(process.0.send(batch(&["1"])).await.status, StatusCode::ACCEPTED);
    sink.has(1).await;
    assert_eq!(
        (sink.told("ce-type"), sink.told("ce-causeid")),
        (vec![FAILED.to_owned()], vec!["1".to_owned()])
    );
    assert_eq!(annotation(&fake, "reply"), Value::Null);
    // A single one is answered at once.
    let answer = process.0.post(&pending("1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_at_the_sink() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(
        &fake,
        &sink,
        &["--ce-overrides={\"extensions\": {\"tenant\": \"a b\"}}"],
    )
    .await;
    tokio::spawn(schedule(fake.clone()));
    let mut unknown = pending("3");
    unknown["data"]["gateway_name"] = "baz".into();
    let batch = json!([pending("1"), pending("2"), unknown]).to_string();
    let answer = process
        .0
        .send(request("application/cloudevents-batch+json", batch))
        .await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, ""));
    sink.has(3).await;
    let mut causes = sink.told("ce-causeid");
    causes.sort();
    assert_eq!(causes, ["1", "2", "3"]);
    assert_eq!(sink.told("ce-tenant"), ["a%20b"; 3]);
    assert_eq!(
        fake.names(CLIENTS).len(),
        3,
        "what there is no gateway for is for the reconciler to say"
    );
}

#[tokio::test(start_paused = true)]
async fn the_sink_hears_what_becomes_of_a_client() {
    let (fake, sink) = (Fake::new(), Sink::start(&[503], None).await);
    let process = Process::start(&fake, &sink, &["--progress-events"]).await;
    process.promise("1").await;
    // The answer comes first, however often it is refused.
    becomes(&fake, "Ready");
    until("mark", || annotation(&fake, "told-ready") == "sent").await;
    drop(process);
    becomes(&fake, "Ended");
    // Two replicas after a restart; what was told is not told again.
    let first = Process::start(&fake, &sink, &["--progress-events"]).await;
    until("mark", || annotation(&fake, "told-ended") == "sent").await;
    let _second = Process::start(&fake, &sink, &["--progress-events"]).await;
    sleep(GRACE * 2).await;
    let ended = "io.podgateway.client.ended";
    assert_eq!(sink.told("ce-type"), [DONE, DONE, "io.podgateway.client.ready", ended]);
    assert_eq!(sink.told("ce-id")[3], format!("{}-ended", only(&fake)));
    // What comes back to us ends nothing and starts nothing.
    let mut own = pending("2");
    own["type"] = ended.into();
    own["source"] = sink.told("ce-source")[3].clone().into();
    assert_eq!(first.0.post(&own).await.status, StatusCode::ACCEPTED);
    assert_eq!(annotation(&fake, "end"), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn without_the_flag_the_sink_hears_answers_alone() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    process.promise("1").await;
    becomes(&fake, "Ready");
    sink.has(1).await;
    becomes(&fake, "Ended");
    sleep(GRACE * 2).await;
    assert_eq!(sink.told("ce-type"), [DONE]);
}

fn batch(ids: &[&str]) -> axum::http::Request<axum::body::Body> {
    let events: Vec<_> = ids.iter().map(|id| pending(id)).collect();
    request("application/cloudevents-batch+json", json!(events).to_string())
}

fn ends(causes: &[&str]) -> axum::http::Request<axum::body::Body> {
    let end = |cause: &&str| {
        let mut ended = pending("e");
        ended["type"] = "io.podgateway.client.ended".into();
        ended["data"] = Value::Null;
        ended["causeid"] = (*cause).into();
        ended
    };
    let events: Vec<_> = causes.iter().map(end).collect();
    request("application/cloudevents-batch+json", json!(events).to_string())
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nothing_can_remember_does_not_hold_up_those_behind_it() {
    for fault in [403, 404] {
        let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
        let process = Process::start(&fake, &sink, &[]).await;
        process.promise("1").await;
        fake.fail("POST gatewayclients", &[Fault::Status(fault)]);
        let answer = process.0.send(ends(&["stranger", "1"])).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{fault}");
        assert_eq!(annotation(&fake, "end"), "true", "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_stops_where_nothing_can_be_stored() {
    let (fake, sink) = (Fake::new(), Sink::start(&[], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    fake.fail("POST gatewayclients", &[Fault::Status(503); 4]);
    let answer = process.0.send(batch(&["1", "2", "3"])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fake.names(CLIENTS).len(), 0, "the others were not tried");
    assert_eq!(
        process.0.send(batch(&["1", "2", "3"])).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(fake.names(CLIENTS).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_no_sink_wants_does_not_hold_up_its_batch() {
    let (fake, sink) = (Fake::new(), Sink::start(&[503, 400], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    fake.fail("POST gatewayclients", &[Fault::Status(403); 2]);
    let answer = process.0.send(batch(&["1"])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(process.0.send(batch(&["1", "2"])).await.status, StatusCode::ACCEPTED);
    assert_eq!(process.counts("lost").await.as_deref(), Some("1"));
    assert_eq!(fake.names(CLIENTS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_can_be_asked_for_again() {
    let (fake, sink) = (Fake::new(), Sink::start(&[400], None).await);
    let process = Process::start(&fake, &sink, &[]).await;
    process.promise("1").await;
    becomes(&fake, "Scheduled");
    until("mark", || annotation(&fake, "reply") == "lost").await;
    let asked = async {
        while annotation(&fake, "reply") == "lost" {
            assert_eq!(process.0.send(batch(&["1"])).await.status, StatusCode::ACCEPTED);
        }
    };
    asked.await;
    until("mark", || annotation(&fake, "reply") == "sent").await;
    sink.has(2).await;
}
