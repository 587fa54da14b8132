//! What changes in a pod that gets a gateway, and nothing more.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::injection::Dns;
use super::lists::{End, Lists};
use super::namesakes::{Namesake, Place};
use super::{Error, Injection};
use crate::api::names::annotation;
use crate::api::pod::{PodMetadata, PodSpec, text};
use crate::api::review::{Cause, Fragment, PatchOperation};
use crate::api::text::Text;

/// The pointer (RFC 6901) of [`annotation::INJECTED`].
const STAMP: &str = "/metadata/annotations/gateway.stationmaster.dev~1injected";
/// What most patches take.
const STEPS: usize = 8;

/// A pod that gets a gateway, and what it has of one.
pub(super) struct Pod<'p, 'a> {
    namespace: &'p str,
    metadata: &'p PodMetadata<'a>,
    spec: &'p PodSpec<'a>,
    stamp: Stamp,
    namesakes: Vec<Namesake>,
}

/// What the annotation of a pod says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Missing,
    /// It is a copy of a pod that had another state of the gateway, or another gateway.
    Old,
    /// Elements that are there may have been changed by others since, and stay if they still do what ours do: the
    /// annotation can be a copy. It vouches for none that is missing.
    InForce,
}

impl<'p, 'a> Pod<'p, 'a> {
    /// Looks for what the pod has already.
    pub(super) fn of(
        namespace: &'p str,
        metadata: &'p PodMetadata<'a>,
        spec: &'p PodSpec<'a>,
        injection: &Injection,
    ) -> Result<Self, Error> {
        let stamp = match text(metadata.annotations.as_ref(), annotation::INJECTED)? {
            None => Stamp::Missing,
            Some(stamp) if stamp.0 == injection.stamp => Stamp::InForce,
            Some(_) => Stamp::Old,
        };
        Ok(Self {
            namespace,
            metadata,
            spec,
            stamp,
            namesakes: Namesake::all(spec)?,
        })
    }

    /// Elements that somebody else gave the names of ours.
    pub(super) fn taken(&self, injection: &Injection) -> Vec<Cause> {
        let own =
            |one: &&Namesake| self.stamp == Stamp::Missing && !one.is_like_ours && injection.place(one.name).is_some();
        self.namesakes.iter().filter(own).map(Namesake::cause).collect()
    }

    /// The least that puts it behind the gateway.
    pub(super) fn patch(&self, injection: &Injection) -> Vec<PatchOperation> {
        let (mut patch, keep) = (Vec::with_capacity(STEPS), self.stamp == Stamp::InForce);
        self.dns(&mut patch, injection);
        let mut lists = Lists::of(self.spec);
        for left in self.leftovers(injection) {
            lists.at(left.place).remove(&mut patch, left.name);
        }
        for (name, element, is_first) in injection.elements() {
            if let (Some(element), Some(place)) = (element, injection.place(name)) {
                let end = if is_first { End::First } else { End::Last };
                let stays = keep && self.has(name, place, element);
                lists.at(place).put(&mut patch, (name, element), end, stays);
            }
        }
        if !keep {
            self.restamp(&mut patch, &injection.stamp);
        }
        patch
    }

    /// Whether the pod has that element, or what others have made of it.
    fn has(&self, name: &str, place: Place, element: &Fragment) -> bool {
        let mut found = self.namesakes.iter();
        let found = found.find(|one| one.name == name && one.place == place);
        found.is_some_and(|one| one.does_as(element))
    }

    /// What a copy has of another state of the gateway: elements that moved, and those that are no more.
    fn leftovers(&self, injection: &Injection) -> impl Iterator<Item = &Namesake> {
        self.namesakes.iter().filter(|one| match injection.place(one.name) {
            Some(place) => place != one.place,
            None => self.stamp == Stamp::Old && one.is_like_ours,
        })
    }

    fn dns(&self, patch: &mut Vec<PatchOperation>, injection: &Injection) {
        if let Some(dns) = &injection.dns
            && !self.spec.dns_config.is_some_and(|found| self.has_dns(found, dns))
        {
            patch.push(PatchOperation::AddFragment {
                path: "/spec/dnsConfig".to_owned(),
                value: dns.fragment(self.namespace),
            });
        }
        if let Some(policy) = &injection.dns_policy
            && Text::of(self.spec.dns_policy.as_ref()) != policy
        {
            patch.push(add("/spec/dnsPolicy", policy.as_str().into()));
        }
    }

    fn has_dns(&self, found: &RawValue, dns: &Dns) -> bool {
        let wanted = dns.config(self.namespace);
        let found = serde_json::from_str::<Value>(found.get());
        let stays = |found: Value| found == wanted || self.stamp == Stamp::InForce && is_still_there(&found, &wanted);
        found.is_ok_and(stays)
    }

    fn restamp(&self, patch: &mut Vec<PatchOperation>, stamp: &str) {
        if self.metadata.annotations.is_none() {
            patch.push(add("/metadata/annotations", json!({})));
        }
        patch.push(add(STAMP, stamp.into()));
    }
}

/// Whether a dnsConfig has what it was given, and maybe more. The searches tell a copy from another namespace.
fn is_still_there(found: &Value, wanted: &Value) -> bool {
    found["nameservers"] == wanted["nameservers"]
        && searches(wanted).all(|wanted| searches(found).any(|found| found == wanted))
}

fn searches(config: &Value) -> impl Iterator<Item = &Value> {
    config["searches"].as_array().into_iter().flatten()
}

fn add(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Add {
        path: path.to_owned(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_the_annotation() {
        let mut pod = json!({"metadata": {"annotations": {annotation::INJECTED: "foo@1"}}});
        assert_eq!(pod.pointer_mut(STAMP).map(Value::take), Some(json!("foo@1")));
    }

    #[test]
    fn what_others_add_to_the_dns_config_is_told_from_another() {
        let wanted = json!({
            "nameservers": ["192.0.2.53"], "searches": ["media.svc.cluster.local"],
            "options": [{"name": "ndots", "value": "5"}],
        });
        for (found, expected) in [
            (wanted.clone(), true),
            (
                json!({
                    "nameservers": ["192.0.2.53"], "searches": ["example.org", "media.svc.cluster.local"],
                    "options": [{"name": "ndots", "value": "2"}],
                }),
                true,
            ),
            (
                json!({"nameservers": ["192.0.2.53"], "searches": ["other.svc.cluster.local"]}),
                false,
            ),
            (
                json!({"nameservers": ["192.0.2.53", "192.0.2.9"], "searches": ["media.svc.cluster.local"]}),
                false,
            ),
            (json!({"nameservers": ["192.0.2.53"]}), false),
            (json!({}), false),
        ] {
            assert_eq!(is_still_there(&found, &wanted), expected, "{found}");
        }
    }
}
