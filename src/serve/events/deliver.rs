//! Sends to the sink the answers that nobody waits for, and what becomes of clients later. Which ones is written on the
//! clients, so that every replica finds those of one that is gone; at least once, and mostly once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Events;
use super::letter::{Letter, What};
use super::queue::Queue;
use super::replies::{Place, Replies};
use crate::api::gateway::GatewayClient;
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
        follow(Office { events, replies }).await;
    }
    pending::<()>().await;
}

/// Where letters come from and go to.
#[derive(Clone, Copy)]
pub(super) struct Office<'e> {
    pub(super) events: &'e Events,
    pub(super) replies: &'e Replies,
}

async fn follow(office: Office<'_>) {
    let clients = &office.events.clients;
    let (mut changes, mut queue, mut under_way) = (clients.changes(), Queue::default(), FuturesUnordered::new());
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clients.wait_until_ready().await;
    office.look_at_all(&mut queue);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(one) => office.look(&mut queue, &one),
                Err(RecvError::Lagged(_)) => office.look_at_all(&mut queue),
                Err(RecvError::Closed) => return,
            },
            Some((letter, fate)) = under_way.next() => queue.hear(letter, fate, Instant::now()),
            _ = tick.tick() => {}
        }
        while under_way.len() < AT_A_TIME
            && let Some(turn) = queue.next(Instant::now())
        {
            under_way.push(office.attempt(turn));
        }
        office.replies.counters.waiting(queue.len());
    }
}

impl Office<'_> {
    /// Looks at what changes may have been missed of.
    fn look_at_all(self, queue: &mut Queue) {
        for client in self.events.clients.all() {
            self.look(queue, &ObjectRef::from_obj(&*client));
        }
        let is_there = |letter: &Letter| self.stored(letter).is_some_and(|client| letter.is_of(&client));
        let orphans: Vec<_> = queue.letters().filter(|letter| !is_there(letter)).cloned().collect();
        for letter in orphans {
            self.orphaned(queue, &letter);
        }
        self.replies
            .keep(|(namespace, name)| self.events.clients.get(namespace, name).is_some());
    }

    /// Looks at a client that has changed, or is gone.
    fn look(self, queue: &mut Queue, changed: &ObjectRef<GatewayClient>) {
        let place: Place = (changed.namespace.clone().unwrap_or_default(), changed.name.clone());
        let client = self.events.clients.get(&place.0, &place.1);
        if client.is_none() {
            self.replies.gone(&place);
        }
        let uid = changed.extra.uid.clone().unwrap_or_default();
        for what in self.replies.whats().iter().copied() {
            let (place, uid) = (place.clone(), uid.clone());
            let letter = Letter { place, uid, what };
            match client.as_deref().filter(|client| letter.is_of(client)) {
                None => self.orphaned(queue, &letter),
                Some(client) if what.due(client).is_some() => {
                    let is_ours = self.replies.is_ours(&letter);
                    queue.add(letter, is_ours, Instant::now());
                }
                // It is open what became of it: the promise stands.
                Some(client) if is_promised(client) => {
                    if what == What::Answer {
                        queue.hold(letter);
                    }
                }
                Some(_) => {
                    queue.drop(&letter);
                }
            }
        }
    }

    /// The client of a letter is gone, and the letter with it.
    fn orphaned(self, queue: &mut Queue, letter: &Letter) {
        if queue.drop(letter) {
            self.lost(letter, "its client is gone");
        }
    }

    fn stored(self, letter: &Letter) -> Option<Arc<GatewayClient>> {
        let (namespace, name) = &letter.place;
        self.events.clients.get(namespace, name)
    }
}
