//! The flags of what the cluster was told to ask about, which `serve` and `manifests` share.

use clap::{ArgAction, Args};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::flag::{annotation_key, go_bool, label_key};
use crate::api::names::label::SET_GATEWAY;
use crate::gateway::Hooks;
use crate::resources::Selector;

/// Which pods the cluster asks about: the same for `serve` and `manifests`.
#[expect(clippy::struct_field_names, reason = "they are called as their flags are")]
#[derive(Debug, Clone, Args)]
pub struct HookArgs {
    /// Label that marks pods for a gateway, besides setGateway: no such pod is created while no server answers. Repeat it
    /// for more, and pass the same to `serve` and `manifests`.
    #[arg(long = "gateway-label", value_name = "KEY", value_parser = label_key)]
    gateway_labels: Vec<String>,
    /// Annotation that marks pods for a gateway, besides setGateway: such pods are asked about too, and created without a
    /// gateway while no server answers. Repeat it for more, and pass the same to both.
    #[arg(long = "gateway-annotation", value_name = "KEY", value_parser = annotation_key)]
    gateway_annotations: Vec<String>,
    /// A gateway is for pods without a mark too (--setGatewayDefault, or a PodGateway with default): all pods are asked
    /// about. Pass the same to both.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    gateway_default: bool,
    /// Only pods of these namespaces are asked about: `a=b,c in (d,e),!f`; the pod-gateway chart has `routed-gateway=true`.
    /// Pass the same to both where `serve` has gateways or controllers on, or pods of other namespaces count as missed.
    #[arg(long, value_name = "SELECTOR")]
    gateway_namespace_selector: Option<Selector>,
    /// No pods of this namespace are asked about; repeat it for more, and pass the same to both where `serve` has gateways or
    /// controllers on. Never asked about are those of kube-system and of the server's own namespace.
    #[arg(long = "gateway-exclude-namespace", value_name = "NAMESPACE")]
    gateway_excluded: Vec<String>,
}

impl HookArgs {
    /// What they cover, each key once.
    #[must_use]
    pub fn hooks(&self) -> Hooks {
        Hooks {
            labels: with_the_usual(&self.gateway_labels),
            annotations: with_the_usual(&self.gateway_annotations),
            all: self.gateway_default,
            namespaces: self.gateway_namespace_selector.as_ref().map(selector),
            excluded: self.gateway_excluded.clone(),
        }
    }

    /// The flags among them that are passed and that are about namespaces.
    #[must_use]
    pub fn of_namespaces(&self) -> Vec<&'static str> {
        let flags = [
            (
                "--gateway-namespace-selector",
                self.gateway_namespace_selector.is_some(),
            ),
            ("--gateway-exclude-namespace", !self.gateway_excluded.is_empty()),
        ];
        flags
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(flag, _)| flag)
            .collect()
    }
}

/// As objects of the API have it.
fn selector(selector: &Selector) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(selector.requirements()),
        match_labels: None,
    }
}

/// The key that the original's users have, and others, each once.
fn with_the_usual(keys: &[String]) -> Vec<String> {
    let mut all = vec![SET_GATEWAY.to_owned()];
    for key in keys {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        hooks: HookArgs,
    }

    fn parsed(flags: &[&str]) -> Result<HookArgs, clap::Error> {
        Flags::try_parse_from([&["x"], flags].concat()).map(|flags| flags.hooks)
    }

    #[test]
    fn labels_come_besides_the_usual_one() {
        let keys = |flags: &[&str]| parsed(flags).map(|args| args.hooks().labels);
        assert_eq!(keys(&[]).unwrap(), ["setGateway"]);
        let flags = [
            "--gateway-label=a.b/c",
            "--gateway-label=setGateway",
            "--gateway-label=d",
        ];
        assert_eq!(keys(&flags).unwrap(), ["setGateway", "a.b/c", "d"]);
        assert!(keys(&["--gateway-label=a=b"]).is_err());
    }

    #[test]
    fn namespaces_are_selected_and_left_out() {
        let hooks = |flags: &[&str]| parsed(flags).map(|args| args.hooks());
        let none = hooks(&[]).unwrap();
        assert_eq!((none.namespaces, none.excluded), (None, Vec::new()));
        let some = hooks(&[
            "--gateway-namespace-selector=routed-gateway=true",
            "--gateway-exclude-namespace=vpn",
            "--gateway-exclude-namespace=dns",
        ]);
        let some = some.unwrap();
        let expected = serde_json::json!({
            "matchExpressions": [{"key": "routed-gateway", "operator": "In", "values": ["true"]}],
        });
        assert_eq!(serde_json::to_value(&some.namespaces).unwrap(), expected);
        assert_eq!(some.excluded, ["vpn", "dns"]);
        assert!(hooks(&["--gateway-namespace-selector=a b"]).is_err());
    }
}
