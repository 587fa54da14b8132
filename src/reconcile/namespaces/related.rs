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
pub(super) struct RelatedObjects(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    known: BTreeMap<Reference, Option<Value>>,
    /// All of it together, as templates are given it, since the last change.
    view: Option<(Vec<Reference>, Arc<Related>)>,
}

/// One that was looked at: there, not there, or why that is not known.
type Looked = (Reference, Result<Option<Value>, Failure>);

impl RelatedObjects {
    /// Everything that is referred to, or nothing while it is not known of each whether it is there.
    pub(super) fn of(&self, references: &[Reference]) -> Option<Arc<Related>> {
        let mut inner = self.inner();
        if let Some((_, view)) = inner.view.as_ref().filter(|(of, _)| of == references) {
            return Some(Arc::clone(view));
        }
        let mut groups: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for reference in references {
            if let Some(object) = inner.known.get(reference)? {
                let (group, key) = reference.keys();
                groups.entry(group).or_default().insert(key, object.clone());
            }
        }
        let view = Arc::new(Related::new(groups));
        inner.view = Some((references.to_vec(), Arc::clone(&view)));
        Some(view)
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
            self.inner().known.retain(|reference, _| references.contains(reference));
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
        let mut inner = self.inner();
        let object = match looked {
            Ok(object) => object,
            Err(failure) => {
                if inner.known.contains_key(&reference) || matches!(failure, Failure::Unavailable { .. }) {
                    warn!(object = %reference, cause = %failure, "templates refer to it, and it cannot be read now");
                    return false;
                }
                warn!(object = %reference, cause = %failure, "templates refer to it, and it counts as absent");
                None
            }
        };
        let is_news = inner.known.insert(reference, object.clone()) != Some(object);
        if is_news {
            inner.view = None;
        }
        is_news
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_referred_to_is_put_together_once_and_anew_when_it_changes() {
        let (objects, reference) = (
            RelatedObjects::default(),
            Reference::parse("ConfigMap", "a/b").expect("one"),
        );
        let references = std::slice::from_ref(&reference);
        assert!(objects.of(references).is_none(), "it was not looked at yet");
        for data in [json!({"x": 1}), json!({"x": 2})] {
            assert!(objects.note((reference.clone(), Ok(Some(data.clone())))));
            let view = objects.of(references).expect("it is known");
            assert_eq!(view.get(&reference), Some(&data));
            assert!(!objects.note((reference.clone(), Ok(Some(data)))));
            assert!(Arc::ptr_eq(&view, &objects.of(references).expect("it is known")));
        }
        assert!(objects.note((reference.clone(), Ok(None))));
        assert_eq!(objects.of(references).expect("it is known").get(&reference), None);
        assert_eq!(objects.of(&[]).expect("nothing is referred to").get(&reference), None);
    }
}
