//! What every reconcile shares.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::memory::Memory;
use super::stores::Stores;
use crate::api::names::annotation;
use crate::api::workers::{WorkerBundle, WorkerBundleStatus};
use crate::clients::cluster::{Cluster, Watched};
use crate::dispatch::withheld;
use crate::reconcile::context::now;
use crate::reconcile::error::Error;
use crate::reconcile::events::{Events, Note};
use crate::workers::build::Allowed;
use crate::workers::runtime::{self, Seen, status, transition};
use crate::workers::runtime_image::RuntimeImage;

/// A Secret without what is secret.
pub(super) type SecretMetadata = PartialObjectMeta<Secret>;

/// Shared by all reconciles of one term of leadership.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    pub(super) stores: Stores,
    pub(super) secrets: Watched<SecretMetadata>,
    /// Whether the cluster has HTTPRoutes, once that is known.
    pub(super) has_routes: watch::Receiver<Option<bool>>,
    pub(super) runtime: RuntimeImage,
    pub(super) allowed: Allowed,
    pub(super) memory: Arc<Memory>,
    pub(super) events: Events,
}

impl Context {
    /// Records what has been seen, if that differs from what is recorded, and tells people about it.
    pub(super) async fn record(&self, bundle: &WorkerBundle, seen: &Seen<'_>) -> Result<(), Error> {
        let before = bundle.status.clone().unwrap_or_default();
        let next = status(bundle, seen, &now());
        let mut current = bundle.clone();
        self.annotate(&mut current, &before, &next).await?;
        if next == before {
            return Ok(());
        }
        let written = self
            .cluster
            .replace_status::<WorkerBundle>(&current.metadata, &next)
            .await?;
        if let Some(transition) = transition(&before, &next) {
            self.events.publish(bundle.object_ref(&()), transition);
        }
        current.metadata.resource_version = written.resource_version;
        current.status = Some(next);
        self.memory.written(&current);
        Ok(())
    }

    /// Tells of the image that ran before where upstream has it. What somebody else wrote there stays.
    async fn annotate(
        &self,
        bundle: &mut WorkerBundle,
        before: &WorkerBundleStatus,
        next: &WorkerBundleStatus,
    ) -> Result<(), Error> {
        let annotations = bundle.metadata.annotations.as_ref();
        let told = annotations.and_then(|annotations| annotations.get(annotation::LAST_IMAGE));
        let is_ours = told.is_some() && told == before.last_image.as_ref();
        let value = match &next.last_image {
            Some(image) if told != Some(image) => json!(image),
            None if is_ours => Value::Null,
            _ => return Ok(()),
        };
        let (namespace, name) = key(bundle);
        let changes = json!({"metadata": {"uid": bundle.metadata.uid, "annotations": {annotation::LAST_IMAGE: value}}});
        bundle.metadata = self.cluster.patch::<WorkerBundle>(namespace, name, &changes).await?;
        bundle.metadata.managed_fields = None;
        self.memory.written(bundle);
        Ok(())
    }
}

impl From<runtime::Transition> for Note {
    fn from(transition: runtime::Transition) -> Self {
        let runtime::Transition { reason, warning, note } = transition;
        let text = withheld::bounded(note);
        Self { reason, warning, text }
    }
}

/// Namespace and name of a stored object, which always has both.
pub(super) fn key(bundle: &WorkerBundle) -> (&str, &str) {
    let metadata = &bundle.metadata;
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}
