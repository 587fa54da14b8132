//! Which gateway is meant by the name that a client or an event gives.

use crate::api::gateway::{Gateway, Match};
use crate::gateway::InForce;

/// Gateways that a message lists.
const LISTED: usize = 20;

/// The gateway of that name, else the first one whose pods are marked with that value.
#[must_use]
pub fn find<'g>(in_force: &'g InForce, wanted: &str) -> Option<&'g Gateway> {
    let mut all = gateways(in_force);
    let marked = gateways(in_force).find(|gateway| values(&gateway.spec.matches).any(|value| value == wanted));
    all.find(|gateway| gateway.name == wanted).or(marked)
}

/// What to say when there is no such gateway: which ones there are.
#[must_use]
pub fn unknown(in_force: &InForce, wanted: &str) -> String {
    let mut names: Vec<_> = gateways(in_force).map(|gateway| gateway.name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let known = match names.as_slice() {
        [] => "there is none at all, so create a PodGateway".to_owned(),
        [one] => format!("the gateway is {one}"),
        several if more == 0 => format!("the gateways are {}", several.join(", ")),
        several => format!("the gateways are {} and {more} more", several.join(", ")),
    };
    format!("there is no gateway {wanted:?}: {known}")
}

fn gateways(in_force: &InForce) -> impl Iterator<Item = &Gateway> {
    in_force.all().iter().map(|current| &current.gateway)
}

/// The values that mark pods for a gateway.
fn values(rule: &Match) -> impl Iterator<Item = &str> {
    let marks = [&rule.label, &rule.annotation];
    marks.into_iter().flatten().filter_map(|mark| mark.value.as_deref())
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{in_force, marked};
    use super::*;

    #[test]
    fn a_name_goes_before_a_value() {
        let gateways = in_force(vec![
            marked("a", "setGateway", Some("b")),
            marked("b", "setGateway", Some("c")),
            marked("c-too", "other", Some("c")),
            marked("bool", "setGateway", None),
        ]);
        for (wanted, found) in [
            ("a", Some("a")),
            ("b", Some("b")),
            ("c", Some("b")),
            ("bool", Some("bool")),
            ("true", None),
            ("", None),
        ] {
            let name = find(&gateways, wanted).map(|gateway| gateway.name.as_str());
            assert_eq!(name, found, "{wanted}");
        }
    }

    #[test]
    fn the_known_ones_are_named() {
        let named = |names: &[&str]| in_force(names.iter().map(|name| marked(name, "k", None)).collect());
        for (names, text) in [
            (
                &[][..],
                "there is no gateway \"x\": there is none at all, so create a PodGateway",
            ),
            (&["a"], "there is no gateway \"x\": the gateway is a"),
            (&["foo", "bar"], "there is no gateway \"x\": the gateways are bar, foo"),
        ] {
            assert_eq!(unknown(&named(names), "x"), text);
        }
        let many = (0..22).map(|number| marked(&format!("g{number}"), "k", None));
        assert!(unknown(&in_force(many.collect()), "x").ends_with(" and 2 more"));
    }
}
