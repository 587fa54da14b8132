//! The architecture: what awaits lives in a half or is a door, what is stored or sent lives in `api`, and everything
//! else decides. One crate cannot have the compiler check that.

#![allow(clippy::unwrap_used, reason = "a source that cannot be read is a failure")]

use std::fs;
use std::path::{Path, PathBuf};

/// What no decision may contain.
const IMPURE: [&str; 10] = [
    ".await",
    "async ",
    "kube::Client",
    " Client::",
    "axum::",
    "tokio::",
    "std::fs",
    "std::env",
    "now()",
    "SystemTime",
];

/// Each room with the rooms of ours that it may use; none of them may wait or reach outside.
const PURE: [(&str, &[&str]); 8] = [
    ("api", &["api"]),
    ("condition.rs", &["condition"]),
    ("template", &["template"]),
    ("dispatch", &["api", "condition", "dispatch", "template"]),
    ("gateway", &["api", "condition", "gateway"]),
    ("resources", &["api", "condition", "resources", "template"]),
    ("trust", &["api", "trust"]),
    ("workers", &["api", "condition", "workers"]),
];

/// Rooms that wait, with what they may not use.
const HALVES: [(&str, &[&str]); 3] = [
    ("serve", &["reconcile"]),
    ("reconcile", &["serve"]),
    (
        "clients",
        &[
            "serve",
            "reconcile",
            "dispatch",
            "gateway",
            "resources",
            "template",
            "condition",
            "workers",
        ],
    ),
];

#[test]
fn decisions_neither_wait_nor_reach_outside() {
    for (room, allowed) in PURE {
        for (file, line) in lines(room) {
            for word in IMPURE {
                assert!(
                    !line.contains(word),
                    "{file} decides, and has no business with `{word}`: {line}"
                );
            }
            for used in rooms(&line) {
                assert!(allowed.contains(&used), "{file} may not use `{used}`: {line}");
            }
        }
    }
}

#[test]
fn the_halves_do_not_know_each_other_and_doors_decide_nothing() {
    for (room, forbidden) in HALVES {
        for (file, line) in lines(room) {
            for used in rooms(&line) {
                assert!(!forbidden.contains(&used), "{file} may not use `{used}`: {line}");
            }
        }
    }
}

#[test]
fn every_call_to_the_api_server_leaves_by_one_door() {
    for (file, line) in lines("") {
        let door = file.contains("clients/cluster/");
        for word in ["Api<", "Api::<", "Request::new(K", ".request_text("] {
            assert!(
                door || !line.contains(word),
                "{file} is not the door to the API server: {line}"
            );
        }
    }
}

/// Lines of production code of a file or folder below `src`, without comments.
fn lines(room: &str) -> Vec<(String, String)> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let mut files = Vec::new();
    sources(&start, &mut files);
    assert!(!files.is_empty(), "there is no src/{room}");
    files.iter().flat_map(|file| production(file)).collect()
}

fn sources(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
        files.push(path.to_owned());
    }
}

fn production(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let bare = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim());
    bare.filter(|line| !line.is_empty())
        .map(|line| (file.display().to_string(), line.to_owned()))
        .collect()
}

/// The rooms that a line names: `crate::ROOM`.
fn rooms(line: &str) -> Vec<&str> {
    let parts = line.split("crate::").skip(1);
    parts
        .map(|part| {
            part.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
                .unwrap_or_default()
        })
        .collect()
}
