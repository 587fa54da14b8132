//! What a bundle's pods may be reached by and may reach: the public internet and names, nothing of the cluster.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{metadata, name, selector};
use crate::api::workers::WorkerBundle;
use crate::workers::port;

/// Private, shared, link-local and loopback addresses: clusters, their metadata services and whatever is near them.
const NOT_PUBLIC: [&str; 6] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
];
/// The same of IPv6.
const NOT_PUBLIC_V6: [&str; 3] = ["fc00::/7", "fe80::/10", "::1/128"];
/// Of DNS.
const DNS_PORT: i32 = 53;

/// The NetworkPolicy.
pub(super) fn network_policy(bundle: &WorkerBundle) -> Value {
    let ports = ports(bundle)
        .into_iter()
        .map(|port| json!({"protocol": "TCP", "port": port}));
    let names = ["UDP", "TCP"].map(|protocol| json!({"protocol": protocol, "port": DNS_PORT}));
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata(bundle, name(bundle)),
        "spec": {
            "podSelector": {"matchLabels": selector(bundle)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": ports.collect::<Vec<_>>()}],
            "egress": [
                {"ports": names},
                {"to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": NOT_PUBLIC}},
                    {"ipBlock": {"cidr": "::/0", "except": NOT_PUBLIC_V6}},
                ]},
            ],
        },
    })
}

/// Those of the workers, and where their processes tell that they are alive.
fn ports(bundle: &WorkerBundle) -> BTreeSet<i32> {
    let spec = &bundle.spec;
    let own = spec.workers.iter().map(|worker| worker.worker_number);
    let healths = spec.workers.iter().filter(|_| spec.digest.is_some());
    let healths = healths.map(|worker| port::health(spec.isolation, worker.worker_number));
    own.chain(healths).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{bundle, by_hand};
    use super::*;
    use crate::api::workers::Isolation;

    #[test]
    fn pods_reach_names_and_the_public_internet() {
        let tcp = |port: i32| json!({"protocol": "TCP", "port": port});
        assert_eq!(
            network_policy(&bundle())["spec"],
            json!({
                "podSelector": {"matchLabels": {"workers.stationmaster.dev/bundle": "shop"}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [tcp(8079), tcp(8080), tcp(8081)]}],
                "egress": [
                    {"ports": [{"protocol": "UDP", "port": 53}, tcp(53)]},
                    {"to": [
                        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [
                            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                            "127.0.0.0/8",
                        ]}},
                        {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10", "::1/128"]}},
                    ]},
                ],
            })
        );
    }

    #[test]
    fn probed_ports_are_open() {
        let mut bundle = bundle();
        bundle.spec.isolation = Isolation::Worker;
        assert_eq!(ports(&bundle), [8080, 8081, 18080, 18081].into());
        assert_eq!(ports(&by_hand()), [8080].into());
    }
}
