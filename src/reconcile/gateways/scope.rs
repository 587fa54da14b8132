//! What decides which pods gateways are for, apart from the pods: when it changes, all pods are looked at again.

use std::collections::BTreeMap;

use super::Context;
use crate::api::gateway::Match;
use crate::gateway::selects;

/// The rules of the gateways in force, and which of them are for which namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    rules: Vec<(String, Match)>,
    namespaces: BTreeMap<String, Vec<bool>>,
}

impl Scope {
    /// As it is now.
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        let in_force = ctx.in_force();
        let gateways = in_force.all().iter().map(|current| &current.gateway);
        let rules: Vec<_> = gateways
            .map(|gateway| (gateway.name.clone(), gateway.spec.matches.clone()))
            .collect();
        let own = rules.iter().filter_map(|(_, rule)| rule.namespace_selector.as_ref());
        let selectors: Vec<_> = own.chain(&ctx.with.options.hooks.namespaces).collect();
        let namespaces = if selectors.is_empty() {
            Vec::new()
        } else {
            ctx.namespaces()
        };
        let namespaces = namespaces.into_iter().map(|(name, labels)| {
            let selected = selectors.iter().map(|selector| selects(selector, &labels));
            (name, selected.collect())
        });
        Self {
            namespaces: namespaces.collect(),
            rules,
        }
    }

    /// No pod is behind a gateway, and none should be.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether pods that were looked at before may be for another gateway now. In a namespace that has come since there
    /// is a pod only if one was unclear.
    pub(super) fn differs(&self, before: &Self, is_unclear: bool) -> bool {
        let differs = |(name, selected): (&String, &Vec<bool>)| match before.namespaces.get(name) {
            Some(before) => before != selected,
            None => is_unclear,
        };
        self.rules != before.rules || self.namespaces.iter().any(differs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &str, namespaces: &[(&str, bool)]) -> Scope {
        let namespaces = namespaces
            .iter()
            .map(|(name, selected)| ((*name).to_owned(), vec![*selected]));
        Scope {
            rules: vec![(name.to_owned(), Match::default())],
            namespaces: namespaces.collect(),
        }
    }

    #[test]
    fn only_what_changes_for_pods_that_are_there_is_a_difference() {
        let before = scope("foo", &[("a", true), ("b", false)]);
        for (after, is_unclear, differs) in [
            (before.clone(), true, false),
            (scope("foo", &[("a", true), ("b", true)]), false, true),
            (scope("foo", &[("a", true)]), false, false),
            (scope("foo", &[("a", true), ("b", false), ("c", true)]), false, false),
            (scope("foo", &[("a", true), ("b", false), ("c", true)]), true, true),
            (scope("bar", &[("a", true), ("b", false)]), false, true),
        ] {
            assert_eq!(after.differs(&before, is_unclear), differs, "{after:?}");
        }
    }
}
