//! The kinds of workers while the server runs: the process's one watch of each, and what their controllers work with.

use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::served::{WORKERS, until_served};
use crate::api::workers::{WorkerAccount, WorkerBundle, WorkerDeployment, WorkerRelease};
use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, Kept, Watched};
use crate::reconcile::workers::Workers;
use crate::serve;

/// How long the start waits to be told who this server is.
const PATIENCE: Duration = Duration::from_secs(5);

/// All objects of the kinds of workers.
pub(super) struct Known {
    pub(super) accounts: Watched<WorkerAccount>,
    pub(super) deployments: Watched<WorkerDeployment>,
    pub(super) releases: Watched<WorkerRelease>,
    bundles: Watched<WorkerBundle>,
    secrets: Option<Watched<PartialObjectMeta<Secret>>>,
}

/// The watches, where anybody wants them, and the future that runs them, which does not end.
pub(super) fn watch(args: &ServeArgs, cluster: Option<&Cluster>) -> (Option<Known>, BoxFuture<'static, ()>) {
    let Some(cluster) = cluster.filter(|_| args.is_on(Component::Workers)) else {
        return (None, Box::pin(pending()));
    };
    let (accounts, accounts_watch) = served::<WorkerAccount>(cluster);
    let (deployments, deployments_watch) = served::<WorkerDeployment>(cluster);
    let (releases, releases_watch) = served::<WorkerRelease>(cluster);
    let (bundles, bundles_watch) = served::<WorkerBundle>(cluster);
    // Who only answers webhooks need not know of Secrets.
    let reads_secrets = args.is_on(Component::Controllers);
    let (secrets, secrets_watch) = reads_secrets.then(|| served(cluster)).unzip();
    let secrets_watch = secrets_watch.unwrap_or_else(|| Box::pin(pending()));
    let known = Known {
        accounts,
        deployments,
        releases,
        bundles,
        secrets,
    };
    let run = async move {
        tokio::select! {
            () = accounts_watch => {}
            () = deployments_watch => {}
            () = releases_watch => {}
            () = bundles_watch => {}
            () = secrets_watch => {}
        }
    };
    (Some(known), Box::pin(run))
}

/// One watch, which begins when the kind is there.
fn served<K: Kept>(cluster: &Cluster) -> (Watched<K>, BoxFuture<'static, ()>) {
    let (watched, watch) = cluster.watched::<K>(CancellationToken::new());
    let cluster = cluster.clone();
    let run = async move {
        until_served::<K>(&cluster, &WORKERS, || {}).await;
        watch.await;
    };
    (watched, Box::pin(run))
}

/// What admission answers from, where it is wanted.
pub(super) async fn admitting(
    args: &ServeArgs,
    known: Option<&Known>,
    cluster: Option<&Cluster>,
) -> Option<serve::Workers> {
    let known = known.filter(|_| args.is_on(Component::Admission))?;
    // Asked once: it is a matter of the certificate or of the token's account.
    let own_user = timeout(PATIENCE, cluster?.own_user()).await.ok().flatten();
    Some(serve::Workers {
        deployments: known.deployments.clone(),
        accounts: known.accounts.clone(),
        releases: known.releases.clone(),
        runtime_version: args.workers.worker_runtime_version.clone(),
        own_user,
    })
}

impl Known {
    /// What the controllers work with, where they are wanted.
    pub(super) fn controlled(&self, args: &ServeArgs) -> Option<Workers> {
        let secrets = self.secrets.clone()?;
        Some(Workers {
            accounts: self.accounts.clone(),
            deployments: self.deployments.clone(),
            releases: self.releases.clone(),
            bundles: self.bundles.clone(),
            secrets,
            runtime: args.workers.runtime(),
            workerd: args.workers.workerd_path.clone(),
            allowed: args.workers.allowed(),
        })
    }
}
