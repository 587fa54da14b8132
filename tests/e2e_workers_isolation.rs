//! Workers with a process each, on the real node: what one does to its own is nothing to the others.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::process::Command;
use std::time::Instant;

use common::cluster::eventually;
use common::load::Load;
use common::workers::{Account, ask, flags_with_workerd, node, saying, serving};
use serde_json::json;

/// Answers at once, but for one path.
const LOOPS: &str = "export default { fetch(request) {
  while (new URL(request.url).pathname === '/loop');
  return new Response('looper');
} };
";

/// The container of a worker: how often it was started again, and whether it runs.
fn container(account: &Account<'_>, script: &str) -> (i64, bool) {
    let pods = account.all("pods");
    let statuses = pods[0]["status"]["containerStatuses"].as_array().unwrap();
    let own = statuses.iter().find(|container| container["name"] == script).unwrap();
    (
        own["restartCount"].as_i64().unwrap(),
        own["state"]["running"].is_object(),
    )
}

#[test]
fn an_endless_loop_ends_and_disturbs_nobody() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags_with_workerd());
    let account = Account::new(&plane, &json!({"isolation": "Worker"}));
    account.deploy("looper", LOOPS);
    account.deploy("steady", &saying("steady"));
    account.answers("looper", "looper");
    account.answers("steady", "steady");
    let (looper, steady) = (account.address("looper"), account.address("steady"));
    let (load, begin) = (Load::start(&steady, 2), Instant::now());
    let request = Command::new("curl")
        .args(["-s", "--max-time", "2", &format!("{looper}loop")])
        .status();
    assert_eq!(request.unwrap().code(), Some(28), "it has answered");
    eventually("a new start", || {
        let answer = ask(&steady);
        let looper = container(&account, "looper");
        // Only while its container is away is the pod not ready, with one pod.
        assert!(
            answer.is_some() || looper != (0, true),
            "silent after {:.1?}",
            begin.elapsed()
        );
        (looper.0 > 0).then_some(())
    });
    eprintln!("started again after {:.1?}", begin.elapsed());
    account.answers("looper", "looper");
    eprintln!("answers again after {:.1?}", begin.elapsed());
    for seen in load.end("steady") {
        eprintln!("{} requests over {} connections", seen.answered, seen.opened);
        assert!(seen.failures.is_empty(), "{:#?}", seen.failures);
        assert_eq!(seen.answers, ["steady"]);
    }
    assert_eq!(container(&account, "steady"), (0, true));
    account.answers("steady", "steady");
}
