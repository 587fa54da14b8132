//! Gateways without a server: those of a file and that of flags, whose names are not looked up.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use prometheus_client::registry::Registry;
use serde_json::Value;

use crate::api::gateway::{Gateway, PodGateway};
use crate::api::names::GATEWAY_GROUP;
use crate::cli::GatewayArgs;
use crate::clients::resolver;
use crate::gateway::{Addresses, InForce, Resolv, Rules, Surroundings, in_order, shared, unresolved_names};
use crate::serve::Gateways;
use crate::serve::health::Readiness;

/// Of documentation: names of a cluster do not resolve where manifests are looked at.
const STAND_IN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// What pods are answered from, if there is a gateway.
///
/// # Errors
/// The flags make a gateway that cannot work, or a PodGateway has a field of another kind.
pub(super) async fn gateways(
    args: &GatewayArgs,
    objects: &[Value],
    registry: &mut Registry,
) -> anyhow::Result<Option<Gateways>> {
    let flags = args.gateway().map_err(|fault| anyhow!(fault))?;
    let (mut gateways, overlaps) = in_order(flags, stored(objects)?);
    if gateways.is_empty() {
        return Ok(None);
    }
    for overlap in overlaps {
        let (name, other, mark) = (overlap.name, overlap.other, overlap.mark);
        eprintln!("PodGateway {name} is not in force: {other} has {mark} too");
    }
    gateways.iter_mut().for_each(everywhere);
    let text = resolver::configuration(&args.resolv_conf).await.unwrap_or_default();
    let surroundings = Surroundings {
        resolv: Resolv::parse(&text),
        native_sidecars: false,
    };
    let rules = Rules {
        strict_marks: args.strict_labels,
        guarded: args.labels.keys(),
    };
    let addresses = addresses(&gateways);
    let in_force = InForce::new(gateways, (&surroundings, &addresses), rules, true);
    let resolved = Readiness::default().gate("names of gateways");
    resolved.open();
    Ok(Some(Gateways::new(shared(in_force), None, resolved, registry)))
}

fn stored(objects: &[Value]) -> anyhow::Result<Vec<Arc<PodGateway>>> {
    let is_gateway = |object: &&Value| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        object["kind"] == "PodGateway" && version.split('/').next() == Some(GATEWAY_GROUP)
    };
    let read = |object: &Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let gateway = serde_json::from_value(object.clone());
        gateway.map(Arc::new).with_context(|| format!("PodGateway {name}"))
    };
    objects.iter().filter(is_gateway).map(read).collect()
}

/// Nobody knows the labels of a namespace here.
fn everywhere(gateway: &mut Gateway) {
    if gateway.spec.matches.namespace_selector.take().is_some() {
        eprintln!(
            "match.namespaceSelector of PodGateway {} is not looked at",
            gateway.name
        );
    }
}

fn addresses(gateways: &[Gateway]) -> Addresses {
    let mut addresses = Addresses::default();
    for name in unresolved_names(gateways) {
        eprintln!("{name} is not looked up: {STAND_IN} stands for it");
        addresses.hear(&name, &[STAND_IN]);
    }
    addresses
}
