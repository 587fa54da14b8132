//! What is counted of events and of the answers that go to a sink.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Cheap to clone; clones count as one.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    events: Family<EventLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    waiting: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    outcome: &'static str,
}

impl Counters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counters = Self::default();
        let registry = registry.sub_registry_with_prefix("stationmaster");
        registry.register(
            "client_events",
            "CloudEvents by what became of them",
            counters.events.clone(),
        );
        registry.register(
            "sink_deliveries",
            "Events sent to a sink, by what became of them; one that dies with its client is lost at each replica that knew it, even if another has sent it a moment before",
            counters.deliveries.clone(),
        );
        registry.register(
            "sink_waiting",
            "Events that a sink has not taken yet",
            counters.waiting.clone(),
        );
        counters
    }

    pub(super) fn event(&self, type_: &'static str, outcome: &'static str) {
        let labels = EventLabels { r#type: type_, outcome };
        self.events.get_or_create(&labels).inc();
    }

    pub(super) fn delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&DeliveryLabels { outcome }).inc();
    }

    pub(super) fn waiting(&self, number: usize) {
        self.waiting.set(i64::try_from(number).unwrap_or(i64::MAX));
    }
}
