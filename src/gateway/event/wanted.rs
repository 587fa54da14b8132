//! The client that an event asks for: its name, and what it keeps of its cause.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::{ClientPhase, GatewayClient, GatewayClientSpec};
use crate::api::names::{GATEWAY_GROUP, annotation, cloud_event};

/// Stands in for the gateway of a client of which nothing but its end is known; no PodGateway can have this name.
const NO_GATEWAY: &str = "-";
/// Of the hash in a client's name, in bytes.
const HASH_BYTES: usize = 20;
/// How the names of clients begin.
const PREFIX: &str = "client-";

/// Longest part of a trace that is carried on, in bytes.
const LONGEST_TRACE: usize = 512;

/// The client that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it goes.
    pub namespace: String,
    /// Name of a gateway, or the value that pods are marked with for it; perhaps of none.
    pub gateway_name: String,
    /// Text of the sender.
    pub message: String,
    /// The event.
    pub cause: Cause,
}

/// What is kept of the event that a client comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// What others keep of that trace.
    pub tracestate: Option<String>,
}

impl Wanted {
    /// Name of the client: redeliveries have the same.
    #[must_use]
    pub fn name(&self) -> String {
        client_name(&self.cause.source, &self.cause.id)
    }

    /// The whole object; `reply` says where the answer has to go, unless the sender waits for it.
    #[must_use]
    pub fn object(&self, reply: Option<&str>) -> Value {
        let mut annotations = self.cause.annotations();
        annotations.extend(reply.map(|reply| (annotation::REPLY, reply)));
        let spec = GatewayClientSpec {
            gateway_name: self.gateway_name.clone(),
            message: self.message.clone(),
            ..GatewayClientSpec::default()
        };
        self.cause.object(&self.namespace, &annotations, &spec)
    }
}

impl Cause {
    pub(super) fn of(event: &CloudEvent) -> Self {
        let trace = |name| {
            let value = event.extensions.get(name);
            value.filter(|value| value.len() <= LONGEST_TRACE).cloned()
        };
        Self {
            id: event.id.clone(),
            source: event.source.clone(),
            traceparent: trace(cloud_event::TRACE_PARENT),
            tracestate: trace(cloud_event::TRACE_STATE),
        }
    }

    /// Of a client that came from an event.
    #[must_use]
    pub fn stored(client: &GatewayClient) -> Option<Self> {
        let annotations = client.metadata.annotations.as_ref()?;
        let of = |key| annotations.get(key).cloned();
        Some(Self {
            id: of(annotation::CAUSE_ID)?,
            source: of(annotation::CAUSE_SOURCE)?,
            traceparent: of(annotation::CAUSE_TRACE_PARENT),
            tracestate: of(annotation::CAUSE_TRACE_STATE),
        })
    }

    /// A client that has ended before it was asked for, so that who asks for it later gets none; nothing where the id is no
    /// event's but a client's own, which nobody knows before that client is made.
    #[must_use]
    pub fn ended_first(&self, namespace: &str) -> Option<Value> {
        if is_client_name(&self.id) {
            return None;
        }
        let mut annotations = self.annotations();
        annotations.extend([(annotation::END, "true"), (annotation::ENDED_FIRST, "true")]);
        let spec = GatewayClientSpec {
            gateway_name: NO_GATEWAY.to_owned(),
            ..GatewayClientSpec::default()
        };
        Some(self.object(namespace, &annotations, &spec))
    }

    fn object(&self, namespace: &str, annotations: &BTreeMap<&str, &str>, spec: &GatewayClientSpec) -> Value {
        json!({
            "apiVersion": format!("{GATEWAY_GROUP}/v1alpha1"), "kind": "GatewayClient",
            "metadata": {
                "name": client_name(&self.source, &self.id), "namespace": namespace, "annotations": annotations,
            },
            "spec": spec,
        })
    }

    fn annotations(&self) -> BTreeMap<&'static str, &str> {
        let all = [
            (annotation::CAUSE_ID, Some(&*self.id)),
            (annotation::CAUSE_SOURCE, Some(&*self.source)),
            (annotation::CAUSE_TRACE_PARENT, self.traceparent.as_deref()),
            (annotation::CAUSE_TRACE_STATE, self.tracestate.as_deref()),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Name of the client that an event makes: two events with the same source and id are one.
#[must_use]
pub fn client_name(source: &str, id: &str) -> String {
    let digest = Sha256::new()
        .chain_update(source)
        .chain_update([0])
        .chain_update(id)
        .finalize();
    let mut name = PREFIX.to_owned();
    for byte in &digest[..HASH_BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn is_client_name(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    let mut bytes = digits.bytes();
    digits.len() == 2 * HASH_BYTES && bytes.all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a client still has, or will have, a pod.
#[must_use]
pub fn is_unfinished(client: &GatewayClient) -> bool {
    let phase = client.status.as_ref().and_then(|status| status.phase);
    !has_ended_first(client) && !matches!(phase, Some(ClientPhase::Failed | ClientPhase::Ended))
}

/// Whether a client had ended before it was asked for.
#[must_use]
pub fn has_ended_first(client: &GatewayClient) -> bool {
    let annotations = client.metadata.annotations.as_ref();
    annotations.is_some_and(|all| all.get(annotation::ENDED_FIRST).is_some_and(|value| value == "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_the_name_of_its_cause_and_remembers_it() {
        let cause = Cause {
            id: "1".into(),
            source: "/s".into(),
            traceparent: Some("00-a-b-01".into()),
            tracestate: None,
        };
        let wanted = Wanted {
            namespace: "clients".into(),
            gateway_name: "foo".into(),
            message: String::new(),
            cause: cause.clone(),
        };
        let expected = json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {
                "name": wanted.name(), "namespace": "clients",
                "annotations": {
                    "gateway.stationmaster.dev/cause-id": "1", "gateway.stationmaster.dev/cause-source": "/s",
                    "gateway.stationmaster.dev/cause-traceparent": "00-a-b-01",
                    "gateway.stationmaster.dev/reply": "sink",
                },
            },
            "spec": {"gatewayName": "foo"},
        });
        let object = wanted.object(Some(annotation::REPLY_TO_SINK));
        assert_eq!(object, expected);
        let client: GatewayClient = serde_json::from_value(object).unwrap();
        assert_eq!(Cause::stored(&client), Some(cause));
        assert!(is_unfinished(&client));
    }

    #[test]
    fn an_end_that_comes_first_leaves_a_client_that_has_ended() {
        let cause = Cause {
            id: "1".into(),
            source: "/s".into(),
            ..Cause::default()
        };
        let expected = json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {
                "name": client_name("/s", "1"), "namespace": "clients",
                "annotations": {
                    "gateway.stationmaster.dev/cause-id": "1", "gateway.stationmaster.dev/cause-source": "/s",
                    "gateway.stationmaster.dev/end": "true", "gateway.stationmaster.dev/ended-first": "true",
                },
            },
            "spec": {"gatewayName": "-"},
        });
        let object = cause.ended_first("clients").unwrap();
        assert_eq!(object, expected);
        let client: GatewayClient = serde_json::from_value(object).unwrap();
        assert!(has_ended_first(&client) && !is_unfinished(&client));
        let by_name = Cause {
            id: client_name("/s", "1"),
            ..cause
        };
        assert_eq!(by_name.ended_first("clients"), None);
        for id in [&by_name.id[..46], &by_name.id.to_uppercase(), "client-", "1"] {
            assert!(!is_client_name(id), "{id}");
        }
    }

    #[test]
    fn names_differ_with_source_and_id() {
        let name = client_name("/s", "1");
        assert_eq!(name.len(), 47);
        for (source, id) in [("/s1", ""), ("/s", "2"), ("/", "s1"), ("1", "/s")] {
            assert_ne!(client_name(source, id), name, "{source} {id}");
        }
    }
}
