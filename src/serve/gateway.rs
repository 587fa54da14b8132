//! What the webhook of pods answers from, and what it counts.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::answer::Refusal;
use super::health::Gate;
use super::state::AppState;
use crate::api::pod::PodObject;
use crate::api::review::{AdmissionRequest, Verdict};
use crate::clients::cluster::NamespaceMetadata;
use crate::clients::cluster::Watched;
use crate::gateway::{Decision, Error, Labels, Namespaces, Outcome, Shared, mutate, validate};

/// A namespace is created a moment before its first pods: so long its labels are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The gateways in force, and what became of pods.
pub struct Gateways {
    in_force: Shared,
    namespaces: Known,
    resolved: Gate,
    pods: Family<PodLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PodLabels {
    gateway: String,
    outcome: &'static str,
}

impl Gateways {
    /// Gateways that pods are asked about, from when `resolved` is open. Only gateways with a namespace selector need
    /// to know `namespaces`.
    #[must_use]
    pub fn new(
        in_force: Shared,
        namespaces: Option<Watched<NamespaceMetadata>>,
        resolved: Gate,
        registry: &mut Registry,
    ) -> Self {
        let pods = Family::default();
        registry.sub_registry_with_prefix("stationmaster").register(
            "gateway_pods",
            "Pods marked for a gateway, by what became of them",
            pods.clone(),
        );
        Self {
            in_force,
            namespaces: Known(namespaces),
            resolved,
            pods,
        }
    }

    /// Whether there can be anything to decide about in the text of a review.
    pub(super) fn may_concern(&self, text: &[u8]) -> bool {
        self.in_force.load().may_concern(text)
    }

    /// Asks the domain.
    pub(super) async fn decide(&self, request: &AdmissionRequest<'_, PodObject<'_>>) -> Result<Verdict, Refusal> {
        let mut decided = mutate(request, &self.in_force.load(), &self.namespaces);
        if let Err(Error::UnknownNamespace { namespace, .. }) = &decided
            && self.namespaces.hears_of(namespace).await
        {
            decided = mutate(request, &self.in_force.load(), &self.namespaces);
        }
        self.count(&decided);
        decided.map(|decision| decision.verdict).map_err(|error| match error {
            Error::Undecodable(_) => Refusal::Undecodable(error.to_string()),
            Error::Unresolved { .. } | Error::UnknownNamespace { .. } | Error::Unknown => {
                Refusal::Unavailable(error.to_string())
            }
        })
    }

    /// The gateways in force, which change.
    #[must_use]
    pub fn in_force(&self) -> Shared {
        Arc::clone(&self.in_force)
    }

    /// The namespaces, where PodGateways are read.
    #[must_use]
    pub fn namespaces(&self) -> Option<Watched<NamespaceMetadata>> {
        self.namespaces.0.clone()
    }

    /// Asks the domain whether a PodGateway may be written.
    pub(super) fn validate(&self, request: &AdmissionRequest<'_>) -> Result<Verdict, Refusal> {
        let decided = validate(request, &self.in_force.load());
        decided.map_err(|error| Refusal::Undecodable(format!("the {} cannot be decoded: {error}", request.kind.kind)))
    }

    fn count(&self, decided: &Result<Decision, Error>) {
        let (gateway, word) = match decided {
            Ok(decision) => (decision.gateway.as_str(), Outcome::word(decision.outcome)),
            Err(error) => (error.gateway(), Some(error.word())),
        };
        let Some(outcome) = word else { return };
        let gateway = gateway.to_owned();
        self.pods.get_or_create(&PodLabels { gateway, outcome }).inc();
    }
}

/// What the watch of namespaces says.
pub(super) struct Known(pub(super) Option<Watched<NamespaceMetadata>>);

impl Namespaces for Known {
    fn labels(&self, namespace: &str) -> Option<Labels> {
        let found = self.0.as_ref()?.get("", namespace)?;
        Some(found.metadata.labels.clone().unwrap_or_default())
    }
}

impl Known {
    /// Whether a namespace becomes known in a moment.
    async fn hears_of(&self, namespace: &str) -> bool {
        let Some(watched) = &self.0 else { return false };
        let mut changes = watched.changes();
        let known = async {
            while watched.get("", namespace).is_none() {
                // Who is behind looks again too.
                if matches!(changes.recv().await, Err(RecvError::Closed)) {
                    return false;
                }
            }
            true
        };
        timeout(PATIENCE, known).await.unwrap_or(false)
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
