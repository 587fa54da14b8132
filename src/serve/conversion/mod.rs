//! `/convert`: read the review, have it answered, log in one line what came of it.

mod answer;
mod question;
mod target;

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

pub use answer::{Answer, answer};

use super::beside;
use super::body;
use super::metrics::micros;
use super::state::AppState;
use crate::api::names::path::CONVERT;

/// The API server sends one object at a time, but the protocol has lists of any length: as long as memory has room for.
const BODY_LIMIT: usize = usize::MAX;
/// What a body may take, whatever the caller says that it will wait; the API server waits as long.
const PATIENCE: Duration = Duration::from_secs(30);
/// From this size on a body is converted beside the threads that serve connections.
const LARGE: usize = 1 << 20;

/// `POST /convert`.
pub(super) async fn respond(State(state): State<AppState>, request: Request) -> Response {
    let started = Instant::now();
    let patience = super::admission::patience(request.uri().query(), PATIENCE);
    let body = match body::read(&state.memory, request.into_body(), BODY_LIMIT, patience).await {
        Ok(body) => body,
        Err(error) => {
            tracing::warn!(route = CONVERT, decision = "unread", %error, "request");
            state.metrics.observe(CONVERT, "unread", started);
            return error.into_response();
        }
    };
    let length = body.len();
    let answered = move || {
        let answer = answer(&body);
        (body, answer)
    };
    let (body, answer) = if length < LARGE {
        answered()
    } else {
        beside(answered).await
    };
    state.metrics.observe(CONVERT, answer.decision(), started);
    let Answer { uid, objects, .. } = &answer;
    let (decision, duration_us) = (answer.decision(), micros(started));
    if answer.fault.is_none() {
        tracing::info!(%uid, route = CONVERT, decision, objects, duration_us, "request");
    } else {
        // The API server is told why; the text may quote a payload.
        tracing::warn!(%uid, route = CONVERT, decision, duration_us, "request");
    }
    body.answered(answer.into_response())
}
