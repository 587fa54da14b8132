//! Elements of a pod that have the names of ours: are they like ours, or somebody's own?

use serde::Deserialize;

use crate::api::names::injected;
use crate::api::pod::{Element, Named, PodSpec, decoded};
use crate::api::review::{Cause, Fragment};

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
    does: Does,
}

impl Namesake {
    /// All of a pod, whose elements are looked into only where a name is found.
    pub(super) fn all(spec: &PodSpec<'_>) -> Result<Vec<Self>, serde_json::Error> {
        let mut all = Vec::new();
        for (place, elements) in [
            (Place::InitContainers, &spec.init_containers),
            (Place::Containers, &spec.containers),
            (Place::Volumes, &spec.volumes),
        ] {
            for (index, element) in elements.iter().flatten().enumerate() {
                if let Some(name) = place.names().iter().find(|name| **name == element.name.0) {
                    let (is_like_ours, does) = place.look(element)?;
                    all.push(Self {
                        place,
                        name,
                        is_like_ours,
                        index,
                        does,
                    });
                }
            }
        }
        Ok(all)
    }

    /// Whether it is like ours and does what `ours` does. Its image may be another one's copy, and more may be set.
    pub(super) fn does_as(&self, ours: &Fragment) -> bool {
        let ours = serde_json::from_str(ours.text()).and_then(|ours| Does::of(&ours));
        self.is_like_ours && ours.is_ok_and(|ours| ours == self.does)
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

    /// Whether the element is like ours, and what it does.
    fn look(self, element: &Element<'_>) -> Result<(bool, Does), serde_json::Error> {
        let is_like_ours = match self {
            Self::InitContainers | Self::Containers => has_our_variables(element)?,
            Self::Volumes => element.config_map.is_some(),
        };
        Ok((is_like_ours, Does::of(element)?))
    }
}

/// The source of a volume.
#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    name: Option<String>,
}

/// What a container runs, and whose scripts a volume has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Does {
    command: Vec<String>,
    args: Vec<String>,
    restart_policy: Option<String>,
    config_map: Option<String>,
}

impl Does {
    fn of(element: &Element<'_>) -> Result<Self, serde_json::Error> {
        let source: Option<ConfigMap> = element.config_map.map(decoded).transpose()?;
        Ok(Self {
            command: element.command.map(decoded).transpose()?.unwrap_or_default(),
            args: element.args.map(decoded).transpose()?.unwrap_or_default(),
            restart_policy: element.restart_policy.map(decoded).transpose()?,
            config_map: source.and_then(|source| source.name),
        })
    }
}

fn has_our_variables(element: &Element<'_>) -> Result<bool, serde_json::Error> {
    let variables: Vec<Named<'_>> = element.env.map(decoded).transpose()?.unwrap_or_default();
    let ours = [
        injected::GATEWAY,
        injected::DNS,
        injected::DNS_IPS,
        injected::K8S_DNS_IPS,
    ];
    let has = |name: &str| variables.iter().any(|variable| variable.name.0 == name);
    Ok(ours.into_iter().all(has))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn all(spec: &Value) -> Vec<Namesake> {
        Namesake::all(&serde_json::from_str(&spec.to_string()).unwrap()).unwrap()
    }

    fn namesakes(spec: &Value) -> Vec<(Place, &'static str, bool, usize)> {
        all(spec)
            .iter()
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
    fn ours_is_known_by_what_it_does() {
        let ours = json!({
            "name": "gateway-init", "image": "init:1", "command": ["/bin/init.sh"],
            "env": [{"name": "gateway"}, {"name": "DNS"}, {"name": "DNS_ips"}, {"name": "K8S_DNS_ips"}],
        });
        let with = |field: &str, value: Value| {
            let mut changed = ours.clone();
            changed[field] = value;
            changed
        };
        for (found, does) in [
            (ours.clone(), true),
            (with("image", json!("mirror/init:1")), true),
            (with("resources", json!({"limits": {"cpu": "1"}})), true),
            (with("args", json!([])), true),
            (with("args", json!(["--nothing"])), false),
            (with("command", json!(["true"])), false),
            (with("command", json!(null)), false),
            (with("env", json!([])), false),
            (with("restartPolicy", json!("Always")), false),
        ] {
            let spec = json!({"initContainers": [found]});
            assert_eq!(all(&spec)[0].does_as(&Fragment::of(&ours)), does, "{found}");
        }
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
            let all = all(&spec);
            for (name, does) in [("a", is_like_ours), ("b", false)] {
                let ours = Fragment::of(&json!({"name": "gateway-configmap", "configMap": {"name": name}}));
                assert_eq!(all[0].does_as(&ours), does, "{spec} {name}");
            }
        }
    }
}
