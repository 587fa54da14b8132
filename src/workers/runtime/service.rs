//! The address of a bundle's workers, and how many of its pods may be taken away at a time.

use serde_json::{Value, json};

use super::{metadata, name, names, selector};
use crate::api::workers::WorkerBundle;

/// A Service with a named port for each worker.
pub(super) fn service(bundle: &WorkerBundle) -> Value {
    let ports = bundle.spec.workers.iter().map(|worker| {
        json!({
            "name": names::worker(&worker.worker_name), "protocol": "TCP",
            "port": worker.worker_number, "targetPort": worker.worker_number,
        })
    });
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(bundle, &names::service(name(bundle))),
        "spec": {"type": "ClusterIP", "selector": selector(bundle), "ports": ports.collect::<Vec<_>>()},
    })
}

/// A PodDisruptionBudget that lets a node be drained, pod by pod.
pub(super) fn disruption_budget(bundle: &WorkerBundle) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(bundle, name(bundle)),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(bundle)}},
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::bundle;
    use super::*;

    #[test]
    fn each_worker_has_its_port() {
        assert_eq!(
            service(&bundle())["spec"],
            json!({
                "type": "ClusterIP",
                "selector": {"workers.stationmaster.dev/bundle": "shop"},
                "ports": [
                    {"name": "cart", "protocol": "TCP", "port": 8080, "targetPort": 8080},
                    {"name": "wasm-worker", "protocol": "TCP", "port": 8081, "targetPort": 8081},
                ],
            })
        );
    }

    #[test]
    fn one_pod_may_be_taken_away_at_a_time() {
        let spec = json!({
            "maxUnavailable": 1, "selector": {"matchLabels": {"workers.stationmaster.dev/bundle": "shop"}},
        });
        assert_eq!(disruption_budget(&bundle())["spec"], spec);
    }
}
