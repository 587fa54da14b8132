//! Which gateway is meant by the name that a client or an event gives, and whether it is for a namespace.

use crate::api::gateway::{Gateway, Match};
use crate::gateway::current::is_for;
use crate::gateway::{InForce, Namespaces};

/// Gateways that a message lists.
const LISTED: usize = 20;

/// Why a client gets no gateway.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent<'g> {
    /// There is none.
    Unknown,
    /// It is for other namespaces.
    Elsewhere(&'g Gateway),
    /// Nobody knows yet whether it is for this namespace.
    Unclear,
}

/// The gateway that is meant by `wanted` in a namespace: a name decides, and of those that are marked with that value
/// the first one that is for the namespace.
///
/// # Errors
/// There is none for it, or none that is known to be.
pub fn find_for<'g>(
    in_force: &'g InForce,
    wanted: &str,
    (namespace, namespaces): (&str, &dyn Namespaces),
) -> Result<&'g Gateway, Absent<'g>> {
    let first = find(in_force, wanted).ok_or(Absent::Unknown)?;
    let others = gateways(in_force).filter(|gateway| first.name != wanted && is_marked(gateway, wanted));
    for gateway in std::iter::once(first).chain(others) {
        match is_for(gateway, namespace, namespaces) {
            Ok(true) => return Ok(gateway),
            Ok(false) => {}
            Err(_) => return Err(Absent::Unclear),
        }
    }
    Err(Absent::Elsewhere(first))
}

/// What to say when a gateway is for other namespaces: which ones are for this one.
#[must_use]
pub fn elsewhere(in_force: &InForce, gateway: &Gateway, (namespace, namespaces): (&str, &dyn Namespaces)) -> String {
    let near = gateways(in_force).filter(|gateway| is_for(gateway, namespace, namespaces).unwrap_or_default());
    format!(
        "gateway {:?} is not for namespace {namespace:?}: {}; or label the namespace as the gateway's \
         spec.match.namespaceSelector says",
        gateway.name,
        listed(near).unwrap_or_else(|| "none is, so name another namespace".to_owned())
    )
}

/// The gateway of that name, else the first one whose pods are marked with that value.
fn find<'g>(in_force: &'g InForce, wanted: &str) -> Option<&'g Gateway> {
    let mut all = gateways(in_force);
    let marked = gateways(in_force).find(|gateway| is_marked(gateway, wanted));
    all.find(|gateway| gateway.name == wanted).or(marked)
}

/// What to say when there is no such gateway: which ones there are.
#[must_use]
pub fn unknown(in_force: &InForce, wanted: &str) -> String {
    let known = listed(gateways(in_force));
    let none = || "there is none at all, so create a PodGateway".to_owned();
    format!("there is no gateway {wanted:?}: {}", known.unwrap_or_else(none))
}

/// Names of gateways in a sentence; nothing where there are none.
fn listed<'g>(gateways: impl Iterator<Item = &'g Gateway>) -> Option<String> {
    let mut names: Vec<_> = gateways.map(|gateway| gateway.name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("the gateway is {one}")),
        several if more == 0 => Some(format!("the gateways are {}", several.join(", "))),
        several => Some(format!("the gateways are {} and {more} more", several.join(", "))),
    }
}

fn gateways(in_force: &InForce) -> impl Iterator<Item = &Gateway> {
    in_force.all().iter().map(|current| &current.gateway)
}

/// Whether pods are marked for the gateway with that value.
fn is_marked(gateway: &Gateway, wanted: &str) -> bool {
    values(&gateway.spec.matches).any(|value| value == wanted)
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
    use crate::gateway::Labels;

    /// Each has the label `team`.
    struct Known(&'static [(&'static str, &'static str)]);

    impl Namespaces for Known {
        fn labels(&self, namespace: &str) -> Option<Labels> {
            let found = self.0.iter().find(|(name, _)| *name == namespace);
            found.map(|(_, team)| [("team".to_owned(), (*team).to_owned())].into())
        }
    }

    #[test]
    fn a_gateway_is_for_the_namespaces_that_it_selects() {
        let of = |name: &str, value: &str, team: &str| {
            let mut gateway = marked(name, "setGateway", Some(value));
            let selector = serde_json::json!({"matchLabels": {"team": team}});
            gateway.spec.matches.namespace_selector = Some(serde_json::from_value(selector).unwrap());
            gateway
        };
        let all = in_force(vec![
            of("a", "vpn", "a"),
            of("b", "vpn", "b"),
            of("vpn-too", "a", "b"),
            marked("all", "setGateway", Some("all")),
        ]);
        let known = Known(&[("here", "a"), ("there", "b"), ("nowhere", "c")]);
        for (wanted, namespace, expected) in [
            ("a", "here", Ok("a")),
            // A name is not taken for a value, though "vpn-too" is for that namespace.
            ("a", "there", Err("a")),
            ("vpn", "here", Ok("a")),
            ("vpn", "there", Ok("b")),
            ("vpn", "nowhere", Err("a")),
            ("vpn", "new", Err("unclear")),
            ("all", "new", Ok("all")),
            ("x", "here", Err("unknown")),
        ] {
            let found = find_for(&all, wanted, (namespace, &known));
            let found = found.map(|gateway| &*gateway.name).map_err(|absent| match absent {
                Absent::Unknown => "unknown",
                Absent::Elsewhere(gateway) => &gateway.name,
                Absent::Unclear => "unclear",
            });
            assert_eq!(found, expected, "{wanted} {namespace}");
        }
        let wrong = find(&all, "a").unwrap();
        for (namespace, told) in [
            ("there", "the gateways are all, b, vpn-too; "),
            ("new", "the gateway is all; "),
        ] {
            let text = elsewhere(&all, wrong, (namespace, &known));
            let start = format!("gateway \"a\" is not for namespace {namespace:?}: {told}");
            assert!(text.starts_with(&start), "{text}");
        }
        let alone = in_force(vec![of("a", "vpn", "a")]);
        let text = elsewhere(&alone, wrong, ("there", &known));
        assert!(
            text.contains(": none is, so name another namespace; or label"),
            "{text}"
        );
    }

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
