//! The reconcile half: whoever holds the lease runs the controllers; the webhooks and the execute endpoint run everywhere.
//!
//! | controller | watches | makes |
//! |---|---|---|
//! | job_execution | JobExecution, JobTemplate, Job | one Job for each execution, and its status |
//! | gateway_client | GatewayClient, their Pods | one Pod for each client, and its status |
//! | namespace | Namespace, whatever carries our label | what the folder of templates wants in it, and the ResourceSet |
//! | gateways | PodGateway, Namespace, metadata of pods | status of each PodGateway; events on pods without theirs, evictions |
//! | worker_account | WorkerAccount, WorkerDeployment, WorkerRelease, Jobs and pods of builds | WorkerReleases, builds, the WorkerBundle, all their statuses |
//! | worker_bundle | WorkerBundle, what it owns, metadata of Secrets | Deployment, Service and what leads to it, its status |

mod backlog;
mod context;
mod create;
mod error;
mod events;
pub mod gateway_clients;
pub mod gateways;
mod held;
mod holds;
mod job_execution;
mod jobs;
mod lease;
mod ledger;
mod metrics;
pub mod namespaces;
mod observe;
mod post;
mod release;
mod term;
pub mod workers;

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use metrics::Metrics;

use crate::clients::cluster::{Cluster, Templates};
use crate::dispatch::cache::Cache;
use gateway_clients::Clients;
use gateways::PodGateways;
use namespaces::Resources;
use workers::Workers;

/// Name of the Lease that replicas contend for.
const LEASE: &str = "stationmaster";

/// How the controllers run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Executions that are reconciled at the same time.
    pub concurrency: u16,
    /// Where to contend for the Lease, if there are several replicas.
    pub lease_namespace: Option<String>,
}

/// What the controllers work with.
pub struct Shared {
    /// The door to the API server.
    pub cluster: Cluster,
    /// Where results are counted.
    pub metrics: Metrics,
    /// How to run.
    pub options: Options,
    /// For JobExecutions, if they are wanted.
    pub dispatch: Option<Dispatch>,
    /// For resources into namespaces, if they are wanted.
    pub resources: Option<Resources>,
    /// For GatewayClients, if they are wanted.
    pub clients: Option<Clients>,
    /// For PodGateways, if they are wanted.
    pub gateways: Option<PodGateways>,
    /// For the kinds of workers, if they are wanted.
    pub workers: Option<Workers>,
}

/// What the controller of JobExecutions works with.
pub struct Dispatch {
    /// All JobTemplates: the process's one watch of them.
    pub templates: Templates,
    /// The same templates, parsed.
    pub compiled: Arc<Cache>,
    /// Becomes true when the executions and the index of Jobs are known for the first time.
    pub filled: watch::Sender<bool>,
}

/// Runs the controllers until `stop`, whenever this replica leads.
pub async fn run(shared: Shared, stop: CancellationToken) {
    let Some(namespace) = shared.options.lease_namespace.clone() else {
        shared.metrics.leader.set(1);
        return Box::pin(terms(&shared, &stop)).await;
    };
    let mut contender = lease::Contender::new(shared.cluster.clone(), namespace, LEASE.into(), identity());
    while let Some(until) = stop.run_until_cancelled(contender.won()).await {
        shared.metrics.leader.set(1);
        let last = Box::pin(lead(&shared, &mut contender, until, &stop)).await;
        shared.metrics.leader.set(0);
        // Another replica leads, and tells.
        shared.metrics.resources(0, 0, 0);
        if last {
            contender.release().await;
        }
    }
}

/// Runs one term; true when it ended because the process stops and not because the lease was lost.
async fn lead(
    shared: &Shared,
    contender: &mut lease::Contender,
    until: tokio::time::Instant,
    stop: &CancellationToken,
) -> bool {
    tokio::select! {
        () = terms(shared, stop) => true,
        // Whatever is under way is dropped here, before anybody else can lead.
        () = contender.lost(until) => false,
    }
}

/// Runs all controllers that are wanted until `stop`; what ends before begins anew.
async fn terms(shared: &Shared, stop: &CancellationToken) {
    let executions = async {
        let Some(dispatch) = &shared.dispatch else { return };
        while !stop.is_cancelled() {
            term::run(shared, dispatch, stop.child_token()).await;
        }
    };
    let namespaces = async {
        let Some(resources) = &shared.resources else { return };
        let with = (&shared.metrics, shared.options.concurrency);
        while !stop.is_cancelled() {
            namespaces::run(&shared.cluster, resources, with, stop.child_token()).await;
        }
    };
    let gateway_clients = async {
        let Some(clients) = &shared.clients else { return };
        while !stop.is_cancelled() {
            gateway_clients::run(shared, clients, stop.child_token()).await;
        }
    };
    let behind = async {
        let Some(gateways) = &shared.gateways else { return };
        while !stop.is_cancelled() {
            gateways::run(&shared.cluster, gateways, &shared.metrics, stop.child_token()).await;
        }
    };
    let workers = async {
        let Some(workers) = &shared.workers else { return };
        while !stop.is_cancelled() {
            workers::run(shared, workers, stop.child_token()).await;
        }
    };
    tokio::join!(executions, namespaces, gateway_clients, behind, workers);
}

/// A name that no other replica has, and none had before.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "stationmaster".into());
    format!("{host}_{:x}_{}", Timestamp::now().as_nanosecond(), std::process::id())
}
