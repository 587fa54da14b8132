//! What is told: the statuses of a WorkerDeployment, of its releases and of the account, written where they differ, and
//! events.

use kube::Resource;

use super::account::Worker;
use super::compose::Composed;
use super::context::Context;
use super::prove::Standing;
use super::releases;
use crate::api::workers::{WorkerAccount, WorkerBundle, WorkerDeployment, WorkerDeploymentStatus, WorkerReleaseStatus};
use crate::dispatch::withheld;
use crate::reconcile::context::now;
use crate::reconcile::error::Error;
use crate::reconcile::events::Note;
use crate::workers::composition::{bundle_name, url};
use crate::workers::status::{self, Observed};

/// Tells a WorkerDeployment that its account is not there.
pub(super) async fn without_account(deployment: &WorkerDeployment, account: &str, ctx: &Context) -> Result<(), Error> {
    let next = status::without_account(deployment, account, &now());
    record(deployment, next, ctx).await.map(|_| ())
}

/// Tells everybody of the account.
pub(super) async fn account(
    account: &WorkerAccount,
    workers: &[Worker],
    composed: &Composed,
    ctx: &Context,
) -> Result<(), Error> {
    let mut told = Vec::new();
    for worker in workers {
        let next = status::deployment(&worker.deployment, &observed(account, worker, composed), &now());
        told.push(record(&worker.deployment, next, ctx).await?);
        served(worker, composed, ctx).await?;
    }
    let told: Vec<_> = told.iter().collect();
    let facts = status::Facts {
        bundle: &bundle_name(account),
        bytes: composed.bytes,
        proofs: &composed.proofs,
        images: &composed.images,
        purges: composed.purges,
        obstacle: composed.obstacle.as_ref(),
    };
    let next = status::account(account, &told, &facts, &now());
    if account.status.as_ref() != Some(&next) {
        ctx.cluster
            .replace_status::<WorkerAccount>(&account.metadata, &next)
            .await?;
    }
    Ok(())
}

fn observed<'a>(account: &WorkerAccount, worker: &'a Worker, composed: &'a Composed) -> Observed<'a> {
    let deployment = &worker.deployment;
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let script = &deployment.spec.template.script_name;
    let in_bundle = composed.bundle.as_ref().and_then(|bundle: &WorkerBundle| {
        let mut workers = bundle.spec.workers.iter();
        workers.find(|worker| &worker.worker_name == script)
    });
    let progress = match &worker.standing {
        Standing::Waits(text, _) => text.as_deref(),
        Standing::Unknown | Standing::Done(_) => None,
    };
    Observed {
        wanted: worker.wanted.as_deref(),
        // What is chosen and not written yet does not serve.
        chosen: in_bundle.and_then(|worker| worker.release.as_deref()),
        fault: composed.faults.get(name),
        progress,
        bundle: composed.bundle.as_ref(),
        url: in_bundle.map(|worker| url(account, worker)),
    }
}

/// Writes a status that differs, and tells of what has changed with it; the status that is stored by then.
async fn record(
    deployment: &WorkerDeployment,
    next: WorkerDeploymentStatus,
    ctx: &Context,
) -> Result<WorkerDeploymentStatus, Error> {
    let before = deployment.status.clone().unwrap_or_default();
    if next == before {
        return Ok(next);
    }
    ctx.cluster
        .replace_status::<WorkerDeployment>(&deployment.metadata, &next)
        .await?;
    for transition in status::transitions(&before, &next, deployment.spec.release.is_some()) {
        let note = Note {
            reason: transition.reason,
            warning: transition.warning,
            text: withheld::bounded(transition.note),
        };
        ctx.events.publish(deployment.object_ref(&()), note);
    }
    Ok(next)
}

/// Tells the worker's releases whether the bundle serves them.
async fn served(worker: &Worker, composed: &Composed, ctx: &Context) -> Result<(), Error> {
    let Some(bundle) = &composed.bundle else { return Ok(()) };
    let bundle = bundle.metadata.name.clone();
    let mut seen = Vec::new();
    for release in [&worker.wanted, &worker.serving].into_iter().flatten() {
        let name = release.metadata.name.clone().unwrap_or_default();
        let served_by = composed.served.contains(&name).then(|| bundle.clone()).flatten();
        let status = release.status.clone().unwrap_or_default();
        if seen.contains(&name) || status.served_by == served_by {
            continue;
        }
        seen.push(name);
        let begins = served_by.is_some().then(now);
        let next = WorkerReleaseStatus {
            served_by,
            last_served_time: begins.or(status.last_served_time.clone()),
            ..status
        };
        releases::written(release, next, ctx).await?;
    }
    Ok(())
}
