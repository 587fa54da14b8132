//! An Ingress with a rule for each host of the bundle.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::routes::{Path, routes};
use super::{metadata, name, names};
use crate::api::workers::WorkerBundle;

/// The Ingress; none where no worker has a route.
pub(super) fn ingress(bundle: &WorkerBundle) -> Option<Value> {
    // Where two workers have the same route, the first keeps it.
    let mut hosts = BTreeMap::<&str, BTreeMap<Path<'_>, i32>>::new();
    for worker in &bundle.spec.workers {
        for route in routes(worker) {
            let paths = hosts.entry(route.host).or_default();
            paths.entry(route.path).or_insert(worker.worker_number);
        }
    }
    if hosts.is_empty() {
        return None;
    }
    let service = names::service(name(bundle));
    let rules: Vec<_> = hosts.iter().map(|(host, paths)| rule(host, paths, &service)).collect();
    let mut spec = json!({"rules": rules});
    if let Some(class) = &bundle.spec.ingress_class_name {
        spec["ingressClassName"] = json!(class);
    }
    if let Some(secret) = &bundle.spec.ingress_tls_secret {
        let hosts: Vec<_> = hosts.keys().collect();
        spec["tls"] = json!([{"hosts": hosts, "secretName": secret}]);
    }
    Some(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata(bundle, name(bundle)), "spec": spec,
    }))
}

fn rule(host: &str, paths: &BTreeMap<Path<'_>, i32>, service: &str) -> Value {
    let paths = paths.iter().map(|(path, port)| {
        let (path_type, path) = match path {
            Path::Prefix(path) => ("Prefix", path),
            Path::Exact(path) => ("Exact", path),
        };
        json!({
            "path": path, "pathType": path_type,
            "backend": {"service": {"name": service, "port": {"number": port}}},
        })
    });
    json!({"host": host, "http": {"paths": paths.collect::<Vec<_>>()}})
}

#[cfg(test)]
mod tests {
    use super::super::fixture::bundle;
    use super::*;

    fn to(port: i32) -> Value {
        json!({"service": {"name": "shop", "port": {"number": port}}})
    }

    #[test]
    fn each_host_has_a_rule() {
        let mut bundle = bundle();
        bundle.spec.ingress_class_name = Some("public".into());
        bundle.spec.ingress_tls_secret = Some("certificate".into());
        // The first worker has it already.
        bundle.spec.workers[1].routes.push("cart.1234.example.com/*".into());
        let ingress = ingress(&bundle).expect("there are routes");
        assert_eq!(
            ingress["spec"],
            json!({
                "ingressClassName": "public",
                "rules": [
                    {"host": "cart.1234.example.com", "http": {"paths": [
                        {"path": "/", "pathType": "Prefix", "backend": to(8080)},
                    ]}},
                    {"host": "shop.example.com", "http": {"paths": [
                        {"path": "/wasm", "pathType": "Prefix", "backend": to(8081)},
                    ]}},
                    {"host": "wasm-worker.1234.example.com", "http": {"paths": [
                        {"path": "/", "pathType": "Prefix", "backend": to(8081)},
                    ]}},
                ],
                "tls": [{
                    "hosts": ["cart.1234.example.com", "shop.example.com", "wasm-worker.1234.example.com"],
                    "secretName": "certificate",
                }],
            })
        );
    }

    #[test]
    fn without_routes_there_is_none() {
        let mut bundle = bundle();
        bundle.spec.workers.iter_mut().for_each(|worker| worker.routes.clear());
        assert_eq!(ingress(&bundle), None);
    }
}
