//! What becomes of a client after it was answered for, as events that follow the answer.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::reply::{Outcome, extensions, outcome};
use super::{Cause, client_name};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::{ClientPhase, GatewayClient, GatewayClientStatus};
use crate::api::names::{annotation, cloud_event, condition_type};

/// What has become of a client that was scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Its pod is ready.
    Ready,
    /// Its pod has failed for good.
    Failed,
    /// It has ended.
    Ended,
}

impl Progress {
    /// The annotation of the client that says that this was told.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Ready => annotation::TOLD_READY,
            Self::Failed => annotation::TOLD_FAILED,
            Self::Ended => annotation::TOLD_ENDED,
        }
    }

    /// Type of the event, and the end of its id. That of an answer that says so is `failed`.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ready => (cloud_event::CLIENT_READY, "ready"),
            Self::Failed => (cloud_event::CLIENT_FAILED, "pod-failed"),
            Self::Ended => (cloud_event::ENDED, "ended"),
        }
    }
}

/// The event that tells of it, while it is so and has not been told; nothing where no event asked for the client.
#[must_use]
pub fn report(client: &GatewayClient, progress: Progress) -> Option<CloudEvent> {
    let status = client.status.as_ref().filter(|status| now(status) == Some(progress))?;
    let annotations = client.metadata.annotations.as_ref()?;
    if annotations.contains_key(progress.mark()) {
        return None;
    }
    // Of a client without a pod its answer has said all.
    let (cause, Outcome::Done { pod_name }) = (Cause::stored(client)?, outcome(client)?) else {
        return None;
    };
    let (type_, word) = progress.names();
    let data = json!({
        "message": status.message.as_deref().unwrap_or("the pod is ready"), "pod_name": pod_name,
        "namespace": client.metadata.namespace, "gateway_name": client.spec.gateway_name,
    });
    Some(CloudEvent {
        id: format!("{}-{word}", client_name(&cause.source, &cause.id)),
        source: cloud_event::SOURCE.into(),
        type_: type_.into(),
        time: since(status).map(|time| time.0.to_string()),
        content_type: Some("application/json".into()),
        extensions: extensions(&cause),
        data: Value::to_string(&data).into_bytes(),
    })
}

fn now(status: &GatewayClientStatus) -> Option<Progress> {
    match status.phase? {
        ClientPhase::Pending | ClientPhase::Scheduled => None,
        ClientPhase::Ready => Some(Progress::Ready),
        ClientPhase::Failed => Some(Progress::Failed),
        ClientPhase::Ended => Some(Progress::Ended),
    }
}

fn since(status: &GatewayClientStatus) -> Option<&Time> {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|condition| condition.type_ == condition_type::READY);
    let ready = ready.map(|condition| &condition.last_transition_time);
    status.finish_time.as_ref().or(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Progress; 3] = [Progress::Ready, Progress::Failed, Progress::Ended];

    fn client(status: &Value, told: &Value) -> GatewayClient {
        let mut annotations = json!({
            "gateway.stationmaster.dev/cause-id": "1", "gateway.stationmaster.dev/cause-source": "/s",
            "gateway.stationmaster.dev/cause-traceparent": "00-a-b-01",
        });
        if let Some(told) = told.as_str() {
            annotations[told] = "sent".into();
        }
        serde_json::from_value(json!({
            "apiVersion": "gateway.stationmaster.dev/v1alpha1", "kind": "GatewayClient",
            "metadata": {"name": "a", "namespace": "clients", "annotations": annotations},
            "spec": {"gatewayName": "foo", "message": "hello"}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_report_has_every_field_filled() {
        let status = json!({
            "phase": "Ended", "podName": "p", "podUid": "u", "message": "the pod was deleted",
            "finishTime": "2026-01-02T03:04:05Z",
        });
        let extensions = [("causeid", "1"), ("traceparent", "00-a-b-01")];
        let extensions = extensions.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = CloudEvent {
            id: format!("{}-ended", client_name("/s", "1")),
            source: "podgateway/eventing/client/provisioner".into(),
            type_: "io.podgateway.client.ended".into(),
            time: Some("2026-01-02T03:04:05Z".into()),
            content_type: Some("application/json".into()),
            extensions: extensions.into(),
            data: json!({
                "message": "the pod was deleted", "pod_name": "p", "namespace": "clients", "gateway_name": "foo",
            })
            .to_string()
            .into_bytes(),
        };
        assert_eq!(report(&client(&status, &json!(null)), Progress::Ended), Some(expected));
    }

    #[test]
    fn what_is_so_is_told_once() {
        let with_pod = |phase: &str| json!({"phase": phase, "podName": "p", "podUid": "u", "message": "why"});
        let ready = "gateway.stationmaster.dev/told-ready";
        for (status, told, expected) in [
            (json!(null), json!(null), None),
            (with_pod("Pending"), json!(null), None),
            (with_pod("Scheduled"), json!(null), None),
            (with_pod("Ready"), json!(null), Some("io.podgateway.client.ready")),
            (with_pod("Ready"), json!(ready), None),
            (with_pod("Failed"), json!(ready), Some("io.podgateway.client.failed")),
            (with_pod("Ended"), json!(ready), Some("io.podgateway.client.ended")),
            (with_pod("Ended"), json!("gateway.stationmaster.dev/told-ended"), None),
            (
                json!({"phase": "Failed", "podName": "p", "message": "no"}),
                json!(null),
                None,
            ),
            (json!({"phase": "Ended"}), json!(null), None),
        ] {
            let client = client(&status, &told);
            let told: Vec<_> = ALL
                .into_iter()
                .filter_map(|progress| report(&client, progress))
                .collect();
            let types: Vec<_> = told.iter().map(|event| &*event.type_).collect();
            assert_eq!(types, expected.into_iter().collect::<Vec<_>>(), "{status}");
        }
    }

    #[test]
    fn nobody_hears_of_a_client_that_no_event_asked_for() {
        let mut client = client(&json!({"phase": "Ready", "podName": "p"}), &json!(null));
        assert!(report(&client, Progress::Ready).is_some());
        client.metadata.annotations = None;
        assert_eq!(report(&client, Progress::Ready), None);
    }
}
