//! One client for one event: what is stored already, what has to be, and the answer.

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::answer::{Answer, Refusal};
use super::create::{Created, create};
use super::{Events, wait};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation;
use crate::gateway::client;
use crate::gateway::event::{self, Wanted};

/// Stores the client and waits for what becomes of it.
pub(super) async fn provision(events: &Events, wanted: &Wanted) -> Result<Answer, Refusal> {
    let (deadline, changes) = (Instant::now() + events.patience, events.clients.changes());
    if let Stored::Refused(refusal) = store(events, wanted, None).await? {
        return Ok(Answer::Reply(refusal));
    }
    let name = wanted.name();
    match wait::reply(events, changes, (&wanted.namespace, &name), deadline).await {
        Some(reply) => Ok(Answer::Reply(reply.into())),
        None if events.replies.is_some() => {
            to_sink(events, &wanted.namespace, &name).await?;
            Ok(Answer::Accepted("Later"))
        }
        None => Err(Refusal::Unfinished),
    }
}

/// What is there of a client.
pub(super) enum Stored {
    /// It has just been stored.
    New,
    /// It was.
    Known,
    /// There will be none; the event that says so.
    Refused(Box<CloudEvent>),
}

/// Sees to it that the client is stored, if there can be one.
pub(super) async fn store(events: &Events, wanted: &Wanted, reply: Option<&str>) -> Result<Stored, Refusal> {
    if !events.clients.is_ready() || !events.gateways.load().is_complete() {
        return Err(Refusal::Unfilled);
    }
    if events.clients.get(&wanted.namespace, &wanted.name()).is_some() {
        return Ok(Stored::Known);
    }
    if let Some(why) = unknown(events, &wanted.gateway_name) {
        return Ok(refusal(wanted, why));
    }
    if unfinished(events, &wanted.namespace) >= events.most_clients {
        return Err(Refusal::Crowded(wanted.namespace.clone()));
    }
    Ok(match create(events, wanted, reply).await? {
        Created::New => {
            if let Some(replies) = &events.replies {
                replies.stored(&wanted.namespace, &wanted.name());
            }
            Stored::New
        }
        Created::Known => Stored::Known,
        Created::Refused(why) => refusal(wanted, why),
    })
}

/// Has the answer sent to the sink, by whichever replica is there by then.
pub(super) async fn to_sink(events: &Events, namespace: &str, name: &str) -> Result<(), Refusal> {
    let Some(replies) = &events.replies else {
        return Err(Refusal::Unfinished);
    };
    let client = events.clients.get(namespace, name);
    let annotations = client.and_then(|client| client.metadata.annotations.clone());
    if annotations.is_some_and(|annotations| annotations.contains_key(annotation::REPLY)) {
        return Ok(());
    }
    replies.promise(namespace, name);
    let change = json!({"metadata": {"annotations": {annotation::REPLY: annotation::REPLY_TO_SINK}}});
    let patched = events.cluster.patch::<GatewayClient>(namespace, name, &change).await;
    patched.map(drop).map_err(|error| {
        replies.forget(&(namespace.to_owned(), name.to_owned()));
        Refusal::of(error.failure)
    })
}

fn refusal(wanted: &Wanted, why: String) -> Stored {
    Stored::Refused(event::refusal(wanted, why, Timestamp::now().to_string()).into())
}

/// What to say where there is no such gateway.
fn unknown(events: &Events, gateway_name: &str) -> Option<String> {
    let gateways = events.gateways.load();
    let found = client::find(&gateways, gateway_name).is_some_and(|_| !gateway_name.is_empty());
    (!found).then(|| client::unknown(&gateways, gateway_name))
}

fn unfinished(events: &Events, namespace: &str) -> usize {
    let clients = events.clients.all();
    let here = clients
        .iter()
        .filter(|client| client.metadata.namespace.as_deref() == Some(namespace));
    here.filter(|client| event::is_unfinished(client)).count()
}
