//! The execute endpoint against an API server in process: every status code, lost answers, and what is stored.

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use clap::Parser;
use common::api_server::{ApiServer, Fate};
use futures::future::join_all;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::cli::Cli;
use stationmaster::serve::execute::Token;
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{self, State};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const SAMPLE: &str = "/execute/default/sample";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("an answer is JSON")
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// Status, and reason if there is one.
    fn outcome(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["reason"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// One process's endpoint and the API server behind it.
struct Endpoint {
    router: Router,
    api: ApiServer,
}

impl Endpoint {
    /// With the sample template in memory.
    async fn new() -> Self {
        Self::with(&[], None).await
    }

    async fn with(flags: &[&str], token: Option<Token>) -> Self {
        let api = ApiServer::default();
        api.store("jobtemplates", template("sample", "{{ .Payload }}"));
        let (state, run) = state(&api, flags, token);
        tokio::spawn(run);
        let templates = state.templates.clone().expect("there is a cluster");
        assert!(templates.wait_until_ready().await);
        Self {
            router: serve::router(Arc::new(state)),
            api,
        }
    }

    async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into())
            .expect("a request");
        self.send(request).await
    }

    async fn put(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call(Method::PUT, path, body).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("a router does not fail");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("an answer is whole").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    fn executions(&self) -> Vec<Value> {
        self.api.objects("jobexecutions")
    }
}

fn template(name: &str, text: &str) -> Value {
    let container = json!({"name": "main", "image": "a", "command": ["echo", text]});
    json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate",
        "metadata": {"name": name, "namespace": "default", "labels": {"team": "a"}, "resourceVersion": "1"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}},
    })
}

fn state(api: &ApiServer, flags: &[&str], token: Option<Token>) -> (State, impl Future<Output = ()> + use<>) {
    let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
    let cluster = api.cluster();
    let (templates, run) = cluster.templates(CancellationToken::new());
    let state = State {
        cluster: Some(cluster),
        templates: Some(templates),
        token,
        ..State::new(Registry::default(), Readiness::default(), args.execute)
    };
    (state, run)
}

#[tokio::test]
async fn tells_the_name_of_what_it_has_created() {
    let endpoint = Endpoint::new().await;
    let answer = endpoint.put(SAMPLE, "my test payload").await;
    let executions = endpoint.executions();
    let metadata = &executions[0]["metadata"];
    let name = metadata["name"].as_str().expect("the server picks the name");
    assert!(
        name.starts_with("sample-") && name.len() == "sample-".len() + 10,
        "{name}"
    );
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        answer.json(),
        json!({"namespace": "default", "name": name, "uid": metadata["uid"]})
    );
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    let location = format!("/apis/dispatcher.ivan.vc/v1beta1/namespaces/default/jobexecutions/{name}");
    assert_eq!(answer.header(header::LOCATION), location);
    assert_eq!(executions.len(), 1);
    assert_eq!(
        executions[0]["spec"],
        json!({"jobTemplateName": "sample", "payload": "my test payload"})
    );
    assert_eq!(metadata["labels"], json!({"team": "a"}));
    assert_eq!(
        metadata["annotations"]["dispatch.stationmaster.dev/nonce"]
            .as_str()
            .map(str::len),
        Some(32)
    );
}

#[tokio::test]
async fn stores_the_body_byte_for_byte_whatever_its_type() {
    let bodies = [
        "",
        "a=b&c=%20+",
        "{\"a\":\n1}\r\n",
        "\u{feff}ä€😀\0\u{7f}\\",
        "{{ .Name }}",
        " trailing \n",
    ];
    for kind in [
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain; charset=latin1",
    ] {
        for body in bodies {
            let endpoint = Endpoint::new().await;
            let request = Request::put(SAMPLE)
                .header(header::CONTENT_TYPE, kind)
                .body(body.into())
                .expect("a request");
            assert_eq!(endpoint.send(request).await.status, StatusCode::CREATED, "{body:?}");
            assert_eq!(endpoint.executions()[0]["spec"]["payload"], body);
        }
    }
}

#[tokio::test]
async fn takes_put_and_post_on_both_paths() {
    let endpoint = Endpoint::new().await;
    for method in [Method::PUT, Method::POST] {
        for path in ["/execute/sample", SAMPLE] {
            assert_eq!(
                endpoint.call(method.clone(), path, "").await.status,
                StatusCode::CREATED,
                "{method} {path}"
            );
        }
    }
    let elsewhere = Endpoint::with(&["--default-namespace=elsewhere"], None).await;
    assert_eq!(
        elsewhere.put("/execute/sample", "").await.outcome(),
        (404, "NotFound".to_owned())
    );
    assert_eq!(elsewhere.put(SAMPLE, "").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn refuses_with_upstreams_codes() {
    let endpoint = Endpoint::with(&["--max-payload-bytes=10"], None).await;
    let cases: [(Method, &str, &[u8], u16, &str); 12] = [
        (Method::GET, SAMPLE, b"", 405, "MethodNotAllowed"),
        (Method::DELETE, SAMPLE, b"", 405, "MethodNotAllowed"),
        (Method::PATCH, "/execute", b"", 405, "MethodNotAllowed"),
        (Method::PUT, "/execute", b"", 406, "BadPath"),
        (Method::PUT, "/execute/", b"", 406, "BadPath"),
        (Method::PUT, "/execute//sample", b"", 406, "BadPath"),
        (Method::PUT, "/execute/a/default/sample", b"", 406, "BadPath"),
        (Method::PUT, "/execute/default/other", b"", 404, "NotFound"),
        (Method::PUT, "/execute/default/Not%20a%20name", b"", 404, "NotFound"),
        (Method::PUT, "/execute/../sample", b"", 404, "NotFound"),
        (Method::PUT, SAMPLE, b"12345678901", 413, "PayloadTooLarge"),
        (Method::PUT, SAMPLE, b"ab\xff", 400, "PayloadNotText"),
    ];
    for (method, path, body, status, reason) in cases {
        let answer = endpoint.call(method.clone(), path, body.to_vec()).await;
        assert_eq!(
            answer.outcome(),
            (status, reason.to_owned()),
            "{method} {path} {}",
            answer.body
        );
        assert_eq!(
            answer.json().as_object().map(serde_json::Map::len),
            Some(2),
            "{}",
            answer.body
        );
    }
    assert_eq!(endpoint.put(SAMPLE, "1234567890").await.status, StatusCode::CREATED);
    assert_eq!(endpoint.executions().len(), 1);
}

#[tokio::test]
async fn says_what_would_be_taken() {
    let endpoint = Endpoint::with(&["--max-payload-bytes=10"], None).await;
    assert_eq!(
        endpoint.call(Method::GET, SAMPLE, "").await.header(header::ALLOW),
        "PUT, POST"
    );
    let too_long = endpoint.put(SAMPLE, "12345678901").await.json();
    assert_eq!(too_long["error"], "the body is longer than 10 bytes");
}

#[tokio::test]
async fn has_a_hard_limit_for_payloads_as_json() {
    let endpoint = Endpoint::with(&["--max-payload-bytes=1048576"], None).await;
    endpoint.api.store("jobtemplates", template("small", "small"));
    let answer = endpoint
        .put("/execute/default/small", "<".repeat(1024 * 1024 / 6 + 1))
        .await;
    assert_eq!(answer.outcome(), (413, "PayloadTooLarge".to_owned()));
    assert!(answer.body.contains("1048576 bytes"), "{}", answer.body);
}

#[tokio::test]
async fn names_the_field_that_this_payload_cannot_fill() {
    let endpoint = Endpoint::new().await;
    endpoint
        .api
        .store("jobtemplates", template("picky", "{{ index .Payload 3 }}"));
    let answer = endpoint.put("/execute/default/picky", "abc").await;
    assert_eq!(answer.outcome(), (422, "RenderError".to_owned()));
    let field = "spec.jobTemplate.spec.template.spec.containers[0].command[1]";
    assert!(answer.body.contains(field), "{}", answer.body);
    assert_eq!(
        endpoint.put("/execute/default/picky", "abcd").await.status,
        StatusCode::CREATED
    );
    endpoint.api.store("jobtemplates", template("broken", "{{ nofunc }}"));
    let answer = endpoint.put("/execute/default/broken", "abc").await;
    assert_eq!(answer.outcome(), (422, "RenderError".to_owned()));
    assert!(answer.body.contains(field), "{}", answer.body);
    assert_eq!(endpoint.executions().len(), 1);
}

/// On the one thread of this test.
#[tokio::test]
async fn a_template_that_takes_long_keeps_nobody_waiting() {
    let endpoint = Endpoint::new().await;
    let slow = "{{ range until 300 }}{{ range until 300 }}{{ end }}{{ end }}";
    endpoint.api.store("jobtemplates", template("slow", slow));
    let mut rendering = Box::pin(endpoint.put("/execute/default/slow", ""));
    let mut others = 0;
    let answer = loop {
        tokio::select! {
            biased;
            answer = rendering.as_mut() => break answer,
            other = endpoint.call(Method::GET, "/livez", "") => {
                assert_eq!(other.status, StatusCode::OK);
                others += 1;
                tokio::task::yield_now().await;
            }
        }
    };
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert!(others > 20, "{others} others were answered meanwhile");
}

#[tokio::test]
async fn refuses_an_argument_that_linux_would_not_execute() {
    let endpoint = Endpoint::new().await;
    assert_eq!(
        endpoint.put(SAMPLE, "x".repeat(131_071)).await.status,
        StatusCode::CREATED
    );
    let answer = endpoint.put(SAMPLE, "x".repeat(131_072)).await;
    assert_eq!(answer.outcome(), (422, "RenderError".to_owned()));
}

#[tokio::test]
async fn asks_once_for_a_template_that_memory_lacks() {
    let endpoint = Endpoint::new().await;
    let get = |name: &str| format!("GET /apis/dispatcher.ivan.vc/v1beta1/namespaces/default/jobtemplates/{name}");
    assert_eq!(
        endpoint.put("/execute/default/new", "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(endpoint.api.requests(), [get("new")]);
    endpoint.api.store("jobtemplates", template("new", ""));
    assert_eq!(
        endpoint.put("/execute/default/new", "").await.status,
        StatusCode::CREATED
    );
    let create = "POST /apis/dispatcher.ivan.vc/v1beta1/namespaces/default/jobexecutions".to_owned();
    assert_eq!(endpoint.api.requests(), [get("new"), create.clone()]);
    assert_eq!(endpoint.put(SAMPLE, "").await.status, StatusCode::CREATED);
    assert_eq!(endpoint.api.requests(), [create]);
}

#[tokio::test]
async fn is_not_available_before_the_templates_are_known() {
    let api = ApiServer::default();
    api.store("jobtemplates", template("sample", ""));
    let (state, run) = state(&api, &[], None);
    let endpoint = Endpoint {
        router: serve::router(Arc::new(state)),
        api,
    };
    let answer = endpoint.put(SAMPLE, "").await;
    assert_eq!(answer.outcome(), (503, "Unavailable".to_owned()));
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
    assert_eq!(endpoint.api.requests(), Vec::<String>::new());
    drop(run);
}

#[tokio::test]
async fn tells_what_the_api_server_refuses() {
    for (code, reason) in [
        (403, "Forbidden"),
        (409, "Conflict"),
        (422, "Invalid"),
        (400, "BadRequest"),
    ] {
        let endpoint = Endpoint::new().await;
        endpoint.api.plan([Fate::Refused(code, reason, None)]);
        let answer = endpoint.put(SAMPLE, "").await;
        assert_eq!(answer.outcome(), (406, "Refused".to_owned()), "{code}");
        assert!(
            answer.body.contains(&format!("the fake says {reason}")),
            "{}",
            answer.body
        );
        assert_eq!(endpoint.executions(), Vec::<Value>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn asks_to_try_again_when_the_api_server_does_not_take_it() {
    let cases = [
        (Fate::Refused(500, "InternalError", None), "1", 4),
        (Fate::Refused(503, "ServiceUnavailable", None), "1", 4),
        (Fate::Refused(429, "TooManyRequests", Some(1)), "1", 4),
        (Fate::Refused(429, "TooManyRequests", Some(7)), "7", 1),
        (Fate::RequestLost, "1", 4),
        (Fate::Silence, "1", 2),
    ];
    for (fate, retry_after, creates) in cases {
        let endpoint = Endpoint::new().await;
        endpoint.api.plan(vec![fate.clone(); 9]);
        let answer = endpoint.put(SAMPLE, "").await;
        assert_eq!(answer.outcome(), (503, "Unavailable".to_owned()), "{fate:?}");
        assert_eq!(answer.header(header::RETRY_AFTER), retry_after, "{fate:?}");
        assert_eq!(endpoint.api.requests().len(), creates, "{fate:?}");
        assert_eq!(endpoint.executions(), Vec::<Value>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_was_lost_meets_itself() {
    let fates = [
        vec![Fate::AnswerLost],
        vec![Fate::RequestLost],
        vec![Fate::Silence],
        vec![Fate::RequestLost, Fate::AnswerLost],
        vec![Fate::AnswerLost, Fate::RequestLost],
        vec![Fate::Refused(500, "InternalError", None), Fate::AnswerLost],
    ];
    for fates in fates {
        let endpoint = Endpoint::new().await;
        endpoint.api.plan(fates.clone());
        let answer = endpoint.put(SAMPLE, "once").await;
        let executions = endpoint.executions();
        assert_eq!((answer.status, executions.len()), (StatusCode::CREATED, 1), "{fates:?}");
        assert_eq!(answer.json()["uid"], executions[0]["metadata"]["uid"], "{fates:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn takes_another_name_when_somebody_has_it() {
    let endpoint = Endpoint::new().await;
    endpoint.api.plan([Fate::Taken, Fate::RequestLost, Fate::Taken]);
    let answer = endpoint.put(SAMPLE, "mine").await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let executions = endpoint.executions();
    let mine: Vec<_> = executions
        .iter()
        .filter(|execution| execution["spec"]["payload"] == "mine")
        .collect();
    assert_eq!((executions.len(), mine.len()), (3, 1));
    assert_eq!(answer.json()["name"], mine[0]["metadata"]["name"]);
}

#[tokio::test]
async fn gives_up_when_every_name_is_taken() {
    let endpoint = Endpoint::new().await;
    endpoint.api.plan(vec![Fate::Taken; 9]);
    assert_eq!(endpoint.put(SAMPLE, "").await.outcome(), (406, "Refused".to_owned()));
    assert_eq!(endpoint.executions().len(), 4);
}

#[tokio::test]
async fn a_token_keeps_others_out() {
    let token = Token::new("secret\n").expect("the token is not empty");
    let endpoint = Endpoint::with(&[], Some(token)).await;
    for sent in [None, Some("Bearer other"), Some("secret")] {
        let mut request = Request::put(SAMPLE).body(Body::empty()).expect("a request");
        let value = sent.map(|sent| (header::AUTHORIZATION, sent.parse().expect("a header")));
        request.headers_mut().extend(value);
        let answer = endpoint.send(request).await;
        assert_eq!(answer.outcome(), (401, "Unauthorized".to_owned()), "{sent:?}");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
    }
    let request = Request::put(SAMPLE).header(header::AUTHORIZATION, "Bearer secret");
    assert_eq!(
        endpoint
            .send(request.body(Body::empty()).expect("a request"))
            .await
            .status,
        StatusCode::CREATED
    );
    assert_eq!(endpoint.executions().len(), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_get_names_of_their_own() {
    let endpoint = Endpoint::new().await;
    let answers = join_all((0..100).map(|number| endpoint.put(SAMPLE, number.to_string()))).await;
    let names: HashSet<_> = answers.iter().map(|answer| answer.json()["name"].to_string()).collect();
    let payloads: HashSet<_> = endpoint
        .executions()
        .iter()
        .map(|made| made["spec"]["payload"].to_string())
        .collect();
    assert_eq!((names.len(), payloads.len()), (100, 100));
}

#[tokio::test]
async fn counts_as_upstream_does() {
    let endpoint = Endpoint::new().await;
    endpoint.put(SAMPLE, "").await;
    endpoint.put("/execute/default/other", "").await;
    endpoint.put("/execute", "").await;
    let page = endpoint.call(Method::GET, "/metrics", "").await.body;
    for line in [
        "job_requests_total 3",
        "job_requests_failures_total 2",
        "job_requests_not_found_failures_total 1",
        "job_requests_success_total 1",
        "stationmaster_requests_total{route=\"/execute\",decision=\"Created\"} 1",
    ] {
        assert!(page.lines().any(|printed| printed == line), "{line} is not in\n{page}");
    }
}
