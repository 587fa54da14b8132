//! Objects beside the namespaces that templates refer to, each followed by a watch of its own: they are few, and named.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream, SelectAll};
use serde_json::Value;
use tokio::sync::watch;
use tracing::warn;

use crate::clients::cluster::{Cluster, Failure};
use crate::resources::{Current, Reference, Related};

/// Between two tries to look up a kind.
const PAUSE: Duration = Duration::from_secs(10);

/// What templates refer to, as far as it is known.
#[derive(Default)]
pub(super) struct RelatedObjects(Mutex<BTreeMap<Reference, Option<Value>>>);

/// One that was looked at: there, not there, or why that is not known.
type Looked = (Reference, Result<Option<Value>, Failure>);

impl RelatedObjects {
    /// Everything that is referred to, or nothing while it is not known of each whether it is there.
    pub(super) fn of(&self, references: &[Reference]) -> Option<Arc<Related>> {
        let known = self.known();
        let mut groups: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for reference in references {
            if let Some(object) = known.get(reference)? {
                let (group, key) = reference.keys();
                groups.entry(group).or_default().insert(key, object.clone());
            }
        }
        Some(Arc::new(Related::new(groups)))
    }

    /// Follows what the set in force refers to; does not end. `wake` hears of every difference.
    pub(super) async fn follow(
        &self,
        cluster: &Cluster,
        current: &Current,
        mut changes: watch::Receiver<()>,
        wake: impl Fn(),
    ) {
        loop {
            changes.mark_unchanged();
            let references = current.set().map(|set| set.references().to_vec()).unwrap_or_default();
            self.known().retain(|reference, _| references.contains(reference));
            let same = || current.set().is_some_and(|set| set.references() == references);
            let mut objects: SelectAll<_> = references.iter().map(|reference| object(cluster, reference)).collect();
            loop {
                tokio::select! {
                    more = changes.changed() => match more {
                        Ok(()) if same() => {}
                        Ok(()) => break,
                        // Nobody changes the set any more: the process ends.
                        Err(_) => return std::future::pending().await,
                    },
                    Some(looked) = objects.next() => if self.note(looked) { wake() },
                }
            }
        }
    }

    /// True when that is news. What cannot be read counts as not there, unless it was once.
    fn note(&self, (reference, looked): Looked) -> bool {
        let mut known = self.known();
        let object = match looked {
            Ok(object) => object,
            Err(failure) => {
                if known.contains_key(&reference) || matches!(failure, Failure::Unavailable { .. }) {
                    warn!(object = %reference, cause = %failure, "templates refer to it, and it cannot be read now");
                    return false;
                }
                warn!(object = %reference, cause = %failure, "templates refer to it, and it counts as absent");
                None
            }
        };
        known.insert(reference, object.clone()) != Some(object)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Reference, Option<Value>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One object: as it is now, then whenever it changes.
fn object(cluster: &Cluster, reference: &Reference) -> BoxStream<'static, Looked> {
    let (cluster, reference) = (cluster.clone(), reference.clone());
    let of = reference.clone();
    let tries = stream::unfold(Duration::ZERO, move |pause| {
        let (cluster, reference) = (cluster.clone(), of.clone());
        async move {
            tokio::time::sleep(pause).await;
            let kind = cluster.kind(&reference.api_version, &reference.kind).await;
            let looked = match kind {
                Ok(kind) => cluster.object(&kind, &reference.namespace, &reference.name).boxed(),
                Err(error) => stream::iter([Err(Failure::from(error))]).boxed(),
            };
            Some((looked, PAUSE))
        }
    });
    tries.flatten().map(move |looked| (reference.clone(), looked)).boxed()
}
