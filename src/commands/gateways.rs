//! Gateways without a server: those of a file and that of flags, whose names are not looked up.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::anyhow;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use crate::api::gateway::{Gateway, PodGateway};
use crate::api::names::GATEWAY_GROUP;
use crate::cli::GatewayArgs;
use crate::clients::resolver;
use crate::gateway::{Addresses, InForce, Resolv, Rules, Surroundings, in_order, unresolved_names};

/// Of documentation: names of a cluster do not resolve where manifests are looked at.
const STAND_IN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The gateways that would be in force.
pub(super) struct Offline {
    gateways: Vec<Gateway>,
    rules: Rules,
    resolv: Resolv,
    /// Flags that choose namespaces, of which nobody knows anything here.
    of_namespaces: Vec<&'static str>,
}

impl Offline {
    /// The gateway of the flags, and those of the objects that none before them clashes with.
    ///
    /// # Errors
    /// The flags make a gateway that cannot work.
    pub(super) async fn of(args: &GatewayArgs, objects: &[Value]) -> anyhow::Result<Self> {
        let flags = args.gateway().map_err(|fault| anyhow!(fault))?;
        let (gateways, overlaps) = in_order(flags, stored(objects));
        for overlap in overlaps {
            let (name, other, mark) = (overlap.name, overlap.other, overlap.mark);
            eprintln!("PodGateway {name} is not in force: {other} has {mark} too");
        }
        let text = resolver::configuration(&args.resolv_conf).await.unwrap_or_default();
        Ok(Self {
            gateways,
            rules: Rules {
                strict_marks: args.strict_labels,
                hooks: args.hooks.hooks(),
            },
            resolv: Resolv::parse(&text),
            of_namespaces: args.hooks.of_namespaces(),
        })
    }

    /// Whether no pod can get one.
    pub(super) fn is_empty(&self) -> bool {
        self.gateways.is_empty()
    }

    /// As they are: what other PodGateways may not clash with.
    pub(super) fn as_written(&self) -> InForce {
        self.in_force(self.gateways.clone(), &Addresses::default())
    }

    /// What pods get, whatever their namespace is: nobody knows the labels of one here.
    pub(super) fn everywhere(&self) -> InForce {
        for flag in &self.of_namespaces {
            eprintln!("{flag} is not looked at");
        }
        let mut gateways = self.gateways.clone();
        for gateway in &mut gateways {
            if gateway.spec.matches.namespace_selector.take().is_some() {
                let name = &gateway.name;
                eprintln!("match.namespaceSelector of PodGateway {name} is not looked at");
            }
        }
        let addresses = stand_ins(&gateways);
        self.in_force(gateways, &addresses)
    }

    fn in_force(&self, gateways: Vec<Gateway>, addresses: &Addresses) -> InForce {
        let surroundings = Surroundings {
            resolv: self.resolv.clone(),
            native_sidecars: false,
        };
        InForce::new(gateways, (&surroundings, addresses), self.rules.clone(), true)
    }
}

/// The PodGateways among objects; one that is none is told of where it is reviewed. What comes first is the older one.
fn stored(objects: &[Value]) -> Vec<Arc<PodGateway>> {
    let is_gateway = |object: &&Value| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        object["kind"] == "PodGateway" && version.split('/').next() == Some(GATEWAY_GROUP)
    };
    let gateways = objects.iter().filter(is_gateway);
    let gateways = gateways.filter_map(|object| serde_json::from_value::<PodGateway>(object.clone()).ok());
    let aged = (0..).zip(gateways).map(|(second, mut gateway)| {
        gateway.metadata.creation_timestamp = Timestamp::from_second(second).ok().map(Time);
        Arc::new(gateway)
    });
    aged.collect()
}

fn stand_ins(gateways: &[Gateway]) -> Addresses {
    let mut addresses = Addresses::default();
    for name in unresolved_names(gateways) {
        eprintln!("{name} is not looked up: {STAND_IN} stands for it");
        addresses.hear(&name, &[STAND_IN]);
    }
    addresses
}
