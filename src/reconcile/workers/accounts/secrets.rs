//! Which keys the Secrets of a worker have now; their values are not kept.

use k8s_openapi::api::core::v1::Secret;

use super::context::Context;
use crate::api::workers::{WorkerDeployment, WorkerTemplate};
use crate::reconcile::error::Error;

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

/// Tells that a Secret is not there, and what names it.
pub(super) fn missing(name: &str, namespace: &str, what: &str) -> String {
    format!("there is no Secret {name:?} in namespace {namespace:?}: create it, or correct {what}")
}

/// Keys of a Secret; nothing where there is none.
pub(super) async fn stored(namespace: &str, name: &str, ctx: &Context) -> Result<Option<Vec<String>>, Error> {
    let found = ctx.cluster.get::<Secret>(namespace, name).await?;
    Ok(found.map(|secret| secret.data.unwrap_or_default().into_keys().collect()))
}
