//! What a bundle controls and does not want any more goes, once what takes its place is there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tracing::info;

use super::context::{Context, key};
use super::index::controller;
use crate::api::workers::WorkerBundle;
use crate::clients::cluster::{Kept, Watched};
use crate::reconcile::error::Error;
use crate::workers::runtime::{Part, Wanted};

impl Context {
    /// Deletes what is not among what is wanted, but for parts that `keep` says are still needed.
    pub(super) async fn prune(
        &self,
        bundle: &WorkerBundle,
        wanted: &[Wanted],
        keep: impl Fn(Part) -> bool,
    ) -> Result<(), Error> {
        let stores = &self.stores;
        let names = |part: Part| {
            let of_part = wanted.iter().filter(move |wanted| wanted.part == part);
            (!keep(part)).then(|| of_part.map(Wanted::name).collect::<Vec<_>>())
        };
        self.prune_of(bundle, &stores.routes, names(Part::HttpRoute)).await?;
        self.prune_of(bundle, &stores.ingresses, names(Part::Ingress)).await?;
        self.prune_of(bundle, &stores.deployments, names(Part::Deployment))
            .await?;
        self.prune_of(bundle, &stores.services, names(Part::Service)).await?;
        self.prune_of(bundle, &stores.budgets, names(Part::DisruptionBudget))
            .await?;
        self.prune_of(bundle, &stores.policies, names(Part::NetworkPolicy))
            .await
    }

    async fn prune_of<K: Kept>(
        &self,
        bundle: &WorkerBundle,
        store: &Watched<K>,
        wanted: Option<Vec<&str>>,
    ) -> Result<(), Error> {
        let Some(wanted) = wanted else { return Ok(()) };
        let (namespace, bundle_name) = key(bundle);
        for object in store.all() {
            let metadata = object.meta();
            let name = metadata.name.as_deref().unwrap_or_default();
            let is_own = metadata.namespace.as_deref() == Some(namespace)
                && controller(metadata).is_some_and(|(_, uid)| bundle.metadata.uid.as_deref() == Some(uid));
            if !is_own || wanted.contains(&name) || metadata.deletion_timestamp.is_some() {
                continue;
            }
            // In whatever state it is by now.
            let seen = ObjectMeta {
                namespace: metadata.namespace.clone(),
                name: metadata.name.clone(),
                uid: metadata.uid.clone(),
                ..ObjectMeta::default()
            };
            self.cluster.delete::<K>(&seen).await?;
            let kind = &*K::kind(&());
            info!(
                worker_bundle.namespace = namespace,
                worker_bundle.name = bundle_name,
                kind,
                name,
                "deleted"
            );
        }
        Ok(())
    }
}
