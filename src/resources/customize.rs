//! The answer of the customize hook: every literal reference of every template.

use crate::api::hook::{CustomizeAnswer, RelatedRule};
use crate::template::folder::Reference;

/// One rule for each kind and namespace. The references are sorted.
pub(super) fn answer(references: &[Reference]) -> CustomizeAnswer {
    let mut rules: Vec<RelatedRule> = Vec::new();
    for reference in references {
        let (api_version, resource) = (reference.api_version.clone(), resource(&reference.kind));
        let namespace = reference.namespace.clone();
        let same = rules.last_mut().filter(|rule| {
            (&rule.api_version, &rule.resource, &rule.namespace) == (&api_version, &resource, &namespace)
        });
        match same {
            Some(rule) => rule.names.push(reference.name.clone()),
            None => rules.push(RelatedRule {
                api_version,
                resource,
                namespace,
                names: vec![reference.name.clone()],
            }),
        }
    }
    CustomizeAnswer {
        related_resources: rules,
    }
}

/// The plural in lower case, as Kubernetes itself guesses it.
fn resource(kind: &str) -> String {
    let singular = kind.to_lowercase();
    match singular.as_bytes() {
        [.., b's'] => format!("{singular}es"),
        [stem @ .., b'y'] => format!("{}ies", String::from_utf8_lossy(stem)),
        _ => format!("{singular}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_put_together_by_kind_and_namespace() {
        let reference = |kind, key| Reference::parse(kind, key).expect("a reference");
        let mut references = vec![
            reference("ConfigMap", "platform/defaults"),
            reference("ConfigMap", "platform/more"),
            reference("ConfigMap", "other/defaults"),
            reference("NetworkPolicy.networking.k8s.io/v1", "platform/base"),
            reference("IngressClass.networking.k8s.io/v1", "public"),
        ];
        references.sort();
        let expected = json!({"relatedResources": [
            {"apiVersion": "networking.k8s.io/v1", "resource": "ingressclasses", "names": ["public"]},
            {"apiVersion": "networking.k8s.io/v1", "resource": "networkpolicies", "namespace": "platform", "names": ["base"]},
            {"apiVersion": "v1", "resource": "configmaps", "namespace": "other", "names": ["defaults"]},
            {"apiVersion": "v1", "resource": "configmaps", "namespace": "platform", "names": ["defaults", "more"]},
        ]});
        assert_eq!(serde_json::to_value(answer(&references)).expect("JSON"), expected);
    }
}
