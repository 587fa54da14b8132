//! Waiting for what becomes of a client: the watch tells, nobody asks.

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use kube::runtime::reflector::ObjectRef;

use super::Events;
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::gateway::event::{Wanted, early_end, stored_reply};

/// Hears of changes; taken before anything is asked for, so that none is missed.
pub(super) type Changes = Receiver<ObjectRef<GatewayClient>>;

/// The answer that a client gives, once it does; nothing by the deadline.
pub(super) async fn reply(
    events: &Events,
    mut changes: Changes,
    wanted: &Wanted,
    deadline: Instant,
) -> Option<CloudEvent> {
    let (namespace, name) = (&*wanted.namespace, &*wanted.name());
    let reply = |client: &GatewayClient| early_end(client, wanted).or_else(|| stored_reply(client));
    loop {
        let client = events.clients.get(namespace, name);
        if let Some(reply) = client.and_then(|client| reply(&client)) {
            return Some(reply);
        }
        loop {
            match timeout_at(deadline, changes.recv()).await.ok()? {
                Ok(one) if one.name == name && one.namespace.as_deref() == Some(namespace) => break,
                Ok(_) => {}
                // Any of those that were missed may have been this one.
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
