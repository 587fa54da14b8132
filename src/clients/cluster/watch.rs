//! The shared watches: each lists, then follows one kind in all namespaces for ever, whatever happens to the API server.

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::api::Api;
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
/// Changes of templates that a slow listener may be behind before it is told that it missed some.
const CHANGES: usize = 256;
/// kubectl's copy of the whole object; nobody here reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All JobTemplates of the cluster, kept current by one watch.
#[derive(Clone)]
pub struct Templates {
    store: Store<JobTemplate>,
    changes: broadcast::Sender<ObjectRef<JobTemplate>>,
}

impl Templates {
    /// The template of that name, if the watch has seen it.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<JobTemplate>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// Whether the first list is complete: until then a missing template means nothing.
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

    /// Hears of every template that is added, changed or deleted from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<ObjectRef<JobTemplate>> {
        self.changes.subscribe()
    }
}

impl Cluster {
    /// Opens the watch of JobTemplates. The future runs it until `stop`; the store is filled while it is polled.
    pub fn templates(&self, stop: CancellationToken) -> (Templates, impl Future<Output = ()> + Send + use<>) {
        let (store, mut writer) = reflector::store::<JobTemplate>();
        let changes = broadcast::Sender::new(CHANGES);
        let templates = Templates {
            store,
            changes: changes.clone(),
        };
        let mut events = Box::pin(self.watch::<JobTemplate>().take_until(stop.cancelled_owned()));
        let run = async move {
            let store = writer.as_reader();
            while let Some(event) = events.next().await {
                let mut affected = Vec::new();
                match &event {
                    watcher::Event::Init | watcher::Event::InitApply(_) => {}
                    watcher::Event::Apply(template) | watcher::Event::Delete(template) => {
                        affected.push(ObjectRef::from_obj(template));
                    }
                    // What the new list lacks is gone.
                    watcher::Event::InitDone => affected.extend(all(&store)),
                }
                writer.apply_watcher_event(&event);
                // The store shows none of a list before it has the whole, and a listener looks there.
                if matches!(event, watcher::Event::InitDone) {
                    affected.extend(all(&store));
                }
                for template in affected {
                    // Nobody listening is no error: only the leader does.
                    let _ = changes.send(template);
                }
            }
        };
        (templates, run)
    }

    /// Lists and then follows all objects of one kind; failures are logged, waited out and never end the stream.
    pub fn watch<K>(&self) -> impl Stream<Item = watcher::Event<K>> + Send + use<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        watcher(
            Api::<K>::all(self.client.clone()),
            watcher::Config::default().page_size(PAGE_SIZE),
        )
        .default_backoff()
        .filter_map(|event| std::future::ready(logged(event)))
        .map(|event| event.modify(trim))
    }
}

fn all(store: &Store<JobTemplate>) -> Vec<ObjectRef<JobTemplate>> {
    store
        .state()
        .iter()
        .map(|template| ObjectRef::from_obj(&**template))
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
