//! The event that answers an event. It can be written again from the client at any time and is then the same one.

use serde_json::{Value, json};

use super::{Cause, Wanted, client_name, has_ended_first};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::{ClientPhase, GatewayClient};
use crate::api::names::{annotation, cloud_event};

/// Upstream's words.
const DONE: &str = "A pod-gateway client has been scheduled.";
/// Of a client that is not made while its end is remembered.
const ENDED_FIRST: &str = "the client has ended before it was asked for: its io.podgateway.client.ended came first";

/// What became of a client, as far as its cause asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has, or had, a pod.
    Done {
        /// Its name.
        pod_name: String,
    },
    /// There will be none.
    Failed {
        /// Why.
        message: String,
    },
}

/// What became of a client; nothing while that is open. It does not change any more: a pod that fails, or ends, has been
/// scheduled.
#[must_use]
pub fn outcome(client: &GatewayClient) -> Option<Outcome> {
    let status = client.status.as_ref()?;
    let had_pod = status.pod_uid.is_some() || status.replaced > 0;
    let (is_scheduled, is_over) = match status.phase? {
        ClientPhase::Scheduled | ClientPhase::Ready => (true, false),
        // One that waits for another pod has been scheduled once.
        ClientPhase::Pending => (had_pod, false),
        ClientPhase::Failed | ClientPhase::Ended => (had_pod, true),
    };
    if let Some(pod_name) = status.pod_name.clone().filter(|_| is_scheduled) {
        return Some(Outcome::Done { pod_name });
    }
    let ended = || "the client has ended before it had a pod".to_owned();
    is_over.then(|| Outcome::Failed {
        message: status.message.clone().unwrap_or_else(ended),
    })
}

/// The answer that the cause of a client gets; nothing while it is open, or where no event was the cause.
#[must_use]
pub fn stored_reply(client: &GatewayClient) -> Option<CloudEvent> {
    let namespace = client.metadata.namespace.as_deref().unwrap_or_default();
    let time = client.metadata.creation_timestamp.as_ref();
    let time = time.map(|time| time.0.to_string());
    let outcome = outcome(client)?;
    Some(reply(
        &Cause::stored(client)?,
        (namespace, &client.spec.gateway_name),
        &outcome,
        time,
    ))
}

/// Whether the answer has yet to go to the sink.
#[must_use]
pub fn is_promised(client: &GatewayClient) -> bool {
    let annotations = client.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(annotation::REPLY))
        .is_some_and(|how| how == annotation::REPLY_TO_SINK)
}

/// The answer to an event that makes no client. It has no time: nothing remembers one, and it has to be the same again.
#[must_use]
pub fn refusal(wanted: &Wanted, message: String) -> CloudEvent {
    let place = (&*wanted.namespace, &*wanted.gateway_name);
    reply(&wanted.cause, place, &Outcome::Failed { message }, None)
}

/// The answer to an event whose end has come before it; nothing where its client is another one.
#[must_use]
pub fn early_end(client: &GatewayClient, wanted: &Wanted) -> Option<CloudEvent> {
    has_ended_first(client).then(|| refusal(wanted, ENDED_FIRST.to_owned()))
}

/// The answer to an event, in which its id and its trace are found again.
#[must_use]
pub fn reply(
    cause: &Cause,
    (namespace, gateway_name): (&str, &str),
    outcome: &Outcome,
    time: Option<String>,
) -> CloudEvent {
    let (type_, word, data) = match outcome {
        Outcome::Done { pod_name } => (
            cloud_event::DONE,
            "done",
            json!({"message": DONE, "pod_name": pod_name, "namespace": namespace, "gateway_name": gateway_name}),
        ),
        Outcome::Failed { message } => (
            cloud_event::FAILED,
            "failed",
            json!({"message": message, "gateway_name": gateway_name}),
        ),
    };
    CloudEvent {
        id: format!("{}-{word}", client_name(&cause.source, &cause.id)),
        source: cloud_event::SOURCE.into(),
        type_: type_.into(),
        time,
        content_type: Some("application/json".into()),
        extensions: extensions(cause),
        data: Value::to_string(&data).into_bytes(),
    }
}

/// By which the event is found again that another one follows.
pub(super) fn extensions(cause: &Cause) -> std::collections::BTreeMap<String, String> {
    let all = [
        (cloud_event::CAUSE_ID, Some(&cause.id)),
        (cloud_event::TRACE_PARENT, cause.traceparent.as_ref()),
        (cloud_event::TRACE_STATE, cause.tracestate.as_ref()),
    ];
    let present = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    present.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(status: &Value) -> GatewayClient {
        serde_json::from_value(json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {
                "name": "a", "namespace": "clients", "creationTimestamp": "2026-01-02T03:04:05Z",
                "annotations": {
                    "gateway.stationmaster.dev/cause-id": "1", "gateway.stationmaster.dev/cause-source": "/s",
                    "gateway.stationmaster.dev/cause-traceparent": "00-a-b-01",
                },
            },
            "spec": {"gatewayName": "foo", "message": "hello"}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn what_became_of_a_client_does_not_change() {
        let done = || Some(Outcome::Done { pod_name: "p".into() });
        let failed = |message: &str| {
            Some(Outcome::Failed {
                message: message.into(),
            })
        };
        let cases = [
            (json!(null), None),
            (json!({}), None),
            (json!({"phase": "Pending", "podName": "p"}), None),
            (json!({"phase": "Pending", "podName": "p", "podUid": "u"}), done()),
            (json!({"phase": "Pending", "podName": "p", "replaced": 1}), done()),
            (json!({"phase": "Scheduled", "podName": "p"}), done()),
            (json!({"phase": "Scheduled"}), None),
            (json!({"phase": "Ready", "podName": "p", "podUid": "u"}), done()),
            (json!({"phase": "Ended", "podName": "p", "podUid": "u"}), done()),
            (
                json!({"phase": "Failed", "podName": "p", "podUid": "u", "message": "no"}),
                done(),
            ),
            (
                json!({"phase": "Failed", "podName": "p", "message": "no"}),
                failed("no"),
            ),
            (
                json!({"phase": "Ended"}),
                failed("the client has ended before it had a pod"),
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(outcome(&client(&status)), expected, "{status}");
        }
    }

    #[test]
    fn an_answer_has_every_field_filled() {
        let extensions = [("causeid", "1"), ("traceparent", "00-a-b-01")];
        let extensions = extensions.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let event = CloudEvent {
            id: format!("{}-done", client_name("/s", "1")),
            source: "podgateway/eventing/client/provisioner".into(),
            type_: "io.podgateway.client.scheduling.done".into(),
            time: Some("2026-01-02T03:04:05Z".into()),
            content_type: Some("application/json".into()),
            extensions: extensions.into(),
            data: json!({
                "message": "A pod-gateway client has been scheduled.", "pod_name": "p", "namespace": "clients",
                "gateway_name": "foo",
            })
            .to_string()
            .into_bytes(),
        };
        let ready = client(&json!({"phase": "Ready", "podName": "p"}));
        assert_eq!(stored_reply(&ready), Some(event.clone()));

        let failed = client(&json!({"phase": "Failed", "message": "no"}));
        let expected = CloudEvent {
            id: format!("{}-failed", client_name("/s", "1")),
            type_: "io.podgateway.client.scheduling.failed".into(),
            data: json!({"message": "no", "gateway_name": "foo"}).to_string().into_bytes(),
            ..event
        };
        assert_eq!(stored_reply(&failed), Some(expected));
    }

    #[test]
    fn a_client_that_no_event_asked_for_answers_nobody() {
        let mut client = client(&json!({"phase": "Ready", "podName": "p"}));
        client.metadata.annotations = None;
        assert_eq!(stored_reply(&client), None);
    }
}
