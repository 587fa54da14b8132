//! One term of leadership: fresh watches, an index that is full before the first reconcile, and the controller.

use std::convert::Infallible;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::{join, join3};
use futures::{FutureExt, Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{applier, watcher::Event};
use tokio::sync::{broadcast::error::RecvError, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::backlog::Backlog;
use super::context::Context;
use super::error::Error;
use super::events::Events;
use super::holds::Holds;
use super::job_execution::{error_policy, reconcile};
use super::jobs::{Change, Jobs, Writer};
use super::ledger::Ledger;
use super::{Dispatch, Shared};
use crate::api::dispatch::view::{Job, JobExecution};
use crate::dispatch::withheld;

/// Executions to look at.
type Queue = mpsc::UnboundedSender<ObjectRef<JobExecution>>;
/// One result of the controller.
type Outcome = Result<(ObjectRef<JobExecution>, Action), controller::Error<Error, Infallible>>;

/// Runs the controllers until `stop`, then lets the reconciles that have begun come to their end.
pub(super) async fn run(shared: &Shared, dispatch: &Dispatch, stop: CancellationToken) {
    let backlog = Arc::new(Backlog::new(shared.options.concurrency));
    let (events, send) = Events::new(shared.cluster.clone(), shared.metrics.clone(), Arc::clone(&backlog));
    let (jobs, holds, ledger) = (
        Arc::<Jobs>::default(),
        Arc::<Holds>::default(),
        Arc::<Ledger>::default(),
    );
    let (queue, refs) = mpsc::unbounded();
    let (listed, index_full) = oneshot::channel();
    let (store, writer) = reflector::store::<JobExecution>();
    let watches = join3(
        executions(
            shared,
            writer,
            queue.clone(),
            (Arc::clone(&holds), Arc::clone(&ledger), Arc::clone(&backlog)),
        ),
        all_jobs(
            shared,
            store.clone(),
            (Arc::clone(&jobs), Arc::clone(&holds)),
            queue.clone(),
            listed,
        ),
        changed_templates(dispatch, Arc::clone(&holds), queue),
    );
    let context = Arc::new(Context {
        cluster: shared.cluster.clone(),
        templates: dispatch.templates.clone(),
        compiled: Arc::clone(&dispatch.compiled),
        jobs,
        holds,
        ledger,
        events,
        metrics: shared.metrics.clone(),
        backlog,
    });
    let known = store.clone();
    let filled = async {
        join3(
            dispatch.templates.wait_until_ready(),
            known.wait_until_ready(),
            index_full,
        )
        .await
    };
    let controller = async {
        // Lists may take for ever, and a stop must not wait for them.
        if stop.run_until_cancelled(filled).await.is_some() {
            dispatch.filled.send_replace(true);
            let queued = refs.take_until(stop.cancelled());
            controller(shared, context, store, queued).await;
        }
    };
    tokio::select! {
        () = controller => info!("controllers have stopped"),
        _ = join(watches, send) => {}
    }
}

/// Reconciles what is queued until the queue ends.
async fn controller(
    shared: &Shared,
    context: Arc<Context>,
    store: Store<JobExecution>,
    queued: impl Stream<Item = ObjectRef<JobExecution>>,
) {
    let config = controller::Config::default().concurrency(shared.options.concurrency);
    let results = applier(
        |execution, context| reconcile(execution, context).boxed(),
        error_policy,
        context,
        store,
        queued.map(Ok::<_, Infallible>),
        config,
    );
    results
        .for_each(|result| {
            report(shared, result);
            std::future::ready(())
        })
        .await;
}

/// Keeps the store of executions and queues each that changes.
async fn executions(
    shared: &Shared,
    mut writer: reflector::store::Writer<JobExecution>,
    queue: Queue,
    (holds, ledger, backlog): (Arc<Holds>, Arc<Ledger>, Arc<Backlog>),
) {
    let store: Store<JobExecution> = writer.as_reader();
    let mut events = std::pin::pin!(shared.cluster.watch::<JobExecution>());
    while let Some(event) = events.next().await {
        writer.apply_watcher_event(&event);
        match &event {
            Event::Init => {}
            // The store shows none of the list before it has the whole.
            Event::InitApply(execution) => backlog.seen(execution),
            Event::Apply(execution) => {
                backlog.seen(execution);
                enqueue(&queue, named(execution));
            }
            Event::Delete(execution) => {
                holds.forget(execution);
                ledger.forget(execution);
                backlog.done(execution);
            }
            Event::InitDone => {
                let all = store.state();
                let uids: std::collections::HashSet<_> = all.iter().filter_map(|known| known.uid()).collect();
                holds.retain(|uid| uids.contains(uid));
                ledger.retain(|uid| uids.contains(uid));
                backlog.retain(|uid| uids.contains(uid));
                enqueue_all(&queue, all.iter().map(|execution| named(execution)).collect());
            }
        }
    }
}

/// Keeps the index of Jobs and queues the executions that a change concerns.
async fn all_jobs(
    shared: &Shared,
    store: Store<JobExecution>,
    (jobs, holds): (Arc<Jobs>, Arc<Holds>),
    queue: Queue,
    listed: oneshot::Sender<()>,
) {
    let (mut writer, mut listed) = (Writer::default(), Some(listed));
    let mut events = std::pin::pin!(shared.cluster.watch::<Job>());
    while let Some(event) = events.next().await {
        for change in writer.apply(&jobs, event) {
            match change {
                Change::Owned(execution) => enqueue(&queue, execution),
                Change::Freed { namespace, name } => enqueue_all(&queue, holds.name_freed(&namespace, &name)),
                Change::Listed => {
                    // Any Job may have changed or gone in between.
                    enqueue_all(&queue, store.state().iter().map(|execution| named(execution)).collect());
                    enqueue_all(&queue, holds.any_name_freed());
                    // Nobody waits for it any more when the term is over.
                    listed.take().map(|listed| listed.send(()).ok());
                }
            }
        }
    }
}

/// Queues the executions that wait for a template that has changed.
async fn changed_templates(dispatch: &Dispatch, holds: Arc<Holds>, queue: Queue) {
    let mut changes = dispatch.templates.changes();
    loop {
        match changes.recv().await {
            Ok(template) => {
                let namespace = template.namespace.as_deref().unwrap_or_default();
                enqueue_all(&queue, holds.template_changed(namespace, &template.name));
            }
            Err(RecvError::Lagged(_)) => enqueue_all(&queue, holds.any_template_changed()),
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn named(execution: &JobExecution) -> ObjectRef<JobExecution> {
    ObjectRef::new(&execution.name_any()).within(&execution.namespace().unwrap_or_default())
}

fn enqueue(queue: &Queue, execution: ObjectRef<JobExecution>) {
    // The other end is gone when the term is over.
    let _ = queue.unbounded_send(execution);
}

fn enqueue_all(queue: &Queue, executions: Vec<ObjectRef<JobExecution>>) {
    for execution in executions {
        enqueue(queue, execution);
    }
}

/// The one place where results end up.
fn report(shared: &Shared, result: Outcome) {
    let result = match result {
        Ok((execution, action)) => {
            debug!(job_execution = %execution, ?action, "reconciled");
            "ok"
        }
        Err(controller::Error::ReconcilerFailed(error, execution)) => {
            match &error {
                Error::Cluster(call) => {
                    let cause = withheld::text(&call.failure.to_string());
                    warn!(job_execution = %execution, %error, cause, "reconcile failed");
                }
                Error::Panicked => error!(job_execution = %execution, %error, "reconcile failed"),
            }
            error.result()
        }
        // It was deleted while its turn came.
        Err(controller::Error::ObjectNotFound(_)) => "gone",
        Err(error) => {
            error!(%error, "controller failed");
            "failed"
        }
    };
    shared.metrics.count("job_execution", result);
}
