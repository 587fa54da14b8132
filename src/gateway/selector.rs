//! Which namespaces a gateway is for: Kubernetes' label selectors, as objects have them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Labels of one object.
pub type Labels = BTreeMap<String, String>;

/// Whether these labels are selected. An operator that nobody knows selects nothing.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|expression| {
            let found = labels.get(&expression.key);
            let is_among = found.is_some_and(|found| expression.values.iter().flatten().any(|value| value == found));
            match expression.operator.as_str() {
                "In" => is_among,
                "NotIn" => !is_among,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// Whether some namespace could be selected by both; no selector selects all.
pub(super) fn overlap(one: Option<&LabelSelector>, other: Option<&LabelSelector>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return true;
    };
    let (one, other) = (wanted(one), wanted(other));
    one.iter()
        .all(|(key, one)| other.get(key).is_none_or(|other| one.meets(other)))
}

/// What a selector wants of one label.
#[derive(Debug, Default)]
struct Wanted<'s> {
    /// One of these; `None` is any.
    among: Option<BTreeSet<&'s str>>,
    not_among: BTreeSet<&'s str>,
    exists: bool,
    is_absent: bool,
}

impl Wanted<'_> {
    fn meets(&self, other: &Self) -> bool {
        let clashes = |one: &Self, other: &Self| {
            let excluded = |value: &&str| other.not_among.contains(value);
            other.is_absent && (one.exists || one.among.is_some())
                || one.among.as_ref().is_some_and(|among| among.iter().all(excluded))
        };
        let apart = match (&self.among, &other.among) {
            (Some(one), Some(other)) => one.is_disjoint(other),
            _ => false,
        };
        !(apart || clashes(self, other) || clashes(other, self))
    }
}

fn wanted(selector: &LabelSelector) -> BTreeMap<&str, Wanted<'_>> {
    let mut all: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        all.entry(key).or_default().narrow([value.as_str()].into());
    }
    for expression in selector.match_expressions.iter().flatten() {
        let values: BTreeSet<_> = expression.values.iter().flatten().map(String::as_str).collect();
        let wanted = all.entry(&expression.key).or_default();
        match expression.operator.as_str() {
            "In" => wanted.narrow(values),
            "NotIn" => wanted.not_among.extend(values),
            "Exists" => wanted.exists = true,
            "DoesNotExist" => wanted.is_absent = true,
            _ => {}
        }
    }
    all
}

impl<'s> Wanted<'s> {
    fn narrow(&mut self, values: BTreeSet<&'s str>) {
        self.among = Some(match self.among.take() {
            Some(known) => known.intersection(&values).copied().collect(),
            None => values,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn selector(value: Value) -> LabelSelector {
        serde_json::from_value(value).unwrap()
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    #[test]
    fn selects_as_kubernetes_does() {
        let labels: Labels = [("a".to_owned(), "x".to_owned())].into();
        for (value, selected) in [
            (json!({}), true),
            (json!({"matchLabels": {"a": "x"}}), true),
            (json!({"matchLabels": {"a": "y"}}), false),
            (expression("a", "In", &["x", "y"]), true),
            (expression("a", "NotIn", &["x"]), false),
            (expression("b", "NotIn", &["x"]), true),
            (expression("a", "Exists", &[]), true),
            (expression("b", "Exists", &[]), false),
            (expression("a", "DoesNotExist", &[]), false),
            (expression("b", "DoesNotExist", &[]), true),
            (expression("a", "Like", &["x"]), false),
        ] {
            assert_eq!(selects(&selector(value.clone()), &labels), selected, "{value}");
        }
    }

    #[test]
    fn only_what_excludes_each_other_does_not_overlap() {
        let a_is = |value: &str| json!({"matchLabels": {"a": value}});
        for (one, other, overlaps) in [
            (a_is("x"), a_is("x"), true),
            (a_is("x"), a_is("y"), false),
            (a_is("x"), json!({"matchLabels": {"b": "y"}}), true),
            (a_is("x"), expression("a", "In", &["y", "z"]), false),
            (a_is("x"), expression("a", "In", &["x", "z"]), true),
            (a_is("x"), expression("a", "NotIn", &["x"]), false),
            (a_is("x"), expression("a", "DoesNotExist", &[]), false),
            (
                expression("a", "Exists", &[]),
                expression("a", "DoesNotExist", &[]),
                false,
            ),
            (a_is("x"), expression("a", "Exists", &[]), true),
            (json!({}), a_is("x"), true),
        ] {
            let (first, second) = (selector(one.clone()), selector(other.clone()));
            assert_eq!(overlap(Some(&first), Some(&second)), overlaps, "{one} {other}");
            assert_eq!(overlap(Some(&second), Some(&first)), overlaps, "{other} {one}");
            assert!(overlap(None, Some(&first)));
        }
    }
}
