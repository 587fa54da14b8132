//! What every reconcile of an account shares.

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::core::PartialObjectMeta;
use tokio::sync::OnceCell;

use super::secrets::Known;
use crate::api::workers::{WorkerAccount, WorkerBundle, WorkerDeployment, WorkerRelease};
use crate::clients::cluster::{self, Cluster, Kind, KindError, Object, Watched};
use crate::reconcile::error::Error;
use crate::reconcile::events::Events;
use crate::workers::build::Allowed;
use crate::workers::runtime_image::RuntimeImage;

/// Namespace and name of an account; there need not be such a WorkerAccount.
pub(super) type Key = (String, String);

/// Shared by all reconciles of one term of leadership.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    pub(super) accounts: Watched<WorkerAccount>,
    pub(super) deployments: Watched<WorkerDeployment>,
    pub(super) releases: Watched<WorkerRelease>,
    pub(super) bundles: Watched<WorkerBundle>,
    pub(super) jobs: Watched<Job>,
    pub(super) pods: Watched<Pod>,
    pub(super) config_maps: Watched<PartialObjectMeta<ConfigMap>>,
    pub(super) secrets: Watched<PartialObjectMeta<Secret>>,
    pub(super) secret_keys: Known,
    pub(super) runtime: RuntimeImage,
    pub(super) workerd: Option<PathBuf>,
    pub(super) allowed: Allowed,
    pub(super) events: Events,
    pub(super) kinds: Kinds,
}

/// Kinds that are applied, looked up once.
#[derive(Default)]
pub(super) struct Kinds {
    pub(super) bundle: OnceCell<Kind>,
    pub(super) service_account: OnceCell<Kind>,
    pub(super) role: OnceCell<Kind>,
    pub(super) role_binding: OnceCell<Kind>,
}

impl Context {
    /// One of the kinds, asked for at the first time.
    pub(super) async fn kind<'c>(
        &self,
        cell: &'c OnceCell<Kind>,
        (api_version, kind): (&str, &str),
    ) -> Result<&'c Kind, Error> {
        cell.get_or_try_init(|| self.cluster.kind(api_version, kind))
            .await
            .map_err(|error: KindError| {
                Error::Cluster(cluster::Error {
                    verb: "look up",
                    object: Box::new(Object {
                        kind: kind.to_owned(),
                        namespace: String::new(),
                        name: String::new(),
                    }),
                    failure: error.into(),
                })
            })
    }

    /// WorkerDeployments of the account, in the order of their names; those that are being deleted are none any more.
    pub(super) fn deployments_of(&self, (namespace, account): &Key) -> Vec<Arc<WorkerDeployment>> {
        let mut found = self.deployments.all();
        found.retain(|deployment| {
            deployment.metadata.namespace.as_ref() == Some(namespace)
                && deployment.metadata.deletion_timestamp.is_none()
                && super::term::account_of(&deployment.metadata) == Some(account)
        });
        found.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
        found
    }

    /// WorkerReleases of the account.
    pub(super) fn releases_of(&self, (namespace, account): &Key) -> Vec<Arc<WorkerRelease>> {
        let mut found = self.releases.all();
        found.retain(|release| {
            release.metadata.namespace.as_ref() == Some(namespace)
                && release.metadata.deletion_timestamp.is_none()
                && super::term::account_of(&release.metadata) == Some(account)
        });
        found
    }
}
