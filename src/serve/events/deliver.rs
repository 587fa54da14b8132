//! Sends to the sink the answers that nobody waits for, and what becomes of clients later. Which ones is written on the
//! clients, so that every replica finds those of one that is gone; at least once, and mostly once.

use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Events;
use super::letter::Letter;
use super::queue::{Fate, Queue, Turn};
use super::replies::{Place, Replies};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::{REPLY_LOST, REPLY_SENT};
use crate::clients::cluster::place;
use crate::gateway::event::is_promised;
use crate::serve::state::AppState;

/// Events that are under way at a time.
const AT_A_TIME: usize = 16;
/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Sends what is left to tell, where there is a sink; does not end.
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
                    look(events, replies, &mut queue, &(namespace, one.name));
                }
                Err(RecvError::Lagged(_)) => look_at_all(events, replies, &mut queue),
                Err(RecvError::Closed) => return,
            },
            Some((letter, fate)) = under_way.next() => queue.hear(&letter, fate, Instant::now()),
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
        look(events, replies, queue, &(namespace.to_owned(), name.to_owned()));
    }
}

fn look(events: &Events, replies: &Replies, queue: &mut Queue, place: &Place) {
    let client = events.clients.get(&place.0, &place.1);
    if client.is_none() {
        replies.gone(place);
    }
    for what in replies.whats().iter().copied() {
        let letter = Letter {
            place: place.clone(),
            what,
        };
        match client.as_deref() {
            Some(client) if what.due(client).is_some() => {
                let is_ours = replies.is_ours(&letter);
                queue.add(letter, is_ours, Instant::now());
            }
            // It is open what became of it: the promise stands.
            Some(client) if is_promised(client) => {}
            _ => queue.drop(&letter),
        }
    }
}

async fn attempt(events: &Events, replies: &Replies, turn: Turn) -> (Letter, Fate) {
    let (namespace, name) = &turn.letter.place;
    let client = events.clients.get(namespace, name);
    let event = client.as_ref().and_then(|client| turn.letter.what.due(client));
    let fate = match (client, event) {
        (Some(client), Some(event)) => send(events, replies, &turn, (&client, &event)).await,
        // Another replica was faster, it is not so any more, or the client is gone.
        _ => Fate::Over,
    };
    (turn.letter, fate)
}

async fn send(events: &Events, replies: &Replies, turn: &Turn, (client, event): (&GatewayClient, &CloudEvent)) -> Fate {
    let (name, mark) = (&turn.letter.place.1, turn.letter.what.mark());
    if turn.is_lost || (turn.is_dead_letter && !replies.has_dead_letters()) {
        tracing::warn!(
            gateway_client.name = name,
            "no sink takes what an event came to: it is given up"
        );
        replies.counters.delivery("lost");
        return write(events, client, (mark, REPLY_LOST)).await;
    }
    match replies.send(event, turn.is_dead_letter).await {
        Ok(()) => {
            replies
                .counters
                .delivery(if turn.is_dead_letter { "dead-letter" } else { "sent" });
            write(events, client, (mark, REPLY_SENT)).await
        }
        Err(error) => {
            replies.counters.delivery("refused");
            let passes = error.is_passing();
            tracing::warn!(gateway_client.name = name, %error, passes, "a sink does not take what an event came to");
            if passes { Fate::Later } else { Fate::Refused }
        }
    }
}

/// Writes what became of an event on exactly the client that it tells of.
async fn write(events: &Events, client: &GatewayClient, (mark, how): (&str, &str)) -> Fate {
    let (namespace, name) = place(&client.metadata);
    let change = json!({"metadata": {"uid": client.metadata.uid, "annotations": {mark: how}}});
    match events.cluster.patch::<GatewayClient>(namespace, name, &change).await {
        Ok(_) => Fate::Over,
        Err(error) if error.failure.is_outage() => Fate::Later,
        Err(error) => {
            tracing::debug!(%error, "the client that an event tells of has changed");
            Fate::Over
        }
    }
}
