//! GatewayClients while the server runs: the process's one watch of them, and what their controller works with.

use std::future::pending;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::served::{GATEWAYS, until_served};
use crate::api::gateway::GatewayClient;
use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, NamespaceMetadata, Watched};
use crate::gateway::Shared;
use crate::reconcile::gateway_clients::Clients;

/// The watch, where anybody wants it, and the future that runs it, which does not end.
pub(super) fn watch(
    args: &ServeArgs,
    cluster: Option<&Cluster>,
) -> (Option<Watched<GatewayClient>>, BoxFuture<'static, ()>) {
    let events = args.is_on(Component::Events);
    let wanted = events || (args.is_on(Component::Controllers) && args.reads_gateways());
    match cluster.filter(|_| wanted) {
        Some(cluster) => {
            let (clients, watch) = cluster.watched::<GatewayClient>(CancellationToken::new());
            let cluster = cluster.clone();
            let watch = async move {
                until_served::<GatewayClient>(&cluster, &GATEWAYS, || {}).await;
                watch.await;
            };
            (Some(clients), Box::pin(watch))
        }
        None => (None, Box::pin(pending())),
    }
}

/// What the controller works with, where it is wanted.
pub(super) fn controlled(
    args: &ServeArgs,
    clients: Option<&Watched<GatewayClient>>,
    (gateways, namespaces): (Option<Shared>, Option<Watched<NamespaceMetadata>>),
) -> Option<Clients> {
    let clients = clients.filter(|_| args.is_on(Component::Controllers))?;
    Some(Clients {
        clients: clients.clone(),
        gateways: gateways?,
        namespaces,
        defaults: args.client.defaults(),
        retention: args.client.retention(),
    })
}
