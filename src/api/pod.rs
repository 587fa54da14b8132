//! A pod as far as decisions read it, borrowed from a review; the rest is skipped and never lost, because nothing is
//! written back from here.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::review::{Members, Reviewed};
use super::text::Text;

/// A pod as far as every decision reads it, in one pass.
#[derive(Debug, Default, Deserialize)]
pub struct PodObject<'a> {
    /// Absent in what is no object.
    #[serde(borrow, default)]
    pub metadata: Option<PodMetadata<'a>>,
    /// Absent in what is no pod.
    #[serde(borrow, default)]
    pub spec: Option<PodSpec<'a>>,
}

/// What is read of every pod; values stay undecoded, since annotations can be long.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMetadata<'a> {
    /// What the API server draws the name from, if it has to.
    #[serde(borrow, default)]
    pub generate_name: Option<Text<'a>>,
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

impl Reviewed for PodObject<'_> {
    const REVIEW: &'static str = "AdmissionReview of a pod";

    fn generate_name(&self) -> Option<Cow<'_, str>> {
        let name = self.metadata.as_ref()?.generate_name.as_ref()?;
        Some(Cow::Borrowed(&name.0))
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
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// It has the node's network.
    #[serde(default)]
    pub host_network: Option<bool>,
    /// Its operating system, where it says so.
    #[serde(borrow, default)]
    pub os: Option<Named<'a>>,
    /// Labels of the nodes that it may run on.
    #[serde(borrow, default)]
    pub node_selector: Option<Members<'a>>,
    /// `None` where there is no list.
    #[serde(borrow, default)]
    pub init_containers: Option<Vec<Element<'a>>>,
    /// `None` where there is no list.
    #[serde(borrow, default)]
    pub containers: Option<Vec<Element<'a>>>,
    /// `None` where there is no list.
    #[serde(borrow, default)]
    pub volumes: Option<Vec<Element<'a>>>,
    /// `ClusterFirst`, `None`, …
    #[serde(borrow, default)]
    pub dns_policy: Option<Text<'a>>,
    /// Undecoded.
    #[serde(borrow, default)]
    pub dns_config: Option<&'a RawValue>,
}

/// A container or a volume: its name, and undecoded what tells one from another of that name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Element<'a> {
    /// Unique in its list.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Variables of a container.
    #[serde(borrow, default)]
    pub env: Option<&'a RawValue>,
    /// What a container runs.
    #[serde(borrow, default)]
    pub command: Option<&'a RawValue>,
    /// Its arguments.
    #[serde(borrow, default)]
    pub args: Option<&'a RawValue>,
    /// Tells an init container that goes on.
    #[serde(borrow, default)]
    pub restart_policy: Option<&'a RawValue>,
    /// The source of a volume.
    #[serde(borrow, default)]
    pub config_map: Option<&'a RawValue>,
}

/// The name of something.
#[derive(Debug, Deserialize)]
pub struct Named<'a> {
    /// Unique in its list.
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// What is in a member.
///
/// # Errors
/// It is something else.
pub fn decoded<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_skips_the_rest() {
        let object: PodObject<'_> = serde_json::from_str(
            r#"{"metadata":{"generateName":"app-","labels":{"a/b":"\u0031"},"annotations":null,"unheard":[1]},
                "spec":{"containers":[{"name":"app","unheard":{}}],"volumes":null,"hostNetwork":true,"os":{"name":"linux"}}}"#,
        )
        .expect("the fixture is an object");
        assert_eq!(object.generate_name().as_deref(), Some("app-"));
        let metadata = object.metadata.as_ref().expect("it has some");
        let label = text(metadata.labels.as_ref(), "a/b").expect("it is a string");
        assert_eq!(Text::of(label.as_ref()), "1");
        assert!(
            text(metadata.annotations.as_ref(), "a/b")
                .expect("there is none")
                .is_none()
        );
        let spec = object.spec.expect("it has one");
        let names: Vec<_> = spec.containers.iter().flatten().map(|named| &*named.name.0).collect();
        assert_eq!(
            (names, spec.volumes.is_none(), spec.host_network),
            (vec!["app"], true, Some(true))
        );
        assert_eq!(spec.os.map(|os| os.name.0.into_owned()).as_deref(), Some("linux"));
    }

    #[test]
    fn what_is_null_is_absent() {
        let object: PodObject<'_> =
            serde_json::from_str(r#"{"metadata":null,"spec":null}"#).expect("the fixture is an object");
        assert!(object.metadata.is_none() && object.spec.is_none());
        let spec: PodSpec<'_> = serde_json::from_str(r#"{"hostNetwork":null,"containers":null,"dnsConfig":null}"#)
            .expect("the fixture is a spec");
        assert!(spec.host_network.is_none() && spec.containers.is_none() && spec.dns_config.is_none());
    }

    #[test]
    fn what_is_no_pod_is_an_error() {
        for spec in [
            r#"{"hostNetwork":"yes"}"#,
            r#"{"containers":[{}]}"#,
            r#"{"volumes":{}}"#,
            "5",
        ] {
            assert!(serde_json::from_str::<PodSpec<'_>>(spec).is_err());
        }
    }
}
