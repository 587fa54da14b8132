//! A pod as far as decisions read it, borrowed from a review; the rest is skipped and never lost, because nothing is
//! written back from here.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::review::{Members, Object};
use super::text::Text;

/// What is read of every pod; values stay undecoded, since annotations can be long.
#[derive(Debug, Default, Deserialize)]
pub struct PodMetadata<'a> {
    /// Absent while the API server has yet to fill it in.
    #[serde(borrow, default)]
    pub namespace: Option<Text<'a>>,
    /// By key.
    #[serde(borrow, default)]
    pub labels: Option<Members<'a>>,
    /// By key.
    #[serde(borrow, default)]
    pub annotations: Option<Members<'a>>,
}

impl<'a> PodMetadata<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// It is no metadata.
    pub fn of(object: &Object<'a>) -> Result<Self, serde_json::Error> {
        Ok(object.metadata.map(decoded).transpose()?.unwrap_or_default())
    }
}

/// One label or annotation.
///
/// # Errors
/// It is no string.
pub fn text<'a>(members: Option<&Members<'a>>, key: &str) -> Result<Option<Text<'a>>, serde_json::Error> {
    members.and_then(|members| members.get(key)).map(decoded).transpose()
}

/// What is read of a pod that is to be changed.
#[derive(Debug, Default)]
pub struct PodSpec<'a> {
    /// It has the node's network.
    pub host_network: bool,
    /// Its operating system, where it says so.
    pub os: Option<Named<'a>>,
    /// Labels of the nodes that it may run on.
    pub node_selector: Option<Members<'a>>,
    /// `None` where there is no list.
    pub init_containers: Option<Vec<Named<'a>>>,
    /// `None` where there is no list.
    pub containers: Option<Vec<Named<'a>>>,
    /// `None` where there is no list.
    pub volumes: Option<Vec<Named<'a>>>,
    /// `ClusterFirst`, `None`, …
    pub dns_policy: Option<Text<'a>>,
    /// Undecoded.
    pub dns_config: Option<&'a RawValue>,
}

/// The name of something; containers and volumes need not be looked into.
#[derive(Debug, Deserialize)]
pub struct Named<'a> {
    /// Unique in its list.
    #[serde(borrow)]
    pub name: Text<'a>,
}

impl<'a> PodSpec<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// A field is not what it is in a pod.
    pub fn of(spec: &Members<'a>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            host_network: member(spec, "hostNetwork")?.unwrap_or_default(),
            os: member(spec, "os")?,
            node_selector: member(spec, "nodeSelector")?,
            init_containers: member(spec, "initContainers")?,
            containers: member(spec, "containers")?,
            volumes: member(spec, "volumes")?,
            dns_policy: member(spec, "dnsPolicy")?,
            dns_config: spec.get("dnsConfig"),
        })
    }
}

fn member<'a, T: Deserialize<'a>>(spec: &Members<'a>, name: &str) -> Result<Option<T>, serde_json::Error> {
    spec.get(name).map(decoded).transpose()
}

fn decoded<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_skips_the_rest() {
        let object: Object<'_> = serde_json::from_str(
            r#"{"metadata":{"labels":{"a/b":"\u0031"},"annotations":null,"unheard":[1]},
                "spec":{"containers":[{"name":"app","unheard":{}}],"volumes":null,"hostNetwork":true,"os":{"name":"linux"}}}"#,
        )
        .expect("the fixture is an object");
        let metadata = PodMetadata::of(&object).expect("it is metadata");
        let label = text(metadata.labels.as_ref(), "a/b").expect("it is a string");
        assert_eq!(Text::of(label.as_ref()), "1");
        assert!(
            text(metadata.annotations.as_ref(), "a/b")
                .expect("there is none")
                .is_none()
        );
        let spec = PodSpec::of(object.spec.as_ref().expect("it has one")).expect("it is a spec");
        let names: Vec<_> = spec.containers.iter().flatten().map(|named| &*named.name.0).collect();
        assert_eq!(
            (names, spec.volumes.is_none(), spec.host_network),
            (vec!["app"], true, true)
        );
        assert_eq!(spec.os.map(|os| os.name.0.into_owned()).as_deref(), Some("linux"));
    }

    #[test]
    fn what_is_no_pod_is_an_error() {
        for spec in [
            r#"{"hostNetwork":"yes"}"#,
            r#"{"containers":[{}]}"#,
            r#"{"volumes":{}}"#,
        ] {
            let spec = serde_json::from_str(spec).expect("the fixture is an object");
            assert!(PodSpec::of(&spec).is_err());
        }
    }
}
