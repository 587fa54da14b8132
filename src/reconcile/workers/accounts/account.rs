//! One account, one step further: releases, proofs, composition, bundle, and what is told of all that.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::context::{Context, Key};
use super::prove::{self, Standing};
use super::{compose, releases, report, secrets};
use crate::api::workers::{WorkerAccount, WorkerDeployment, WorkerRelease};
use crate::reconcile::error::Error;

/// One worker of the account, as it is observed.
pub(super) struct Worker {
    pub(super) deployment: Arc<WorkerDeployment>,
    /// The release that is asked for.
    pub(super) wanted: Option<Arc<WorkerRelease>>,
    /// The release that serves until then.
    pub(super) serving: Option<Arc<WorkerRelease>>,
    /// Keys of the Secrets of the release that is asked for, or what is wrong with them.
    pub(super) secrets: Result<Vec<String>, String>,
    /// The same of the release that serves until then.
    pub(super) kept_secrets: Result<Vec<String>, String>,
    /// How far the proof of the wanted release has come.
    pub(super) standing: Standing,
}

/// Brings one account a step further. Harmless to repeat, whatever was done before.
pub(super) async fn step(key: &Key, ctx: &Context) -> Result<Option<Duration>, Error> {
    let (namespace, name) = key;
    let deployments = ctx.deployments_of(key);
    let account = ctx.accounts.get(namespace, name);
    let Some(account) = account.filter(|account| account.metadata.deletion_timestamp.is_none()) else {
        for deployment in &deployments {
            report::without_account(deployment, name, ctx).await?;
        }
        return Ok(None);
    };
    let all = ctx.releases_of(key);
    let mut workers = Vec::new();
    for deployment in deployments {
        workers.push(observe(deployment, (&account, &all), ctx).await?);
    }
    let standings = join_all(workers.iter().map(|worker| prove::step(&account, worker, ctx))).await;
    for (worker, standing) in workers.iter_mut().zip(standings) {
        let (standing, proved) = standing?;
        worker.standing = standing;
        worker.wanted = proved.or(worker.wanted.take());
    }
    let composed = compose::step(&account, (&workers, &all), ctx).await?;
    report::account(&account, &workers, &composed, ctx).await?;
    releases::prune(&workers, &all, &composed, ctx).await?;
    let pauses = workers.iter().filter_map(|worker| worker.standing.pause());
    Ok(pauses.chain(composed.pause).min())
}

async fn observe(
    deployment: Arc<WorkerDeployment>,
    (account, all): (&Arc<WorkerAccount>, &[Arc<WorkerRelease>]),
    ctx: &Context,
) -> Result<Worker, Error> {
    let wanted = releases::wanted(&deployment, (account, all), ctx).await?;
    let served = deployment
        .status
        .as_ref()
        .and_then(|status| status.serving_release.as_deref());
    let serving = all
        .iter()
        .find(|release| release.metadata.name.as_deref() == served && served.is_some())
        .cloned();
    let of_wanted = wanted.as_ref().map(|release| &release.spec.template);
    let of_serving = serving.as_ref().map(|release| &release.spec.template);
    let secrets = secrets::keys(of_wanted, &deployment, ctx).await?;
    let kept_secrets = secrets::keys(of_serving, &deployment, ctx).await?;
    Ok(Worker {
        deployment,
        wanted,
        serving,
        secrets,
        kept_secrets,
        standing: Standing::Unknown,
    })
}
