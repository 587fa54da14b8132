//! `PUT /execute/NAME` and `/execute/NAMESPACE/NAME`: the body becomes the payload of a new execution, byte for byte.

mod answer;
mod counters;
mod create;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::beside;
use super::body::{self, Whole};
use super::metrics::micros;
use super::state::AppState;
use crate::api::dispatch::view::JobTemplate;
use crate::clients::cluster::{Cluster, Templates};
use crate::dispatch::cache::Cache;
use crate::dispatch::{compiled, execution, name, payload};
use crate::template::Input;
use answer::{Created, Refusal};

pub use super::token::{Error as TokenError, Token};
pub use counters::Counters;

const ROUTE: &str = "/execute";
/// How long a caller may take to send a payload.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every method and path below `/execute`; all are counted, as upstream does.
pub(super) async fn execute(State(state): State<AppState>, request: Request) -> Response {
    let started = Instant::now();
    let outcome = answer(&state, request).await;
    let decision = outcome.as_ref().map_or_else(Refusal::reason, |_| "Created");
    state.metrics.observe(ROUTE, decision, started);
    let duration_us = micros(started);
    match &outcome {
        Ok(Created { namespace, name, uid }) => tracing::info!(
            route = ROUTE,
            decision,
            duration_us,
            job_execution.namespace = namespace,
            job_execution.name = name,
            job_execution.uid = uid,
            "request"
        ),
        Err(refusal) => {
            let (status, field) = (refusal.status().as_u16(), refusal.field());
            tracing::info!(route = ROUTE, decision, status, field, duration_us, "request");
        }
    }
    let response = outcome.map_or_else(Refusal::into_response, Created::into_response);
    state.counters.count(response.status());
    response
}

async fn answer(state: &AppState, request: Request) -> Result<Created, Refusal> {
    if !matches!(*request.method(), Method::PUT | Method::POST) {
        return Err(Refusal::Method);
    }
    if state
        .token
        .as_ref()
        .is_some_and(|token| !token.is_in(request.headers()))
    {
        return Err(Refusal::Token);
    }
    let (namespace, name) = wanted(request.uri().path(), &state.execute.default_namespace)?;
    let (Some(cluster), Some(templates)) = (&state.cluster, &state.templates) else {
        return Err(Refusal::Unfilled);
    };
    let template = template(cluster, templates, namespace, name).await?;
    let body = body::read(
        &state.memory,
        request.into_body(),
        state.limits().payload_bytes,
        PATIENCE,
    )
    .await?;
    payload::check(text(&body)?, state.limits())?;
    let body = try_to_render(Arc::clone(&state.compiled), Arc::clone(&template), body).await?;
    let payload = text(&body)?;
    let created = create::create(cluster, &template, payload).await?;
    if state.execute.log_job_execution_payloads {
        tracing::info!(job_execution.name = created.name, payload, "payload");
    }
    Ok(created)
}

/// Namespace and name of the template that a path asks for.
fn wanted<'p>(path: &'p str, default_namespace: &'p str) -> Result<(&'p str, &'p str), Refusal> {
    let rest = path.strip_prefix("/execute/").ok_or(Refusal::Path)?;
    let (namespace, name) = rest.split_once('/').unwrap_or((default_namespace, rest));
    let bad = namespace.is_empty() || name.is_empty() || name.contains('/');
    if bad { Err(Refusal::Path) } else { Ok((namespace, name)) }
}

/// The template from memory; one that is not there may be newer than memory, so the API server is asked once.
async fn template(
    cluster: &Cluster,
    templates: &Templates,
    namespace: &str,
    name: &str,
) -> Result<Arc<JobTemplate>, Refusal> {
    if let Some(template) = templates.get(namespace, name) {
        return Ok(template);
    }
    if !templates.is_ready() {
        return Err(Refusal::Unfilled);
    }
    let unknown = || Refusal::Unknown {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    // No object has another name, and what is no name must not become part of a request's path.
    if !name::is_label(namespace) || !name::is_subdomain(name) {
        return Err(unknown());
    }
    let found = cluster.get::<JobTemplate>(namespace, name).await;
    found
        .map_err(|error| Refusal::of(error.failure))?
        .map(Arc::new)
        .ok_or_else(unknown)
}

fn text(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| Refusal::NotText(error.valid_up_to()))
}

/// Renders as the reconciler will, to tell the caller now what would otherwise stand in a condition later. That is
/// bounded, but long enough to keep a thread from serving others. The body comes back.
async fn try_to_render(cache: Arc<Cache>, template: Arc<JobTemplate>, body: Whole) -> Result<Whole, Refusal> {
    let render = move || {
        render(&cache, &template, text(&body)?)?;
        Ok(body)
    };
    beside(render).await
}

fn render(cache: &Cache, template: &Arc<JobTemplate>, payload: &str) -> Result<(), compiled::Error> {
    let outcome = cache.compiled(template);
    let compiled = outcome
        .as_ref()
        .as_ref()
        .map_err(|causes| compiled::Error::first(causes))?;
    let name = template.metadata.name.as_deref().unwrap_or_default();
    let input = Input {
        name: &execution::name(name, 0),
        namespace: template.metadata.namespace.as_deref().unwrap_or_default(),
        payload,
        template: name,
        uid: execution::UNKNOWN_UID,
        date: Timestamp::now(),
    };
    compiled.render(&input).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_name_and_perhaps_a_namespace() {
        let cases = [
            ("/execute/a", Some(("default", "a"))),
            ("/execute/b/a", Some(("b", "a"))),
            ("/execute", None),
            ("/execute/", None),
            ("/execute//a", None),
            ("/execute/b/", None),
            ("/execute/c/b/a", None),
        ];
        for (path, expected) in cases {
            assert_eq!(wanted(path, "default").ok(), expected, "{path}");
        }
    }
}
