//! Exactly one Job for every execution, while the server is killed once a second.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::cluster::{ControlPlane, eventually};
use common::http;
use common::server::Server;
use serde_json::Value;

const EXECUTES: usize = 1000;

/// Suspended, so that the Jobs need no node.
const TEMPLATE: &str = r#"
apiVersion: dispatcher.ivan.vc/v1beta1
kind: JobTemplate
metadata: {name: suspended}
spec:
  jobTemplate:
    spec:
      suspend: true
      template:
        spec:
          containers: [{name: main, image: "alpine:3", args: ["{{ .Payload }}"]}]
"#;

#[test]
fn every_execution_has_one_job_though_the_server_is_killed_every_second() {
    let plane = ControlPlane::start().with_crds();
    let mut server = Server::start(&plane, &[]);
    plane.apply(TEMPLATE);
    let web = server.web;

    let done = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_every_second(&mut server, &done));
        // Whatever becomes of the calls, the killer ends.
        let acknowledged = std::panic::catch_unwind(|| execute_all(web));
        done.store(true, Ordering::Relaxed);
        let kills = killer.join().unwrap();
        assert!(kills >= 5, "only {kills} kills: nothing was tried");
        println!("{EXECUTES} executes acknowledged, {kills} kills");
        acknowledged.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });

    let executions = names(&plane, "jobexecutions");
    let lost: Vec<_> = acknowledged.difference(&executions).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    eventually("a Job for every execution", || {
        (jobs(&plane).len() == executions.len()).then_some(())
    });
    let several: Vec<_> = jobs(&plane).into_iter().filter(|(_, count)| *count != 1).collect();
    assert!(several.is_empty(), "not exactly one Job: {several:?}");
    assert_eq!(acknowledged.len(), EXECUTES, "two answers named the same execution");
    println!("{} executions, {} Jobs", executions.len(), jobs(&plane).len());
}

fn kill_every_second(server: &mut Server, done: &AtomicBool) -> usize {
    let mut kills = 0;
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_secs(1));
        server.kill();
        kills += 1;
        server.spawn();
    }
    kills
}

/// Sixteen clients that repeat a call only when they saw it fail; names that were acknowledged.
fn execute_all(web: u16) -> BTreeSet<String> {
    let client = move |number: usize| {
        let calls = (number..EXECUTES).step_by(16);
        calls.map(|call| execute(web, call)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|number| scope.spawn(move || client(number))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn execute(web: u16, call: usize) -> String {
    // Without a pause all calls would be over before the second kill.
    std::thread::sleep(Duration::from_millis(200));
    eventually("an acknowledged call", || {
        let answer = http::put(web, "/execute/default/suspended", &format!("payload {call}"))?;
        if answer.status == 201 {
            // An answer cut off in the middle is an error that the client saw.
            let body: Value = serde_json::from_str(&answer.body).ok()?;
            return Some(body["name"].as_str().unwrap().to_owned());
        }
        assert_eq!(
            answer.status, 503,
            "only an absent server is a reason to fail: {}",
            answer.body
        );
        None
    })
}

fn names(plane: &ControlPlane, kind: &str) -> BTreeSet<String> {
    items(plane, kind)
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Number of Jobs by the UID of the execution that controls them.
fn jobs(plane: &ControlPlane) -> BTreeMap<String, usize> {
    let mut jobs = BTreeMap::new();
    for job in items(plane, "jobs") {
        *jobs
            .entry(
                job["metadata"]["ownerReferences"][0]["uid"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            )
            .or_default() += 1;
    }
    jobs
}

fn items(plane: &ControlPlane, kind: &str) -> Vec<Value> {
    plane.get(&[kind])["items"].as_array().unwrap().clone()
}
