//! CloudEvents while the server runs: what they are answered from, and when that is known.

use std::future::ready;

use futures::future::BoxFuture;
use prometheus_client::registry::Registry;

use super::served::{GATEWAYS, until_served};
use crate::api::gateway::GatewayClient;
use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, Watched};
use crate::serve::events::deliver;
use crate::serve::execute::Token;
use crate::serve::health::Readiness;
use crate::serve::{AppState, Events, Gateways};

/// Where events are on, what they are answered from; and a future that opens their gate.
pub(super) async fn events(
    args: &ServeArgs,
    (cluster, clients, gateways): (Option<&Cluster>, Option<Watched<GatewayClient>>, Option<&Gateways>),
    readiness: &Readiness,
    registry: &mut Registry,
) -> anyhow::Result<(Option<Events>, BoxFuture<'static, ()>)> {
    let (Some(cluster), Some(clients), Some(gateways), true) =
        (cluster, clients, gateways, args.is_on(Component::Events))
    else {
        return Ok((None, Box::pin(ready(()))));
    };
    let gate = readiness.gate("gateway clients");
    let (known, own) = (clients.clone(), cluster.clone());
    let filled = async move {
        // Without them events are answered 503, and nothing else has to wait.
        until_served::<GatewayClient>(&own, &GATEWAYS, || gate.open()).await;
        if known.wait_until_ready().await {
            gate.open();
        }
    };
    let mut events = Events::new(
        cluster.clone(),
        (clients, gateways.in_force(), gateways.namespaces()),
        (&args.client, &args.events),
        registry,
    )?;
    // Read once: a missing or empty file must not leave the door open.
    if let Some(path) = &args.events.events_token_file {
        events.token = Some(Token::load(path).await?);
    }
    Ok((Some(events), Box::pin(filled)))
}

/// Opens the gate and sends late answers; does not end.
pub(super) async fn follow(filled: BoxFuture<'static, ()>, state: AppState) {
    tokio::join!(filled, deliver(state));
}
