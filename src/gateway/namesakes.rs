//! Elements of a pod that have the names of ours: are they like ours, or somebody's own?

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::names::injected;
use crate::api::pod::{Named, PodSpec};
use crate::api::review::{Cause, Members};

/// A list of a pod that gateways add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    InitContainers,
    Containers,
    Volumes,
}

/// An element that has the name of one of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Namesake {
    pub(super) place: Place,
    pub(super) name: &'static str,
    /// It has what ours have, whatever else was made of it.
    pub(super) is_like_ours: bool,
    index: usize,
}

impl Namesake {
    /// All of a pod, whose lists are looked into only where a name is found.
    pub(super) fn all(members: &Members<'_>, spec: &PodSpec<'_>) -> Result<Vec<Self>, serde_json::Error> {
        let mut all = Vec::new();
        for (place, elements) in [
            (Place::InitContainers, &spec.init_containers),
            (Place::Containers, &spec.containers),
            (Place::Volumes, &spec.volumes),
        ] {
            for (index, element) in elements.iter().flatten().enumerate() {
                if let Some(name) = place.names().iter().find(|name| **name == element.name.0) {
                    all.push(Self {
                        place,
                        name,
                        is_like_ours: place.is_like_ours(members, index)?,
                        index,
                    });
                }
            }
        }
        Ok(all)
    }

    /// What is told to whoever meant it as his own.
    pub(super) fn cause(&self) -> Cause {
        let field = format!("spec.{}[{}].name", self.place.field(), self.index);
        let what = if self.place == Place::Volumes {
            "volume"
        } else {
            "container"
        };
        Cause::invalid(field, format!("the gateway adds a {what} of that name: rename yours"))
    }
}

impl Place {
    /// Its field of the spec.
    const fn field(self) -> &'static str {
        match self {
            Self::InitContainers => "initContainers",
            Self::Containers => "containers",
            Self::Volumes => "volumes",
        }
    }

    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::InitContainers | Self::Containers => &[injected::INIT, injected::SIDECAR],
            Self::Volumes => &[injected::VOLUME],
        }
    }

    fn is_like_ours(self, members: &Members<'_>, index: usize) -> Result<bool, serde_json::Error> {
        let list = members.get(self.field()).map_or("[]", RawValue::get);
        let elements: Vec<Element<'_>> = serde_json::from_str(list)?;
        Ok(elements.get(index).is_some_and(|element| match self {
            Self::InitContainers | Self::Containers => element.has_our_variables(),
            Self::Volumes => element.config_map.is_some(),
        }))
    }
}

/// A container or a volume, as far as it tells ours from others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(borrow, default)]
    env: Option<Vec<Named<'a>>>,
    #[serde(borrow, default)]
    config_map: Option<&'a RawValue>,
}

impl Element<'_> {
    fn has_our_variables(&self) -> bool {
        let ours = [
            injected::GATEWAY,
            injected::DNS,
            injected::DNS_IPS,
            injected::K8S_DNS_IPS,
        ];
        let has = |name: &str| self.env.iter().flatten().any(|variable| variable.name.0 == name);
        ours.into_iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn namesakes(spec: &Value) -> Vec<(Place, &'static str, bool, usize)> {
        let text = spec.to_string();
        let members = serde_json::from_str(&text).unwrap();
        let all = Namesake::all(&members, &PodSpec::of(&members).unwrap()).unwrap();
        all.iter()
            .map(|one| (one.place, one.name, one.is_like_ours, one.index))
            .collect()
    }

    #[test]
    fn containers_are_known_by_their_variables() {
        let variables = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        let ours = variables(&["gateway", "DNS", "DNS_ips", "K8S_DNS_ips", "PROXY"]);
        let others = variables(&["gateway", "DNS", "DNS_ips"]);
        let spec = json!({
            "initContainers": [{"name": "a"}, {"name": "gateway-init", "env": ours}, {"name": "gateway-sidecar"}],
            "containers": [{"name": "gateway-sidecar", "env": others}, {"name": "gateway-configmap"}],
        });
        assert_eq!(
            namesakes(&spec),
            [
                (Place::InitContainers, "gateway-init", true, 1),
                (Place::InitContainers, "gateway-sidecar", false, 2),
                (Place::Containers, "gateway-sidecar", false, 0),
            ]
        );
    }

    #[test]
    fn a_volume_is_known_by_its_config_map() {
        for (source, is_like_ours) in [
            (json!({"name": "gateway-configmap", "configMap": {"name": "a"}}), true),
            (json!({"name": "gateway-configmap", "emptyDir": {}}), false),
            (json!({"name": "gateway-configmap", "configMap": null}), false),
        ] {
            let spec = json!({"volumes": [{"name": "data"}, source]});
            let expected = (Place::Volumes, "gateway-configmap", is_like_ours, 1);
            assert_eq!(namesakes(&spec), [expected]);
        }
    }
}
