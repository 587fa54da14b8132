//! The native mode of resources into namespaces on a real API server, whose audit log is the account of what we write.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::time::{Duration, Instant};

use common::cluster::eventually;
use common::native::{NOTHING, Native, OBJECTS, rendered};

/// Namespaces of a test, by number.
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn at_rest_nothing_is_written_for_a_minute() {
    let mut native = Native::new("at-rest");
    native.want(&names(&numbered(20)));
    native.start(&[]);
    native.complete(20);
    let (objects, set) = (
        native.each("resourceVersion"),
        native.plane.get(&["resourcesets", native.name]),
    );
    assert_eq!(objects.len(), 20 * OBJECTS);
    let counted = native.metric("stationmaster_resource_writes_total{verb=\"apply\"}");
    assert_eq!(counted, native.object_writes().len());

    native.rests(Duration::from_secs(60));
    assert_eq!(native.each("resourceVersion"), objects);
    assert_eq!(native.plane.get(&["resourcesets", native.name]), set);
    assert_eq!(
        native.metric("stationmaster_resource_writes_total{verb=\"apply\"}"),
        counted
    );
}

#[test]
fn a_restart_writes_nothing_but_what_was_changed_meanwhile() {
    let mut native = Native::new("restart");
    native.want(&names(&numbered(10)));
    native.start(&[]);
    native.complete(10);
    let before = native.writes().len();

    native.kill();
    native.start(&[]);
    native.complete(10);
    assert_eq!(native.written_since(before), NOTHING);

    native.kill();
    let change = r#"{"data": {"tier": "changed"}}"#;
    native.kubectl(
        "3",
        &["patch", "configmap", "tenant-settings", "--type=merge", "-p", change],
    );
    native.start(&[]);
    eventually("the value again", || {
        (native.object("3", "configmap/tenant-settings")["data"]["tier"] == "standard").then_some(())
    });
    native.complete(10);
    assert_eq!(
        native.written_since(before),
        ["patch configmaps restart-3/tenant-settings"]
    );
}

#[test]
fn a_namespace_goes_as_fast_as_one_without_us() {
    let mut native = Native::new("deletion");
    native.want(&["with"]);
    native.make_unwanted(&["without"]);
    let without = native.namespace("without");
    native.plane.apply_in(&without, &rendered(&native.templates, &without));
    native.start(&[]);
    native.complete(1);
    let written = native.object_writes().len();

    let (with, start) = (native.namespace("with"), Instant::now());
    native
        .plane
        .kubectl(&["delete", "namespace", &with, &without, "--wait=false"]);
    let (mut ours, mut theirs) = (None, None);
    eventually("both namespaces gone", || {
        let left = native.plane.kubectl(&["get", "namespaces", "-o", "name"]);
        for (name, gone) in [(&with, &mut ours), (&without, &mut theirs)] {
            if gone.is_none() && !left.lines().any(|line| line == format!("namespace/{name}")) {
                *gone = Some(start.elapsed());
            }
        }
        ours.zip(theirs)
    });
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    println!("a namespace was gone after {ours:?} with us, after {theirs:?} without");
    assert!(
        ours < theirs + Duration::from_secs(2),
        "{ours:?} with us, {theirs:?} without"
    );
    native.complete(0);
    assert_eq!(native.object_writes().len(), written);
}
