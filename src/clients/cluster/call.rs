//! One call at a time: get, create, replace, patch, delete. JSON goes out as it was built and only what is asked for is decoded.

use std::time::Duration;

use hyper::http::{HeaderValue, Request, header};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions, ValidationDirective,
};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::Cluster;
use super::error::{Error, Failure, Object};
use crate::api::names::FIELD_MANAGER;

/// A call that the API server has not answered by then counts as unanswered.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Asks for the metadata of the answer alone: what we sent need not come back.
const METADATA_ONLY: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

/// Whether a create is only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Everything but the storing.
    Yes,
    /// For good.
    No,
}

/// The one field of an answer that is read when only metadata was asked for.
#[derive(serde::Deserialize)]
pub(super) struct Metadata {
    pub(super) metadata: ObjectMeta,
}

pub(super) type Built = Result<Request<Vec<u8>>, kube::core::request::Error>;

impl Cluster {
    /// Reads one object as it is stored now, or `None` when it is not there.
    ///
    /// # Errors
    /// Every failure but that the object is missing.
    pub async fn get<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let built = path::<K>(namespace).get(name, &GetParams::default());
        absent_is_none(self.call::<K>("get", (&K::kind(&()), namespace, name), built).await)
    }

    /// Whether the kind is there and may be listed.
    ///
    /// # Errors
    /// Every other failure.
    pub async fn is_served<K>(&self) -> Result<bool, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let built = path::<K>("").list(&ListParams::default().limit(1));
        match self.call::<IgnoredAny>("list", (&K::kind(&()), "", ""), built).await {
            Ok(_) => Ok(true),
            Err(Error {
                failure: Failure::NotFound(_) | Failure::Forbidden(_),
                ..
            }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the metadata of one object as it is stored now, or `None` when it is not there.
    ///
    /// # Errors
    /// Every failure but that the object is missing.
    pub async fn get_metadata<K>(&self, namespace: &str, name: &str) -> Result<Option<ObjectMeta>, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let built = path::<K>(namespace).get_metadata(name, &GetParams::default());
        let answer = self
            .call::<Metadata>("get", (&K::kind(&()), namespace, name), built)
            .await;
        absent_is_none(answer.map(|answer| answer.metadata))
    }

    /// Creates one object from its whole JSON and returns the metadata that it got.
    ///
    /// # Errors
    /// Every answer but 201, and no answer: the object may then exist nevertheless.
    pub async fn create<K>(&self, namespace: &str, object: &Value, dry_run: DryRun) -> Result<ObjectMeta, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let post = PostParams {
            dry_run: dry_run == DryRun::Yes,
            field_manager: Some(FIELD_MANAGER.into()),
        };
        let built = path::<K>(namespace).create(&post, json(object)).map(metadata_only);
        Ok(self
            .call::<Metadata>("create", (&K::kind(&()), namespace, name), built)
            .await?
            .metadata)
    }

    /// Writes the whole status of exactly the object that was seen, as it was seen.
    ///
    /// This is a replacement and no server-side apply: an apply leaves what another manager once wrote, such as the
    /// reference of an earlier installation, and would then differ from what is wanted for ever.
    ///
    /// # Errors
    /// Every failure; `Conflict` when somebody else wrote in between or it is another object of that name by now.
    pub async fn replace_status<K>(&self, seen: &ObjectMeta, status: &impl Serialize) -> Result<ObjectMeta, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let (namespace, name) = place(seen);
        let body = serde_json::json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": status,
            "metadata": {
                "name": name, "namespace": namespace, "uid": seen.uid, "resourceVersion": seen.resource_version,
            },
        });
        let post = PostParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        let built = path::<K>(namespace)
            .replace_subresource("status", name, &post, json(&body))
            .map(metadata_only);
        Ok(self
            .call::<Metadata>("update status of", (&K::kind(&()), namespace, name), built)
            .await?
            .metadata)
    }

    /// Replaces one object; its `resourceVersion` must still be the stored one.
    ///
    /// # Errors
    /// Every failure; `Conflict` when somebody else wrote in between.
    pub async fn replace<K>(&self, namespace: &str, name: &str, object: &K) -> Result<K, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let post = PostParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        let built = path::<K>(namespace).replace(name, &post, json(object));
        self.call::<K>("update", (&K::kind(&()), namespace, name), built).await
    }

    /// Changes some fields of one object by a merge patch, which may name the UID that the object must have.
    ///
    /// # Errors
    /// Every failure; `Conflict` or `Invalid` when it is another object of that name by now.
    pub async fn patch<K>(&self, namespace: &str, name: &str, changes: &Value) -> Result<ObjectMeta, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let patch = PatchParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let built = path::<K>(namespace)
            .patch(name, &patch, &Patch::Merge(changes))
            .map(metadata_only);
        Ok(self
            .call::<Metadata>("patch", (&K::kind(&()), namespace, name), built)
            .await?
            .metadata)
    }

    /// Applies a whole object of ours server-side, taking its fields from whoever has them, and returns it as it is stored.
    ///
    /// # Errors
    /// Every failure.
    pub async fn apply_own<K>(&self, namespace: &str, name: &str, object: &Value) -> Result<Value, Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let params = PatchParams {
            force: true,
            field_manager: Some(FIELD_MANAGER.into()),
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::default()
        };
        let built = path::<K>(namespace).patch(name, &params, &Patch::Apply(object));
        let mut stored = self
            .call::<Value>("apply", (&K::kind(&()), namespace, name), built)
            .await?;
        if let Some(metadata) = stored["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        Ok(stored)
    }

    /// Deletes exactly the object that was seen, as it was seen; one that is already gone is a success.
    ///
    /// # Errors
    /// Every other failure; `Conflict` when it is not the object that was seen any more.
    pub async fn delete<K>(&self, seen: &ObjectMeta) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let (namespace, name) = place(seen);
        let built = path::<K>(namespace).delete(name, &exactly(seen));
        absent_is_none(
            self.call::<IgnoredAny>("delete", (&K::kind(&()), namespace, name), built)
                .await,
        )
        .map(|_| ())
    }

    /// Evicts exactly the pod that was seen, if disruption budgets allow it; one that is already gone is a success.
    ///
    /// # Errors
    /// Every other failure; `Unavailable` while a budget forbids it, `Conflict` when it is another pod of that name by now.
    pub async fn evict(&self, seen: &ObjectMeta) -> Result<(), Error> {
        let (namespace, name) = place(seen);
        let body = serde_json::json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": seen.uid}},
        });
        // kube's own eviction says `delete_options`, which the API server does not read.
        let built = path::<Pod>(namespace).create_subresource("eviction", name, &PostParams::default(), json(&body));
        absent_is_none(self.call::<IgnoredAny>("evict", ("Pod", namespace, name), built).await).map(|_| ())
    }

    /// Sends one request and decodes its answer, within the time limit.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        (kind, namespace, name): (&str, &str, &str),
        built: Built,
    ) -> Result<T, Error> {
        let outcome = match built {
            Ok(request) => self.send(request).await,
            Err(error) => Err(Failure::Invalid(error.to_string())),
        };
        outcome.map_err(|failure| {
            let object = Object {
                kind: kind.into(),
                namespace: namespace.into(),
                name: name.into(),
            };
            Error {
                verb,
                object: object.into(),
                failure,
            }
        })
    }

    async fn send<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, Failure> {
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.client.request_text(request)).await;
        let text = answer.map_err(|_| Failure::unreachable(format!("no answer within {CALL_TIMEOUT:?}")))??;
        serde_json::from_str(&text).map_err(|error| Failure::unreachable(format!("unreadable answer: {error}")))
    }
}

/// Namespace and name of an object; an empty namespace for one that has none.
#[must_use]
pub fn place(seen: &ObjectMeta) -> (&str, &str) {
    (
        seen.namespace.as_deref().unwrap_or_default(),
        seen.name.as_deref().unwrap_or_default(),
    )
}

/// Deletes the object as it was seen, or nothing.
pub(super) fn exactly(seen: &ObjectMeta) -> DeleteParams {
    let preconditions = Preconditions {
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
    };
    DeleteParams {
        preconditions: Some(preconditions),
        ..DeleteParams::background()
    }
}

pub(super) fn absent_is_none<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Error {
            failure: Failure::NotFound(_),
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cluster-scoped kinds have no namespace.
pub(super) fn path<K: Resource<DynamicType = ()>>(namespace: &str) -> kube::core::Request {
    let namespace = (!namespace.is_empty()).then_some(namespace);
    kube::core::Request::new(K::url_path(&(), namespace))
}

fn json(object: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(object).expect("JSON trees and API types have string keys only")
}

pub(super) fn metadata_only(mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    request.headers_mut().insert(header::ACCEPT, METADATA_ONLY);
    request
}
