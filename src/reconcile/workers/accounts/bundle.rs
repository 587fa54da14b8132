//! The account's bundle: applied where its spec is not what is wanted, with the ConfigMaps that it needs and no others.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use serde_json::json;
use tracing::info;

use super::compose::stored as config_map;
use super::context::Context;
use crate::api::names::{CATEGORY, FIELD_MANAGER, WORKER_ACCOUNT_GROUP, WORKER_BUNDLE_GROUP, label, reason};
use crate::api::workers::{WorkerAccount, WorkerBundle};
use crate::clients::cluster::place;
use crate::reconcile::error::Error;
use crate::workers::choice::Fault;
use crate::workers::composition::{Composition, bundle_name};

/// The account's bundle, as the watch shows it.
pub(super) fn stored(account: &WorkerAccount, ctx: &Context) -> Option<Arc<WorkerBundle>> {
    let (namespace, _) = place(&account.metadata);
    let found = ctx.bundles.get(namespace, &bundle_name(account))?;
    is_own(account, &found).then_some(found)
}

/// Somebody else's bundle has the name that the account's needs.
pub(super) fn taken(account: &WorkerAccount, ctx: &Context) -> Option<Fault> {
    let (namespace, _) = place(&account.metadata);
    let name = bundle_name(account);
    let found = ctx.bundles.get(namespace, &name)?;
    let text = format!(
        "WorkerBundle {name} exists and is not this account's: delete it, or give the account another workerBundleName"
    );
    (!is_own(account, &found)).then_some((reason::NAME_TAKEN, text))
}

/// Whether the account controls the bundle.
fn is_own(account: &WorkerAccount, bundle: &WorkerBundle) -> bool {
    let owners = bundle.metadata.owner_references.iter().flatten();
    let uid = account.metadata.uid.as_deref();
    owners
        .into_iter()
        .any(|owner| owner.controller == Some(true) && Some(&*owner.uid) == uid)
}

/// Names of the releases that a bundle runs.
pub(super) fn releases(bundle: &WorkerBundle) -> Vec<String> {
    let workers = bundle.spec.workers.iter();
    workers.filter_map(|worker| worker.release.clone()).collect()
}

/// Brings the bundle to the composition; without workers there is none. The bundle, as it is stored by then.
pub(super) async fn write(
    account: &WorkerAccount,
    (composition, empty): (&Composition, bool),
    existing: Option<&WorkerBundle>,
    ctx: &Context,
) -> Result<Option<WorkerBundle>, Error> {
    let (namespace, _) = place(&account.metadata);
    let name = bundle_name(account);
    if empty {
        if let Some(existing) = existing {
            ctx.cluster.delete::<WorkerBundle>(&existing.metadata).await?;
        }
        return Ok(None);
    }
    if let Some(map) = &composition.spec.pod_template.config_map {
        config_map(account, (&name, map), composition, ctx).await?;
    }
    if let Some(existing) = existing.filter(|existing| existing.spec == composition.spec) {
        return Ok(Some(existing.clone()));
    }
    let owner = json!({
        "apiVersion": format!("{WORKER_ACCOUNT_GROUP}/v1beta1"), "kind": "WorkerAccount", "name": account.name_any(),
        "uid": account.metadata.uid, "controller": true, "blockOwnerDeletion": true,
    });
    let api_version = format!("{WORKER_BUNDLE_GROUP}/v1beta1");
    let wanted = json!({
        "apiVersion": api_version, "kind": "WorkerBundle",
        "metadata": {
            "name": name, "namespace": namespace, "ownerReferences": [owner],
            "labels": {label::PART_OF: CATEGORY, label::ACCOUNTS: account.name_any()},
        },
        "spec": composition.spec,
    });
    let kind = ctx.kind(&ctx.kinds.bundle, (&api_version, "WorkerBundle")).await?;
    let metadata = ctx
        .cluster
        .apply(kind, (namespace, &name), (FIELD_MANAGER, true), &wanted)
        .await?;
    info!(
        worker_bundle.namespace = namespace,
        worker_bundle.name = name,
        digest = composition.short,
        "bundle applied"
    );
    let mut bundle = WorkerBundle::new(&name, composition.spec.clone());
    bundle.metadata = metadata;
    bundle.status = existing.and_then(|existing| existing.status.clone());
    Ok(Some(bundle))
}

/// Deletes the ConfigMaps of other compositions; every pod runs this one by now.
pub(super) async fn prune(account: &WorkerAccount, composition: &Composition, ctx: &Context) -> Result<(), Error> {
    let (namespace, _) = place(&account.metadata);
    let name = bundle_name(account);
    let kept = &composition.spec.pod_template.config_map;
    for map in ctx.config_maps.all() {
        let labels = map.metadata.labels.as_ref();
        let of = labels.and_then(|labels| labels.get(label::BUNDLE));
        let is_own = map.metadata.namespace.as_deref() == Some(namespace) && of == Some(&name);
        if is_own && map.metadata.name != *kept {
            ctx.cluster.delete::<ConfigMap>(&map.metadata).await?;
        }
    }
    Ok(())
}
