//! CloudEvents against a real API server: from an event to a pod, and back to its sender. There is no node.

#![expect(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::net::TcpListener;

use common::cluster::{ControlPlane, eventually};
use common::http;
use common::server::Server;
use serde_json::{Value, json};

/// What clients and events need, without the webhooks.
const EVENTS: [&str; 2] = ["--components", "events,gateways,controllers"];

const GATEWAY: &str = include_str!("data/podgateway.yaml");

const DONE: &str = "ce-type: io.podgateway.client.scheduling.done";

fn started(flags: &[&str]) -> (ControlPlane, Server) {
    let plane = ControlPlane::start().with_crds();
    plane.apply(GATEWAY);
    let mut server = Server::prepare(&plane, &[&EVENTS[..], flags].concat());
    server.spawn();
    (plane, server)
}

fn event(id: &str, data: &Value) -> String {
    let type_ = "io.podgateway.client.pending";
    json!({"specversion": "1.0", "id": id, "source": "/tests", "type": type_, "data": data}).to_string()
}

/// Sends an event in structured mode until it is answered.
fn deliver(web: u16, body: &str) -> http::Answer {
    deliver_to(web, "/", "content-type: application/cloudevents+json", body)
}

/// Repeats a delivery as the contract says: until the server knows its clients, and while the pod is not there yet. A
/// gateway that has just been applied is waited for by it.
fn deliver_to(web: u16, path: &str, headers: &str, body: &str) -> http::Answer {
    eventually("an answer", || {
        let answer = http::post(web, path, headers, body)?;
        (![409, 503].contains(&answer.status)).then_some(answer)
    })
}

fn pods(plane: &ControlPlane) -> Vec<Value> {
    plane.get(&["pods"])["items"].as_array().unwrap().clone()
}

#[test]
fn an_event_becomes_a_pod_and_ends_it() {
    let (plane, server) = started(&[]);
    let data = json!({"gateway_name": "foo", "message": "hello"});
    let structured = deliver(server.web, &event("1", &data));
    assert!(
        structured.status == 200 && structured.head.contains(DONE),
        "{}",
        structured.head
    );
    let headers = "ce-specversion: 1.0\r\nce-id: 2\r\nce-source: /tests\r\nce-type: io.podgateway.client.pending\r\n\
                   content-type: application/json";
    let binary = deliver_to(server.web, "/events", headers, &data.to_string());
    assert!(binary.status == 200 && binary.head.contains(DONE), "{}", binary.head);
    for answer in [&structured, &binary] {
        let data: Value = serde_json::from_str(&answer.body).unwrap();
        let pod = plane.get(&["pod", data["pod_name"].as_str().unwrap()]);
        assert_eq!(pod["metadata"]["labels"]["setGateway"], "foo");
        assert_eq!(pod["metadata"]["namespace"], data["namespace"]);
    }
    assert_eq!(pods(&plane).len(), 2);
    let ended = json!({
        "specversion": "1.0", "id": "3", "source": "/tests", "type": "io.podgateway.client.ended", "causeid": "2",
    });
    assert_eq!(deliver(server.web, &ended.to_string()).status, 202);
    eventually("an end", || (pods(&plane).len() == 1).then_some(()));
    let again = deliver(server.web, &event("2", &data));
    assert_eq!(
        (again.status, again.body),
        (200, binary.body),
        "a late redelivery gets the stored answer"
    );
    assert_eq!(pods(&plane).len(), 1);
}

#[test]
fn an_end_that_comes_first_leaves_no_pod_to_make() {
    let (plane, server) = started(&[]);
    let ended = json!({
        "specversion": "1.0", "id": "e", "source": "/tests", "type": "io.podgateway.client.ended", "causeid": "1",
    });
    assert_eq!(deliver(server.web, &ended.to_string()).status, 202);
    eventually("an end", || {
        let client = plane.get(&["gatewayclients"])["items"][0].clone();
        (client["status"]["phase"] == "Ended").then_some(())
    });
    let answer = deliver(server.web, &event("1", &json!({"gateway_name": "foo"})));
    let failed = "ce-type: io.podgateway.client.scheduling.failed";
    assert!(answer.status == 200 && answer.head.contains(failed), "{}", answer.head);
    assert!(pods(&plane).is_empty());
}

#[test]
fn twenty_deliveries_are_one_pod_and_one_answer() {
    let (plane, server) = started(&[]);
    let (web, body) = (server.web, event("1", &json!({"gateway_name": "foo"})));
    deliver(web, &event("0", &json!({"gateway_name": "foo"})));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..20).map(|_| scope.spawn(|| deliver(web, &body))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_eq!(pods(&plane).len(), 2);
}

#[test]
fn what_takes_too_long_goes_to_the_sink() {
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--sink=http://{}/", sink.local_addr().unwrap());
    let plane = ControlPlane::start().with_crds();
    plane.apply(GATEWAY);
    let mut server = Server::prepare(
        &plane,
        &["--components", "events,gateways", "--event-reply-seconds=0", &address],
    );
    server.spawn();
    // Nobody makes pods yet, so that the answer is late for certain.
    let late = deliver(server.web, &event("1", &json!({"gateway_name": "foo"})));
    assert_eq!((late.status, &*late.body), (202, ""), "{}", late.head);
    let mut controllers = Server::prepare(&plane, &["--components", "gateways,controllers"]);
    controllers.spawn();
    let (refused, taken) = (http::take(&sink, 503), http::take(&sink, 202));
    assert!(refused.contains(DONE) && taken.contains(DONE), "{refused}{taken}");
    eventually("a mark", || {
        let client = plane.get(&["gatewayclients"])["items"][0].clone();
        (client["metadata"]["annotations"]["gateway.stationmaster.dev/reply"] == "sent").then_some(())
    });
}
