//! Workers: the accounts, whose WorkerDeployments become a bundle, and the bundles, which become what runs.

mod accounts;
mod bundle;
mod queue;

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::api::workers::{WorkerAccount, WorkerBundle, WorkerDeployment, WorkerRelease};
use crate::clients::cluster::Watched;
use crate::workers::build::Allowed;
use crate::workers::runtime_image::RuntimeImage;

/// What the controllers of workers work with.
pub struct Workers {
    /// All WorkerAccounts: the process's one watch of them, as of the kinds that follow.
    pub accounts: Watched<WorkerAccount>,
    /// All WorkerDeployments.
    pub deployments: Watched<WorkerDeployment>,
    /// All WorkerReleases.
    pub releases: Watched<WorkerRelease>,
    /// All WorkerBundles.
    pub bundles: Watched<WorkerBundle>,
    /// Metadata of all Secrets: a change of one may concern a bundle. Their content is not kept.
    pub secrets: Watched<PartialObjectMeta<Secret>>,
    /// What runs workers where an account does not say.
    pub runtime: RuntimeImage,
    /// The workerd with which the server itself proves inline code, where it has one.
    pub workerd: Option<PathBuf>,
    /// What builds may do that they otherwise may not.
    pub allowed: Allowed,
}

/// Runs the controllers until `stop`; what ends before begins anew.
pub(super) async fn run(shared: &Shared, workers: &Workers, stop: CancellationToken) {
    let bundles = async {
        while !stop.is_cancelled() {
            bundle::run(shared, workers, stop.child_token()).await;
        }
    };
    let accounts = async {
        while !stop.is_cancelled() {
            accounts::run(shared, workers, stop.child_token()).await;
        }
    };
    tokio::join!(accounts, bundles);
}
