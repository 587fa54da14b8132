//! The client that an event asks for: its name, and what it keeps of its cause.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::{ClientPhase, GatewayClient, GatewayClientSpec};
use crate::api::names::{GATEWAY_GROUP, annotation, cloud_event};

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
        json!({
            "apiVersion": format!("{GATEWAY_GROUP}/v1alpha1"), "kind": "GatewayClient",
            "metadata": {"name": self.name(), "namespace": self.namespace, "annotations": annotations},
            "spec": spec,
        })
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
    let mut name = "client-".to_owned();
    for byte in &digest[..20] {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Whether a client still has, or will have, a pod.
#[must_use]
pub fn is_unfinished(client: &GatewayClient) -> bool {
    let phase = client.status.as_ref().and_then(|status| status.phase);
    !matches!(phase, Some(ClientPhase::Failed | ClientPhase::Ended))
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
    fn names_differ_with_source_and_id() {
        let name = client_name("/s", "1");
        assert_eq!(name.len(), 47);
        for (source, id) in [("/s1", ""), ("/s", "2"), ("/", "s1"), ("1", "/s")] {
            assert_ne!(client_name(source, id), name, "{source} {id}");
        }
    }
}
