//! One term of leadership: fresh watches of what accounts are built with, what each change concerns, and the work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::mpsc;
use futures::future::{BoxFuture, JoinAll, join_all};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::account::step;
use super::context::{Context, Key, Kinds};
use super::secrets::Known;
use crate::api::names::label;
use crate::api::workers::WorkerAccount;
use crate::clients::cluster::{Kept, Watched};
use crate::dispatch::withheld;
use crate::reconcile::Shared;
use crate::reconcile::backlog::Backlog;
use crate::reconcile::error::{Error, guarded};
use crate::reconcile::events::Events;
use crate::reconcile::workers::{Workers, queue};

/// Accounts to look at.
type Queue = mpsc::UnboundedSender<Key>;

/// Runs the controller until `stop`, then lets the reconciles that have begun come to their end.
pub(in crate::reconcile::workers) async fn run(shared: &Shared, workers: &Workers, stop: CancellationToken) {
    let backlog = Arc::new(Backlog::new(shared.options.concurrency));
    let (events, send) = Events::new(shared.cluster.clone(), shared.metrics.clone(), backlog);
    let cluster = &shared.cluster;
    // The watches outlive the stop, as long as reconciles that have begun may need them.
    let (jobs, jobs_watch) = cluster.labelled(label::BUILD, CancellationToken::new());
    let (pods, pods_watch) = cluster.labelled(label::BUILD, CancellationToken::new());
    let (config_maps, config_maps_watch) = cluster.labelled(label::BUNDLE, CancellationToken::new());
    let context = Context {
        cluster: cluster.clone(),
        accounts: workers.accounts.clone(),
        deployments: workers.deployments.clone(),
        releases: workers.releases.clone(),
        bundles: workers.bundles.clone(),
        jobs,
        pods,
        config_maps,
        secrets: workers.secrets.clone(),
        secret_keys: Known::default(),
        runtime: workers.runtime.clone(),
        workerd: workers.workerd.clone(),
        allowed: workers.allowed.clone(),
        events,
        kinds: Kinds::default(),
    };
    let (queue, wakes) = mpsc::unbounded();
    let listeners = listeners(&context, workers, &queue);
    let failures = Mutex::default();
    let controller = async {
        // Lists may take for ever, and a stop must not wait for them.
        if stop.run_until_cancelled(filled(&context)).await.is_some() {
            enqueue_all(&context, &queue);
            let concurrency = shared.options.concurrency.into();
            queue::run(
                wakes,
                concurrency,
                |key| reconcile(key, &context, shared, &failures),
                stop.clone(),
            )
            .await;
        }
    };
    tokio::select! {
        () = controller => info!("controller of worker accounts has stopped"),
        _ = listeners => {}
        () = send => {}
        () = jobs_watch => {}
        () = pods_watch => {}
        () = config_maps_watch => {}
    }
}

/// Returns once everything is known for the first time.
async fn filled(context: &Context) {
    tokio::join!(
        context.accounts.wait_until_ready(),
        context.deployments.wait_until_ready(),
        context.releases.wait_until_ready(),
        context.bundles.wait_until_ready(),
        context.jobs.wait_until_ready(),
        context.pods.wait_until_ready(),
        context.config_maps.wait_until_ready(),
    );
}

/// Hears of whatever may concern an account. Does not end.
fn listeners<'c>(context: &'c Context, workers: &'c Workers, queue: &Queue) -> JoinAll<BoxFuture<'c, ()>> {
    let all = &workers.accounts;
    join_all([
        follow(&context.accounts, all, queue.clone(), |account| {
            Some(account.name_any())
        })
        .boxed(),
        follow(&context.deployments, all, queue.clone(), of_label).boxed(),
        follow(&context.releases, all, queue.clone(), of_label).boxed(),
        follow(&context.bundles, all, queue.clone(), of_label).boxed(),
        follow(&context.jobs, all, queue.clone(), of_label).boxed(),
        follow(&context.pods, all, queue.clone(), of_label).boxed(),
        follow(&workers.secrets, all, queue.clone(), |_| None).boxed(),
    ])
}

/// One reconcile and its result, in the one place where results end up; when to look again.
async fn reconcile(
    key: Key,
    context: &Context,
    shared: &Shared,
    failures: &Mutex<HashMap<Key, u32>>,
) -> Option<Duration> {
    let outcome = guarded(step(&key, context)).await;
    let account = format!("{}/{}", key.0, key.1);
    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
    let (result, pause) = match outcome {
        Ok(pause) => {
            failures.remove(&key);
            debug!(worker_account = account, ?pause, "reconciled");
            ("ok", pause)
        }
        Err(error) => {
            let before = failures.entry(key).or_default();
            let pause = error.retry(*before);
            *before = before.saturating_add(1);
            tell(&account, &error);
            (error.result(), Some(pause))
        }
    };
    shared.metrics.count("worker_account", result);
    pause
}

fn tell(account: &str, error: &Error) {
    match error {
        // Somebody wrote in between, and the next look sees it.
        Error::Cluster(call) if error.result() == "conflict" => {
            debug!(worker_account = account, %error, cause = %call.failure, "reconcile failed");
        }
        Error::Cluster(call) => {
            let cause = withheld::text(&call.failure.to_string());
            warn!(worker_account = account, %error, cause, "reconcile failed");
        }
        Error::Panicked => error!(worker_account = account, %error, "reconcile failed"),
    }
}

/// Queues the account that each change concerns; all of the namespace where that cannot be told any more.
async fn follow<K: Kept>(
    watched: &Watched<K>,
    accounts: &Watched<WorkerAccount>,
    queue: Queue,
    of: impl Fn(&K) -> Option<String> + Send,
) {
    let mut changes = watched.changes();
    loop {
        let object: ObjectRef<K> = match changes.recv().await {
            Ok(object) => object,
            Err(RecvError::Lagged(_)) => {
                enqueue(&queue, accounts, |_| true);
                continue;
            }
            Err(RecvError::Closed) => return std::future::pending().await,
        };
        let namespace = object.namespace.clone().unwrap_or_default();
        let stored = watched.get(&namespace, &object.name);
        if let Some(account) = stored.and_then(|stored| of(&stored)) {
            // The other end is gone when the term is over.
            let _ = queue.unbounded_send((namespace, account));
        } else {
            enqueue(&queue, accounts, |account| {
                account.metadata.namespace.as_ref() == Some(&namespace)
            });
        }
    }
}

fn enqueue(queue: &Queue, accounts: &Watched<WorkerAccount>, wanted: impl Fn(&WorkerAccount) -> bool) {
    for account in accounts.all().into_iter().filter(|account| wanted(account)) {
        let _ = queue.unbounded_send((account.namespace().unwrap_or_default(), account.name_any()));
    }
}

/// The account that the label names.
pub(super) fn account_of(metadata: &ObjectMeta) -> Option<&String> {
    metadata.labels.as_ref()?.get(label::ACCOUNTS)
}

fn of_label<K: ResourceExt>(object: &K) -> Option<String> {
    account_of(object.meta()).cloned()
}

/// Every account that there is, or that a WorkerDeployment names.
fn enqueue_all(context: &Context, queue: &Queue) {
    enqueue(queue, &context.accounts, |_| true);
    for deployment in context.deployments.all() {
        if let Some(account) = of_label(&*deployment) {
            let _ = queue.unbounded_send((deployment.namespace().unwrap_or_default(), account));
        }
    }
}
