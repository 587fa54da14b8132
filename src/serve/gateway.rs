//! What the webhook of pods answers from, and what it counts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::answer::Refusal;
use super::health::Gate;
use super::state::AppState;
use crate::api::review::{AdmissionRequest, Verdict};
use crate::gateway::{Current, Error, Outcome, mutate};

/// The gateway in force, and what became of pods.
#[derive(Debug)]
pub struct Gateways {
    current: Arc<Current>,
    resolved: Gate,
    pods: Family<PodLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PodLabels {
    gateway: String,
    outcome: &'static str,
}

impl Gateways {
    /// A gateway that pods are asked about, from when `resolved` is open.
    #[must_use]
    pub fn new(current: Arc<Current>, resolved: Gate, registry: &mut Registry) -> Self {
        let pods = Family::default();
        registry.sub_registry_with_prefix("stationmaster").register(
            "gateway_pods",
            "Pods marked for a gateway, by what became of them",
            pods.clone(),
        );
        Self {
            current,
            resolved,
            pods,
        }
    }

    /// Asks the domain.
    pub(super) fn decide(&self, request: &AdmissionRequest<'_>) -> Result<Verdict, Refusal> {
        let decided = mutate(request, &self.current);
        let word = decided
            .as_ref()
            .map_or_else(|error| Some(error.word()), |decision| Outcome::word(decision.outcome));
        if let Some(outcome) = word {
            let gateway = self.current.gateway.name.clone();
            self.pods.get_or_create(&PodLabels { gateway, outcome }).inc();
        }
        decided.map(|decision| decision.verdict).map_err(|error| match error {
            Error::Undecodable(_) => Refusal::Undecodable(error.to_string()),
            Error::Unresolved { .. } => Refusal::Unavailable(error.to_string()),
        })
    }
}

/// `/wh/health`, in the words that its callers know. It is asked whether the process lives too, so that it waits for
/// nothing but names, which is not for long.
pub(super) async fn health(State(state): State<AppState>) -> Response {
    let gateways = state.gateways.as_ref();
    let (status, body) = if gateways.is_none_or(|gateways| gateways.resolved.is_open()) {
        (StatusCode::OK, "{\"ok\":true}\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "{\"ok\":false}\n")
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
