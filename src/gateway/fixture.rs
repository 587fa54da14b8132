//! A gateway with everything, for tests.

use super::{Addresses, InForce, Resolv, Rules, Surroundings};
use crate::api::gateway::{Gateway, GatewaySpec, InjectedContainer, Mark, Match, Sidecar, SidecarMode, Unresolved};

pub(super) fn gateway() -> Gateway {
    let mark = Some(Mark {
        key: "setGateway".to_owned(),
        value: None,
    });
    Gateway {
        name: "default".to_owned(),
        spec: GatewaySpec {
            gateway: "vpn.example.org".to_owned(),
            dns: vec!["dns.example.org".to_owned(), "192.0.2.53".to_owned()],
            dns_policy: Some("None".to_owned()),
            matches: Match {
                label: mark.clone(),
                annotation: mark,
                ..Match::default()
            },
            init: Some(InjectedContainer {
                image: "init:1".to_owned(),
                image_pull_policy: Some("Always".to_owned()),
                command: vec!["/bin/init.sh".to_owned()],
                mount_path: Some("/config".to_owned()),
                ..InjectedContainer::default()
            }),
            init_first: false,
            sidecar: Some(Sidecar {
                container: InjectedContainer {
                    image: "sidecar:1".to_owned(),
                    ..InjectedContainer::default()
                },
                mode: SidecarMode::Classic,
                ..Sidecar::default()
            }),
            config_map_name: Some("settings".to_owned()),
            unresolved: Unresolved::Fail,
        },
    }
}

pub(super) fn addresses() -> Addresses {
    let mut addresses = Addresses::default();
    for (name, address) in [("vpn.example.org", "192.0.2.1"), ("dns.example.org", "192.0.2.7")] {
        addresses.hear(name, &[address.parse().unwrap()]);
    }
    addresses
}

pub(super) fn surroundings() -> Surroundings {
    let resolv = Resolv::parse(
        "search vpn.svc.cluster.local svc.cluster.local .\nnameserver 10.96.0.10\nnameserver 10.96.0.11\noptions ndots:5",
    );
    Surroundings {
        resolv,
        native_sidecars: false,
    }
}

/// A gateway that one label chooses.
pub(super) fn marked(name: &str, key: &str, value: Option<&str>) -> Gateway {
    let label = Mark {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    let spec = GatewaySpec {
        matches: Match {
            label: Some(label),
            ..Match::default()
        },
        ..GatewaySpec::default()
    };
    let name = name.to_owned();
    Gateway { name, spec }
}

/// All gateways there are.
pub(super) fn in_force(gateways: Vec<Gateway>) -> InForce {
    InForce::new(gateways, (&surroundings(), &addresses()), Rules::default(), true)
}
