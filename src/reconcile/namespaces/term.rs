//! One term of leadership: fresh watches of namespaces and of what we have applied, the queue, and the reporter.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::join5;
use futures::{FutureExt, Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{applier, watcher::Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::super::error::Error;
use super::super::metrics::Metrics;
use super::context::{Context, NamespaceMeta};
use super::kinds::{Change, Follow, Kinds};
use super::report::Stored;
use super::{Resources, namespace};
use crate::clients::cluster::Cluster;

/// Namespaces to look at.
type Queue = mpsc::UnboundedSender<ObjectRef<NamespaceMeta>>;
type Outcome = Result<(ObjectRef<NamespaceMeta>, Action), controller::Error<Error, Infallible>>;

/// Runs one term of leadership until `stop`, then lets the reconciles that have begun come to their end.
pub(in super::super) async fn run(
    cluster: &Cluster,
    resources: &Resources,
    (metrics, concurrency): (&Metrics, u16),
    stop: CancellationToken,
) {
    let set = &resources.options.set;
    let opened = stop.run_until_cancelled(Stored::open(cluster, set)).await;
    let Some(stored) = opened else { return };
    let (kinds, requests) = Kinds::new();
    for kind in stored.kinds() {
        kinds.state(kind);
    }
    let (queue, refs) = mpsc::unbounded();
    let (store, writer) = reflector::store::<NamespaceMeta>();
    let ctx = Arc::new(Context::new(
        (cluster.clone(), store.clone()),
        resources,
        (metrics.clone(), &stored),
        (kinds, stop.clone()),
    ));
    let changed = |change: Change<'_>| on_change(change, &ctx, &store, &queue);
    let follow = Follow {
        cluster,
        index: &ctx.index,
        report: &ctx.report,
        set,
        changed: &changed,
    };
    let follow_related = ctx
        .related
        .follow(cluster, &resources.current, resources.changes.clone(), || {
            enqueue_all(&queue, &store);
        });
    let watches = join5(
        follow_related,
        namespaces(&ctx, writer, queue.clone()),
        ctx.kinds.follow(requests, &follow),
        changed_sets(&ctx, resources.changes.clone(), &store, &queue),
        ctx.report.write(cluster, set, &resources.current, stored),
    );
    let controller = async {
        if stop.run_until_cancelled(store.wait_until_ready()).await.is_some() {
            resources.filled.send_replace(true);
            let queued = refs.take_until(stop.cancelled());
            controller(&ctx, store.clone(), queued, (metrics, concurrency)).await;
        }
    };
    tokio::select! {
        () = controller => info!("the native mode has stopped"),
        _ = watches => {}
    }
}

/// Reconciles what is queued until the queue ends.
async fn controller(
    ctx: &Arc<Context>,
    store: Store<NamespaceMeta>,
    queued: impl Stream<Item = ObjectRef<NamespaceMeta>>,
    (metrics, concurrency): (&Metrics, u16),
) {
    let all = store.state();
    ctx.report
        .expect(all.iter().map(|namespace| namespace.name_any().into()));
    let results = applier(
        |namespace, ctx| namespace::reconcile(namespace, ctx).boxed(),
        namespace::error_policy,
        Arc::clone(ctx),
        store,
        queued.map(Ok::<_, Infallible>),
        controller::Config::default().concurrency(concurrency),
    );
    results
        .for_each(|result| {
            report(ctx, metrics, result);
            std::future::ready(())
        })
        .await;
}

/// Keeps the store of namespaces and queues each that changes.
async fn namespaces(ctx: &Context, mut writer: reflector::store::Writer<NamespaceMeta>, queue: Queue) {
    let store = writer.as_reader();
    let mut events = std::pin::pin!(ctx.cluster.watch::<NamespaceMeta>());
    while let Some(event) = events.next().await {
        if let Event::Apply(namespace) = &event {
            ctx.notice(&namespace.name_any());
        }
        writer.apply_watcher_event(&event);
        match &event {
            Event::Init | Event::InitApply(_) => {}
            // What is under way with a deleted one ends first: its turn after that finds nothing.
            Event::Apply(namespace) | Event::Delete(namespace) => enqueue(&queue, &namespace.name_any()),
            Event::InitDone => {
                let all: HashSet<_> = store.state().iter().map(|namespace| namespace.name_any()).collect();
                ctx.retain(|namespace| all.contains(namespace));
                enqueue_all(&queue, &store);
            }
        }
    }
}

/// What the watch of a kind has told concerns one namespace or all.
fn on_change(change: Change<'_>, ctx: &Context, store: &Store<NamespaceMeta>, queue: &Queue) {
    match change {
        Change::Object { namespace } => enqueue(queue, namespace),
        Change::Kinds => enqueue_all(queue, store),
        Change::Gone { kind, namespace, name } => {
            // What goes with its namespace is not made again.
            let lives = store.get(&ObjectRef::new(namespace));
            if lives.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none()) {
                ctx.repairs.lost(namespace, (kind, name));
                enqueue(queue, namespace);
            }
        }
    }
}

/// Has every namespace looked at when another set is in force.
async fn changed_sets(ctx: &Context, mut changes: watch::Receiver<()>, store: &Store<NamespaceMeta>, queue: &Queue) {
    let mut last = ctx.current.set();
    loop {
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
        ctx.report.touch();
        let set = ctx.current.set();
        if set.as_ref().map(Arc::as_ptr) != last.as_ref().map(Arc::as_ptr) {
            enqueue_all(queue, store);
        }
        last = set;
    }
}

fn enqueue(queue: &Queue, namespace: &str) {
    // The other end is gone when the term is over.
    let _ = queue.unbounded_send(ObjectRef::new(namespace));
}

fn enqueue_all(queue: &Queue, store: &Store<NamespaceMeta>) {
    for namespace in store.state() {
        enqueue(queue, &namespace.name_any());
    }
}

/// The one place where results end up.
fn report(ctx: &Context, metrics: &Metrics, result: Outcome) {
    let result = match result {
        Ok((namespace, action)) => {
            debug!(%namespace, ?action, "reconciled");
            "ok"
        }
        // It was deleted while its turn came.
        Err(controller::Error::ObjectNotFound(namespace)) => {
            ctx.forget(&namespace.name);
            "gone"
        }
        Err(controller::Error::ReconcilerFailed(error, namespace)) => {
            error!(%namespace, %error, "reconcile failed");
            error.result()
        }
        Err(error) => {
            error!(%error, "controller failed");
            "failed"
        }
    };
    metrics.count("namespace", result);
}
