//! Pods behind a gateway on the wire, through the router and without a network: each file of tests/data/gateway is flags,
//! a review, the answer that it must get, and the pod that the pod-gateway admission controller would have made of it.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::serve::args;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::gateway::{Addresses, InForce, Resolv, Rules, Surroundings, shared};
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{Gateways, State, router};
use tower::ServiceExt;

const INJECTED: &str = "gateway.stationmaster.dev/injected";

/// The cases of one folder, by name.
fn cases(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/gateway")
        .join(folder);
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let case = serde_json::from_str(&text).unwrap();
        (file, case)
    };
    files.into_iter().map(read).collect()
}

/// A server with the gateway of the case's flags, whose names have resolved as far as the case says.
fn state(case: &Value) -> State {
    let flags: Vec<_> = case["flags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| flag.as_str().unwrap())
        .collect();
    let args = args(&flags);
    let mut registry = Registry::default();
    let gateways = args.gateway.gateway().unwrap().map(|gateway| {
        let resolv = Resolv::parse(case["resolvConf"].as_str().unwrap());
        let surroundings = Surroundings {
            resolv,
            native_sidecars: false,
        };
        let mut addresses = Addresses::default();
        for (name, answer) in case["addresses"].as_object().unwrap() {
            addresses.hear(name, &serde_json::from_value::<Vec<_>>(answer.clone()).unwrap());
        }
        let rules = Rules {
            strict_marks: args.gateway.strict_labels,
            ..Rules::default()
        };
        let in_force = InForce::new(vec![gateway], (&surroundings, &addresses), rules, true);
        let resolved = Readiness::default().gate("names of the gateway");
        if case["resolved"] != false {
            resolved.open();
        }
        Gateways::new(shared(in_force), None, resolved, &mut registry)
    });
    State {
        gateways,
        ..State::new(registry, Readiness::default(), args.execute)
    }
}

async fn page(router: Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The answer without its patch, and that. What is no review is the whole answer.
async fn answered(case: &Value) -> (Value, Vec<Value>) {
    let request = Request::post(case["route"].as_str().unwrap()).body(Body::from(case["review"].to_string()));
    let (status, body) = page(router(Arc::new(state(case))), request.unwrap()).await;
    assert_eq!(
        status,
        case["httpStatus"]
            .as_u64()
            .map_or(200, |status| u16::try_from(status).unwrap())
    );
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    let mut response = if status == StatusCode::OK {
        answer["response"].take()
    } else {
        answer
    };
    let patch = response.as_object_mut().unwrap().remove("patch");
    let patch = patch.map(|patch| serde_json::from_slice(&STANDARD.decode(patch.as_str().unwrap()).unwrap()).unwrap());
    (response, patch.unwrap_or_default())
}

async fn check(folder: &str, allowed: bool, most: usize) {
    let (cases, mut wrong) = (cases(folder), Vec::new());
    assert!(cases.len() >= most, "cases are gone");
    for (file, case) in cases {
        let (response, patch) = answered(&case).await;
        let as_wanted = response == case["response"] && (response["allowed"] == true) == allowed;
        let exact = case.get("patch").is_none_or(|wanted| *wanted == json!(patch));
        if !as_wanted || !exact || patch.is_empty() == case.get("pod").is_some() {
            wrong.push(format!("{}\n{response:#}\n{:#}", file.display(), json!(patch)));
        }
    }
    assert!(wrong.is_empty(), "answered otherwise:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn allows() {
    check("pass", true, 60).await;
}

#[tokio::test]
async fn refuses() {
    check("fail", false, 8).await;
}

#[tokio::test]
async fn makes_what_the_original_makes_and_nothing_more_the_second_time() {
    let mut made = 0;
    for (file, mut case) in cases("pass") {
        let (_, patch) = answered(&case).await;
        let Some(wanted) = case.get("pod").cloned() else {
            continue;
        };
        let pod = &mut case["review"]["request"]["object"];
        for operation in &patch {
            apply(pod, operation);
        }
        let mut bare = pod.clone();
        let annotations = bare["metadata"]["annotations"].as_object_mut().unwrap();
        let stamp = annotations.remove(INJECTED).unwrap();
        assert!(stamp.as_str().unwrap().starts_with("default@"), "{stamp}");
        if annotations.is_empty() {
            bare["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        assert_eq!(bare, wanted, "{}", file.display());
        let (again, patch) = answered(&case).await;
        assert_eq!(
            (&again["allowed"], patch),
            (&json!(true), Vec::new()),
            "{}",
            file.display()
        );
        made += 1;
    }
    assert!(made >= 30, "{made}");
}

#[tokio::test]
async fn a_stamp_alone_vouches_for_nothing() {
    let mut made = 0;
    for (file, mut case) in cases("pass") {
        let (_, patch) = answered(&case).await;
        let pod = &mut case["review"]["request"]["object"];
        // What is there of ours already would stay with the right stamp.
        if patch.is_empty() || pod["spec"].to_string().contains("gateway-") {
            continue;
        }
        let mut wanted = pod.clone();
        for operation in &patch {
            apply(&mut wanted, operation);
        }
        pod["metadata"]["annotations"] = wanted["metadata"]["annotations"].clone();
        let (_, forged) = answered(&case).await;
        let pod = &mut case["review"]["request"]["object"];
        for operation in &forged {
            apply(pod, operation);
        }
        assert_eq!(*pod, wanted, "{}", file.display());
        made += 1;
    }
    assert!(made >= 30, "{made}");
}

/// One step of a JSON patch, which only adds and removes.
fn apply(object: &mut Value, operation: &Value) {
    let (parent, key) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = object.pointer_mut(parent).expect("the parent is there");
    let value = operation.get("value").cloned();
    match (parent, operation["op"].as_str().unwrap()) {
        (Value::Object(members), "add") => drop(members.insert(key, value.unwrap())),
        (Value::Array(items), "add") if key == "-" => items.push(value.unwrap()),
        (Value::Array(items), "add") => items.insert(key.parse().unwrap(), value.unwrap()),
        (Value::Array(items), "remove") => drop(items.remove(key.parse().unwrap())),
        (parent, _) => unreachable!("{operation} of {parent}"),
    }
}

/// What the counter says after pods were marked so, on the node's network or not, under these flags.
async fn counted(flags: &[&str], pods: &[(Value, bool)]) -> Vec<String> {
    let (_, mut case) = cases("pass").swap_remove(0);
    case["flags"] = json!([&["--initImage=a", "--setGatewayLabel=setGateway"], flags].concat());
    case["addresses"] = json!({});
    let router = router(Arc::new(state(&case)));
    for (marked, host_network) in pods {
        let object = &mut case["review"]["request"]["object"];
        object["metadata"]["labels"]["setGateway"] = marked.clone();
        object["spec"]["hostNetwork"] = json!(host_network);
        let request = Request::post("/mutate-pods").body(Body::from(case["review"].to_string()));
        page(router.clone(), request.unwrap()).await;
    }
    let (_, page) = page(router, Request::get("/metrics").body(Body::empty()).unwrap()).await;
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("stationmaster_gateway_pods_total"));
    let mut counted: Vec<_> = lines.map(str::to_owned).collect();
    counted.sort();
    counted
}

#[tokio::test]
async fn marked_pods_are_counted_by_what_became_of_them() {
    let line = |(gateway, outcome)| format!("{{gateway=\"{gateway}\",outcome=\"{outcome}\"}} 1");
    let marks = [
        (json!("true"), false),
        (json!("true"), true),
        (json!("yes"), false),
        (json!("false"), true),
        (json!(1), false),
    ];
    for (flags, outcomes) in [
        (
            &["--gateway=192.0.2.1"][..],
            [
                ("", "unclear mark"),
                ("", "undecodable"),
                ("default", "host network"),
                ("default", "injected"),
            ],
        ),
        (
            &["--DNS=a.b", "--strict-labels"],
            [
                ("", "refused mark"),
                ("", "undecodable"),
                ("default", "host network"),
                ("default", "unresolved"),
            ],
        ),
    ] {
        let expected: Vec<_> = outcomes.into_iter().map(line).collect();
        assert_eq!(counted(flags, &marks).await, expected);
    }
}

#[tokio::test]
async fn the_originals_probe_is_answered_once_names_were_looked_up() {
    let (_, mut case) = cases("pass").swap_remove(0);
    for (resolved, method, expected) in [
        (true, "GET", "{\"ok\":true}\n"),
        (true, "HEAD", ""),
        (true, "POST", "{\"ok\":true}\n"),
        (false, "GET", "{\"ok\":false}\n"),
    ] {
        case["resolved"] = json!(resolved);
        let request = Request::builder().method(method).uri("/wh/health");
        let (status, body) = page(router(Arc::new(state(&case))), request.body(Body::empty()).unwrap()).await;
        assert_eq!((status.is_success(), &*body), (resolved, expected));
    }
}
