//! Since when pods get their gateway, and since when for certain: what chooses them may have been changed meanwhile.

use std::collections::HashMap;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::Context;
use super::roll::Kept;
use crate::api::gateway::PodGateway;
use crate::api::names::webhook;
use crate::clients::cluster::{Error, Failure};
use crate::gateway::{asked_since, matches_since};

/// As it is known now.
pub(super) struct Since {
    /// Our webhooks, if they are what `manifests` prints; when others were registered is not known.
    hooks: Option<ObjectMeta>,
    /// By name; those alone that are stored.
    gateways: HashMap<String, ObjectMeta>,
}

impl Since {
    /// Asks the API server, about gateways only where pods may be evicted.
    pub(super) async fn of(ctx: &Context<'_>, due: &[(String, Kept)]) -> Result<Self, Error> {
        let mut gateways = HashMap::new();
        for (_, Kept { gateway: name, .. }) in due {
            if !gateways.contains_key(name)
                && let Some(metadata) = gateway(ctx, name).await?
            {
                gateways.insert(name.clone(), metadata);
            }
        }
        Ok(Self {
            hooks: registered(ctx).await?,
            gateways,
        })
    }

    /// No older pod was missed.
    pub(super) fn first(&self, gateway: &str) -> Option<&Time> {
        let gateway = self.gateways.get(gateway);
        let known = gateway.into_iter().chain(&self.hooks);
        known
            .filter_map(|metadata| metadata.creation_timestamp.as_ref())
            .max_by_key(|time| time.0)
    }

    /// Every pod that is not older was missed. Nobody knows that of a gateway that is not stored.
    pub(super) fn last(&self, gateway: &str) -> Option<Time> {
        let matches = matches_since(self.gateways.get(gateway)?)?;
        let asked = self.hooks.as_ref().and_then(asked_since);
        asked.into_iter().chain([matches]).max_by_key(|time| time.0)
    }
}

/// What `manifests` prints, as it is stored; who may not read it does not know.
pub(super) async fn registered(ctx: &Context<'_>) -> Result<Option<ObjectMeta>, Error> {
    let found = ctx
        .cluster
        .get_metadata::<MutatingWebhookConfiguration>("", webhook::CONFIGURATION);
    match found.await {
        Err(error) if matches!(error.failure, Failure::Forbidden(_)) => Ok(None),
        found => found,
    }
}

/// What the watch has kept says nothing of who has changed what.
async fn gateway(ctx: &Context<'_>, name: &str) -> Result<Option<ObjectMeta>, Error> {
    let is_of_flags = ctx.with.flags.as_ref().is_some_and(|flags| flags.name == name);
    let stored = ctx.with.stored.get("", name).filter(|_| !is_of_flags);
    match stored {
        Some(_) if ctx.with.options.evict => ctx.cluster.get_metadata::<PodGateway>("", name).await,
        stored => Ok(stored.map(|stored| stored.metadata.clone())),
    }
}
