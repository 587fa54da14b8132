//! The webhooks of pods: one for each label key, without which no such pod is created, and one for all other pods.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, RuleWithOperations, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{TIMEOUT, list};
use crate::api::names::{annotation, webhook};

/// Seconds that the creation of a pod is held up for what it is created without in the end.
const SHORT_TIMEOUT: i32 = 2;
/// Label that the API server gives to each namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Whose pods the cluster itself lives from.
const SYSTEM: &str = "kube-system";

/// Which pods the API server asks us about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pods {
    /// Keys of labels; a pod with one of them is not created while nobody answers.
    pub labels: Vec<String>,
    /// Keys of annotations; a pod with one of them is created without a gateway then.
    pub annotations: Vec<String>,
    /// Pods with neither are asked about too.
    pub all: bool,
    /// Which namespaces.
    pub namespaces: Vec<LabelSelectorRequirement>,
    /// And which not; those of the cluster itself never.
    pub excluded: Vec<String>,
}

impl Pods {
    /// The webhooks; each pod is for one of them at most.
    pub(super) fn webhooks(&self, client_config: &WebhookClientConfig) -> Vec<MutatingWebhook> {
        let labelled = (0..self.labels.len()).map(|place| self.labelled(place));
        labelled
            .chain([self.other()])
            .map(|webhook| MutatingWebhook {
                client_config: client_config.clone(),
                ..webhook
            })
            .collect()
    }

    /// A gateway that such a pod would leave without is worse than no pod.
    fn labelled(&self, place: usize) -> MutatingWebhook {
        let name = match place {
            0 => webhook::LABELLED_PODS.to_owned(),
            _ => format!("key-{}.{}", place + 1, webhook::LABELLED_PODS),
        };
        // All requirements of a selector have to hold: one webhook cannot have one key or the other.
        let (earlier, key) = (&self.labels[..place], &self.labels[place]);
        let mut labels = absent(earlier);
        labels.push(requirement(key, "Exists", &[]));
        MutatingWebhook {
            name,
            failure_policy: Some("Fail".to_owned()),
            timeout_seconds: Some(TIMEOUT),
            object_selector: Some(selector(labels)),
            match_conditions: Some(vec![no_mirror()]),
            ..self.common()
        }
    }

    /// Annotations cannot be selected, and a default gateway is for everybody: a dead server must stop none of these.
    fn other(&self) -> MutatingWebhook {
        let marked = (!self.all).then(|| self.marked());
        MutatingWebhook {
            name: webhook::OTHER_PODS.to_owned(),
            failure_policy: Some("Ignore".to_owned()),
            timeout_seconds: Some(SHORT_TIMEOUT),
            object_selector: Some(selector(absent(&self.labels))),
            match_conditions: Some([no_mirror()].into_iter().chain(marked).collect()),
            ..self.common()
        }
    }

    fn common(&self) -> MutatingWebhook {
        let mut namespaces = self.namespaces.clone();
        let mut excluded = vec![SYSTEM.to_owned()];
        for namespace in &self.excluded {
            if !excluded.contains(namespace) {
                excluded.push(namespace.clone());
            }
        }
        namespaces.push(requirement(NAMESPACE_NAME, "NotIn", &excluded));
        MutatingWebhook {
            rules: Some(vec![rule()]),
            namespace_selector: Some(selector(namespaces)),
            match_policy: Some("Equivalent".to_owned()),
            side_effects: "None".to_owned(),
            admission_review_versions: vec!["v1".to_owned()],
            // What a later webhook adds has to go behind the gateway too.
            reinvocation_policy: Some("IfNeeded".to_owned()),
            ..MutatingWebhook::default()
        }
    }

    fn marked(&self) -> MatchCondition {
        // A key has neither quotes nor backslashes.
        let keys = self.annotations.iter();
        let keys: Vec<_> = keys
            .map(|key| format!("'{key}' in object.metadata.annotations"))
            .collect();
        MatchCondition {
            name: "is-marked".to_owned(),
            expression: format!("has(object.metadata.annotations) && ({})", keys.join(" || ")),
        }
    }
}

/// A mirror pod shows what its node runs from a file anyway.
fn no_mirror() -> MatchCondition {
    MatchCondition {
        name: "is-no-mirror-pod".to_owned(),
        expression: format!(
            "!has(object.metadata.annotations) || !('{}' in object.metadata.annotations)",
            annotation::MIRROR_POD
        ),
    }
}

/// Pods when they are created: what runs has its network already.
fn rule() -> RuleWithOperations {
    RuleWithOperations {
        api_groups: list(&[""]),
        api_versions: list(&["v1"]),
        operations: list(&["CREATE"]),
        resources: list(&["pods"]),
        scope: Some("Namespaced".to_owned()),
    }
}

fn absent(keys: &[String]) -> Vec<LabelSelectorRequirement> {
    keys.iter().map(|key| requirement(key, "DoesNotExist", &[])).collect()
}

fn requirement(key: &str, operator: &str, values: &[String]) -> LabelSelectorRequirement {
    LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: (!values.is_empty()).then(|| values.to_vec()),
    }
}

fn selector(requirements: Vec<LabelSelectorRequirement>) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(requirements),
        match_labels: None,
    }
}
