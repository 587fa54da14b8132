//! PodGateways and the pods that are, or should be, behind them: status, counts, and the auditor of pods that were created
//! while no webhook answered.

mod audit;
mod evict;
mod pods;
mod registration;
mod report;
mod roll;
mod scope;
mod siblings;
mod since;
mod successor;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join5;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::api::gateway::{Gateway, PodGateway};
use crate::clients::cluster::{Cluster, NamespaceMetadata, Watched};
use crate::gateway::{self, Evictions, Hooks, InForce, Labels, Names, Namespaces};
use roll::Roll;

/// How the auditor works.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which pods the cluster asks about.
    pub hooks: Hooks,
    /// Pods that should be behind a gateway, are not and have a controller are evicted.
    pub evict: bool,
}

/// What the controller of PodGateways works with.
pub struct PodGateways {
    /// All PodGateways.
    pub stored: Watched<PodGateway>,
    /// All namespaces.
    pub namespaces: Watched<NamespaceMetadata>,
    /// The gateways in force.
    pub in_force: gateway::Shared,
    /// What is known of their names; changes with the gateways in force too.
    pub names: watch::Receiver<Arc<Names>>,
    /// The gateway of the flags.
    pub flags: Option<Gateway>,
    /// How to work.
    pub options: Options,
}

/// Shared by all parts of one term of leadership.
struct Context<'a> {
    cluster: &'a Cluster,
    with: &'a PodGateways,
    metrics: &'a Metrics,
    roll: Mutex<Roll>,
    evictions: Mutex<Evictions>,
    /// Changes with whatever any part may have to look at.
    news: watch::Sender<()>,
}

/// Runs one term of leadership until `stop`.
pub(super) async fn run(cluster: &Cluster, with: &PodGateways, metrics: &Metrics, stop: CancellationToken) {
    let ctx = Context {
        cluster,
        with,
        metrics,
        roll: Mutex::default(),
        evictions: Mutex::default(),
        news: watch::Sender::default(),
    };
    let work = async {
        // A watch that has ended has ended with the process.
        if with.stored.wait_until_ready().await && with.namespaces.wait_until_ready().await {
            let parts = join5(
                ctx.hear(),
                pods::follow(&ctx),
                audit::run(&ctx),
                report::run(&ctx),
                Box::pin(evict::run(&ctx)),
            );
            parts.await;
        }
        std::future::pending::<()>().await;
    };
    let _ = stop.run_until_cancelled(Box::pin(work)).await;
    metrics.forget_gateways();
}

impl Context<'_> {
    /// Tells all parts of what changes outside; does not end.
    async fn hear(&self) {
        let (mut names, mut stored) = (self.with.names.clone(), self.with.stored.changes());
        let mut namespaces = self.with.namespaces.changes();
        loop {
            let goes_on = tokio::select! {
                changed = names.changed() => changed.is_ok(),
                heard = stored.recv() => goes_on(&heard),
                heard = namespaces.recv() => goes_on(&heard),
            };
            if !goes_on {
                return std::future::pending().await;
            }
            self.touch();
        }
    }

    fn touch(&self) {
        self.news.send_replace(());
    }

    fn in_force(&self) -> Arc<InForce> {
        self.with.in_force.load_full()
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evictions(&self) -> MutexGuard<'_, Evictions> {
        self.evictions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All namespaces with their labels.
    fn namespaces(&self) -> Vec<(String, Labels)> {
        let all = self.with.namespaces.all();
        let named = all.iter().map(|namespace| {
            let name = namespace.metadata.name.clone().unwrap_or_default();
            (name, labels(namespace))
        });
        named.collect()
    }
}

impl Namespaces for Context<'_> {
    fn labels(&self, namespace: &str) -> Option<Labels> {
        self.with.namespaces.get("", namespace).map(|found| labels(&found))
    }
}

/// Who is behind looks again too.
fn goes_on<T>(heard: &Result<T, broadcast::error::RecvError>) -> bool {
    !matches!(heard, Err(RecvError::Closed))
}

fn labels(namespace: &PartialObjectMeta<Namespace>) -> Labels {
    namespace.metadata.labels.clone().unwrap_or_default()
}
