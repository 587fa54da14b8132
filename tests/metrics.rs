//! `/metrics`: upstream's names, which dashboards know, and our own.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use common::serve::{REVIEW, args};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use stationmaster::reconcile;
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{State, router};
use tower::ServiceExt;

/// What upstream's own registry has.
const UPSTREAM: [&str; 7] = [
    "job_executions_failures_total",
    "job_executions_success_total",
    "job_executions_total",
    "job_requests_failures_total",
    "job_requests_not_found_failures_total",
    "job_requests_success_total",
    "job_requests_total",
];

/// The page after one request.
async fn page() -> (String, String) {
    let mut registry = Registry::default();
    let _ = reconcile::Metrics::register(&mut registry);
    let state = State::new(registry, Readiness::default(), args(&[]).execute);
    let router = router(Arc::new(state));
    let review = Request::post("/validate").body(Body::from(REVIEW)).unwrap();
    router.clone().oneshot(review).await.unwrap();
    let answer = router
        .oneshot(Request::get("/metrics").body(Body::empty()).unwrap())
        .await
        .unwrap();
    let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let page = answer.into_body().collect().await.unwrap().to_bytes();
    (kind, String::from_utf8(page.to_vec()).unwrap())
}

/// Names of samples, without labels.
fn names(page: &str) -> BTreeSet<&str> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

#[tokio::test]
async fn upstreams_names_are_there_and_no_other_without_our_prefix() {
    let (_, page) = page().await;
    let theirs: Vec<_> = names(&page)
        .into_iter()
        .filter(|name| !name.starts_with("stationmaster_"))
        .collect();
    assert_eq!(theirs, UPSTREAM);
}

#[tokio::test]
async fn our_own_names_are_there() {
    let (kind, page) = page().await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(page.ends_with("# EOF\n"), "{page}");
    for name in [
        "stationmaster_requests_total",
        "stationmaster_request_duration_seconds_count",
        "stationmaster_tls_certificate_expiry_timestamp_seconds",
        "stationmaster_tls_certificate_reload_failures_total",
        "stationmaster_panics_total",
    ] {
        assert!(names(&page).contains(name), "{name} is not in\n{page}");
    }
}
