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

use super::gateways::Offline;
use super::manifest;
use crate::api::names::path::{CONVERT, MUTATE, MUTATE_PODS, VALIDATE};
use crate::api::names::{DISPATCH_GROUP, GATEWAY_GROUP, WORKER_GROUPS};
use crate::api::review::ADMISSION_API_VERSION;
use crate::cli::ReviewArgs;
use crate::cli::serve::ExecuteArgs;
use crate::dispatch::execution::UNKNOWN_UID;
use crate::gateway::{InForce, shared};
use crate::serve::health::Readiness;
use crate::serve::{self, Gateways, State};

/// Who creates what stands in a manifest.
const USER: &str = "kubernetes-admin";

/// Prints one answer for each object.
///
/// # Errors
/// When an object is refused, or the file has none to ask about.
pub fn run(args: &ReviewArgs) -> anyhow::Result<()> {
    let objects = manifest::objects(&args.file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answers = runtime.context("cannot start")?.block_on(answers(args, objects))?;
    if answers.is_empty() {
        bail!(
            "there is neither a review nor an object of {DISPATCH_GROUP}, {GATEWAY_GROUP} or api.worker-* nor a pod with a \
             gateway in the file"
        );
    }
    for answer in &answers {
        manifest::print(answer, args.output)?;
    }
    match answers.iter().filter(|answer| is_refused(answer)).count() {
        0 => Ok(()),
        refused => bail!("{refused} of {} refused", answers.len()),
    }
}

/// The webhooks, with the gateways that they answer from.
fn router(args: &ReviewArgs, in_force: InForce) -> Router {
    let (mut registry, readiness) = (Registry::default(), Readiness::default());
    let resolved = readiness.gate("names of gateways");
    resolved.open();
    let gateways = Gateways::new(shared(in_force), None, resolved, &mut registry);
    serve::router(Arc::new(State {
        gateways: Some(gateways),
        ..State::new(registry, readiness, limits(args))
    }))
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

async fn answers(args: &ReviewArgs, objects: Vec<Value>) -> anyhow::Result<Vec<Value>> {
    let gateways = Offline::of(&args.gateway, &objects).await?;
    let pods = objects.iter().any(is_about_pods);
    let pods = pods.then(|| router(args, gateways.everywhere()));
    let others = router(args, gateways.as_written());
    let mut answers = Vec::new();
    for review in objects.into_iter().filter_map(|object| review(object, &gateways)) {
        let kind = &review["request"]["kind"];
        answers.push(match (kind["group"].as_str(), &pods) {
            _ if review["kind"] == "ConversionReview" => ask(&others, CONVERT, &review).await?,
            (Some(GATEWAY_GROUP), _) => ask(&others, VALIDATE, &review).await?,
            (_, Some(pods)) if kind["kind"] == "Pod" => pod(pods, &review).await?,
            _ => admission(&others, &review).await?,
        });
    }
    Ok(answers)
}

/// What the API server asks about an object, or the question that the object is.
fn review(object: Value, gateways: &Offline) -> Option<Value> {
    let group = group_and_version(&object).0;
    match (group, object["kind"].as_str()) {
        (_, Some("ConversionReview" | "AdmissionReview")) => Some(object),
        (DISPATCH_GROUP, _) | (GATEWAY_GROUP, Some("PodGateway" | "GatewayClient")) => Some(created(&object)),
        (group, _) if WORKER_GROUPS.contains(&group) => Some(created(&object)),
        ("", Some("Pod")) if !gateways.is_empty() => Some(created(&object)),
        (_, kind) => {
            let kind = kind.unwrap_or("what has no kind");
            eprintln!("skipped: the webhooks are not asked about {kind}");
            None
        }
    }
}

/// A pod, or a review of one.
fn is_about_pods(object: &Value) -> bool {
    object["kind"] == "Pod" || object["request"]["kind"]["kind"] == "Pod"
}

fn group_and_version(object: &Value) -> (&str, &str) {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.split_once('/').unwrap_or(("", version))
}

/// The review of a CREATE, as the API server would send it.
fn created(object: &Value) -> Value {
    let (group, version) = group_and_version(object);
    let is_cluster_scoped = object["kind"] == "PodGateway";
    let namespace = if is_cluster_scoped { "" } else { "default" };
    json!({
        "apiVersion": ADMISSION_API_VERSION,
        "kind": "AdmissionReview",
        "request": {
            "uid": UNKNOWN_UID,
            "kind": {"group": group, "version": version, "kind": object["kind"].as_str().unwrap_or_default()},
            "name": object["metadata"]["name"].as_str().unwrap_or_default(),
            "namespace": object["metadata"]["namespace"].as_str().unwrap_or(namespace),
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

/// The webhook of pods, with its patch as JSON.
async fn pod(router: &Router, review: &Value) -> anyhow::Result<Value> {
    let mut answer = ask(router, MUTATE_PODS, review).await?;
    if let Some(patch) = answer["response"]["patch"].as_str() {
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
