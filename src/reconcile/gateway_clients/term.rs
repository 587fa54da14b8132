//! One term of leadership: a fresh watch of the clients' pods, what each change concerns, and the controller.

use std::convert::Infallible;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::join3;
use futures::{FutureExt, Stream, StreamExt};
use kube::runtime::applier;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::Clients;
use super::context::Context;
use super::gateway_client::{error_policy, reconcile};
use super::memory::Memory;
use crate::api::gateway::{ClientPod, GatewayClient};
use crate::api::names::label::CLIENT_UID;
use crate::clients::cluster::Watched;
use crate::dispatch::withheld;
use crate::gateway::client::{is_shortened, pod_name};
use crate::reconcile::Shared;
use crate::reconcile::backlog::Backlog;
use crate::reconcile::error::Error;
use crate::reconcile::events::Events;

/// Clients to look at.
type Queue = mpsc::UnboundedSender<ObjectRef<GatewayClient>>;
/// One result of the controller.
type Outcome = Result<(ObjectRef<GatewayClient>, Action), controller::Error<Error, Infallible>>;

/// Runs the controller until `stop`, then lets the reconciles that have begun come to their end.
pub(in crate::reconcile) async fn run(shared: &Shared, clients: &Clients, stop: CancellationToken) {
    let backlog = Arc::new(Backlog::new(shared.options.concurrency));
    let (events, send) = Events::new(shared.cluster.clone(), shared.metrics.clone(), backlog);
    // The watch outlives the stop, as long as reconciles that have begun may need it.
    let (pods, watch) = shared
        .cluster
        .labelled::<ClientPod>(CLIENT_UID, CancellationToken::new());
    let memory = Arc::<Memory>::default();
    let (queue, refs) = mpsc::unbounded();
    let (client_changes, pod_changes) = (clients.clients.changes(), pods.changes());
    let listeners = join3(
        changed_clients(clients, client_changes, Arc::clone(&memory), queue.clone()),
        changed_pods(clients, &pods, pod_changes, queue.clone()),
        send,
    );
    let context = Arc::new(Context {
        cluster: shared.cluster.clone(),
        pods: pods.clone(),
        gateways: Arc::clone(&clients.gateways),
        namespaces: clients.namespaces.clone(),
        defaults: clients.defaults.clone(),
        retention: clients.retention,
        memory,
        events,
    });
    let filled = async { tokio::join!(clients.clients.wait_until_ready(), pods.wait_until_ready()) };
    let controller = async {
        // Lists may take for ever, and a stop must not wait for them.
        if stop.run_until_cancelled(filled).await.is_some() {
            enqueue_all(&queue, clients);
            let queued = refs.take_until(stop.cancelled());
            controller(shared, clients, context, queued).await;
        }
    };
    tokio::select! {
        () = controller => info!("controller of clients has stopped"),
        _ = listeners => {}
        () = watch => {}
    }
}

/// Reconciles what is queued until the queue ends.
async fn controller(
    shared: &Shared,
    clients: &Clients,
    context: Arc<Context>,
    queued: impl Stream<Item = ObjectRef<GatewayClient>>,
) {
    let config = controller::Config::default().concurrency(shared.options.concurrency);
    let results = applier(
        |client, context| reconcile(client, context).boxed(),
        error_policy,
        context,
        clients.clients.store(),
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

/// Queues each client that changes.
async fn changed_clients(
    clients: &Clients,
    mut changes: Receiver<ObjectRef<GatewayClient>>,
    memory: Arc<Memory>,
    queue: Queue,
) {
    loop {
        match changes.recv().await {
            Ok(client) => {
                let namespace = client.namespace.as_deref().unwrap_or_default();
                if clients.clients.get(namespace, &client.name).is_none() {
                    memory.forget(&client);
                }
                enqueue(&queue, client);
            }
            Err(RecvError::Lagged(_)) => enqueue_all(&queue, clients),
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Queues the clients of pods that change.
async fn changed_pods(
    clients: &Clients,
    pods: &Watched<ClientPod>,
    mut changes: Receiver<ObjectRef<ClientPod>>,
    queue: Queue,
) {
    loop {
        match changes.recv().await {
            Ok(pod) => owners(clients, pods, &pod).for_each(|client| enqueue(&queue, client)),
            Err(RecvError::Lagged(_)) => enqueue_all(&queue, clients),
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// The client that the pod names, else the one that has a pod of this name.
fn owners<'c>(
    clients: &'c Clients,
    pods: &Watched<ClientPod>,
    pod: &ObjectRef<ClientPod>,
) -> impl Iterator<Item = ObjectRef<GatewayClient>> + 'c {
    let namespace = pod.namespace.clone().unwrap_or_default();
    let stored = pods.get(&namespace, &pod.name);
    let named = stored.as_ref().and_then(|stored| stored.client()).map(|(name, _)| name);
    let name = named.unwrap_or(&pod.name).to_owned();
    let known = clients
        .clients
        .get(&namespace, &name)
        .map(|client| ObjectRef::from_obj(&*client));
    // Deleted, and its name was a shortened one: the only one for which all clients are looked through.
    let shortened = (known.is_none() && is_shortened(&pod.name)).then(|| {
        let all = clients.clients.all().into_iter();
        let pod = pod.name.clone();
        all.filter(move |client| {
            let (there, name) = super::context::key(client);
            there == namespace && pod_name(name) == pod
        })
    });
    let shortened = shortened.into_iter().flatten();
    known
        .into_iter()
        .chain(shortened.map(|client| ObjectRef::from_obj(&*client)))
}

fn enqueue(queue: &Queue, client: ObjectRef<GatewayClient>) {
    // The other end is gone when the term is over.
    let _ = queue.unbounded_send(client);
}

fn enqueue_all(queue: &Queue, clients: &Clients) {
    for client in clients.clients.all() {
        enqueue(queue, ObjectRef::from_obj(&*client));
    }
}

/// The one place where results end up.
fn report(shared: &Shared, result: Outcome) {
    let result = match result {
        Ok((client, action)) => {
            debug!(gateway_client = %client, ?action, "reconciled");
            "ok"
        }
        Err(controller::Error::ReconcilerFailed(error, client)) => {
            match &error {
                Error::Cluster(call) => {
                    let cause = withheld::text(&call.failure.to_string());
                    warn!(gateway_client = %client, %error, cause, "reconcile failed");
                }
                Error::Panicked => error!(gateway_client = %client, %error, "reconcile failed"),
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
    shared.metrics.count("gateway_client", result);
}
