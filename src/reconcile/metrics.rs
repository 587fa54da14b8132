//! What the reconcilers count: upstream's three names, and our own.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of this half; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(super) executions: Counter,
    pub(super) failures: Counter,
    pub(super) successes: Counter,
    pub(super) results: Family<Outcome, Counter>,
    pub(super) events_dropped: Counter,
    pub(super) leader: Gauge,
    resources: Family<Objects, Gauge>,
    writes: Family<Write, Counter>,
    gateways: Gateways,
}

/// What is counted of pods and their gateways.
#[derive(Debug, Clone, Default)]
struct Gateways {
    uninjected: Family<Behind, Gauge>,
    stale: Family<Behind, Gauge>,
    evictions: Family<Eviction, Counter>,
    /// Gateways that are told of.
    told: Arc<Mutex<Vec<Behind>>>,
}

/// One result of a reconciler.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) controller: &'static str,
    pub(super) result: &'static str,
}

/// Objects of the folder of templates in one state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Objects {
    state: &'static str,
}

/// Pods of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Behind {
    gateway: String,
}

/// What became of an attempt to evict a pod that is not behind its gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Eviction {
    gateway: String,
    result: &'static str,
}

/// Requests that change objects of the folder of templates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    verb: &'static str,
}

impl Metrics {
    /// Makes the counters known to the registry, which appends `_total` to their names.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self {
            executions,
            failures,
            successes,
            results,
            events_dropped,
            leader,
            resources,
            writes,
            gateways,
        } = metrics.clone();
        registry.register(
            "job_executions",
            "JobExecutions for which a Job was created",
            executions,
        );
        registry.register("job_executions_failures", "JobExecutions whose Job failed", failures);
        registry.register(
            "job_executions_success",
            "JobExecutions whose Job ended well",
            successes,
        );
        registry.register("stationmaster_reconciles", "Results of reconcilers", results);
        registry.register(
            "stationmaster_events_dropped",
            "Events not sent because too many were waiting",
            events_dropped,
        );
        registry.register(
            "stationmaster_resources",
            "Objects of the folder of templates in all namespaces",
            resources,
        );
        registry.register(
            "stationmaster_resource_writes",
            "Requests that change objects of the folder of templates",
            writes,
        );
        registry.register("stationmaster_leader", "1 while this replica writes", leader);
        gateways.register(registry);
        metrics
    }

    pub(super) fn count(&self, controller: &'static str, result: &'static str) {
        self.results.get_or_create(&Outcome { controller, result }).inc();
    }
}

impl Metrics {
    /// Sets how many objects of the folder of templates are in which state.
    pub(super) fn resources(&self, wanted: u32, applied: u32, failed: u32) {
        for (state, number) in [("wanted", wanted), ("applied", applied), ("failed", failed)] {
            self.resources.get_or_create(&Objects { state }).set(number.into());
        }
    }

    /// Sets, for each gateway in force, how many pods should be behind it and are not, and how many are behind another
    /// state of it than the one in force.
    pub(super) fn gateways<'g>(&self, all: impl Iterator<Item = (&'g str, u32, u32)>) {
        let mut now = Vec::new();
        for (gateway, uninjected, stale) in all {
            let gateway = gateway.to_owned();
            let behind = Behind { gateway };
            self.gateways.uninjected.get_or_create(&behind).set(uninjected.into());
            self.gateways.stale.get_or_create(&behind).set(stale.into());
            now.push(behind);
        }
        let mut told = self.gateways.told.lock().unwrap_or_else(PoisonError::into_inner);
        // A scrape finds all others at any time.
        for gone in told.iter().filter(|behind| !now.contains(behind)) {
            self.gateways.uninjected.remove(gone);
            self.gateways.stale.remove(gone);
        }
        *told = now;
    }

    /// Another replica tells of the pods of gateways.
    pub(super) fn forget_gateways(&self) {
        self.gateways(std::iter::empty());
    }

    /// Counts an attempt to evict a pod that is not behind its gateway.
    pub(super) fn evicted(&self, gateway: &str, result: &'static str) {
        let gateway = gateway.to_owned();
        let attempts = &self.gateways.evictions;
        attempts.get_or_create(&Eviction { gateway, result }).inc();
    }

    /// Counts a request that changes one of them.
    pub(super) fn wrote(&self, verb: &'static str) {
        self.writes.get_or_create(&Write { verb }).inc();
    }
}

impl Gateways {
    fn register(self, registry: &mut Registry) {
        registry.register(
            "stationmaster_gateway_pods_uninjected",
            "Pods that should be behind a gateway and are not",
            self.uninjected,
        );
        registry.register(
            "stationmaster_gateway_pods_stale",
            "Pods behind another state of their gateway than the one in force",
            self.stale,
        );
        registry.register(
            "stationmaster_gateway_evictions",
            "Attempts to evict pods that should be behind a gateway and are not",
            self.evictions,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gateways_that_are_gone_are_no_longer_told_of() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.gateways([("foo", 1, 2), ("bar", 3, 4)].into_iter());
        let foo = Behind {
            gateway: "foo".to_owned(),
        };
        let kept = metrics.gateways.uninjected.get_or_create_owned(&foo);
        metrics.gateways(std::iter::once(("foo", 5, 6)));
        assert_eq!(kept.get(), 5, "it was never taken away");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text takes anything");
        assert!(text.contains("stationmaster_gateway_pods_stale{gateway=\"foo\"} 6"));
        assert!(!text.contains("\"bar\""), "{text}");
    }

    #[test]
    fn upstreams_names_are_exposed() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.executions.inc();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text takes anything");
        for name in [
            "job_executions_total 1",
            "job_executions_failures_total 0",
            "job_executions_success_total 0",
        ] {
            assert!(text.lines().any(|line| line == name), "{name} in\n{text}");
        }
    }
}
