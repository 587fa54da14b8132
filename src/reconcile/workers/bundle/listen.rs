//! Which bundles a change concerns: of themselves, of what they have become, and of the Secrets that they refer to.

use futures::channel::mpsc;
use futures::future::{BoxFuture, join_all};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::context::{Context, SecretMetadata, key};
use super::index::Index;
use crate::api::workers::WorkerBundle;
use crate::clients::cluster::{Kept, Watched};
use crate::workers::runtime::Part;
use crate::workers::secrets::referred;

/// Bundles to look at.
pub(super) type Queue = mpsc::UnboundedSender<ObjectRef<WorkerBundle>>;

/// Who listens to all changes.
pub(super) struct Ears<'a> {
    pub(super) bundles: &'a Watched<WorkerBundle>,
    pub(super) ctx: &'a Context,
    pub(super) queue: Queue,
    pub(super) index: Index,
}

impl Ears<'_> {
    /// Listens from now on, not from the first poll on, and does not end.
    pub(super) fn listen(&self) -> impl Future<Output = ()> {
        let stores = &self.ctx.stores;
        let all: [BoxFuture<'_, ()>; 9] = [
            Box::pin(self.bundles(self.bundles.changes())),
            Box::pin(self.secrets(self.ctx.secrets.changes())),
            self.objects(&stores.deployments, Some(Part::Deployment)),
            self.objects(&stores.services, Some(Part::Service)),
            self.objects(&stores.ingresses, Some(Part::Ingress)),
            self.objects(&stores.budgets, Some(Part::DisruptionBudget)),
            self.objects(&stores.policies, Some(Part::NetworkPolicy)),
            self.objects(&stores.routes, Some(Part::HttpRoute)),
            self.objects(&stores.pods, None),
        ];
        async move {
            join_all(all).await;
        }
    }

    /// Queues each bundle that changes.
    async fn bundles(&self, mut changes: Receiver<ObjectRef<WorkerBundle>>) {
        loop {
            match changes.recv().await {
                Ok(bundle) => {
                    let namespace = bundle.namespace.as_deref().unwrap_or_default();
                    if self.bundles.get(namespace, &bundle.name).is_none() {
                        self.ctx.memory.forget(&bundle);
                    }
                    enqueue(&self.queue, bundle);
                }
                Err(RecvError::Lagged(_)) => enqueue_all(&self.queue, self.bundles),
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// Queues the bundles that refer to a Secret that changes.
    async fn secrets(&self, mut changes: Receiver<ObjectRef<SecretMetadata>>) {
        loop {
            match changes.recv().await {
                Ok(secret) => {
                    let refers = |bundle: &WorkerBundle| {
                        Some(key(bundle).0) == secret.namespace.as_deref()
                            && referred(&bundle.spec).iter().any(|(name, _)| *name == secret.name)
                    };
                    let bundles = self.bundles.all().into_iter();
                    let bundles = bundles.filter(|bundle| refers(bundle));
                    bundles.for_each(|bundle| enqueue(&self.queue, ObjectRef::from_obj(&*bundle)));
                }
                Err(RecvError::Lagged(_)) => enqueue_all(&self.queue, self.bundles),
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// Queues the bundles of objects that change.
    fn objects<'a, K: Kept>(&'a self, watched: &'a Watched<K>, part: Option<Part>) -> BoxFuture<'a, ()> {
        let mut changes = watched.changes();
        Box::pin(async move {
            loop {
                match changes.recv().await {
                    Ok(object) => self.changed(watched, &object, part),
                    Err(RecvError::Lagged(_)) => {
                        // What has gone meanwhile is not known of any more: all bundles look.
                        for object in watched.all() {
                            self.changed(watched, &ObjectRef::from_obj(&*object), part);
                        }
                        enqueue_all(&self.queue, self.bundles);
                    }
                    Err(RecvError::Closed) => return std::future::pending().await,
                }
            }
        })
    }

    fn changed<K: Kept>(&self, watched: &Watched<K>, object: &ObjectRef<K>, part: Option<Part>) {
        let namespace = object.namespace.clone().unwrap_or_default();
        if let Some(part) = part.filter(|_| watched.get(&namespace, &object.name).is_none()) {
            self.ctx.memory.gone(&(part, namespace, object.name.clone()));
        }
        if let Some(bundle) = self.index.bundle_of(self.bundles, watched, object) {
            enqueue(&self.queue, bundle);
        }
    }
}

fn enqueue(queue: &Queue, bundle: ObjectRef<WorkerBundle>) {
    // The other end is gone when the term is over.
    let _ = queue.unbounded_send(bundle);
}

/// Queues every bundle.
pub(super) fn enqueue_all(queue: &Queue, bundles: &Watched<WorkerBundle>) {
    for bundle in bundles.all() {
        enqueue(queue, ObjectRef::from_obj(&*bundle));
    }
}
