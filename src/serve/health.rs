//! Is the process alive, and is it ready: the gates that have to open first, and the routes that tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::state::AppState;

/// What has to happen before requests may come; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Gates>);

#[derive(Debug, Default)]
struct Gates {
    closing: AtomicBool,
    gates: Mutex<Vec<Gate>>,
}

/// One thing that has to happen; clones share it.
#[derive(Debug, Clone)]
pub struct Gate {
    name: &'static str,
    open: Arc<AtomicBool>,
}

impl Readiness {
    /// Adds a gate, closed. `name` says what is waited for: `job templates`.
    #[must_use = "a gate that is never opened keeps the server from becoming ready"]
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate {
            name,
            open: Arc::default(),
        };
        self.0
            .gates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(gate.clone());
        gate
    }

    /// Not ready any more, for good: the first step of a shutdown.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// Has the shutdown begun?
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// What is still waited for; nothing means ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let gates = self.0.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = gates.iter().filter(|gate| !gate.is_open()).map(|gate| gate.name);
        closed.chain(self.is_closing().then_some("shutting down")).collect()
    }
}

impl Gate {
    /// It has happened.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// It has not happened after all, or not any more.
    pub fn shut(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// Has it happened?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

/// `GET /livez` and, for those who know upstream, `/healthz`.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// `GET /readyz`.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    match state.readiness.missing().as_slice() {
        [] => "ok".into_response(),
        missing => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {}", missing.join(", ")),
        )
            .into_response(),
    }
}

/// Any path that is not a route.
pub(super) async fn nothing_here(State(state): State<AppState>, request: Request) -> Response {
    let decision = "not found";
    state.metrics.observe("other", decision, Instant::now());
    tracing::info!(route = "other", decision, path = request.uri().path(), "request");
    (StatusCode::NOT_FOUND, "nothing here").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_gate_is_open() {
        let readiness = Readiness::default();
        assert!(readiness.missing().is_empty());
        let templates = readiness.gate("job templates");
        let jobs = readiness.gate("jobs");
        templates.open();
        assert_eq!(readiness.missing(), ["jobs"]);
        jobs.open();
        assert!(readiness.missing().is_empty());
        templates.shut();
        assert_eq!(readiness.missing(), ["job templates"]);
    }

    #[test]
    fn not_ready_once_it_shuts_down() {
        let readiness = Readiness::default();
        readiness.close();
        assert_eq!(readiness.missing(), ["shutting down"]);
    }
}
