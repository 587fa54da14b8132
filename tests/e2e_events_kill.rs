//! Exactly one client and one pod for every event, while the servers of events and the reconciler are killed in turns,
//! one every second.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::cluster::{ControlPlane, eventually};
use common::http;
use common::server::Server;
use serde_json::{Value, json};

const EVENTS: usize = 1000;
/// Of each event, at a time.
const DELIVERIES: usize = 20;
/// Events that are under way at a time, each with its deliveries.
const SENDERS: usize = 4;

/// As they are deployed: events in as many replicas as are wanted, the reconciler beside them.
const SERVERS: [[&str; 3]; 3] = [
    ["--components", "events", "--max-clients=2000"],
    ["--components", "events", "--max-clients=2000"],
    ["--components", "gateways,controllers", "--max-clients=2000"],
];

const GATEWAY: &str = include_str!("data/podgateway.yaml");

#[test]
fn every_event_has_one_pod_though_a_process_is_killed_every_second() {
    let plane = ControlPlane::start().with_crds();
    plane.apply(GATEWAY);
    let mut servers = SERVERS.map(|flags| Server::prepare(&plane, &flags));
    servers.iter_mut().for_each(Server::spawn);
    let webs = [servers[0].web, servers[1].web];

    let done = AtomicBool::new(false);
    let named = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_in_turns(&mut servers, &done));
        // Whatever becomes of the events, the killer ends.
        let named = std::panic::catch_unwind(|| deliver_all(webs));
        done.store(true, Ordering::Relaxed);
        let kills = killer.join().unwrap();
        println!("{kills} kills");
        assert!(kills >= 5, "only {kills} kills: nothing was tried");
        named.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });

    assert_eq!(named.len(), EVENTS, "two events have the same pod");
    let (clients, pods) = (names(&plane, "gatewayclients"), names(&plane, "pods"));
    assert_eq!((clients.len(), pods.len()), (EVENTS, EVENTS));
    assert_eq!(pods, named, "an answer named a pod that is not there");
}

fn kill_in_turns(servers: &mut [Server], done: &AtomicBool) -> usize {
    let mut kills = 0;
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_secs(1));
        let victim = &mut servers[kills % SERVERS.len()];
        victim.kill();
        victim.spawn();
        kills += 1;
    }
    kills
}

/// The pods that answers named.
fn deliver_all(webs: [u16; 2]) -> BTreeSet<String> {
    let next = AtomicUsize::new(0);
    let sender = || {
        let events = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|event| *event < EVENTS));
        events.map(|event| deliver_at_once(webs, event)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(sender)).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    })
}

/// All deliveries of an event, over both servers; they have to name the same pod.
fn deliver_at_once(webs: [u16; 2], event: usize) -> String {
    let body = json!({
        "specversion": "1.0", "id": event.to_string(), "source": "/tests", "type": "io.podgateway.client.pending",
        "data": {"gateway_name": "foo"},
    });
    let body = body.to_string();
    let pods: BTreeSet<_> = std::thread::scope(|scope| {
        let deliver = |number: usize| deliver(webs, event + number, &body);
        let all: Vec<_> = (0..DELIVERIES)
            .map(|number| scope.spawn(move || deliver(number)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(pods.len(), 1, "event {event} has several pods: {pods:?}");
    pods.into_iter().next().unwrap()
}

/// Repeats a delivery as the contract says, until there is an answer; a server that is away makes room for the other.
fn deliver(webs: [u16; 2], first: usize, body: &str) -> String {
    let mut attempt = first;
    eventually("an answer", || {
        attempt += 1;
        let answer = http::post(
            webs[attempt % 2],
            "/",
            "content-type: application/cloudevents+json",
            body,
        )?;
        if answer.status != 200 {
            assert!(
                [409, 429, 503].contains(&answer.status),
                "{} {}",
                answer.status,
                answer.body
            );
            return None;
        }
        assert!(
            answer.head.contains("scheduling.done"),
            "{}{}",
            answer.head,
            answer.body
        );
        // An answer that was cut off in the middle is one that the sender has not got.
        let data: Value = serde_json::from_str(&answer.body).ok()?;
        Some(data["pod_name"].as_str().unwrap().to_owned())
    })
}

fn names(plane: &ControlPlane, kind: &str) -> BTreeSet<String> {
    let items = plane.get(&[kind])["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}
