//! Which bundle an object belongs to, also once the object is gone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;

use crate::api::names::{WORKER_BUNDLE_GROUP, label};
use crate::api::workers::WorkerBundle;
use crate::clients::cluster::{Kept, Watched};
use crate::workers::runtime::label_value;

/// By kind, namespace and name.
#[derive(Default)]
pub(super) struct Index {
    owners: Mutex<HashMap<(String, String, String), ObjectRef<WorkerBundle>>>,
}

impl Index {
    /// The bundle of an object that has changed or gone.
    pub(super) fn bundle_of<K: Kept>(
        &self,
        bundles: &Watched<WorkerBundle>,
        watched: &Watched<K>,
        object: &ObjectRef<K>,
    ) -> Option<ObjectRef<WorkerBundle>> {
        let namespace = object.namespace.clone().unwrap_or_default();
        let stored = watched.get(&namespace, &object.name);
        let key = (K::kind(&()).into_owned(), namespace, object.name.clone());
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = stored else {
            return owners.remove(&key);
        };
        let owner = owner(bundles, stored.meta())?;
        owners.insert(key, owner.clone());
        Some(owner)
    }
}

/// The bundle that controls the object, or of whose pods it is.
fn owner(bundles: &Watched<WorkerBundle>, metadata: &ObjectMeta) -> Option<ObjectRef<WorkerBundle>> {
    let namespace = metadata.namespace.as_deref()?;
    if let Some((name, _)) = controller(metadata) {
        return Some(ObjectRef::new(name).within(namespace));
    }
    let label = metadata.labels.as_ref()?.get(label::BUNDLE)?;
    let is_it = |bundle: &WorkerBundle| {
        let own = &bundle.metadata;
        own.namespace.as_deref() == Some(namespace)
            && own.name.as_deref().is_some_and(|name| label_value(name) == *label)
    };
    let known = bundles.get(namespace, label);
    // A name that is too long for a label is not found by it.
    let found = known.or_else(|| bundles.all().into_iter().find(|bundle| is_it(bundle)));
    found.map(|bundle| ObjectRef::from_obj(&*bundle))
}

/// Name and UID of the bundle that controls an object.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<(&str, &str)> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
    let group = controller.api_version.split('/').next();
    let is_bundle = controller.kind == "WorkerBundle" && group == Some(WORKER_BUNDLE_GROUP);
    is_bundle.then_some((controller.name.as_str(), controller.uid.as_str()))
}
