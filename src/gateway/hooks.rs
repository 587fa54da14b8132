//! Which pods the cluster asks about before it creates them, as far as servers were told.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::selector::{Labels, selects};
use crate::api::gateway::Match;

/// What the webhook configurations cover, by the flags that `manifests` and `serve` share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hooks {
    /// Keys of labels whose pods are not created while no server answers.
    pub labels: Vec<String>,
    /// Keys of annotations whose pods are asked about.
    pub annotations: Vec<String>,
    /// All other pods are asked about, too.
    pub all: bool,
    /// Labels of the namespaces whose pods are asked about; without it all are.
    pub namespaces: Option<LabelSelector>,
    /// Names of namespaces whose pods are never asked about.
    pub excluded: Vec<String>,
}

impl Hooks {
    /// Whether pods with that label are not created while no server answers.
    #[must_use]
    pub fn guard(&self, label: &str) -> bool {
        self.labels.iter().any(|guarded| guarded == label)
    }

    /// Whether pods of a namespace of that name are never asked about.
    #[must_use]
    pub fn exclude(&self, namespace: &str) -> bool {
        self.excluded.iter().any(|excluded| excluded == namespace)
    }

    /// Whether the labels of a namespace let its pods be asked about.
    #[must_use]
    pub fn select(&self, labels: &Labels) -> bool {
        self.namespaces
            .as_ref()
            .is_none_or(|selector| selects(selector, labels))
    }

    /// Pods that a gateway matches and that nobody asks about, or asks about in vain while no server answers; each with
    /// the flag that helps.
    pub(super) fn gaps(&self, matches: &Match) -> Vec<String> {
        let label = matches.label.as_ref().filter(|label| !self.guard(&label.key));
        let label = label.map(|label| {
            (
                format!("pods with the label {}", label.key),
                format!("--gateway-label {}", label.key),
            )
        });
        let annotation = matches.annotation.as_ref();
        let annotation = annotation.filter(|mark| !self.all && !self.annotations.contains(&mark.key));
        let annotation = annotation.map(|mark| {
            let flag = format!("--gateway-annotation {}", mark.key);
            (format!("pods with the annotation {}", mark.key), flag)
        });
        let rest =
            (matches.default && !self.all).then(|| ("pods without a mark".to_owned(), "--gateway-default".to_owned()));
        let gap = |(pods, flag): (String, String)| {
            let when = if self.all {
                " while no server answers"
            } else {
                ", since no server is asked about them"
            };
            format!(
                "{pods} are created without the gateway{when}; pass {flag} to `stationmaster manifests` and `serve`"
            )
        };
        label.into_iter().chain(annotation).chain(rest).map(gap).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_asked_about_by_name_and_labels_of_their_namespace() {
        let labels = |value: &str| Labels::from([("routed-gateway".to_owned(), value.to_owned())]);
        let all = Hooks::default();
        assert!(all.select(&Labels::new()) && !all.exclude("vpn"));
        let some = Hooks {
            namespaces: serde_json::from_value(json!({"matchLabels": {"routed-gateway": "true"}})).unwrap(),
            excluded: vec!["vpn".to_owned()],
            ..Hooks::default()
        };
        assert!(some.select(&labels("true")) && !some.select(&labels("false")) && !some.select(&Labels::new()));
        assert!(some.exclude("vpn") && !some.exclude("vpn-2"));
    }

    #[test]
    fn a_gap_names_the_flag_that_closes_it() {
        let mark = |key: &str| json!({"key": key, "value": "foo"});
        let hooks = |all| Hooks {
            labels: vec!["setGateway".to_owned()],
            annotations: vec!["setGateway".to_owned()],
            all,
            ..Hooks::default()
        };
        for (matches, all, flags) in [
            (
                json!({"label": mark("setGateway"), "annotation": mark("setGateway")}),
                false,
                &[][..],
            ),
            (json!({"label": mark("other")}), false, &["--gateway-label other"]),
            (
                json!({"label": mark("other")}),
                true,
                &["while no server answers; pass --gateway-label other"],
            ),
            (
                json!({"annotation": mark("other")}),
                false,
                &["--gateway-annotation other"],
            ),
            (json!({"annotation": mark("other")}), true, &[]),
            (json!({"default": true}), false, &["--gateway-default"]),
            (json!({"default": true}), true, &[]),
        ] {
            let gaps = hooks(all).gaps(&serde_json::from_value(matches.clone()).unwrap());
            assert_eq!(gaps.len(), flags.len(), "{matches} {gaps:?}");
            assert!(gaps.iter().zip(flags).all(|(gap, flag)| gap.contains(flag)), "{gaps:?}");
        }
    }
}
