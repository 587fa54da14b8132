//! What the serve half counts, and the page that Prometheus reads.

use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::state::AppState;

/// What the serve half counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    duration: Family<RequestLabels, Histogram, fn() -> Histogram>,
    connections: Family<ListenerLabels, Gauge>,
    /// When the certificate in use ends, in Unix time.
    pub certificate_expiry: Gauge,
    /// Changed certificate files that could not be used.
    pub certificate_reload_failures: Counter,
    /// Handlers that ended in a panic.
    pub panics: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    decision: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

impl Metrics {
    /// Registers everything once.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(histogram),
            connections: Family::default(),
            certificate_expiry: Gauge::default(),
            certificate_reload_failures: Counter::default(),
            panics: Counter::default(),
        };
        metrics.name(registry.sub_registry_with_prefix("stationmaster"));
        metrics
    }

    /// Counts one answered request.
    pub fn observe(&self, route: &'static str, decision: &'static str, started: Instant) {
        let labels = RequestLabels { route, decision };
        self.requests.get_or_create(&labels).inc();
        self.duration
            .get_or_create(&labels)
            .observe(started.elapsed().as_secs_f64());
    }

    /// Open connections of one listener.
    #[must_use]
    pub fn connections(&self, listener: &'static str) -> Gauge {
        self.connections.get_or_create_owned(&ListenerLabels { listener })
    }

    fn name(&self, registry: &mut Registry) {
        registry.register("requests", "Answered requests", self.requests.clone());
        registry.register(
            "request_duration_seconds",
            "Time from head to answer",
            self.duration.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "tls_certificate_expiry_timestamp_seconds",
            "When the serving certificate ends",
            self.certificate_expiry.clone(),
        );
        registry.register(
            "tls_certificate_reload_failures",
            "Changed certificate files that could not be used",
            self.certificate_reload_failures.clone(),
        );
        registry.register("panics", "Handlers that ended in a panic", self.panics.clone());
    }
}

/// Time since `started`, as logs have it.
pub(super) fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// `GET /metrics`.
pub(super) async fn page(State(state): State<AppState>) -> Response {
    let mut page = String::new();
    match text::encode(&mut page, &state.registry) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            page,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// From 50 µs to 3.3 s: an admission is at the one end, a conversion of ten thousand objects at the other.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 4.0, 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_decision() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.observe("/validate", "allow", Instant::now());
        metrics.observe("/validate", "allow", Instant::now());
        metrics.observe("/validate", "deny", Instant::now());
        metrics.connections("webhook").set(3);
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for line in [
            "stationmaster_requests_total{route=\"/validate\",decision=\"allow\"} 2",
            "stationmaster_requests_total{route=\"/validate\",decision=\"deny\"} 1",
            "stationmaster_request_duration_seconds_count{route=\"/validate\",decision=\"allow\"} 2",
            "stationmaster_connections{listener=\"webhook\"} 3",
        ] {
            assert!(page.lines().any(|printed| printed == line), "{line} is not in\n{page}");
        }
    }
}
