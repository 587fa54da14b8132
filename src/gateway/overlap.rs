//! Which gateways are in force when several want the same pods: the older one.

use std::sync::Arc;

use kube::ResourceExt;

use super::selector::overlap;
use crate::api::gateway::{Gateway, Mark, Match, PodGateway};
use crate::api::text::go_bool;

/// A gateway that is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Its name.
    pub name: String,
    /// Name of the gateway that has its pods.
    pub other: String,
    /// What both match: `label setGateway=foo`.
    pub mark: String,
}

/// The gateways in force in the order in which they are asked, the one of the flags first and then by age, and the others.
#[must_use]
pub fn in_order(flags: Option<Gateway>, mut stored: Vec<Arc<PodGateway>>) -> (Vec<Gateway>, Vec<Overlap>) {
    stored.retain(|gateway| gateway.metadata.deletion_timestamp.is_none());
    stored.sort_by_cached_key(|gateway| (gateway.creation_timestamp(), gateway.name_any()));
    let (mut in_force, mut others) = (Vec::from_iter(flags), Vec::new());
    for gateway in stored {
        let gateway = Gateway {
            name: gateway.name_any(),
            spec: gateway.spec.clone(),
        };
        match in_force.iter().find_map(|other| clash(&gateway, other)) {
            Some(overlap) => others.push(overlap),
            None => in_force.push(gateway),
        }
    }
    (in_force, others)
}

/// Why a gateway cannot be in force beside another one.
#[must_use]
pub fn clash(gateway: &Gateway, other: &Gateway) -> Option<Overlap> {
    let mark = if gateway.name == other.name {
        Some("its name".to_owned())
    } else {
        common(&gateway.spec.matches, &other.spec.matches)
    };
    mark.map(|mark| Overlap {
        name: gateway.name.clone(),
        other: other.name.clone(),
        mark,
    })
}

fn common(one: &Match, other: &Match) -> Option<String> {
    if !overlap(one.namespace_selector.as_ref(), other.namespace_selector.as_ref()) {
        return None;
    }
    let marks = [
        ("label", &one.label, &other.label),
        ("annotation", &one.annotation, &other.annotation),
    ];
    let same = marks.into_iter().find_map(|(place, one, other)| {
        let (one, other) = (one.as_ref()?, other.as_ref()?);
        (one.key == other.key && is_same_value(one, other)).then(|| format!("{place} {}", text(one)))
    });
    same.or_else(|| (one.default && other.default).then(|| "pods without a mark".to_owned()))
}

/// Without a value a mark is a bool.
fn is_same_value(one: &Mark, other: &Mark) -> bool {
    let is_true = |value: &String| go_bool(value) == Some(true);
    match (&one.value, &other.value) {
        (None, None) => true,
        (Some(one), Some(other)) => one == other,
        (None, Some(value)) | (Some(value), None) => is_true(value),
    }
}

fn text(mark: &Mark) -> String {
    format!("{}={}", mark.key, mark.value.as_deref().unwrap_or("true"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stored(name: &str, age: &str, matches: &Value) -> Arc<PodGateway> {
        let value = json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "PodGateway",
            "metadata": {"name": name, "creationTimestamp": format!("2026-01-{age}T00:00:00Z")},
            "spec": {"gateway": "vpn.example.org", "match": matches},
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn told(flags: Option<Gateway>, all: Vec<Arc<PodGateway>>) -> (Vec<String>, Vec<(String, String, String)>) {
        let (in_force, others) = in_order(flags, all);
        let others = others
            .into_iter()
            .map(|overlap| (overlap.name, overlap.other, overlap.mark));
        (
            in_force.into_iter().map(|gateway| gateway.name).collect(),
            others.collect(),
        )
    }

    fn label(value: &str) -> Value {
        json!({"label": {"key": "setGateway", "value": value}})
    }

    #[test]
    fn the_older_gateway_keeps_its_pods() {
        let all = vec![
            stored("b", "02", &label("foo")),
            stored("a", "03", &label("foo")),
            stored("c", "01", &label("bar")),
        ];
        let overlap = ("a".to_owned(), "b".to_owned(), "label setGateway=foo".to_owned());
        assert_eq!(told(None, all), (vec!["c".to_owned(), "b".to_owned()], vec![overlap]));
    }

    #[test]
    fn what_overlaps() {
        let bool_mark = json!({"label": {"key": "setGateway"}});
        let by = |field: &str, value: Value| json!({ field: value });
        let team = |value: &str| {
            let mut one = label("foo");
            one["namespaceSelector"] = json!({"matchLabels": {"team": value}});
            one
        };
        for (one, other, overlaps) in [
            (label("foo"), label("foo"), true),
            (label("foo"), label("bar"), false),
            (bool_mark.clone(), label("true"), true),
            (bool_mark.clone(), label("foo"), false),
            (bool_mark.clone(), bool_mark, true),
            (label("foo"), json!({"label": {"key": "other", "value": "foo"}}), false),
            (
                label("foo"),
                json!({"annotation": {"key": "setGateway", "value": "foo"}}),
                false,
            ),
            (by("default", json!(true)), by("default", json!(true)), true),
            (by("default", json!(true)), label("foo"), false),
            (team("a"), team("a"), true),
            (team("a"), team("b"), false),
            (team("a"), label("foo"), true),
        ] {
            let all = vec![stored("a", "01", &one), stored("b", "02", &other)];
            assert_eq!(told(None, all).1.len(), usize::from(overlaps), "{one} {other}");
        }
    }

    #[test]
    fn the_gateway_of_the_flags_is_first() {
        let flags = Gateway {
            name: "default".to_owned(),
            spec: serde_json::from_value(json!({"match": label("foo")})).unwrap(),
        };
        let all = vec![stored("default", "01", &label("bar")), stored("a", "01", &label("foo"))];
        let (in_force, others) = told(Some(flags), all);
        assert_eq!(in_force, ["default"]);
        assert_eq!(others.len(), 2);
    }
}
