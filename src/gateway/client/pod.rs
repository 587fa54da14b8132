//! The pod of a client: the same one whenever it is asked for.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::marks::marks;
use crate::api::gateway::{Gateway, GatewayClient, GatewayClientSpec};
use crate::api::names::{GATEWAY_GROUP, annotation, label};
use crate::gateway::InForce;

/// The container that the client is.
const CONTAINER: &str = "client";
/// The pod's name is the value of a label.
const NAME_BYTES: usize = 63;
/// Of a name that is too long so much stays, before a dash and a hash.
const KEPT_BYTES: usize = 52;
/// Of the hash, in hexadecimal digits.
const HASH_BYTES: usize = 10;

/// What a client's container is when the client does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Its image.
    pub image: String,
    /// What it runs; empty leaves that to the image.
    pub command: Vec<String>,
}

/// The name of a client's pod: its own, or where that is too long for a label, as much of it as fits with a hash.
#[must_use]
pub fn pod_name(client: &str) -> String {
    if client.len() <= NAME_BYTES {
        return client.to_owned();
    }
    // Names of objects are ASCII.
    let kept = client.get(..KEPT_BYTES).unwrap_or_default();
    let kept = kept.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let digest = Sha256::digest(client);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    format!("{kept}-{:0HASH_BYTES$x}", u64::from_be_bytes(first) >> 24)
}

/// Whether a pod's name can be a shortened one.
#[must_use]
pub fn is_shortened(pod: &str) -> bool {
    let is_digit = |letter: u8| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
    let hash = pod.rsplit_once('-').map_or("", |(_, hash)| hash);
    hash.len() == HASH_BYTES && hash.bytes().all(is_digit)
}

/// The pod to create, behind `gateway` and behind no other of those in force.
#[must_use]
pub fn pod(client: &GatewayClient, gateway: &Gateway, in_force: &InForce, defaults: &Defaults) -> Value {
    let template = client.spec.pod_template.as_ref().unwrap_or(&Value::Null);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(client, &template["metadata"], gateway, in_force),
        "spec": spec(&client.spec, &template["spec"], defaults),
    })
}

fn metadata(client: &GatewayClient, template: &Value, gateway: &Gateway, in_force: &InForce) -> Value {
    let own = &client.metadata;
    let (name, uid) = (own.name.as_deref().unwrap_or_default(), &own.uid);
    let marks = marks(gateway, in_force);
    let (mut labels, mut annotations) = (object(&template["labels"]), object(&template["annotations"]));
    // Nobody but the webhook says what was injected.
    annotations.remove(annotation::INJECTED);
    labels.extend(marks.labels.into_iter().map(|(key, value)| (key, value.into())));
    annotations.extend(marks.annotations.into_iter().map(|(key, value)| (key, value.into())));
    labels.insert(label::NAME.into(), pod_name(name).into());
    labels.insert(label::CLIENT_UID.into(), json!(uid));
    annotations.insert(annotation::CLIENT_GATEWAY.into(), json!(gateway.name));
    json!({
        "name": pod_name(name),
        "namespace": own.namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": format!("{GATEWAY_GROUP}/v1alpha1"), "kind": "GatewayClient", "name": name, "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

fn spec(client: &GatewayClientSpec, template: &Value, defaults: &Defaults) -> Value {
    let mut spec = object(template);
    let mut containers = match spec.remove("containers") {
        Some(Value::Array(containers)) => containers,
        _ => Vec::new(),
    };
    let is_client = |container: &Value| container["name"] == CONTAINER;
    if !containers.iter().any(is_client) {
        containers.insert(0, json!({"name": CONTAINER}));
    }
    for container in containers.iter_mut().filter(|container| is_client(container)) {
        complete(container, client, defaults);
    }
    spec.insert("containers".into(), containers.into());
    // A client is given to whoever sends an event: nothing in it may speak to the API server.
    spec.insert("automountServiceAccountToken".into(), false.into());
    Value::Object(spec)
}

/// What the client says goes before its template, and the defaults come last: the default command with the default
/// image alone, because another image has a command of its own.
fn complete(container: &mut Value, client: &GatewayClientSpec, defaults: &Defaults) {
    let own_image = container["image"].as_str().is_some_and(|image| !image.is_empty());
    if let Some(image) = &client.image {
        container["image"] = json!(image);
    } else if !own_image {
        container["image"] = json!(defaults.image);
    }
    let says = |container: &Value, field: &str| container[field].as_array().is_some_and(|list| !list.is_empty());
    if !client.command.is_empty() {
        container["command"] = json!(client.command);
    } else if !own_image && !says(container, "command") && !says(container, "args") && !defaults.command.is_empty() {
        container["command"] = json!(defaults.command);
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{in_force, marked};
    use super::*;

    fn defaults() -> Defaults {
        Defaults {
            image: "alpine/curl".into(),
            command: vec!["sleep".into(), "infinity".into()],
        }
    }

    fn made(spec: &Value) -> Value {
        let client = json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {"name": "web", "namespace": "here", "uid": "u"}, "spec": spec,
        });
        let client = serde_json::from_value(client).unwrap();
        let gateway = marked("foo", "setGateway", Some("f"));
        pod(&client, &gateway, &in_force(vec![gateway.clone()]), &defaults())
    }

    #[test]
    fn a_client_without_wishes_gets_upstream_s_pod() {
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web", "namespace": "here",
                "labels": {
                    "app.kubernetes.io/name": "web", "setGateway": "f", "gateway.stationmaster.dev/client-uid": "u",
                },
                "annotations": {"setGateway": "f", "gateway.stationmaster.dev/client-gateway": "foo"},
                "ownerReferences": [{
                    "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient", "name": "web",
                    "uid": "u", "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "containers": [{"name": "client", "image": "alpine/curl", "command": ["sleep", "infinity"]}],
                "automountServiceAccountToken": false,
            },
        });
        assert_eq!(made(&json!({"gatewayName": "foo", "message": "a secret"})), expected);
    }

    #[test]
    fn a_template_stays_and_cannot_forge_what_is_ours() {
        let template = json!({
            "metadata": {
                "name": "x", "labels": {"app.kubernetes.io/name": "x", "setGateway": "bar", "mine": "1"},
                "annotations": {"gateway.stationmaster.dev/injected": "foo@1", "setGateway": "bar", "mine": "2"},
            },
            "spec": {"containers": [{"name": "beside", "image": "b"}], "unheard": 1},
        });
        let pod = made(&json!({"gatewayName": "foo", "podTemplate": template}));
        let labels = json!({
            "app.kubernetes.io/name": "web", "setGateway": "f", "gateway.stationmaster.dev/client-uid": "u", "mine": "1",
        });
        assert_eq!(
            (&pod["metadata"]["name"], &pod["metadata"]["labels"]),
            (&json!("web"), &labels)
        );
        let annotations = json!({"setGateway": "f", "gateway.stationmaster.dev/client-gateway": "foo", "mine": "2"});
        assert_eq!(pod["metadata"]["annotations"], annotations);
        let names: Vec<_> = pod["spec"]["containers"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&names[0]["name"], &names[1]["name"]),
            (&json!("client"), &json!("beside"))
        );
        assert_eq!(pod["spec"]["unheard"], 1);
    }

    #[test]
    fn who_says_more_of_the_container_goes_first() {
        let with = |container: Value| json!({"spec": {"containers": [container]}});
        let (own, bare) = (
            json!({"name": "client", "image": "own"}),
            json!({"name": "client", "tty": true}),
        );
        for (spec, expected) in [
            (
                json!({"image": "i"}),
                json!({"image": "i", "command": ["sleep", "infinity"]}),
            ),
            (
                json!({"command": ["c"]}),
                json!({"image": "alpine/curl", "command": ["c"]}),
            ),
            (json!({"podTemplate": with(own.clone())}), json!({"image": "own"})),
            (json!({"podTemplate": with(own), "image": "i"}), json!({"image": "i"})),
            (
                json!({"podTemplate": with(bare)}),
                json!({"tty": true, "image": "alpine/curl", "command": ["sleep", "infinity"]}),
            ),
        ] {
            let mut spec = spec;
            spec["gatewayName"] = json!("foo");
            let pod = made(&spec);
            let mut container = pod["spec"]["containers"][0].clone();
            container.as_object_mut().unwrap().remove("name");
            assert_eq!(container, expected, "{spec}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_shortened_and_stays_apart() {
        let longest = "a".repeat(63);
        assert_eq!(pod_name(&longest), longest);
        let (one, other) = (pod_name(&format!("{longest}b")), pod_name(&format!("{longest}c")));
        assert!(
            one.len() == 63 && one != other && one == pod_name(&format!("{longest}b")),
            "{one}"
        );
        let dotted = format!("{}.{}", "a".repeat(51), "b".repeat(20));
        assert!(
            pod_name(&dotted).starts_with(&format!("{}-", "a".repeat(51))),
            "{}",
            pod_name(&dotted)
        );
        for (name, shortened) in [
            (&*one, true),
            (&pod_name(&dotted), true),
            (&longest, false),
            ("web-0123456789", true),
            ("web-012345678g", false),
            ("web-012345678", false),
            ("0123456789", false),
        ] {
            assert_eq!(is_shortened(name), shortened, "{name}");
        }
    }
}
