//! The shared watches: each lists, then follows one kind in all namespaces for ever, whatever happens to the API server.

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Cluster;
use crate::api::dispatch::view::JobTemplate;

/// Objects of one page of a list: what a page holds of payloads is in memory while it is read.
const PAGE_SIZE: u32 = 100;
/// The same where it is metadata alone.
const METADATA_PAGE_SIZE: u32 = 500;
/// Changes that a slow listener may be behind before it is told that it missed some.
const CHANGES: usize = 256;
/// kubectl's copy of the whole object; nobody here reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A namespace as far as anybody reads it.
pub type NamespaceMetadata = PartialObjectMeta<Namespace>;

/// All JobTemplates of the cluster.
pub type Templates = Watched<JobTemplate>;

/// What a kind needs so that all its objects are kept.
pub trait Kept: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {}

impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Kept for K {}

/// All objects of one kind in the cluster, kept current by one watch.
#[derive(Clone)]
pub struct Watched<K: Kept> {
    store: Store<K>,
    changes: broadcast::Sender<ObjectRef<K>>,
}

impl<K: Kept> Watched<K> {
    /// The object of that name, if the watch has seen it; the namespace is empty for kinds that have none.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let reference = ObjectRef::new(name);
        self.store.get(&if namespace.is_empty() {
            reference
        } else {
            reference.within(namespace)
        })
    }

    /// Every object, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<K>> {
        self.store.state()
    }

    /// The store itself, as a controller reads it.
    #[must_use]
    pub fn store(&self) -> Store<K> {
        self.store.clone()
    }

    /// Whether the first list is complete: until then a missing object means nothing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        use futures::FutureExt;
        self.store
            .wait_until_ready()
            .now_or_never()
            .is_some_and(|outcome| outcome.is_ok())
    }

    /// Returns once the first list is complete, or false when the watch has ended before.
    pub async fn wait_until_ready(&self) -> bool {
        self.store.wait_until_ready().await.is_ok()
    }

    /// Hears of every object that is added, changed or deleted from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<ObjectRef<K>> {
        self.changes.subscribe()
    }
}

impl Cluster {
    /// Opens the watch of JobTemplates.
    pub fn templates(&self, stop: CancellationToken) -> (Templates, impl Future<Output = ()> + Send + use<>) {
        self.watched::<JobTemplate>(stop)
    }

    /// Opens the watch of one kind. The future runs it until `stop`; the store is filled while it is polled.
    pub fn watched<K: Kept>(&self, stop: CancellationToken) -> (Watched<K>, impl Future<Output = ()> + Send + use<K>) {
        self.labelled("", stop)
    }

    /// The same for the objects alone that a label selector matches.
    pub fn labelled<K: Kept>(
        &self,
        selector: &str,
        stop: CancellationToken,
    ) -> (Watched<K>, impl Future<Output = ()> + Send + use<K>) {
        let (store, mut writer) = reflector::store::<K>();
        let changes = broadcast::Sender::new(CHANGES);
        let watched = Watched {
            store,
            changes: changes.clone(),
        };
        let mut events = Box::pin(self.matching::<K>(selector).take_until(stop.cancelled_owned()));
        let run = async move {
            let store = writer.as_reader();
            while let Some(event) = events.next().await {
                let mut affected = Vec::new();
                match &event {
                    watcher::Event::Init | watcher::Event::InitApply(_) => {}
                    watcher::Event::Apply(object) | watcher::Event::Delete(object) => {
                        affected.push(ObjectRef::from_obj(object));
                    }
                    // What the new list lacks is gone.
                    watcher::Event::InitDone => affected.extend(all(&store)),
                }
                writer.apply_watcher_event(&event);
                // The store shows none of a list before it has the whole, and a listener looks there.
                if matches!(event, watcher::Event::InitDone) {
                    affected.extend(all(&store));
                }
                for object in affected {
                    // Nobody listening is no error: only the leader does.
                    let _ = changes.send(object);
                }
            }
        };
        (watched, run)
    }

    /// Lists and then follows the objects of one kind that a field selector matches, as [`Self::watch`] does all.
    pub fn watch_where<K>(&self, fields: &str) -> impl Stream<Item = watcher::Event<K>> + Send + use<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let config = watcher::Config::default().page_size(METADATA_PAGE_SIZE).fields(fields);
        follow(Api::<K>::all(self.client.clone()), config)
    }

    /// Lists and then follows all objects of one kind; failures are logged, waited out and never end the stream.
    pub fn watch<K>(&self) -> impl Stream<Item = watcher::Event<K>> + Send + use<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        self.matching("")
    }

    fn matching<K>(&self, selector: &str) -> impl Stream<Item = watcher::Event<K>> + Send + use<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let mut config = watcher::Config::default().page_size(PAGE_SIZE);
        if !selector.is_empty() {
            config = config.labels(selector);
        }
        follow(Api::<K>::all(self.client.clone()), config)
    }
}

fn follow<K>(api: Api<K>, config: watcher::Config) -> impl Stream<Item = watcher::Event<K>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher(api, config)
        .default_backoff()
        .filter_map(|event| std::future::ready(logged(event)))
        .map(|event| event.modify(trim))
}

fn all<K: Kept>(store: &Store<K>) -> Vec<ObjectRef<K>> {
    store
        .state()
        .iter()
        .map(|object| ObjectRef::from_obj(&**object))
        .collect()
}

fn logged<K: Resource<DynamicType = ()>>(event: watcher::Result<watcher::Event<K>>) -> Option<watcher::Event<K>> {
    event
        .inspect_err(|error| warn!(kind = %K::kind(&()), %error, "watch failed, trying again"))
        .ok()
}

/// What is never read need not be kept for every object of the cluster.
fn trim<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    if object.meta().annotations.is_some() {
        object.annotations_mut().remove(LAST_APPLIED);
    }
}
