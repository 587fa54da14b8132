//! What every reconcile shares.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;

use super::memory::Memory;
use crate::api::gateway::{ClientPod, GatewayClient, GatewayClientStatus};
use crate::clients::cluster::{Cluster, NamespaceMetadata, Watched};
use crate::gateway::client::{Defaults, Observed, status, transition};
use crate::gateway::{self, Labels, Namespaces};
use crate::reconcile::context::now;
use crate::reconcile::error::Error;
use crate::reconcile::events::Events;

/// Shared by all reconciles of one term of leadership.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    pub(super) pods: Watched<ClientPod>,
    pub(super) gateways: gateway::Shared,
    pub(super) namespaces: Option<Watched<NamespaceMetadata>>,
    pub(super) defaults: Defaults,
    pub(super) retention: Duration,
    pub(super) memory: Arc<Memory>,
    pub(super) events: Events,
}

impl Context {
    /// Records what is observed, if that differs from what is recorded, and tells people about it.
    pub(super) async fn record(&self, client: &GatewayClient, observed: Observed<'_>) -> Result<(), Error> {
        let before = client.status.clone().unwrap_or_default();
        let next: GatewayClientStatus = status(client, observed, &now());
        if next == before {
            return Ok(());
        }
        let written = self
            .cluster
            .replace_status::<GatewayClient>(&client.metadata, &next)
            .await?;
        if let Some(transition) = transition(&before, &next) {
            self.events.publish(client.object_ref(&()), transition);
        }
        self.memory.status_written(client, written.resource_version, next);
        Ok(())
    }
}

impl Namespaces for Context {
    fn labels(&self, namespace: &str) -> Option<Labels> {
        let found = self.namespaces.as_ref()?.get("", namespace)?;
        Some(found.metadata.labels.clone().unwrap_or_default())
    }
}

/// Namespace and name of a stored object, which always has both.
pub(super) fn key(client: &GatewayClient) -> (&str, &str) {
    let metadata = &client.metadata;
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}
