//! The gateways in force: what pods get of each now, as far as its names are known, and which pod gets which.

use std::sync::Arc;

use arc_swap::ArcSwap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::injection::names;
use super::mentions::Mentions;
use super::select::{Rank, Selected, select};
use super::selector::{Labels, selects};
use super::{Addresses, Error, Hooks, Injection, Marks, Missing, Surroundings};
use crate::api::gateway::Gateway;
use crate::api::names::label;
use crate::api::review::Cause;

/// A gateway in force.
#[derive(Debug)]
pub struct Current {
    /// What is wanted.
    pub gateway: Gateway,
    /// What pods get.
    pub injection: Result<Injection, Missing>,
}

/// All gateways in force; whatever changes makes another of these.
#[derive(Debug, Default)]
pub struct InForce {
    gateways: Vec<Current>,
    rules: Rules,
    mentions: Mentions,
    is_complete: bool,
}

/// The gateways in force, shared by those who answer and the one who knows of changes.
pub type Shared = Arc<ArcSwap<InForce>>;

/// Begins to share gateways.
#[must_use]
pub fn shared(in_force: InForce) -> Shared {
    Arc::new(ArcSwap::from_pointee(in_force))
}

/// What holds for pods whatever the gateways are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// A mark that is neither true nor false refuses the pod, as upstream does.
    pub strict_marks: bool,
    /// What the cluster asks about. Pods with such a label must not be created while it is not known what it means.
    pub hooks: Hooks,
}

/// What is known of namespaces.
pub trait Namespaces {
    /// Labels of the one of that name, if it is known.
    fn labels(&self, namespace: &str) -> Option<Labels>;
}

/// Which gateway is for a pod.
#[derive(Debug)]
pub struct Choice<'g> {
    /// It, if there is one.
    pub gateway: Option<&'g Current>,
    /// Marks that say neither yes nor no, and count as no.
    pub unclear: Vec<Cause>,
}

impl InForce {
    /// Gateways in the order in which they are asked. While not all of them are known, it is not complete.
    #[must_use]
    pub fn new(
        gateways: Vec<Gateway>,
        (surroundings, addresses): (&Surroundings, &Addresses),
        rules: Rules,
        is_complete: bool,
    ) -> Self {
        let current = |gateway: Gateway| Current {
            injection: Injection::new(&gateway, surroundings, addresses),
            gateway,
        };
        Self {
            mentions: Mentions::of(&gateways, &rules),
            gateways: gateways.into_iter().map(current).collect(),
            rules,
            is_complete,
        }
    }

    /// Every gateway, in the order in which they are asked.
    #[must_use]
    pub fn all(&self) -> &[Current] {
        &self.gateways
    }

    /// What the cluster asks about.
    pub(super) fn hooks(&self) -> &Hooks {
        &self.rules.hooks
    }

    /// Whether there are no others: until then a missing one means nothing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What marks pods behind the gateway of that name in the state that is in force, if pods can get it.
    #[must_use]
    pub fn stamp(&self, gateway: &str) -> Option<&str> {
        let found = self.gateways.iter().find(|current| current.gateway.name == gateway)?;
        found.injection.as_ref().ok().map(|injection| &*injection.stamp)
    }

    /// Whether a pod in this text can be one that anything is to be decided about. The text need not be read for that.
    #[must_use]
    pub fn may_concern(&self, text: &[u8]) -> bool {
        self.mentions.may_be_in(text)
    }

    /// A mark that is neither true nor false refuses the pod.
    pub(super) fn strict_marks(&self) -> bool {
        self.rules.strict_marks
    }

    /// Which gateway is for a pod: an annotation that says yes comes before a label, a label before a default.
    ///
    /// # Errors
    /// A mark is no string, or it is not known yet what the marks mean.
    pub fn choose(
        &self,
        marks: &impl Marks,
        namespace: &str,
        namespaces: &dyn Namespaces,
    ) -> Result<Choice<'_>, Error> {
        let (mut best, mut unclear): (Option<(&Current, Selected)>, Vec<Cause>) = (None, Vec::new());
        for current in &self.gateways {
            let selected = select(&current.gateway.spec.matches, marks)?;
            let better = best.as_ref().is_none_or(|(_, best)| selected.by > best.by);
            if selected.by > Rank::Nothing && better && is_for(&current.gateway, namespace, namespaces)? {
                best = Some((current, selected));
            } else {
                unclear.extend(selected.unclear);
            }
        }
        if best.is_none() && !self.is_complete && self.is_guarded(marks)? {
            return Err(Error::Unknown);
        }
        unclear.dedup();
        Ok(match best {
            Some((current, selected)) => Choice {
                gateway: Some(current),
                unclear: selected.unclear,
            },
            None => Choice { gateway: None, unclear },
        })
    }

    fn is_guarded(&self, marks: &impl Marks) -> Result<bool, Error> {
        for key in &self.rules.hooks.labels {
            if marks.label(key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(marks.annotation(label::SET_GATEWAY)?.is_some())
    }
}

/// Whether a gateway is for pods of a namespace.
pub(super) fn is_for(gateway: &Gateway, namespace: &str, namespaces: &dyn Namespaces) -> Result<bool, Error> {
    let selector: Option<&LabelSelector> = gateway.spec.matches.namespace_selector.as_ref();
    let Some(selector) = selector else { return Ok(true) };
    let labels = namespaces.labels(namespace).ok_or_else(|| Error::UnknownNamespace {
        gateway: gateway.name.clone(),
        namespace: namespace.to_owned(),
    })?;
    Ok(selects(selector, &labels))
}

/// The names of gateways that have to be looked up, without those that are addresses.
#[must_use]
pub fn unresolved_names(gateways: &[Gateway]) -> Vec<String> {
    let known = Addresses::default();
    let names = gateways.iter().flat_map(|gateway| names(&gateway.spec));
    let mut names: Vec<_> = names
        .filter(|name| known.of(name).is_none())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::super::fixture::{addresses, gateway, surroundings};
    use super::*;
    use crate::api::gateway::{Mark, Match};

    struct Known(&'static [(&'static str, &'static str)]);

    impl Namespaces for Known {
        fn labels(&self, namespace: &str) -> Option<Labels> {
            let found = self.0.iter().find(|(name, _)| *name == namespace);
            found.map(|(_, team)| [("team".to_owned(), (*team).to_owned())].into())
        }
    }

    fn mark(value: &str) -> Mark {
        Mark {
            key: "setGateway".to_owned(),
            value: Some(value.to_owned()),
        }
    }

    fn named(name: &str, matches: Match) -> Gateway {
        let mut gateway = gateway();
        gateway.name = name.to_owned();
        gateway.spec.matches = matches;
        gateway
    }

    fn in_force(gateways: Vec<Gateway>, is_complete: bool) -> InForce {
        let rules = Rules {
            strict_marks: false,
            hooks: Hooks {
                labels: vec!["setGateway".to_owned()],
                ..Hooks::default()
            },
        };
        InForce::new(gateways, (&surroundings(), &addresses()), rules, is_complete)
    }

    fn pod(label: &str, annotation: &str) -> ObjectMeta {
        let one = |value: &str| -> Option<BTreeMap<_, _>> {
            (!value.is_empty()).then(|| [("setGateway".to_owned(), value.to_owned())].into())
        };
        ObjectMeta {
            labels: one(label),
            annotations: one(annotation),
            ..ObjectMeta::default()
        }
    }

    fn chosen(in_force: &InForce, pod: &ObjectMeta) -> Option<String> {
        let choice = in_force.choose(pod, "media", &Known(&[("media", "a")])).unwrap();
        choice.gateway.map(|current| current.gateway.name.clone())
    }

    #[test]
    fn the_marks_of_a_pod_choose_among_gateways() {
        let by = |label: &str, annotation: &str| Match {
            label: Some(mark(label)),
            annotation: Some(mark(annotation)),
            ..Match::default()
        };
        let rest = Match {
            default: true,
            ..by("rest", "rest")
        };
        let gateways = vec![
            named("foo", by("foo", "foo")),
            named("bar", by("bar", "bar")),
            named("rest", rest),
        ];
        let in_force = in_force(gateways, true);
        for (label, annotation, expected) in [
            ("foo", "", Some("foo")),
            ("bar", "", Some("bar")),
            ("foo", "bar", Some("bar")),
            ("", "foo", Some("foo")),
            ("", "", Some("rest")),
            ("other", "", None),
        ] {
            let pod = pod(label, annotation);
            assert_eq!(chosen(&in_force, &pod).as_deref(), expected, "{label} {annotation}");
        }
    }

    #[test]
    fn a_namespace_can_be_none_of_a_gateway() {
        let mut matches = Match {
            label: Some(mark("foo")),
            ..Match::default()
        };
        let selector = |team: &str| serde_json::from_value(serde_json::json!({"matchLabels": {"team": team}})).unwrap();
        matches.namespace_selector = Some(selector("a"));
        let a = named("a", matches.clone());
        matches.namespace_selector = Some(selector("b"));
        let both = in_force(vec![named("b", matches), a], true);
        assert_eq!(chosen(&both, &pod("foo", "")).as_deref(), Some("a"));
        let error = both.choose(&pod("foo", ""), "new", &Known(&[])).unwrap_err();
        assert!(matches!(error, Error::UnknownNamespace { .. }));
        assert!(both.choose(&pod("", ""), "new", &Known(&[])).unwrap().gateway.is_none());
    }

    #[test]
    fn while_gateways_are_unknown_marked_pods_wait() {
        let nothing = in_force(Vec::new(), false);
        for marked in [pod("foo", ""), pod("", "foo")] {
            let error = nothing.choose(&marked, "media", &Known(&[])).unwrap_err();
            assert!(matches!(error, Error::Unknown));
        }
        assert_eq!(chosen(&nothing, &pod("", "")), None);
        assert_eq!(chosen(&in_force(Vec::new(), true), &pod("foo", "")), None);
    }

    #[test]
    fn addresses_need_not_be_looked_up() {
        let mut known = gateway();
        known.spec.gateway = "192.0.2.1".to_owned();
        assert_eq!(
            unresolved_names(&[gateway(), known]),
            ["dns.example.org", "vpn.example.org"]
        );
    }
}
