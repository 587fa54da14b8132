//! The releases of a worker: made when its template is a new one, taken away when nobody needs them any more.

use std::sync::Arc;

use tracing::info;

use super::account::Worker;
use super::compose::Composed;
use super::context::Context;
use crate::api::workers::{WorkerAccount, WorkerDeployment, WorkerRelease, WorkerReleaseStatus};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::reconcile::context::now;
use crate::reconcile::error::Error;
use crate::workers::release::{is_of, name, prunable, release};

/// The release that the deployment asks for: the one that it names, else the one that its template is, which is made when
/// there is none yet. None where it names one that does not exist.
pub(super) async fn wanted(
    deployment: &WorkerDeployment,
    (account, all): (&WorkerAccount, &[Arc<WorkerRelease>]),
    ctx: &Context,
) -> Result<Option<Arc<WorkerRelease>>, Error> {
    let find = |name: &str| {
        let mut found = all
            .iter()
            .filter(|release| release.metadata.name.as_deref() == Some(name));
        found.find(|release| is_of(release, deployment)).cloned()
    };
    let found = match &deployment.spec.release {
        Some(pinned) => find(pinned),
        None => match find(&name(&deployment.spec.template)) {
            Some(found) => Some(found),
            None => Some(made(deployment, account, ctx).await?),
        },
    };
    match found {
        Some(found) => Ok(Some(marked(deployment, found, ctx).await?)),
        None => Ok(None),
    }
}

/// Creates the release, or finds the one that has been created in the meantime.
async fn made(
    deployment: &WorkerDeployment,
    account: &WorkerAccount,
    ctx: &Context,
) -> Result<Arc<WorkerRelease>, Error> {
    let account = account.metadata.name.as_deref().unwrap_or_default();
    let wanted = release(deployment, account);
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    match ctx
        .cluster
        .create::<WorkerRelease>(namespace, &wanted, DryRun::No)
        .await
    {
        Ok(_) => info!(
            worker_release.namespace = namespace,
            worker_release.name = name,
            "release created"
        ),
        Err(cluster::Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => {}
        Err(error) => return Err(error.into()),
    }
    let stored = ctx.cluster.get::<WorkerRelease>(namespace, name).await?;
    let gone = || {
        Error::Cluster(cluster::Error {
            verb: "get",
            object: Box::new(cluster::Object {
                kind: "WorkerRelease".to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            failure: Failure::Conflict("it was deleted as soon as it was created".to_owned()),
        })
    };
    stored.map(Arc::new).ok_or_else(gone)
}

/// Notes when the release was last the one that is asked for.
async fn marked(
    deployment: &WorkerDeployment,
    release: Arc<WorkerRelease>,
    ctx: &Context,
) -> Result<Arc<WorkerRelease>, Error> {
    let current = deployment
        .status
        .as_ref()
        .and_then(|status| status.current_release.as_deref());
    let status = release.status.clone().unwrap_or_default();
    if status.last_current_time.is_some() && current == release.metadata.name.as_deref() {
        return Ok(release);
    }
    let status = WorkerReleaseStatus {
        last_current_time: Some(now()),
        ..status
    };
    if Some(&status) == release.status.as_ref() {
        return Ok(release);
    }
    Ok(Arc::new(written(&release, status, ctx).await?))
}

/// The release with another status, as it is stored by now.
pub(super) async fn written(
    release: &WorkerRelease,
    status: WorkerReleaseStatus,
    ctx: &Context,
) -> Result<WorkerRelease, Error> {
    let written = ctx
        .cluster
        .replace_status::<WorkerRelease>(&release.metadata, &status)
        .await?;
    let mut next = release.clone();
    next.status = Some(status);
    next.metadata.resource_version = written.resource_version;
    Ok(next)
}

/// Tells each release whether the bundle serves it, and deletes those beyond the history limit once no pod can need them.
pub(super) async fn prune(
    workers: &[Worker],
    all: &[Arc<WorkerRelease>],
    composed: &Composed,
    ctx: &Context,
) -> Result<(), Error> {
    if !composed.is_rolled_out {
        return Ok(());
    }
    for worker in workers {
        let deployment = &worker.deployment;
        let own: Vec<&WorkerRelease> = all
            .iter()
            .map(|release| &**release)
            .filter(|release| is_of(release, deployment))
            .collect();
        let mut kept: Vec<&str> = composed.served.iter().map(String::as_str).collect();
        let in_use = [&worker.wanted, &worker.serving];
        kept.extend(
            in_use
                .into_iter()
                .flatten()
                .filter_map(|release| release.metadata.name.as_deref()),
        );
        for name in prunable(deployment, &own, &kept) {
            let Some(release) = own
                .iter()
                .find(|release| release.metadata.name.as_deref() == Some(&*name))
            else {
                continue;
            };
            ctx.cluster.delete::<WorkerRelease>(&release.metadata).await?;
        }
    }
    Ok(())
}
