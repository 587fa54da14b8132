//! A client that is not wanted any more: marked so, and nothing else. Its reconciler takes the pod away.

use serde_json::json;

use super::Events;
use super::answer::Refusal;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation;
use crate::clients::cluster::Failure;
use crate::dispatch::name::is_subdomain;
use crate::gateway::event::End;

/// Marks the client; its name, or nothing where there is none.
pub(super) async fn end(events: &Events, end: &End) -> Result<Option<String>, Refusal> {
    if !events.clients.is_ready() {
        return Err(Refusal::Unfilled);
    }
    let (namespace, names) = match end {
        End::Pod { namespace, name } => (namespace, with_pod(events, namespace, name)),
        End::Client { namespace, names } => (namespace, names.to_vec()),
    };
    // No object has another name, and what is no name must not become part of a request's path.
    for name in names.into_iter().filter(|name| is_subdomain(name)) {
        if mark(events, namespace, &name).await? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The client that has a pod; where memory does not know, the one whose pod has its own name.
fn with_pod(events: &Events, namespace: &str, pod: &str) -> Vec<String> {
    let clients = events.clients.all();
    let found = clients.iter().find(|client| {
        let status = client.status.as_ref();
        let has_pod = status.and_then(|status| status.pod_name.as_deref()) == Some(pod);
        has_pod && client.metadata.namespace.as_deref() == Some(namespace)
    });
    let name = found.and_then(|client| client.metadata.name.clone());
    vec![name.unwrap_or_else(|| pod.to_owned())]
}

/// Whether there is such a client.
async fn mark(events: &Events, namespace: &str, name: &str) -> Result<bool, Refusal> {
    let change = json!({"metadata": {"annotations": {annotation::END: "true"}}});
    match events.cluster.patch::<GatewayClient>(namespace, name, &change).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.failure, Failure::NotFound(_)) => Ok(false),
        Err(error) => Err(Refusal::of(error.failure)),
    }
}
