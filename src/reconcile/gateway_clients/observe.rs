//! The pod of a client: from memory, and from the API server where an answer is acted upon.

use std::sync::Arc;

use super::context::{Context, key};
use crate::api::gateway::{ClientPod, GatewayClient};
use crate::gateway::client::{had_pod, pod_name};
use crate::reconcile::error::Error;

/// The client's own pod. That it is gone is believed of the API server alone.
pub(super) async fn observe(client: &GatewayClient, ctx: &Context) -> Result<Option<Arc<ClientPod>>, Error> {
    let (namespace, name) = key(client);
    let name = pod_name(name);
    let known = ctx.pods.get(namespace, &name).filter(|pod| is_own(client, pod));
    let recorded = client.status.as_ref().is_some_and(had_pod);
    if known.is_some() || !recorded {
        return Ok(known);
    }
    let stored = ctx.cluster.get::<ClientPod>(namespace, &name).await?;
    Ok(stored.filter(|pod| is_own(client, pod)).map(Arc::new))
}

/// Whether the client controls the pod.
pub(super) fn is_own(client: &GatewayClient, pod: &ClientPod) -> bool {
    pod.client()
        .is_some_and(|(_, uid)| client.metadata.uid.as_deref() == Some(uid))
}
