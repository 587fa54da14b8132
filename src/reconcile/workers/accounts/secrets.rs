//! Which keys the Secrets of a worker have now; their values are not kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;

use super::context::{Context, Key};
use crate::api::workers::{WorkerDeployment, WorkerTemplate};
use crate::reconcile::error::Error;
use crate::workers::secrets::{self, reserved};

/// Keys of the Secret that the template refers to as a whole, in their order; or the text that tells what is missing.
pub(super) async fn keys(
    template: Option<&WorkerTemplate>,
    deployment: &WorkerDeployment,
    ctx: &Context,
) -> Result<Result<Vec<String>, String>, Error> {
    let Some(template) = template else {
        return Ok(Ok(Vec::new()));
    };
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(name) = referred(template).find(|name| is_reserved(namespace, name, ctx)) {
        return Ok(Err(reserved(name)));
    }
    let mut keys = Vec::new();
    if let Some(name) = &template.secret_ref {
        match stored(namespace, name, ctx).await? {
            Some(found) => keys = found,
            None => return Ok(Err(missing(name, namespace, "secretRef"))),
        }
    }
    for binding in &template.bindings {
        let Some(secret) = &binding.secret else { continue };
        let Some(name) = secret.name.as_ref().or(template.secret_ref.as_ref()) else {
            continue;
        };
        let key = secret.key.as_ref().unwrap_or(&binding.name);
        match stored(namespace, name, ctx).await? {
            None => return Ok(Err(missing(name, namespace, "secretRef"))),
            Some(found) if !found.contains(key) => {
                let text = format!(
                    "Secret {name:?} has no key {key:?}, which binding {:?} refers to",
                    binding.name
                );
                return Ok(Err(text));
            }
            Some(_) => {}
        }
    }
    Ok(Ok(keys))
}

/// Names of the Secrets that the template refers to.
fn referred(template: &WorkerTemplate) -> impl Iterator<Item = &String> {
    let single = template.bindings.iter();
    let single = single.filter_map(|binding| binding.secret.as_ref()?.name.as_ref());
    template.secret_ref.iter().chain(single)
}

fn is_reserved(namespace: &str, name: &str, ctx: &Context) -> bool {
    let accounts = ctx.accounts.all();
    let near = accounts.iter().map(|account| &**account);
    let near = near.filter(|account| account.metadata.namespace.as_deref() == Some(namespace));
    secrets::is_reserved(near, name)
}

/// Tells that a Secret is not there, and what names it.
pub(super) fn missing(name: &str, namespace: &str, what: &str) -> String {
    format!("there is no Secret {name:?} in namespace {namespace:?}: create it, or correct {what}")
}

/// Secrets whose keys are remembered: those that have gone are forgotten with the others when there are so many.
const MOST: usize = 10_000;

/// The keys of Secrets that were read, by namespace and name, and the version that had them.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<Key, (String, Vec<String>)>>);

impl Known {
    /// The keys, if this version was read.
    fn of(&self, place: &Key, version: &str) -> Option<Vec<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, keys) = known.get(place)?;
        (read == version).then(|| keys.clone())
    }

    fn keep(&self, place: Key, read: Option<(String, Vec<String>)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        match read {
            Some(read) => known.insert(place, read),
            None => known.remove(&place),
        };
    }
}

/// Keys of a Secret; nothing where there is none. A version that was read is not read again.
pub(super) async fn stored(namespace: &str, name: &str, ctx: &Context) -> Result<Option<Vec<String>>, Error> {
    let place = (namespace.to_owned(), name.to_owned());
    let seen = ctx.secrets.get(namespace, name);
    let version = seen.and_then(|seen| seen.metadata.resource_version.clone());
    if let Some(keys) = version.and_then(|version| ctx.secret_keys.of(&place, &version)) {
        return Ok(Some(keys));
    }
    let found = ctx.cluster.get::<Secret>(namespace, name).await?;
    let read = found.map(|secret| {
        let version = secret.metadata.resource_version.unwrap_or_default();
        (version, secret.data.unwrap_or_default().into_keys().collect::<Vec<_>>())
    });
    let keys = read.as_ref().map(|(_, keys)| keys.clone());
    ctx.secret_keys.keep(place, read);
    Ok(keys)
}
