//! Calls about kinds that only the running cluster knows: looked up by name, watched by their metadata, applied as JSON.

use std::fmt;

use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, GetParams, Patch, PatchParams, ValidationDirective};
use kube::core::PartialObjectMeta;
use kube::core::gvk::{GroupVersion, GroupVersionKind};
use kube::discovery::{self, Scope};
use kube::runtime::watcher::watch_object;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Cluster;
use super::call::{CALL_TIMEOUT, Metadata, absent_is_none, exactly, metadata_only, place};
use super::error::{Error, Failure};

/// Objects of one page of a list of metadata.
const PAGE_SIZE: u32 = 500;

/// A kind, as the cluster serves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    resource: ApiResource,
    is_namespaced: bool,
}

/// Why a kind cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// The API server has no such kind.
    #[error("the API server does not serve it: is its CustomResourceDefinition installed?")]
    NotServed,
    /// It could not be asked.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Metadata of one object, or of the next of a list.
pub type MetadataEvent = watcher::Event<PartialObjectMeta<DynamicObject>>;

impl From<KindError> for Failure {
    fn from(error: KindError) -> Self {
        match error {
            KindError::NotServed => Self::NotFound(error.to_string()),
            KindError::Failed(failure) => failure,
        }
    }
}

impl fmt::Display for Kind {
    /// As metacontroller calls it: `ConfigMap.v1`, `Role.rbac.authorization.k8s.io/v1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource.kind, self.resource.api_version)
    }
}

impl Kind {
    /// `configmaps`, as rules of RBAC have it, with its group: `roles.rbac.authorization.k8s.io`.
    #[must_use]
    pub fn resource(&self) -> String {
        let ApiResource { group, plural, .. } = &self.resource;
        if group.is_empty() {
            plural.clone()
        } else {
            format!("{plural}.{group}")
        }
    }

    /// Whether its objects have a namespace.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.is_namespaced
    }

    fn request(&self, namespace: &str) -> kube::core::Request {
        kube::core::Request::new(DynamicObject::url_path(&self.resource, Some(namespace)))
    }
}

impl Cluster {
    /// Looks up a kind by the `apiVersion` and `kind` that manifests give.
    ///
    /// # Errors
    /// It is not served, or the API server could not be asked.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Kind, KindError> {
        let version: GroupVersion = api_version.parse().map_err(|_| KindError::NotServed)?;
        let wanted = GroupVersionKind::gvk(&version.group, &version.version, kind);
        let found = timeout(CALL_TIMEOUT, discovery::pinned_kind(&self.client, &wanted)).await;
        let Ok(found) = found else {
            return Err(Failure::unreachable(format!("no answer within {CALL_TIMEOUT:?}")).into());
        };
        match found {
            Ok((resource, capabilities)) => Ok(Kind {
                resource,
                is_namespaced: capabilities.scope == Scope::Namespaced,
            }),
            Err(kube::Error::Discovery(_)) => Err(KindError::NotServed),
            Err(error) => match Failure::from(error) {
                Failure::NotFound(_) => Err(KindError::NotServed),
                failure => Err(failure.into()),
            },
        }
    }

    /// Lists and then follows the metadata of all objects of one kind that a label selector matches. A failure is an
    /// item and waited out; the stream does not end.
    pub fn metadata(
        &self,
        kind: &Kind,
        selector: &str,
    ) -> impl Stream<Item = Result<MetadataEvent, Failure>> + Send + use<> {
        let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(self.client.clone(), &kind.resource);
        let config = watcher::Config::default().page_size(PAGE_SIZE).labels(selector);
        watcher(api, config)
            .default_backoff()
            .map(|event| event.map_err(failure))
    }

    /// Reads one object, or that it is not there, then again whenever it changes. A failure is an item and waited out;
    /// the stream does not end.
    pub fn object(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
    ) -> impl Stream<Item = Result<Option<Value>, Failure>> + Send + use<> {
        let client = self.client.clone();
        let api: Api<DynamicObject> = match namespace {
            "" => Api::all_with(client, &kind.resource),
            namespace => Api::namespaced_with(client, namespace, &kind.resource),
        };
        watch_object(api, name).default_backoff().map(|looked| match looked {
            Ok(object) => Ok(object.map(tree)),
            Err(error) => Err(failure(error)),
        })
    }

    /// Reads the metadata of one object as it is stored now, or `None` when it is not there.
    ///
    /// # Errors
    /// Every failure but that the object is missing.
    pub async fn metadata_of(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<ObjectMeta>, Error> {
        let built = kind.request(namespace).get_metadata(name, &GetParams::default());
        let answer = self
            .call::<Metadata>("get", (&kind.resource.kind, namespace, name), built)
            .await;
        absent_is_none(answer.map(|answer| answer.metadata))
    }

    /// Applies one object server-side; `manager` owns its fields from then on. With `force` it takes them from others.
    ///
    /// # Errors
    /// Every failure; `Conflict` when another field manager has a field otherwise, and it is not forced.
    pub async fn apply(
        &self,
        kind: &Kind,
        (namespace, name): (&str, &str),
        (manager, force): (&str, bool),
        object: &Value,
    ) -> Result<ObjectMeta, Error> {
        let params = PatchParams {
            force,
            field_manager: Some(manager.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::default()
        };
        let built = kind.request(namespace).patch(name, &params, &Patch::Apply(object));
        let built = built.map(metadata_only);
        let answer = self
            .call::<Metadata>("apply", (&kind.resource.kind, namespace, name), built)
            .await;
        Ok(answer?.metadata)
    }

    /// Says anew who owns which fields of the object that was seen.
    ///
    /// # Errors
    /// Every failure; `Conflict` when somebody else wrote in between.
    pub async fn set_managed_fields(
        &self,
        kind: &Kind,
        seen: &ObjectMeta,
        fields: &[ManagedFieldsEntry],
    ) -> Result<(), Error> {
        let (namespace, name) = place(seen);
        let changes = json!({"metadata": {
            "uid": seen.uid, "resourceVersion": seen.resource_version, "managedFields": fields,
        }});
        let patch = Patch::Merge(changes);
        let built = kind.request(namespace).patch(name, &PatchParams::default(), &patch);
        let built = built.map(metadata_only);
        let answer = self.call::<IgnoredAny>("patch", (&kind.resource.kind, namespace, name), built);
        answer.await.map(|_| ())
    }

    /// Deletes exactly the object that was seen, as it was seen; one that is already gone is a success.
    ///
    /// # Errors
    /// Every other failure; `Conflict` when it is not the object that was seen any more.
    pub async fn delete_of(&self, kind: &Kind, seen: &ObjectMeta) -> Result<(), Error> {
        let (namespace, name) = place(seen);
        let built = kind.request(namespace).delete(name, &exactly(seen));
        let answer = self
            .call::<IgnoredAny>("delete", (&kind.resource.kind, namespace, name), built)
            .await;
        absent_is_none(answer).map(|_| ())
    }
}

/// Without what nobody reads.
fn tree(mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    serde_json::to_value(object).expect("what was JSON is JSON")
}

fn failure(error: watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Failure::from(error),
        watcher::Error::WatchError(status) => Failure::from(kube::Error::Api(status)),
        watcher::Error::NoResourceVersion => Failure::unreachable(error.to_string()),
    }
}
