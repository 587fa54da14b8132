//! Updates of a worker under load on the real node: no request fails, whichever release answers it.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::time::{Duration, Instant};

use common::load::{Load, Seen};
use common::thorough;
use common::workers::{Account, flags_with_workerd, node, saying, serving};
use serde_json::json;

const CLIENTS: usize = 4;

/// Updates in a row: a hundred take seven minutes, and are for `make thorough`.
fn updates() -> usize {
    if thorough() { 100 } else { 20 }
}

/// Every request has its answer, of the releases in their order, up to the last.
fn is_seamless(seen: &[Seen], last: usize, time: Duration) {
    let answered: usize = seen.iter().map(|seen| seen.answered).sum();
    let opened: usize = seen.iter().map(|seen| seen.opened).sum();
    let resent: usize = seen.iter().map(|seen| seen.resent).sum();
    eprintln!(
        "{last} updates in {time:.1?}: {answered} requests over {opened} connections, {resent} of them sent twice"
    );
    let failures: Vec<_> = seen.iter().flat_map(|seen| &seen.failures).collect();
    assert!(
        failures.is_empty(),
        "{} of {answered} failed: {failures:#?}",
        failures.len()
    );
    for seen in seen {
        let answers: Vec<usize> = seen.answers.iter().map(|answer| answer.parse().unwrap()).collect();
        assert!(answers.is_sorted(), "back to an older one: {answers:?}");
        assert_eq!(answers.last(), Some(&last));
    }
    assert!(resent * 1000 <= answered, "{resent} of {answered} sent twice");
    assert!(answered > last * CLIENTS, "no load: {answered}");
}

#[test]
fn updates_in_a_row_fail_no_request() {
    let updates = updates();
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags_with_workerd());
    let account = Account::new(&plane, &json!({}));
    account.deploy("shop", &saying("0"));
    account.answers("shop", "0");
    let load = Load::start(&account.address("shop"), CLIENTS);
    let begin = Instant::now();
    for update in 1..=updates {
        account.deploy("shop", &saying(&update.to_string()));
        account.answers("shop", &update.to_string());
    }
    let time = begin.elapsed();
    is_seamless(&load.end(&updates.to_string()), updates, time);
}

#[test]
fn updates_that_overtake_each_other_fail_no_request() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags_with_workerd());
    let account = Account::new(&plane, &json!({}));
    account.deploy("shop", &saying("0"));
    account.answers("shop", "0");
    let load = Load::start(&account.address("shop"), CLIENTS);
    let begin = Instant::now();
    let updates = updates() / 4;
    for update in 1..=updates {
        account.deploy("shop", &saying(&update.to_string()));
    }
    account.answers("shop", &updates.to_string());
    let time = begin.elapsed();
    is_seamless(&load.end(&updates.to_string()), updates, time);
}
