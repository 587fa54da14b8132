//! The names of a gateway: which resolve, and what follows for pods where one does not.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::injection::names;
use super::{Known, Said};
use crate::api::gateway::{GatewaySpec, ResolvedName, Unresolved};
use crate::api::names::{condition_type, reason};

/// What is known of all names of a gateway.
pub(super) struct Resolution {
    pub(super) addresses: Vec<ResolvedName>,
    /// DNS servers without which no pod can get the gateway.
    pub(super) missing: Vec<String>,
    faults: Vec<String>,
}

impl Resolution {
    /// Nothing, while a name has never been looked up.
    pub(super) fn of(spec: &GatewaySpec, known: &dyn Fn(&str) -> Known) -> Option<Self> {
        let mut resolution = Self {
            addresses: Vec::new(),
            missing: Vec::new(),
            faults: Vec::new(),
        };
        for name in names(spec).filter(|name| name.parse::<IpAddr>().is_err()) {
            let known = known(name);
            if known.address.is_none() && !known.is_failing {
                return None;
            }
            let is_dns = spec.dns.iter().any(|server| server == name);
            resolution.addresses.push(resolved(name, known));
            if is_dns && known.address.is_none() {
                resolution.missing.push(name.to_owned());
            }
            if known.is_failing {
                resolution.faults.push(fault(name, known.address, is_dns, spec));
            }
        }
        Some(resolution)
    }

    pub(super) fn claim(&self) -> Said {
        let (resolves, reason, message) = if !self.faults.is_empty() {
            (Some(false), reason::NOT_RESOLVING, self.faults.join("; "))
        } else if self.addresses.is_empty() {
            (Some(true), reason::ADDRESSES, "there is no name to look up".to_owned())
        } else {
            (Some(true), reason::RESOLVED, "all its names resolve".to_owned())
        };
        (condition_type::RESOLVED, resolves, reason, message)
    }
}

fn resolved(name: &str, known: Known) -> ResolvedName {
    ResolvedName {
        name: name.to_owned(),
        address: known.address.map(|address| address.to_string()),
        // Kubernetes keeps whole seconds.
        last_resolved: known.last_resolved.and_then(|at| {
            let second = k8s_openapi::jiff::Timestamp::from_second(at.as_second());
            second.ok().map(Time)
        }),
    }
}

/// What does not resolve, and what that means to pods.
fn fault(name: &str, address: Option<IpAddr>, is_dns: bool, spec: &GatewaySpec) -> String {
    match (address, is_dns) {
        (Some(address), true) => format!("{name} does not resolve; pods get its last address {address}"),
        // Its text is all that pods are told of the gateway.
        (Some(address), false) => {
            format!("{name} does not resolve; its last address was {address}, and pods look it up themselves")
        }
        (None, true) if spec.unresolved == Unresolved::Ignore || spec.matches.label.is_none() => {
            format!("{name} has never resolved: pods are created without the gateway")
        }
        (None, true) => format!("{name} has never resolved: pods are refused"),
        (None, false) => format!("{name} has never resolved, and pods look it up themselves"),
    }
}
