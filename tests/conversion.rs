//! `/convert` through the router, answers compared byte for byte: cases of tests/data/conversion, and round trips of
//! generated objects with fields that neither version knows.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use clap::Parser;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use stationmaster::cli::Cli;
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{self, Memory, State};
use tower::ServiceExt;

/// A server with conversion and nothing that would need a cluster.
fn state() -> State {
    let execute = Cli::parse_from(["stationmaster"]).serve.execute;
    State::new(Registry::default(), Readiness::default(), execute)
}

async fn post(body: String) -> (StatusCode, String) {
    post_to(state(), body).await
}

async fn post_to(state: State, body: String) -> (StatusCode, String) {
    let request = Request::post("/convert?timeout=30s")
        .body(Body::from(body))
        .expect("a request");
    let response = serve::router(Arc::new(state))
        .oneshot(request)
        .await
        .expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("JSON is UTF-8"))
}

/// Converts objects, each a JSON text, and returns each as it was written.
async fn convert(to: &str, objects: &[String]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        response: Response<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<'a> {
        #[serde(borrow)]
        converted_objects: Vec<&'a RawValue>,
    }
    let review = format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{{"uid":"1","desiredAPIVersion":"dispatcher.ivan.vc/{to}","objects":[{}]}}}}"#,
        objects.join(",")
    );
    let (_, answer) = post(review).await;
    let answer: Answer<'_> = serde_json::from_str(&answer).expect("a ConversionReview");
    answer
        .response
        .converted_objects
        .into_iter()
        .map(|object| object.get().to_owned())
        .collect()
}

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow)]
    review: &'a RawValue,
    #[serde(borrow)]
    converted: Option<&'a RawValue>,
    message: Option<String>,
}

/// The files of a folder of cases, with what is in them.
fn cases(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/conversion")
        .join(folder);
    let files = std::fs::read_dir(folder)
        .expect("a folder of cases")
        .map(|file| file.expect("a file").path());
    let cases: Vec<_> = files
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).expect("a case"),
            )
        })
        .collect();
    assert!(cases.len() > 5, "cases are missing");
    cases
}

/// JSON without the space between its tokens.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            let kept = quoted || !c.is_ascii_whitespace();
            quoted ^= c == '"' && !escaped;
            escaped = quoted && c == '\\' && !escaped;
            kept
        })
        .collect()
}

/// JSON with members in the order of their keys, everything else as it is written.
fn ordered(json: &str) -> String {
    if let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        let members = members
            .iter()
            .map(|(key, value)| format!("{key:?}:{}", ordered(value.get())));
        return format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    }
    match serde_json::from_str::<Vec<&RawValue>>(json) {
        Ok(items) => format!(
            "[{}]",
            items
                .iter()
                .map(|item| ordered(item.get()))
                .collect::<Vec<_>>()
                .join(",")
        ),
        Err(_) => json.to_owned(),
    }
}

#[tokio::test]
async fn every_passing_case_is_answered_as_expected() {
    for (file, text) in cases("pass") {
        let case: Case<'_> = serde_json::from_str(&text).expect("a case");
        let (status, answer) = post(compact(case.review.get())).await;
        let expected = format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","response":{{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","result":{{"status":"Success"}},"convertedObjects":{}}}}}"#,
            compact(case.converted.expect("a passing case has objects").get())
        );
        assert_eq!(status, StatusCode::OK, "{file}");
        if file.contains("/worker_") {
            // Members of these may change their order: they are small, and built anew.
            let [answer, expected] = [answer, expected].map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
            assert_eq!(answer, expected, "{file}");
        } else {
            assert_eq!(answer, expected, "{file}");
        }
    }
}

#[tokio::test]
async fn space_between_tokens_changes_nothing() {
    for (file, text) in cases("pass") {
        let case: Case<'_> = serde_json::from_str(&text).expect("a case");
        let (_, spaced) = post(case.review.get().to_owned()).await;
        let (_, plain) = post(compact(case.review.get())).await;
        assert_eq!(compact(&spaced), plain, "{file}");
    }
}

#[tokio::test]
async fn every_failing_case_says_why_and_converts_nothing() {
    for (file, text) in cases("fail") {
        let case: Case<'_> = serde_json::from_str(&text).expect("a case");
        let (status, answer) = post(case.review.get().to_owned()).await;
        let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        let expected = serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "response": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "result": {"status": "Failure", "message": case.message.expect("a failing case has a message")},
            },
        });
        assert_eq!((status, answer), (StatusCode::OK, expected), "{file}");
    }
}

#[tokio::test]
async fn what_is_no_review_is_answered_too() {
    for (body, uid) in [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        (r#"{"request":{"uid":"7","objects":[{]}}"#, "7"),
        (r#"{"request":{"objects":[],"uid":"7"}}"#, "7"),
    ] {
        let (status, answer) = post(body.to_owned()).await;
        let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(answer["response"]["uid"], uid, "{body}");
        assert_eq!(answer["response"]["result"]["status"], "Failure", "{body}");
    }
    let request = Request::post("/convert")
        .body(Body::from(vec![b'"', 0xff, b'"']))
        .expect("a request");
    let response = serve::router(Arc::new(state()))
        .oneshot(request)
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_list_is_as_long_as_memory_has_room_for() {
    let converted = async |padding: usize| {
        let memory = Memory::new(8 << 20);
        let padding = "x".repeat(padding);
        let review = format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{{"uid":"u",
            "desiredAPIVersion":"dispatcher.ivan.vc/v1beta1","objects":[{{"kind":"{padding}"}}]}}}}"#
        );
        post_to(State { memory, ..state() }, review).await
    };
    let (status, answer) = converted(2_900_000).await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer.len() > 2_900_000);
    let (status, answer) = converted(2_940_000).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer, "the body is longer than 2936012 bytes");
}

#[tokio::test]
async fn only_posts_are_taken() {
    let request = Request::builder()
        .method(Method::GET)
        .uri("/convert")
        .body(Body::empty())
        .expect("a request");
    let response = serve::router(Arc::new(state()))
        .oneshot(request)
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn generated_objects_go_down_and_come_back() {
    let mut any = Any(1);
    let objects: Vec<_> = (0..400).map(|_| any.execution("v1beta1", true)).collect();
    let lower = convert("v1alpha1", &objects).await;
    for (object, lower) in objects.iter().zip(&lower) {
        let tree: Value = serde_json::from_str(lower).expect("JSON");
        let status = tree["status"].as_object().expect("a status");
        assert!(
            ["phase", "observedGeneration", "startTime", "completionTime"]
                .iter()
                .all(|own| !status.contains_key(*own))
        );
        assert_eq!(tree["apiVersion"], "dispatcher.ivan.vc/v1alpha1", "{object}");
    }
    let upper = convert("v1beta1", &lower).await;
    for (object, upper) in objects.iter().zip(&upper) {
        assert_eq!(ordered(upper), ordered(object));
    }
}

#[tokio::test]
async fn generated_objects_go_up_and_come_back() {
    let mut any = Any(2);
    let objects: Vec<_> = (0..400).map(|_| any.execution("v1alpha1", false)).collect();
    let upper = convert("v1beta1", &objects).await;
    let lower = convert("v1alpha1", &upper).await;
    for (object, lower) in objects.iter().zip(&lower) {
        assert_eq!(lower, object);
    }
}

#[tokio::test]
async fn generated_objects_survive_a_client_that_decodes_and_encodes() {
    let mut any = Any(3);
    let objects: Vec<_> = (0..200).map(|_| any.execution("v1beta1", true)).collect();
    let lower = convert("v1alpha1", &objects).await;
    let echoed: Vec<_> = lower.iter().map(|object| echo(object).to_string()).collect();
    let upper = convert("v1beta1", &echoed).await;
    for (object, upper) in objects.iter().zip(&upper) {
        assert_eq!(echo(upper), echo(object));
    }
}

fn echo(object: &str) -> Value {
    serde_json::from_str(object).expect("JSON")
}

/// Objects from a seed, the same in every run.
struct Any(u64);

impl Any {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = self.below(choices.len() as u64);
        choices[usize::try_from(index).expect("a small number")]
    }

    fn text(&mut self) -> &'static str {
        let odd = [
            r#""""#,
            r#""plain""#,
            r#""\" \\ \/ \b\f\n\r\t""#,
            r#""\u00e9 \ud83d\ude00 é 😀""#,
            r#""{\"phase\":\"Running\"}""#,
            r#""},{\"status\":""#,
            r#""{{ .Payload }}""#,
            r#""2026-01-01T00:00:00.000000Z""#,
        ];
        self.one_of(&odd)
    }

    fn value(&mut self, depth: u32) -> String {
        let numbers = [
            "0",
            "-0.0",
            "1e3",
            "1.50",
            "-17",
            "123456789012345678901234567890",
            "0.1e-7",
            "9007199254740993",
        ];
        match self.below(if depth == 0 { 3 } else { 5 }) {
            0 => self.text().to_owned(),
            1 => self.one_of(&numbers).to_owned(),
            2 => self.one_of(&["null", "true", "false"]).to_owned(),
            3 => format!(
                "[{}]",
                (0..self.below(3))
                    .map(|_| self.value(depth - 1))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            _ => format!("{{{}}}", self.unknown(depth - 1).join(",")),
        }
    }

    /// Members that no version has, some of them called like what one has elsewhere.
    fn unknown(&mut self, depth: u32) -> Vec<String> {
        let keys = [
            "new",
            "x\\u0079z",
            "with \\\"quotes\\\"",
            "état",
            "spec.phase",
            "kind2",
            "$",
            "Status",
        ];
        let first = self.below(8);
        let count = self.below(3);
        (0..count)
            .map(|index| {
                let key = keys[usize::try_from((first + index) % 8).expect("a small number")];
                format!("\"{key}\":{}", self.value(depth))
            })
            .collect()
    }

    fn time(&mut self) -> String {
        format!("\"2026-01-01T00:{:02}:{:02}Z\"", self.below(60), self.below(60))
    }

    fn condition(&mut self, type_: &str) -> String {
        let status = self.one_of(&["True", "False", "Unknown"]);
        let reason = self.one_of(&["JobRunning", "JobCreated", "JobSucceeded", "JobFailed", "JobDeleted"]);
        let mut members = self.unknown(2);
        members.push(format!(r#""type":"{type_}","status":"{status}","reason":"{reason}""#));
        members.push(format!(
            r#""message":{},"lastTransitionTime":{}"#,
            self.text(),
            self.time()
        ));
        format!("{{{}}}", members.join(","))
    }

    /// The fields that v1alpha1 lacks, some or all of them.
    fn own(&mut self) -> Vec<String> {
        let phase = self.one_of(&["Pending", "Running", "Succeeded", "Failed"]);
        let mut members = vec![format!("\"phase\":\"{phase}\"")];
        for (name, value) in [
            ("startTime", self.time()),
            ("completionTime", self.time()),
            ("observedGeneration", "3".into()),
        ] {
            if self.below(2) == 0 {
                members.push(format!("\"{name}\":{value}"));
            }
        }
        members
    }

    fn execution(&mut self, version: &str, own: bool) -> String {
        let mut status = self.unknown(3);
        let conditions: Vec<_> = ["Waiting", "Running", "Succeeded"]
            .iter()
            .filter(|_| !self.0.is_multiple_of(3))
            .map(|t| (*t).to_owned())
            .collect();
        let conditions: Vec<_> = conditions.iter().map(|type_| self.condition(type_)).collect();
        status.push(format!("\"conditions\":[{}]", conditions.join(",")));
        if own {
            status.extend(self.own());
        }
        if self.below(2) == 0 {
            status.push(r#""job":{"kind":"Job","name":"run","uid":""}"#.to_owned());
        }
        let mut metadata = self.unknown(2);
        if self.below(2) == 0 {
            metadata.push(format!(
                r#""annotations":{{"a":{},"b\u0020":{}}}"#,
                self.text(),
                self.text()
            ));
        }
        metadata.push(format!(r#""name":"run","uid":"{}","generation":1"#, self.below(1000)));
        let mut members = self.unknown(2);
        members.push(format!(r#""status":{{{}}}"#, status.join(",")));
        members.push(format!(r#""metadata":{{{}}}"#, metadata.join(",")));
        members.push(format!(r#""spec":{{"jobTemplateName":"t","payload":{}}}"#, self.text()));
        members.push(format!(
            r#""kind":"JobExecution","apiVersion":"dispatcher.ivan.vc/{version}""#
        ));
        format!("{{{}}}", members.join(","))
    }
}
