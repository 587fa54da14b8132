//! Sends answers to the sink that nobody waits for. Which ones is written on their clients, so that every replica finds
//! those of one that is gone; at least once, and mostly once.

use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Events;
use super::queue::{Fate, Queue, Turn};
use super::replies::{Place, Replies};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::{REPLY, REPLY_LOST, REPLY_SENT, REPLY_TO_SINK};
use crate::clients::cluster::place;
use crate::gateway::event;
use crate::serve::state::AppState;

/// Events that are under way at a time.
const AT_A_TIME: usize = 16;
/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Sends late answers, where there is a sink; does not end.
pub async fn deliver(state: AppState) {
    if let Some(events) = &state.events
        && let Some(replies) = &events.replies
    {
        follow(events, replies).await;
    }
    pending::<()>().await;
}

async fn follow(events: &Events, replies: &Replies) {
    let (mut changes, mut queue, mut under_way) = (events.clients.changes(), Queue::default(), FuturesUnordered::new());
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    events.clients.wait_until_ready().await;
    look_at_all(events, replies, &mut queue);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(one) => {
                    let namespace = one.namespace.unwrap_or_default();
                    look(events, replies, &mut queue, (namespace, one.name));
                }
                Err(RecvError::Lagged(_)) => look_at_all(events, replies, &mut queue),
                Err(RecvError::Closed) => return,
            },
            Some((place, fate)) = under_way.next() => queue.hear(&place, fate, Instant::now()),
            _ = tick.tick() => {}
        }
        while under_way.len() < AT_A_TIME
            && let Some(turn) = queue.next(Instant::now())
        {
            under_way.push(attempt(events, replies, turn));
        }
        replies.counters.waiting(queue.len());
    }
}

fn look_at_all(events: &Events, replies: &Replies, queue: &mut Queue) {
    for client in events.clients.all() {
        let (namespace, name) = place(&client.metadata);
        look(events, replies, queue, (namespace.to_owned(), name.to_owned()));
    }
}

fn look(events: &Events, replies: &Replies, queue: &mut Queue, place: Place) {
    match events.clients.get(&place.0, &place.1) {
        Some(client) if reply(&client).is_some() => {
            let is_promised = replies.forget(&place);
            queue.add(place, is_promised, Instant::now());
        }
        // It is open what became of it: the promise stands.
        Some(client) if is_promised(&client) => {}
        _ => queue.drop(&place),
    }
}

/// The answer that has to go to the sink.
fn reply(client: &GatewayClient) -> Option<CloudEvent> {
    is_promised(client).then(|| event::stored_reply(client)).flatten()
}

fn is_promised(client: &GatewayClient) -> bool {
    let annotations = client.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(REPLY))
        .is_some_and(|how| how == REPLY_TO_SINK)
}

async fn attempt(events: &Events, replies: &Replies, turn: Turn) -> (Place, Fate) {
    let client = events.clients.get(&turn.place.0, &turn.place.1);
    let answer = client.as_ref().and_then(|client| reply(client));
    let fate = match (client, answer) {
        (Some(client), Some(answer)) => send(events, replies, &turn, (&client, &answer)).await,
        // Another replica was faster, or the client is gone.
        _ => Fate::Over,
    };
    (turn.place, fate)
}

async fn send(
    events: &Events,
    replies: &Replies,
    turn: &Turn,
    (client, answer): (&GatewayClient, &CloudEvent),
) -> Fate {
    if turn.is_lost || (turn.is_dead_letter && !replies.has_dead_letters()) {
        tracing::warn!(
            gateway_client.name = turn.place.1,
            "no sink takes the answer to an event: it is given up"
        );
        replies.counters.delivery("lost");
        return write(events, client, REPLY_LOST).await;
    }
    match replies.send(answer, turn.is_dead_letter).await {
        Ok(()) => {
            replies
                .counters
                .delivery(if turn.is_dead_letter { "dead-letter" } else { "sent" });
            write(events, client, REPLY_SENT).await
        }
        Err(error) => {
            replies.counters.delivery("refused");
            let passes = error.is_passing();
            tracing::warn!(gateway_client.name = turn.place.1, %error, passes, "a sink does not take an answer");
            if passes { Fate::Later } else { Fate::Refused }
        }
    }
}

/// Writes what became of the answer on exactly the client that gave it.
async fn write(events: &Events, client: &GatewayClient, how: &str) -> Fate {
    let (namespace, name) = place(&client.metadata);
    let change = json!({"metadata": {"uid": client.metadata.uid, "annotations": {REPLY: how}}});
    match events.cluster.patch::<GatewayClient>(namespace, name, &change).await {
        Ok(_) => Fate::Over,
        Err(error) if error.failure.is_outage() => Fate::Later,
        Err(error) => {
            tracing::debug!(%error, "the client of an answer has changed");
            Fate::Over
        }
    }
}
