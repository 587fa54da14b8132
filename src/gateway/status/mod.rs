//! What is told of a PodGateway: addresses, counts and conditions, put together from what is observed.

mod enforced;
mod resolution;
mod security;

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::{Hooks, Labels, Overlap};
use crate::api::gateway::{PodGateway, PodGatewayStatus};
use crate::api::names::{condition_type, reason};
use crate::condition::{self, Claim};
use resolution::Resolution;

/// What is known of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// The last good answer.
    pub address: Option<IpAddr>,
    /// When that was.
    pub last_resolved: Option<Timestamp>,
    /// The last look brought no answer.
    pub is_failing: bool,
}

/// How many pods are behind a gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// They carry it.
    pub injected: u32,
    /// They should, and do not.
    pub uninjected: u32,
}

/// What the status of a gateway is made of.
pub struct Observed<'a> {
    /// What is known of names.
    pub names: &'a dyn Fn(&str) -> Known,
    /// Why the gateway is not in force, and what to change.
    pub overlap: Option<String>,
    /// What the cluster asks about.
    pub hooks: &'a Hooks,
    /// Whether the API server was told so by what `manifests` prints; nothing, before that was looked for.
    pub is_registered: Option<bool>,
    /// All namespaces with their labels.
    pub namespaces: &'a [(String, Labels)],
    /// Nothing, while pods have not all been looked at.
    pub counts: Option<Counts>,
}

/// How much two statuses differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// In nothing that is worth a write.
    Nothing,
    /// In counts of pods, addresses or texts, which can wait: they may change all the time.
    Details,
    /// In what somebody may wait for.
    Conditions,
}

/// What is to be told of a gateway now. What is not known yet stays as it was told before.
#[must_use]
pub fn status(gateway: &PodGateway, observed: &Observed<'_>, now: &Time) -> PodGatewayStatus {
    let mut status = gateway.status.clone().unwrap_or_default();
    let (spec, generation) = (&gateway.spec, gateway.metadata.generation);
    status.observed_generation = generation;
    if let Some(counts) = observed.counts {
        status.injected_pods = counts.injected;
        status.uninjected_pods = counts.uninjected;
    }
    let resolution = Resolution::of(spec, observed.names);
    let enforced = enforced::claim(&spec.matches, observed.hooks, observed.is_registered);
    let mut claims: Vec<_> = enforced.into_iter().collect();
    claims.push(security::claim(spec, observed.namespaces));
    claims.extend(resolution.as_ref().map(Resolution::claim));
    claims.extend(ready(observed.overlap.as_deref(), resolution.as_ref()));
    status.addresses = match resolution {
        Some(resolution) => resolution.addresses,
        None => status.addresses,
    };
    for (type_, is_true, reason, message) in claims {
        let claim = Claim {
            type_,
            status: match is_true {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            },
            reason,
            message: &message,
        };
        condition::set(&mut status.conditions, claim, generation, now.clone());
    }
    status
}

/// Type, whether it is true, where that is known, reason and message of a condition.
type Said = (&'static str, Option<bool>, &'static str, String);

/// Pods get the gateway.
fn ready(overlap: Option<&str>, resolution: Option<&Resolution>) -> Option<Said> {
    if let Some(overlap) = overlap {
        return Some((condition_type::READY, Some(false), reason::OVERLAPS, overlap.to_owned()));
    }
    let missing = &resolution?.missing;
    Some(if missing.is_empty() {
        let message = "pods that it matches get it".to_owned();
        (condition_type::READY, Some(true), reason::IN_FORCE, message)
    } else {
        let message = format!(
            "no pod gets it before its DNS servers have resolved once: {}",
            missing.join(", ")
        );
        (condition_type::READY, Some(false), reason::UNRESOLVED, message)
    })
}

/// Why a gateway is not in force, and what to change.
#[must_use]
pub fn overlap(overlap: &Overlap, other_is_of_flags: bool) -> String {
    let Overlap { other, mark, .. } = overlap;
    if other_is_of_flags {
        format!("the gateway {other} of the server's flags has the same pods ({mark}): change spec.match or the flags")
    } else {
        format!("the older PodGateway {other} has the same pods ({mark}): change spec.match of one, or delete one")
    }
}

/// How much a status differs from the stored one.
#[must_use]
pub fn difference(stored: &PodGatewayStatus, next: &PodGatewayStatus) -> Difference {
    // When a name was resolved last changes all the time.
    let bare = |status: &PodGatewayStatus| {
        let mut status = status.clone();
        for name in &mut status.addresses {
            name.last_resolved = None;
        }
        status
    };
    let (stored, mut next) = (bare(stored), bare(next));
    if stored == next {
        return Difference::Nothing;
    }
    next.injected_pods = stored.injected_pods;
    next.uninjected_pods = stored.uninjected_pods;
    next.addresses.clone_from(&stored.addresses);
    for (next, stored) in next.conditions.iter_mut().zip(&stored.conditions) {
        next.message.clone_from(&stored.message);
    }
    if stored == next {
        Difference::Details
    } else {
        Difference::Conditions
    }
}

#[cfg(test)]
mod tests;
