//! The labels and annotations that put a pod behind one gateway and behind no other.

use std::collections::BTreeMap;

use crate::api::gateway::{Gateway, Mark, Match};
use crate::api::names::label::SET_GATEWAY;
use crate::gateway::InForce;

/// What marks without a value say.
const YES: &str = "true";

/// Labels and annotations by which gateways choose a pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// Marks for `gateway`: its own, which no other in force has, and upstream's where those mean nothing to another. What
/// says yes comes before a default, so that nothing need be said to gateways that choose by default.
pub(super) fn marks(gateway: &Gateway, in_force: &InForce) -> Marks {
    let rule = &gateway.spec.matches;
    let mut marks = Marks::default();
    marks.set(rule);
    let upstreams = Match {
        label: Some(upstreams(rule)),
        annotation: Some(upstreams(rule)),
        ..Match::default()
    };
    // As a label and as an annotation, unless that says something to this gateway or another.
    let means = |place: fn(&Match) -> Option<&Mark>| {
        let all = in_force.all().iter().map(|current| &current.gateway.spec.matches);
        let mut marks = all.chain([rule]).filter_map(place);
        marks.any(|mark| mark.key == SET_GATEWAY)
    };
    let free = Match {
        label: upstreams.label.filter(|_| !means(|rule| rule.label.as_ref())),
        annotation: upstreams.annotation.filter(|_| !means(|rule| rule.annotation.as_ref())),
        ..Match::default()
    };
    marks.set(&free);
    marks
}

/// What the client provisioner marks its pods with, here with the value of the gateway.
fn upstreams(rule: &Match) -> Mark {
    let value = rule.label.as_ref().or(rule.annotation.as_ref()).map_or(YES, yes);
    Mark {
        key: SET_GATEWAY.to_owned(),
        value: Some(value.to_owned()),
    }
}

fn yes(mark: &Mark) -> &str {
    mark.value.as_deref().unwrap_or(YES)
}

impl Marks {
    fn set(&mut self, rule: &Match) {
        for (mark, members) in [
            (&rule.label, &mut self.labels),
            (&rule.annotation, &mut self.annotations),
        ] {
            if let Some(mark) = mark {
                members.entry(mark.key.clone()).or_insert_with(|| yes(mark).to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::super::super::fixture::{in_force, marked};
    use super::*;
    use crate::gateway::{Labels, Namespaces};

    type Said<'a> = Option<(&'a str, Option<&'a str>)>;

    struct NoMatter;

    impl Namespaces for NoMatter {
        fn labels(&self, _: &str) -> Option<Labels> {
            None
        }
    }

    fn matching(name: &str, label: Said<'_>, annotation: Said<'_>) -> Gateway {
        let mark = |(key, value): (&str, Option<&str>)| Mark {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        };
        let mut gateway = marked(name, "k", None);
        gateway.spec.matches.label = label.map(mark);
        gateway.spec.matches.annotation = annotation.map(mark);
        gateway
    }

    /// Labels and annotations; the webhook has to take the pod for this gateway and no other.
    fn told(gateway: &Gateway, others: &[Gateway]) -> (String, String) {
        let in_force = in_force(others.iter().chain([gateway]).cloned().collect());
        let marks = marks(gateway, &in_force);
        let metadata = ObjectMeta {
            labels: Some(marks.labels.clone()),
            annotations: Some(marks.annotations.clone()),
            ..ObjectMeta::default()
        };
        let choice = in_force.choose(&metadata, "here", &NoMatter).unwrap();
        let name = choice.gateway.map(|current| current.gateway.name.as_str());
        let marked = gateway.spec.matches.label.is_some() || gateway.spec.matches.annotation.is_some();
        assert_eq!(name, marked.then_some(gateway.name.as_str()), "{marks:?}");
        assert_eq!(choice.unclear, [], "{marks:?}");
        let text = |members: BTreeMap<String, String>| {
            let members = members.iter().map(|(key, value)| format!("{key}={value}"));
            members.collect::<Vec<_>>().join(",")
        };
        (text(marks.labels), text(marks.annotations))
    }

    #[test]
    fn a_gateway_s_own_marks_and_upstream_s() {
        let usual = Some(("setGateway", None));
        let foo = Some(("setGateway", Some("foo")));
        let other = Some(("example.org/way", Some("foo")));
        for (label, annotation, labels, annotations) in [
            (usual, usual, "setGateway=true", "setGateway=true"),
            (foo, None, "setGateway=foo", "setGateway=foo"),
            (None, foo, "setGateway=foo", "setGateway=foo"),
            (None, None, "setGateway=true", "setGateway=true"),
            (other, None, "example.org/way=foo,setGateway=foo", "setGateway=foo"),
        ] {
            let gateway = matching("g", label, annotation);
            assert_eq!(told(&gateway, &[]), (labels.into(), annotations.into()));
        }
    }

    #[test]
    fn no_other_gateway_is_meant() {
        let chosen = matching("a", Some(("example.org/way", Some("foo"))), None);
        let same_value = matching("b", Some(("setGateway", Some("foo"))), Some(("setGateway", None)));
        let expected = ("example.org/way=foo".into(), String::new());
        assert_eq!(told(&chosen, &[same_value]), expected);

        let chosen = matching("a", Some(("setGateway", Some("foo"))), None);
        let mut by_default = matching("b", Some(("setGateway", Some("bar"))), None);
        by_default.spec.matches.default = true;
        let expected = ("setGateway=foo".into(), "setGateway=foo".into());
        assert_eq!(told(&chosen, &[by_default]), expected);
    }
}
