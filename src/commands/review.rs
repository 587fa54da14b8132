//! `review`: asks the webhooks' own routes, in process and without a cluster, and prints what they answer.

use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::manifest;
use crate::api::names::DISPATCH_GROUP;
use crate::api::names::path::{CONVERT, MUTATE, VALIDATE};
use crate::api::review::ADMISSION_API_VERSION;
use crate::cli::ReviewArgs;
use crate::cli::serve::ExecuteArgs;
use crate::dispatch::execution::UNKNOWN_UID;
use crate::serve::health::Readiness;
use crate::serve::{self, State};

/// Who creates what stands in a manifest.
const USER: &str = "kubernetes-admin";

/// Prints one answer for each object.
///
/// # Errors
/// When an object is refused, or the file has none to ask about.
pub fn run(args: &ReviewArgs) -> anyhow::Result<()> {
    let objects = manifest::objects(&args.file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let router = serve::router(Arc::new(State::new(
        Registry::default(),
        Readiness::default(),
        limits(args),
    )));
    let answers = runtime.context("cannot start")?.block_on(answers(&router, objects))?;
    if answers.is_empty() {
        bail!("there is neither a review nor an object of {DISPATCH_GROUP} in the file");
    }
    for answer in &answers {
        manifest::print(answer, args.output)?;
    }
    match answers.iter().filter(|answer| is_refused(answer)).count() {
        0 => Ok(()),
        refused => bail!("{refused} of {} refused", answers.len()),
    }
}

fn limits(args: &ReviewArgs) -> ExecuteArgs {
    ExecuteArgs {
        web_server_bind_address: None,
        default_namespace: "default".to_owned(),
        max_payload_bytes: args.max_payload_bytes,
        execute_token_file: None,
        log_job_execution_payloads: false,
    }
}

async fn answers(router: &Router, objects: Vec<Value>) -> anyhow::Result<Vec<Value>> {
    let mut answers = Vec::new();
    for object in objects {
        let group = object["apiVersion"]
            .as_str()
            .and_then(|version| version.split_once('/'))
            .map(|(group, _)| group);
        match (group, object["kind"].as_str()) {
            (_, Some("ConversionReview")) => answers.push(ask(router, CONVERT, &object).await?),
            (_, Some("AdmissionReview")) => answers.push(admission(router, &object).await?),
            (Some(DISPATCH_GROUP), _) => answers.push(admission(router, &created(&object)).await?),
            (_, kind) => eprintln!(
                "skipped: the webhooks are not asked about {}",
                kind.unwrap_or("what has no kind")
            ),
        }
    }
    Ok(answers)
}

/// The review of a CREATE, as the API server would send it.
fn created(object: &Value) -> Value {
    let (group, version) = object["apiVersion"]
        .as_str()
        .and_then(|text| text.split_once('/'))
        .unwrap_or_default();
    json!({
        "apiVersion": ADMISSION_API_VERSION,
        "kind": "AdmissionReview",
        "request": {
            "uid": UNKNOWN_UID,
            "kind": {"group": group, "version": version, "kind": object["kind"].as_str().unwrap_or_default()},
            "name": object["metadata"]["name"].as_str().unwrap_or_default(),
            "namespace": object["metadata"]["namespace"].as_str().unwrap_or("default"),
            "operation": "CREATE",
            "userInfo": {"username": USER},
            "object": object,
        },
    })
}

/// Both webhooks in the API server's order, as one answer; a patch is printed as JSON, not as base64 of it.
async fn admission(router: &Router, review: &Value) -> anyhow::Result<Value> {
    let mut mutated = ask(router, MUTATE, review).await?;
    if is_refused(&mutated) {
        return Ok(mutated);
    }
    let mut answer = ask(router, VALIDATE, review).await?;
    let patch = mutated["response"]["patch"].take();
    if let (Some(patch), false) = (patch.as_str(), is_refused(&answer)) {
        answer["response"]["patchType"] = mutated["response"]["patchType"].take();
        answer["response"]["patch"] = serde_json::from_slice(&STANDARD.decode(patch)?)?;
    }
    Ok(answer)
}

async fn ask(router: &Router, path: &str, review: &Value) -> anyhow::Result<Value> {
    let request = Request::post(path).body(Body::from(review.to_string()))?;
    let answer = router.clone().oneshot(request).await?.into_body().collect().await?;
    serde_json::from_slice(&answer.to_bytes()).with_context(|| format!("{path} gives no review"))
}

fn is_refused(answer: &Value) -> bool {
    let response = &answer["response"];
    response["allowed"] == false || response["result"]["status"] == "Failure"
}
