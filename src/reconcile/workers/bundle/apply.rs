//! One object of a bundle: applied when it is not there or not as it is wanted, and never when it is somebody else's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;
use tracing::info;

use super::context::{Context, key};
use super::index::controller;
use crate::api::names::reason;
use crate::api::workers::WorkerBundle;
use crate::clients::cluster::{self, Failure, Kept, Watched};
use crate::dispatch::withheld;
use crate::reconcile::error::Error;
use crate::workers::runtime::{Part, Problem, Wanted, covers};

/// What became of one object.
pub(super) enum Brought {
    /// It is as it is wanted, and stored like this.
    There {
        object: Value,
        /// We have made it, and no watch has shown it yet.
        is_unseen: bool,
    },
    /// It is not.
    Not(Problem),
}

impl Context {
    /// Brings one object to what is wanted.
    pub(super) async fn bring(&self, bundle: &WorkerBundle, wanted: &Wanted) -> Result<Brought, Error> {
        let stores = &self.stores;
        match wanted.part {
            Part::NetworkPolicy => self.bring_to(bundle, &stores.policies, wanted).await,
            Part::DisruptionBudget => self.bring_to(bundle, &stores.budgets, wanted).await,
            Part::Service => self.bring_to(bundle, &stores.services, wanted).await,
            Part::Deployment => self.bring_to(bundle, &stores.deployments, wanted).await,
            Part::Ingress => self.bring_to(bundle, &stores.ingresses, wanted).await,
            Part::HttpRoute => self.bring_to(bundle, &stores.routes, wanted).await,
        }
    }

    async fn bring_to<K>(&self, bundle: &WorkerBundle, store: &Watched<K>, wanted: &Wanted) -> Result<Brought, Error>
    where
        K: Kept + Serialize,
    {
        let (there, is_unseen) = match self.own(bundle, store, (wanted.part, wanted.name())) {
            (Some(own), is_unseen) => (Some(own), is_unseen),
            // Others have no label of ours, and what lost it is not shown any more.
            (None, _) => (self.stored::<K>(bundle, wanted).await?, false),
        };
        if let Some(there) = there {
            if let Some(problem) = foreign(bundle, &there, wanted) {
                return Ok(Brought::Not(problem));
            }
            if covers(&there, &wanted.object) {
                return Ok(Brought::There {
                    object: there,
                    is_unseen,
                });
            }
        }
        self.apply::<K>(bundle, wanted).await
    }

    /// The bundle's own object of that name as it was shown, or as we have applied it since; true when it was not shown.
    pub(super) fn own<K>(
        &self,
        bundle: &WorkerBundle,
        store: &Watched<K>,
        (part, name): (Part, &str),
    ) -> (Option<Value>, bool)
    where
        K: Kept + Serialize,
    {
        let (namespace, _) = key(bundle);
        let shown = store.get(namespace, name).map(|object| tree(&*object));
        let place = (part, namespace.to_owned(), name.to_owned());
        let (newest, is_unseen) = self.memory.newest(&place, shown);
        (newest.filter(|object| is_own(bundle, object)), is_unseen)
    }

    async fn stored<K>(&self, bundle: &WorkerBundle, wanted: &Wanted) -> Result<Option<Value>, Error>
    where
        K: Kept + Serialize,
    {
        let (namespace, _) = key(bundle);
        let stored = self.cluster.get::<K>(namespace, wanted.name()).await?;
        Ok(stored.map(|object| tree(&object)))
    }

    async fn apply<K: Kept>(&self, bundle: &WorkerBundle, wanted: &Wanted) -> Result<Brought, Error> {
        let (namespace, bundle_name) = key(bundle);
        let (kind, name) = (wanted.kind(), wanted.name());
        let applied = self.cluster.apply_own::<K>(namespace, name, &wanted.object).await;
        let error = match applied {
            Ok(object) => {
                info!(
                    worker_bundle.namespace = namespace,
                    worker_bundle.name = bundle_name,
                    kind,
                    name,
                    "applied"
                );
                let place = (wanted.part, namespace.to_owned(), name.to_owned());
                self.memory.applied_as(place, object.clone());
                let is_unseen = true;
                return Ok(Brought::There { object, is_unseen });
            }
            Err(error) => error,
        };
        let (reason, text) = match error.failure {
            Failure::Invalid(text) => (reason::INVALID, text),
            Failure::Forbidden(text) | Failure::Terminating(text) => (reason::FORBIDDEN, text),
            failure => return Err(Error::Cluster(cluster::Error { failure, ..error })),
        };
        let message = withheld::bounded(format!("cannot apply {kind} {name}: {}", withheld::text(&text)));
        Ok(Brought::Not(Problem { reason, message }))
    }
}

/// Why an object cannot be the bundle's.
fn foreign(bundle: &WorkerBundle, there: &Value, wanted: &Wanted) -> Option<Problem> {
    let (kind, name) = (wanted.kind(), wanted.name());
    let metadata = metadata(there);
    let own = controller(&metadata);
    let is_own = own.is_some_and(|(_, uid)| bundle.metadata.uid.as_deref() == Some(uid));
    let is_going = metadata.deletion_timestamp.is_some();
    if is_own && !is_going {
        return None;
    }
    // Of an earlier bundle of this name, which the garbage collector takes away.
    let is_inherited = own.is_some_and(|(owner, _)| bundle.metadata.name.as_deref() == Some(owner));
    Some(if is_going || is_inherited {
        Problem {
            reason: reason::DELETING,
            message: format!("{kind} {name} is still there from before, and is waited for"),
        }
    } else {
        Problem {
            reason: reason::NAME_TAKEN,
            message: format!(
                "{kind} {name} exists and is not of this bundle: delete it, or give the bundle another name{}",
                if wanted.part == Part::Deployment {
                    " or deploymentName"
                } else {
                    ""
                }
            ),
        }
    })
}

/// Whether the bundle controls the object.
pub(super) fn is_own(bundle: &WorkerBundle, object: &Value) -> bool {
    let metadata = metadata(object);
    controller(&metadata).is_some_and(|(_, uid)| bundle.metadata.uid.as_deref() == Some(uid))
}

fn metadata(object: &Value) -> ObjectMeta {
    serde_json::from_value(object["metadata"].clone()).unwrap_or_default()
}

fn tree(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("what was JSON is JSON")
}
