//! `/sync`, `/finalize` and `/customize`: metacontroller's hooks. What is answered is decided in `resources`, and an
//! answer is whole or an error: metacontroller deletes whatever a good answer leaves out.

mod answer;
mod hooks;

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::body;
use super::metrics::micros;
use super::state::AppState;
use crate::api::hook::HookRequest;
use crate::api::names::path::{CUSTOMIZE, FINALIZE, SYNC};
use crate::resources::{Set, hook};
use answer::{Found, Refusal, Written};

pub use hooks::Hooks;

/// A request brings every object of a namespace along, Secrets included.
const BODY_LIMIT: usize = 64 << 20;
/// How long a caller may take to send them.
const PATIENCE: Duration = Duration::from_secs(30);

/// `POST /sync`, and `GET` with a body.
pub(super) async fn sync(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, SYNC, request).await
}

/// `POST /finalize`.
pub(super) async fn finalize(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, FINALIZE, request).await
}

/// `POST /customize`.
pub(super) async fn customize(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, CUSTOMIZE, request).await
}

async fn respond(state: &AppState, route: &'static str, request: Request) -> Response {
    let started = Instant::now();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let written = answer(state, route, request).await;
    let written = written.map(|written| written.unless_known(known.as_ref()));
    let decision = written.as_ref().map_or_else(Refusal::reason, Written::decision);
    state.metrics.observe(route, decision, started);
    log(route, decision, &written, started);
    written.map_or_else(Refusal::into_response, Written::into_response)
}

/// One line a request, with the namespace's name and nothing else of it.
fn log(route: &'static str, decision: &'static str, written: &Result<Written, Refusal>, started: Instant) {
    let duration_us = micros(started);
    match written {
        Ok(Written { found, .. }) => {
            let (namespace, wanted, ready) = (&*found.namespace, found.wanted, found.is_ready);
            tracing::info!(
                route,
                decision,
                duration_us,
                namespace.name = namespace,
                wanted,
                ready,
                "request"
            );
        }
        Err(refusal) => tracing::warn!(route, decision, duration_us, error = %refusal, "request"),
    }
}

async fn answer(state: &AppState, route: &'static str, request: Request) -> Result<Written, Refusal> {
    let hooks = state.hooks.as_ref().ok_or(Refusal::Off)?;
    let _turn = hooks.turn().ok_or(Refusal::Busy)?;
    let body = body::read(&state.memory, request.into_body(), BODY_LIMIT, PATIENCE).await?;
    match route {
        FINALIZE => finalized(&body),
        CUSTOMIZE => customized(hooks, &body),
        _ => synced(hooks, &*set(hooks)?, &body),
    }
}

fn set(hooks: &Hooks) -> Result<std::sync::Arc<Set>, Refusal> {
    hooks.current.set().ok_or_else(|| no_set(hooks))
}

fn no_set(hooks: &Hooks) -> Refusal {
    Refusal::NoSet(hooks.current.faults())
}

fn synced(hooks: &Hooks, set: &Set, body: &[u8]) -> Result<Written, Refusal> {
    let request = decoded(body)?;
    let answer = hook::sync(&request, set, &hooks.rules).map_err(|error| Refusal::of(&request, error))?;
    hooks.tell_undeclared(&answer.undeclared);
    Ok(written(SYNC, &request, &answer))
}

/// Needs no set: nothing is wanted any more, whatever the folder says.
fn finalized(body: &[u8]) -> Result<Written, Refusal> {
    let request = decoded(body)?;
    let answer = hook::finalize(&request).map_err(|error| Refusal::of(&request, error))?;
    Ok(written(FINALIZE, &request, &answer))
}

fn customized(hooks: &Hooks, body: &[u8]) -> Result<Written, Refusal> {
    let request = decoded(body)?;
    let answer = hook::customize(&request, hooks.current.set().as_deref()).ok_or_else(|| no_set(hooks))?;
    #[expect(clippy::expect_used, reason = "texts become JSON")]
    let json = serde_json::to_vec(&answer).expect("an answer is JSON");
    Ok(Written::new(CUSTOMIZE, json, Found::default()))
}

fn written(route: &'static str, request: &HookRequest<'_>, answer: &hook::Answer) -> Written {
    let found = Found {
        namespace: answer::namespace(request),
        wanted: answer.wanted(),
        is_ready: answer.is_ready,
    };
    Written::new(route, answer.json(), found)
}

fn decoded(body: &[u8]) -> Result<HookRequest<'_>, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Undecodable(error.into()))
}
