//! Pods that no gateway is for, whatever they ask for.

use k8s_openapi::api::core::v1::Pod;

use crate::api::names::{annotation, label};
use crate::api::pod::{PodMetadata, PodSpec, text};

/// As nodes and pods say it.
const WINDOWS: &str = "windows";

/// Why a pod is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spared {
    /// The scripts of the gateway delete the default route: here it would be the node's.
    HostNetwork,
    /// They are scripts for Linux.
    Windows,
    /// It shows a pod that a node runs from a file, and changes nothing about that.
    Mirror,
}

impl Spared {
    /// Why this pod is left alone, if it is.
    pub(super) fn of(metadata: &PodMetadata<'_>, spec: &PodSpec<'_>) -> Result<Option<Self>, serde_json::Error> {
        let annotations = metadata.annotations.as_ref();
        Ok(
            if annotations.is_some_and(|all| all.get(annotation::MIRROR_POD).is_some()) {
                Some(Self::Mirror)
            } else if spec.host_network == Some(true) {
                Some(Self::HostNetwork)
            } else {
                is_windows(spec)?.then_some(Self::Windows)
            },
        )
    }

    /// The same of a pod that is stored.
    pub(super) fn of_stored(pod: &Pod) -> Option<Self> {
        let annotations = pod.metadata.annotations.as_ref();
        if annotations.is_some_and(|all| all.contains_key(annotation::MIRROR_POD)) {
            return Some(Self::Mirror);
        }
        let spec = pod.spec.as_ref()?;
        if spec.host_network == Some(true) {
            return Some(Self::HostNetwork);
        }
        let selector = spec.node_selector.as_ref();
        let selected = [label::OS, label::OLD_OS].map(|key| selector?.get(key));
        let named = spec.os.as_ref().map(|os| &os.name);
        let mut systems = named.into_iter().chain(selected.into_iter().flatten());
        systems.any(|system| system == WINDOWS).then_some(Self::Windows)
    }

    /// In one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::HostNetwork => "host network",
            Self::Windows => "windows",
            Self::Mirror => "mirror pod",
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::HostNetwork => "it has hostNetwork: true, and the routes would be the node's",
            Self::Windows => "it runs on Windows, and gateways need Linux",
            Self::Mirror => "it mirrors a static pod, which only its node can change",
        }
    }
}

fn is_windows(spec: &PodSpec<'_>) -> Result<bool, serde_json::Error> {
    let selector = spec.node_selector.as_ref();
    let selected = [text(selector, label::OS)?, text(selector, label::OLD_OS)?];
    let named = spec.os.as_ref().map(|os| &os.name);
    Ok(named
        .into_iter()
        .chain(selected.iter().flatten())
        .any(|os| os.0 == WINDOWS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Both views of a pod have to agree.
    fn spared(metadata: &Value, spec: &Value) -> Option<Spared> {
        let mut whole = json!({"metadata": metadata, "spec": spec});
        whole["spec"]["containers"] = json!([]);
        let stored = Spared::of_stored(&serde_json::from_value(whole).unwrap());
        assert_eq!(stored, borrowed(metadata, spec), "{metadata} {spec}");
        stored
    }

    fn borrowed(metadata: &Value, spec: &Value) -> Option<Spared> {
        let (metadata, spec) = (metadata.to_string(), spec.to_string());
        let (metadata, spec) = (serde_json::from_str(&metadata), serde_json::from_str(&spec));
        Spared::of(&metadata.unwrap(), &spec.unwrap()).unwrap()
    }

    #[test]
    fn the_node_windows_and_static_pods_are_left_alone() {
        for (metadata, spec, expected) in [
            (json!({}), json!({"hostNetwork": true}), Some(Spared::HostNetwork)),
            (json!({}), json!({"hostNetwork": false}), None),
            (json!({}), json!({"os": {"name": "windows"}}), Some(Spared::Windows)),
            (
                json!({}),
                json!({"nodeSelector": {"kubernetes.io/os": "windows"}}),
                Some(Spared::Windows),
            ),
            (
                json!({}),
                json!({"nodeSelector": {"beta.kubernetes.io/os": "windows"}}),
                Some(Spared::Windows),
            ),
            (
                json!({}),
                json!({"os": {"name": "linux"}, "nodeSelector": {"kubernetes.io/os": "linux"}}),
                None,
            ),
            (
                json!({"annotations": {"kubernetes.io/config.mirror": "abc"}}),
                json!({"hostNetwork": true}),
                Some(Spared::Mirror),
            ),
        ] {
            assert_eq!(spared(&metadata, &spec), expected, "{metadata} {spec}");
        }
    }
}
