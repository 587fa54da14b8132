//! One term of leadership: fresh watches of what bundles become and refer to, what each change concerns, and the
//! controller.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt, Stream, StreamExt};
use kube::runtime::applier;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::context::Context;
use super::index::Index;
use super::listen::{Ears, Queue, enqueue_all};
use super::memory::Memory;
use super::stores::Stores;
use super::worker_bundle::{error_policy, reconcile};
use crate::api::workers::{HTTPRoute, WorkerBundle};
use crate::dispatch::withheld;
use crate::reconcile::Shared;
use crate::reconcile::backlog::Backlog;
use crate::reconcile::error::Error;
use crate::reconcile::events::Events;
use crate::reconcile::workers::Workers;

/// How soon it is asked again whether the cluster has HTTPRoutes.
const ROUTES_PAUSE: Duration = Duration::from_secs(60);
/// The same after no answer.
const UNANSWERED_PAUSE: Duration = Duration::from_secs(1);

/// One result of the controller.
type Outcome = Result<(ObjectRef<WorkerBundle>, Action), controller::Error<Error, Infallible>>;

/// Runs the controller until `stop`, then lets the reconciles that have begun come to their end.
pub(in crate::reconcile::workers) async fn run(shared: &Shared, workers: &Workers, stop: CancellationToken) {
    let backlog = Arc::new(Backlog::new(shared.options.concurrency));
    let (events, send) = Events::new(shared.cluster.clone(), shared.metrics.clone(), backlog);
    let (stores, fill, fill_routes) = Stores::open(&shared.cluster);
    let (has_routes, served) = watch::channel(None);
    let (queue, refs) = mpsc::unbounded();
    let context = Arc::new(Context {
        cluster: shared.cluster.clone(),
        stores,
        has_routes: served.clone(),
        secrets: workers.secrets.clone(),
        runtime: workers.runtime.clone(),
        allowed: workers.allowed.clone(),
        memory: Arc::<Memory>::default(),
        events,
    });
    let ears = Ears {
        bundles: &workers.bundles,
        ctx: &context,
        queue: queue.clone(),
        index: Index::default(),
    };
    let listening = ears.listen();
    let routes = follow_routes(shared, &context, fill_routes, (&has_routes, &queue, workers));
    let filled = async {
        let known = (workers.bundles.wait_until_ready(), workers.secrets.wait_until_ready());
        let mut served = served;
        // Nothing of a gateway is told before it is known.
        let asked = served.wait_for(Option::is_some);
        tokio::join!(known.0, known.1, context.stores.wait_until_ready()).0 && asked.await.is_ok()
    };
    let controller = async {
        // Lists may take for ever, and a stop must not wait for them.
        if stop.run_until_cancelled(filled).await.is_some() {
            enqueue_all(&queue, &workers.bundles);
            let queued = refs.take_until(stop.cancelled());
            controller(shared, workers, Arc::clone(&context), queued).await;
        }
    };
    tokio::select! {
        () = controller => info!("controller of bundles has stopped"),
        () = listening => {}
        () = fill => {}
        () = routes => {}
        () = send => {}
    }
}

/// Follows HTTPRoutes from the time on at which the cluster has them.
async fn follow_routes(
    shared: &Shared,
    context: &Context,
    fill: impl Future<Output = ()>,
    (has_routes, queue, workers): (&watch::Sender<Option<bool>>, &Queue, &Workers),
) {
    loop {
        let pause = match shared.cluster.is_served::<HTTPRoute>().await {
            Ok(true) => break,
            Ok(false) => {
                has_routes.send_replace(Some(false));
                ROUTES_PAUSE
            }
            Err(_) => UNANSWERED_PAUSE,
        };
        tokio::time::sleep(pause).await;
    }
    let known = async {
        context.stores.routes.wait_until_ready().await;
        has_routes.send_replace(Some(true));
        enqueue_all(queue, &workers.bundles);
    };
    tokio::join!(fill, known);
}

/// Reconciles what is queued until the queue ends.
async fn controller(
    shared: &Shared,
    workers: &Workers,
    context: Arc<Context>,
    queued: impl Stream<Item = ObjectRef<WorkerBundle>>,
) {
    let config = controller::Config::default().concurrency(shared.options.concurrency);
    let results = applier(
        |bundle, context| reconcile(bundle, context).boxed(),
        error_policy,
        context,
        workers.bundles.store(),
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

/// The one place where results end up.
fn report(shared: &Shared, result: Outcome) {
    let result = match result {
        Ok((bundle, action)) => {
            debug!(worker_bundle = %bundle, ?action, "reconciled");
            "ok"
        }
        Err(controller::Error::ReconcilerFailed(error, bundle)) => {
            match &error {
                Error::Cluster(call) => {
                    let cause = withheld::text(&call.failure.to_string());
                    warn!(worker_bundle = %bundle, %error, cause, "reconcile failed");
                }
                Error::Panicked => error!(worker_bundle = %bundle, %error, "reconcile failed"),
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
    shared.metrics.count("worker_bundle", result);
}
