//! HTTPRoutes in place of an Ingress: for each worker one, or as many as it has different lists of paths.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::routes::{Path, routes};
use super::{Problem, metadata, name, names};
use crate::api::names::reason;
use crate::api::workers::{BundleWorker, GatewayReference, WorkerBundle};

/// The HTTPRoutes of all workers.
pub(super) fn http_routes(bundle: &WorkerBundle, gateway: &GatewayReference) -> Vec<Value> {
    let workers = bundle.spec.workers.iter();
    workers.flat_map(|worker| of_worker(bundle, gateway, worker)).collect()
}

fn of_worker(bundle: &WorkerBundle, gateway: &GatewayReference, worker: &BundleWorker) -> Vec<Value> {
    let mut hosts = BTreeMap::<&str, Vec<Path<'_>>>::new();
    for route in routes(worker) {
        hosts.entry(route.host).or_default().push(route.path);
    }
    // All rules of a route are for all its hosts.
    let mut groups = BTreeMap::<Vec<Path<'_>>, Vec<&str>>::new();
    for (host, paths) in hosts {
        groups.entry(paths).or_default().push(host);
    }
    let groups = groups.into_iter();
    groups
        .map(|(paths, hosts)| route(bundle, gateway, worker, (&paths, &hosts)))
        .collect()
}

fn route(
    bundle: &WorkerBundle,
    gateway: &GatewayReference,
    worker: &BundleWorker,
    (paths, hosts): (&[Path<'_>], &[&str]),
) -> Value {
    // No script has a dot in its name, so that no two bundles meet.
    let mut own_name = format!("{}.{}", name(bundle), names::worker(&worker.worker_name));
    if paths != [Path::Prefix("/")] {
        own_name = format!("{own_name}.{}", names::hash(&format!("{paths:?}")));
    }
    let mut parent = json!({"name": gateway.name});
    if let Some(namespace) = &gateway.namespace {
        parent["namespace"] = json!(namespace);
    }
    let matches: Vec<_> = paths.iter().map(matched).collect();
    let backend = json!({"name": names::service(name(bundle)), "port": worker.worker_number});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": metadata(bundle, &own_name),
        "spec": {
            "parentRefs": [parent],
            "hostnames": hosts,
            "rules": [{"matches": matches, "backendRefs": [backend]}],
        },
    })
}

fn matched(path: &Path<'_>) -> Value {
    let (path_type, path) = match path {
        Path::Prefix(path) => ("PathPrefix", path),
        Path::Exact(path) => ("Exact", path),
    };
    json!({"path": {"type": path_type, "value": path}})
}

/// Why a Gateway does not take the route, as it is stored; nothing before one has looked at it.
#[must_use]
pub fn refusal(route: &Value) -> Option<Problem> {
    let parents = route.pointer("/status/parents")?.as_array()?;
    let conditions = parents.iter().flat_map(|parent| {
        let conditions = parent["conditions"].as_array().into_iter().flatten();
        conditions.map(move |condition| (&parent["parentRef"]["name"], condition))
    });
    let is_refusal = |condition: &Value| {
        let matters = ["Accepted", "ResolvedRefs"]
            .map(Value::from)
            .contains(&condition["type"]);
        matters && condition["status"] == "False"
    };
    let (gateway, condition) = conditions.into_iter().find(|(_, condition)| is_refusal(condition))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Problem {
        reason: reason::ROUTE_REFUSED,
        message: format!(
            "Gateway {} does not take HTTPRoute {}: {}: {}",
            text(gateway),
            text(&route["metadata"]["name"]),
            text(&condition["reason"]),
            text(&condition["message"])
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{bundle, gateway};
    use super::*;

    fn spec(hosts: &[&str], path: &str, port: i32) -> Value {
        json!({
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": hosts,
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                "backendRefs": [{"name": "shop", "port": port}],
            }],
        })
    }

    #[test]
    fn hosts_with_the_same_paths_share_a_route() {
        let mut bundle = bundle();
        bundle.spec.workers[0].routes.push("basket.example.com/*".into());
        let routes = http_routes(&bundle, &gateway());
        let told: Vec<_> = routes
            .iter()
            .map(|route| (&route["metadata"]["name"], &route["spec"]))
            .collect();
        let wasm = format!("shop.wasm-worker.{}", names::hash("[Prefix(\"/wasm\")]"));
        let expected = [
            (
                json!("shop.cart"),
                spec(&["basket.example.com", "cart.1234.example.com"], "/", 8080),
            ),
            (
                json!("shop.wasm-worker"),
                spec(&["wasm-worker.1234.example.com"], "/", 8081),
            ),
            (json!(wasm), spec(&["shop.example.com"], "/wasm", 8081)),
        ];
        let expected: Vec<_> = expected.iter().map(|(name, spec)| (name, spec)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_a_gateway_says_of_a_route_is_told() {
        let told = |type_: &str, status: &str| {
            let condition = json!({"type": type_, "status": status, "reason": "NotAllowed", "message": "no"});
            let parent = json!({"parentRef": {"name": "public"}, "conditions": [condition]});
            refusal(&json!({"metadata": {"name": "shop.cart"}, "status": {"parents": [parent]}}))
        };
        let message = "Gateway public does not take HTTPRoute shop.cart: NotAllowed: no";
        for type_ in ["Accepted", "ResolvedRefs"] {
            assert_eq!(
                told(type_, "False").map(|problem| problem.message).as_deref(),
                Some(message)
            );
            assert_eq!(told(type_, "True"), None);
        }
        assert_eq!(told("Programmed", "False"), None);
        assert_eq!(refusal(&json!({"metadata": {"name": "shop.cart"}})), None);
    }
}
