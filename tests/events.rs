//! CloudEvents against an API server in process: every status code, what is stored, and what is answered.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use common::endpoint::{
    CLIENTS, DONE, Endpoint, FAILED, PENDING, gateways, pending, request, selecting_gateways, structured,
};
use common::fake::Fault;
use futures::future::join_all;
use serde_json::{Value, json};
use stationmaster::serve::execute::Token;

const ENDED: &str = "io.podgateway.client.ended";

fn with(mut event: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value.into();
    event
}

fn ended(data: &Value) -> Value {
    json!({"specversion": "1.0", "id": "e", "source": "/tests", "type": ENDED, "data": data})
}

fn binary(event: &Value) -> Request<Body> {
    let mut request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
    for (name, value) in event.as_object().unwrap() {
        if name != "data" {
            request = request.header(format!("ce-{name}"), value.as_str().unwrap());
        }
    }
    request.body(event["data"].to_string().into()).unwrap()
}

#[tokio::test]
async fn both_modes_and_both_paths_are_answered_with_the_pod() {
    for (request, id) in [(structured(&pending("1")), "1"), (binary(&pending("2")), "2")] {
        let endpoint = Endpoint::scheduling(&[]).await;
        let answer = endpoint.send(request).await;
        let client = &endpoint.clients()[0];
        let name = client["metadata"]["name"].as_str().unwrap();
        assert_eq!(answer.status, 200);
        let expected = json!({
            "message": "A pod-gateway client has been scheduled.", "pod_name": name, "namespace": "default",
            "gateway_name": "foo",
        });
        assert_eq!(answer.data(), expected);
        for (header, value) in [
            ("ce-specversion", "1.0"),
            ("ce-type", DONE),
            ("ce-source", "podgateway/eventing/client/provisioner"),
            ("ce-id", &format!("{name}-done")),
            ("ce-causeid", id),
            ("ce-traceparent", pending("1")["traceparent"].as_str().unwrap()),
            ("ce-time", "2026-01-01T00:00:00Z"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(answer.header(header), value, "{header}");
        }
        assert_eq!(client["spec"], json!({"gatewayName": "foo", "message": "hello"}));
        assert_eq!(
            client["metadata"]["annotations"]["gateway.stationmaster.dev/cause-id"],
            id
        );
    }
}

#[tokio::test]
async fn deliveries_of_one_event_are_one_client_and_one_answer() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let event = pending("1");
    let answers = join_all((0..20).map(|_| endpoint.post(&event))).await;
    assert_eq!(answers[0].status, 200);
    for answer in &answers {
        assert_eq!(answer.event(), answers[0].event());
    }
    assert_eq!(endpoint.clients().len(), 1);
    // What becomes of the pod later changes nothing.
    let name = endpoint.fake.names(CLIENTS).remove(0);
    endpoint
        .fake
        .edit(CLIENTS, &name, |client| client["status"]["phase"] = "Ended".into());
    assert_eq!(endpoint.post(&event).await.event(), answers[0].event());
    let page = endpoint.metrics().await;
    let line = format!("stationmaster_client_events_total{{type=\"{PENDING}\",outcome=\"Scheduled\"}} 21");
    assert!(page.contains(&line), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_may_be_named_by_its_value_and_an_unknown_one_fails() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let by_value = with(pending("1"), "/data/gateway_name", "value-bar");
    assert_eq!(endpoint.post(&by_value).await.header("ce-type"), DONE);
    for (number, (name, message)) in [("baz", "there is no gateway \"baz\""), ("", "there is no gateway \"\"")]
        .into_iter()
        .enumerate()
    {
        let unknown = with(pending(&format!("u{number}")), "/data/gateway_name", name);
        let answer = endpoint.post(&unknown).await;
        assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
        assert_eq!(answer.data()["gateway_name"], name);
        assert_eq!(endpoint.post(&unknown).await.event(), answer.event());
        let text = answer.data()["message"].as_str().unwrap().to_owned();
        assert!(text.starts_with(message) && text.contains("bar, foo"), "{text}");
    }
    assert_eq!(endpoint.clients().len(), 1);
}

#[tokio::test]
async fn a_client_that_fails_is_answered_so() {
    let endpoint = Endpoint::new(&[]).await;
    let fail = async {
        loop {
            if let Some(name) = endpoint.fake.names(CLIENTS).pop() {
                let status = json!({"phase": "Failed", "message": "pods \"a\" is forbidden: exceeded quota"});
                return endpoint.fake.edit(CLIENTS, &name, |client| client["status"] = status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let event = pending("1");
    let (answer, ()) = tokio::join!(endpoint.post(&event), fail);
    assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
    let expected = json!({"message": "pods \"a\" is forbidden: exceeded quota", "gateway_name": "foo"});
    assert_eq!(answer.data(), expected);
}

/// Requests by what they are told, with the header that has to come along.
fn refused() -> Vec<(&'static str, Request<Body>, u16, &'static str)> {
    let event = || pending("1");
    let post = |event: Value| structured(&event);
    let large = "a".repeat(70 << 10);
    let mut gzip = structured(&event());
    gzip.headers_mut()
        .insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    let mut text = binary(&event());
    text.headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    let bare = |method: Method, path: &str| Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    vec![
        ("no JSON", request("application/cloudevents+json", "{"), 400, ""),
        ("a list", request("application/cloudevents+json", "[]"), 400, ""),
        ("no event", request("application/json", "{}"), 400, ""),
        ("no id", post(with(event(), "/id", Value::Null)), 400, ""),
        ("no source", post(with(event(), "/source", "")), 400, ""),
        ("no type", post(with(event(), "/type", Value::Null)), 400, ""),
        ("no version", post(with(event(), "/specversion", Value::Null)), 400, ""),
        ("another version", post(with(event(), "/specversion", "0.3")), 400, ""),
        (
            "data of another shape",
            post(with(event(), "/data", json!([1]))),
            400,
            "",
        ),
        ("no data", post(with(event(), "/data", Value::Null)), 400, ""),
        (
            "a long message",
            post(with(event(), "/data/message", "a".repeat(4097))),
            400,
            "",
        ),
        (
            "a foreign namespace",
            post(with(event(), "/data/namespace", "kube-system")),
            400,
            "",
        ),
        ("an end of nothing", post(ended(&json!({}))), 400, ""),
        (
            "a batch without a sink",
            request("application/cloudevents-batch+json", "[]"),
            400,
            "",
        ),
        ("GET", bare(Method::GET, "/"), 405, "allow"),
        ("PUT", bare(Method::PUT, "/events"), 405, "allow"),
        ("a large body", post(with(event(), "/data/message", large)), 413, ""),
        ("another format", request("application/cloudevents+avro", ""), 415, ""),
        ("another encoding", gzip, 415, "accept-encoding"),
        ("data that is no JSON", text, 415, ""),
    ]
}

/// Events that say something twice, or not as events may.
fn ambiguous() -> Vec<(&'static str, Request<Body>, u16, &'static str)> {
    let twice = |name: &'static str| {
        let mut request = binary(&pending("1"));
        request.headers_mut().append(name, "other/other".parse().unwrap());
        request
    };
    let without = with(pending("1"), "/data", json!({"message": "hello"}));
    let broken = with(pending("1"), "/id", "1\r\n");
    vec![
        ("two ids", twice("ce-id"), 400, ""),
        ("two media types", twice("content-type"), 400, ""),
        ("an id that ends the line", structured(&broken), 400, ""),
        ("no gateway", structured(&without), 400, ""),
    ]
}

#[tokio::test]
async fn status_codes_are_those_of_the_contract() {
    let endpoint = Endpoint::new(&[]).await;
    for (what, request, status, header) in refused().into_iter().chain(ambiguous()) {
        let answer = endpoint.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
        assert!(!answer.body.is_empty(), "{what}");
        assert!(header.is_empty() || !answer.header(header).is_empty(), "{what}");
    }
    for (what, event) in [
        ("another type", with(pending("1"), "/type", "com.example.other")),
        (
            "our own",
            with(pending("1"), "/source", "podgateway/eventing/client/provisioner"),
        ),
        ("an answer", with(pending("1"), "/type", DONE)),
        ("an unknown pod", ended(&json!({"pod_name": "stranger"}))),
        ("no name at all", ended(&json!({"pod_name": "../pods/stranger"}))),
    ] {
        let answer = endpoint.post(&event).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, ""), "{what}");
        assert_eq!(answer.header("ce-type"), "", "{what}");
    }
    assert!(endpoint.clients().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_do_later_says_when() {
    let unfinished = Endpoint::new(&["--max-clients=1"]).await;
    let answer = unfinished.post(&pending("1")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let answer = unfinished.post(&pending("2")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "10"));
    assert_eq!(unfinished.clients().len(), 1);
    let name = unfinished.fake.names(CLIENTS).remove(0);
    unfinished
        .fake
        .edit(CLIENTS, &name, |client| client["status"] = json!({"phase": "Ended"}));
    let full = StatusCode::TOO_MANY_REQUESTS;
    while unfinished.post(&pending("2")).await.status == full {
        tokio::task::yield_now().await;
    }
    assert_eq!(unfinished.clients().len(), 2, "there was room again");

    let away = Endpoint::new(&[]).await;
    away.fake.fail("POST gatewayclients", &[Fault::Status(503); 4]);
    let answer = away.post(&pending("1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));

    let unfilled = Endpoint::with(&[], None, false).await;
    let answer = unfilled.post(&pending("1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
}

#[tokio::test(start_paused = true)]
async fn events_at_a_time_share_what_room_there_is() {
    let endpoint = Endpoint::new(&["--max-clients=2", "--event-reply-seconds=0"]).await;
    endpoint.fake.delay_writes(Duration::from_millis(50));
    let answers = join_all((0..5).map(|id| async move { pending(&id.to_string()) })).await;
    let answers = join_all(answers.iter().map(|event| endpoint.post(event))).await;
    let crowded = answers.iter().filter(|answer| answer.status == 429);
    assert_eq!((crowded.count(), endpoint.clients().len()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_events_wait() {
    let endpoint = Endpoint::new(&["--event-reply-seconds=60"]).await;
    let event = pending("1");
    let waiting = join_all((0..256).map(|_| endpoint.post(&event)));
    let one_more = async {
        // Time stands still until all of them wait.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = tokio::time::Instant::now();
        let answer = endpoint.post(&event).await;
        (answer.status.as_u16(), began.elapsed() < Duration::from_secs(1))
    };
    let (waiting, one_more) = tokio::join!(waiting, one_more);
    assert_eq!(one_more, (409, true));
    assert!(waiting.iter().all(|answer| answer.status == 409));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_comes_a_moment_later_is_waited_for() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let event = with(pending("1"), "/data/gateway_name", "new");
    let come = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        endpoint.gateways.store(Arc::new(gateways(&[("new", "new")], true)));
    };
    let (answer, ()) = tokio::join!(endpoint.post(&event), come);
    assert_eq!(answer.header("ce-type"), DONE);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_exists_has_not_failed() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let event = pending("1");
    // The answer is lost, and the client itself has taken the last place of the quota.
    let faults = [Fault::AnswerLost, Fault::Status(403)];
    endpoint.fake.stall(CLIENTS);
    endpoint.fake.fail("POST gatewayclients", &faults);
    let late = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        endpoint.fake.stall("");
    };
    let (answer, ()) = tokio::join!(endpoint.post(&event), late);
    assert_eq!(answer.header("ce-type"), DONE);

    // Another replica knows the gateway, and this one sees neither that nor the client.
    let other = Endpoint::at(&endpoint.fake, &["--event-reply-seconds=0"]).await;
    other.gateways.store(Arc::new(gateways(&[("new", "new")], true)));
    let event = with(pending("2"), "/data/gateway_name", "new");
    endpoint.fake.stall(CLIENTS);
    assert_eq!(other.post(&event).await.status, StatusCode::CONFLICT);
    let late = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        endpoint.fake.stall("");
    };
    let (answer, ()) = tokio::join!(endpoint.post(&event), late);
    assert_eq!(answer.header("ce-type"), DONE);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_not_final() {
    for (faults, status) in [(&[Fault::Status(409)][..], 200), (&[Fault::Status(404)], 503)] {
        let endpoint = Endpoint::scheduling(&[]).await;
        endpoint.fake.fail("POST gatewayclients", faults);
        let answer = endpoint.post(&pending("1")).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        assert_eq!(endpoint.post(&pending("1")).await.header("ce-type"), DONE);
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_one_client() {
    let endpoint = Endpoint::scheduling(&[]).await;
    endpoint
        .fake
        .fail("POST gatewayclients", &[Fault::Status(500), Fault::AnswerLost]);
    assert_eq!(endpoint.post(&pending("1")).await.header("ce-type"), DONE);
    assert_eq!(endpoint.clients().len(), 1);
}

#[tokio::test]
async fn what_the_api_server_forbids_has_failed() {
    let endpoint = Endpoint::new(&[]).await;
    endpoint.fake.fail("POST gatewayclients", &[Fault::Status(403)]);
    let answer = endpoint.post(&pending("1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
}

#[tokio::test]
async fn namespaces_may_be_listed() {
    let endpoint = Endpoint::new(&[
        "--client-namespace=a",
        "--client-namespaces=b",
        "--event-reply-seconds=0",
    ])
    .await;
    for (id, named, given, status) in [
        ("1", Value::Null, "a", 409),
        ("2", "b".into(), "b", 409),
        ("3", "a".into(), "a, which the list leaves out", 400),
    ] {
        let event = with(pending(id), "/data/namespace", named);
        assert_eq!(endpoint.post(&event).await.status, status, "{given}");
        let writes = endpoint.fake.writes().await;
        assert!(
            writes.iter().all(|write| write.starts_with("POST gatewayclients")),
            "{given}: {writes:?}"
        );
    }
}

#[tokio::test]
async fn an_end_marks_the_client_and_nothing_else() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let mut ends = Vec::new();
    for id in ["1", "2", "3"] {
        let pod = endpoint.post(&pending(id)).await.data()["pod_name"].clone();
        ends.push(pod);
    }
    endpoint.fake.forget_writes().await;
    let by_pod = ended(&json!({"pod_name": ends[0], "namespace": "default"}));
    let mut by_cause = ended(&Value::Null);
    by_cause["causeid"] = "2".into();
    let mut by_name = with(ended(&Value::Null), "/source", "/elsewhere");
    by_name["causeid"] = ends[2].clone();
    for (event, client) in [by_pod, by_cause, by_name].iter().zip(&ends) {
        let name = client.as_str().unwrap();
        assert_eq!(endpoint.post(event).await.status, StatusCode::ACCEPTED);
        let stored = endpoint.fake.get(CLIENTS, name).unwrap();
        assert_eq!(
            stored["metadata"]["annotations"]["gateway.stationmaster.dev/end"],
            "true"
        );
    }
    let writes = endpoint.fake.writes().await;
    assert!(
        writes.iter().all(|write| write.starts_with("PATCH gatewayclients")),
        "{writes:?}"
    );
}

fn ended_by_cause(cause: &str) -> Value {
    let mut event = ended(&Value::Null);
    event["causeid"] = cause.into();
    event
}

#[tokio::test]
async fn an_end_that_comes_first_leaves_no_client_to_make() {
    let endpoint = Endpoint::scheduling(&[]).await;
    // However often it comes.
    for _ in 0..2 {
        assert_eq!(endpoint.post(&ended_by_cause("1")).await.status, StatusCode::ACCEPTED);
    }
    let stored = endpoint.clients();
    assert_eq!(stored.len(), 1);
    let annotations = &stored[0]["metadata"]["annotations"];
    assert_eq!(
        (
            &annotations["gateway.stationmaster.dev/end"],
            &annotations["gateway.stationmaster.dev/cause-id"]
        ),
        (&json!("true"), &json!("1"))
    );
    let answer = endpoint.post(&pending("1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
    assert_eq!(
        (answer.header("ce-causeid"), &answer.data()["gateway_name"]),
        ("1", &json!("foo"))
    );
    let text = answer.data()["message"].as_str().unwrap().to_owned();
    assert!(text.contains("ended before"), "{text}");
    assert_eq!(endpoint.post(&pending("1")).await.event(), answer.event());
    assert_eq!(endpoint.clients().len(), 1);
    // Others are made as ever.
    assert_eq!(endpoint.post(&pending("2")).await.header("ce-type"), DONE);
}

#[tokio::test]
async fn an_end_for_a_client_that_is_long_forgotten_leaves_nothing() {
    let endpoint = Endpoint::new(&[]).await;
    let name = format!("client-{}", "0".repeat(40));
    for event in [ended_by_cause(&name), ended(&json!({"pod_name": name}))] {
        assert_eq!(endpoint.post(&event).await.status, StatusCode::ACCEPTED);
        assert!(endpoint.clients().is_empty());
    }
}

#[tokio::test]
async fn an_end_that_a_create_overtakes_marks_the_client() {
    // Quotas are asked before names.
    for fault in [Fault::None, Fault::Status(403)] {
        let endpoint = Endpoint::new(&["--event-reply-seconds=0"]).await;
        assert_eq!(endpoint.post(&pending("1")).await.status, StatusCode::CONFLICT);
        // It was not there a moment ago.
        endpoint.fake.fail("PATCH gatewayclients", &[Fault::Status(404); 2]);
        endpoint.fake.fail("POST gatewayclients", &[fault]);
        assert_eq!(endpoint.post(&ended_by_cause("1")).await.status, StatusCode::ACCEPTED);
        let annotations = endpoint.clients()[0]["metadata"]["annotations"].clone();
        assert_eq!(annotations["gateway.stationmaster.dev/end"], "true");
        assert_eq!(annotations["gateway.stationmaster.dev/ended-first"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nothing_can_remember_is_taken_all_the_same() {
    let endpoint = Endpoint::new(&[]).await;
    // The quota is full; the namespace is gone; the API server is away.
    for (fault, times, status) in [(403, 1, 202), (404, 1, 202), (503, 4, 503)] {
        endpoint
            .fake
            .fail("POST gatewayclients", &vec![Fault::Status(fault); times]);
        let answer = endpoint.post(&ended_by_cause("1")).await;
        assert_eq!(answer.status.as_u16(), status, "{fault}: {}", answer.body);
        assert!(endpoint.clients().is_empty(), "{fault}");
    }
    let page = endpoint.metrics().await;
    let line = format!("stationmaster_client_events_total{{type=\"{ENDED}\",outcome=\"UnknownClient\"}} 2");
    assert!(page.contains(&line), "{page}");
}

#[tokio::test]
async fn ends_that_come_first_have_their_own_bound() {
    let flags = ["--max-clients=2", "--event-reply-seconds=0"];
    let unseen = Endpoint::new(&flags).await;
    unseen.fake.stall(CLIENTS);
    // Then one that has listed what they left.
    for is_seen in [false, true] {
        let endpoint = if is_seen {
            &Endpoint::at(&unseen.fake, &flags).await
        } else {
            &unseen
        };
        for id in ["1", "2", "3", "1", "4"] {
            let answer = endpoint.post(&ended_by_cause(id)).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, ""), "{id}");
        }
        assert_eq!(endpoint.clients().len(), 2, "{is_seen}");
        let page = endpoint.metrics().await;
        let line = format!("stationmaster_client_events_total{{type=\"{ENDED}\",outcome=\"DroppedEnd\"}} 2");
        assert!(page.contains(&line), "{page}");
    }
    // They take no place from those that are wanted.
    assert_eq!(unseen.post(&pending("a")).await.status, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_for_other_namespaces_fails_and_the_near_ones_are_named() {
    let endpoint = Endpoint::scheduling(&[]).await;
    let labelled = |team: &str| json!({"metadata": {"name": "default", "namespace": "", "labels": {"team": team}}});
    let selecting = json!({"matchLabels": {"team": "a"}});
    let all = [("far", "far", Some(&selecting)), ("near", "near", None)];
    endpoint.gateways.store(Arc::new(selecting_gateways(&all)));
    let event = |id: &str| with(pending(id), "/data/gateway_name", "far");
    // Of a namespace that nobody knows yet the reconciler says.
    assert_eq!(endpoint.post(&event("1")).await.header("ce-type"), DONE);
    endpoint.fake.put("namespaces", labelled("b"));
    let mut answer = endpoint.post(&event("2")).await;
    for id in 3..100 {
        if answer.header("ce-type") == FAILED {
            break;
        }
        answer = endpoint.post(&event(&id.to_string())).await;
    }
    assert_eq!((answer.status.as_u16(), answer.header("ce-type")), (200, FAILED));
    let text = answer.data()["message"].as_str().unwrap().to_owned();
    let expected = "gateway \"far\" is not for namespace \"default\": the gateway is near";
    assert!(text.starts_with(expected), "{text}");
    let clients = endpoint.clients().len();
    // The label comes a moment later.
    let come = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        endpoint.fake.put("namespaces", labelled("a"));
    };
    let late = event("late");
    let (answer, ()) = tokio::join!(endpoint.post(&late), come);
    assert_eq!(
        (answer.header("ce-type"), endpoint.clients().len()),
        (DONE, clients + 1)
    );
}

#[tokio::test]
async fn senders_may_have_to_show_a_token() {
    let endpoint = Endpoint::with(&[], Some(Token::new("secret").unwrap()), true).await;
    let answer = endpoint.post(&pending("1")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("www-authenticate")),
        (401, "Bearer")
    );
    let mut request = structured(&with(pending("1"), "/type", "other"));
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer secret".parse().unwrap());
    assert_eq!(endpoint.send(request).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn senders_may_ask_beforehand() {
    let endpoint = Endpoint::new(&[]).await;
    for (origin, allowed) in [(Some("broker.example.org"), "broker.example.org"), (None, "*")] {
        let mut request = Request::options("/");
        if let Some(origin) = origin {
            request = request
                .header("WebHook-Request-Origin", origin)
                .header("WebHook-Request-Rate", "120");
        }
        let answer = endpoint.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("webhook-allowed-origin"), allowed);
        assert_eq!(answer.header("webhook-allowed-rate"), "*");
        assert_eq!(answer.header("allow"), "POST, OPTIONS");
    }
}
