//! Looks the names of gateways up again and again, each at its own pace, and puts in force whatever changes.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Followed;
use crate::api::gateway::PodGateway;
use crate::gateway::{Names, News, unresolved_names};

/// Until the next look after something has changed or failed; twice as long after each look that brings nothing new.
const SOONEST: Duration = Duration::from_secs(5);
/// No look is further away.
const LATEST: Duration = Duration::from_secs(60);
/// Nobody waits longer for the first answers: `unresolved` decides then, and addresses need no answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One name while it is wanted.
struct Pace {
    /// Answers to what was asked before the name was forgotten do not count.
    turn: u64,
    pause: Duration,
}

/// Does not end.
pub(super) async fn follow(followed: &Followed, lookup: impl AsyncFn(&str) -> io::Result<Vec<IpAddr>>) {
    let impatient = async {
        sleep(PATIENCE).await;
        followed.gate.open();
    };
    tokio::join!(look_up(followed, lookup), impatient);
}

/// Each answer is in force as it comes: a slow one keeps no other from pods.
async fn look_up(followed: &Followed, lookup: impl AsyncFn(&str) -> io::Result<Vec<IpAddr>>) {
    let lookup = &lookup;
    let ask = async |name: String, turn: u64, pause: Duration| {
        sleep(pause).await;
        let answer = lookup(&name).await;
        (name, turn, answer)
    };
    let (mut known, mut asked) = (Names::default(), FuturesUnordered::new());
    let (mut paces, mut turn) = (BTreeMap::<String, Pace>::new(), 0);
    let mut unanswered = BTreeSet::new();
    let (mut changes, mut is_news) = (Changes::of(followed), true);
    loop {
        let gateways = followed.gateways();
        let names = unresolved_names(&gateways.0);
        known.keep(&names);
        paces.retain(|name, _| names.contains(name));
        for name in names {
            if !paces.contains_key(&name) {
                if let Some((address, answered)) = followed.recalled(&name) {
                    known.recall(&name, address, answered);
                }
                turn += 1;
                let pause = SOONEST;
                paces.insert(name.clone(), Pace { turn, pause });
                unanswered.insert(name.clone());
                asked.push(ask(name, turn, Duration::ZERO));
            }
        }
        unanswered.retain(|name| paces.contains_key(name));
        if is_news {
            followed.put_in_force(gateways, &known);
        } else {
            followed.tell(&known);
        }
        followed
            .unresolved
            .set(i64::try_from(known.addresses().failing()).unwrap_or(i64::MAX));
        if unanswered.is_empty() && followed.is_complete() && followed.knows_versions() {
            followed.gate.open();
        }
        tokio::select! {
            () = changes.next() => is_news = true,
            Some((name, turn, answer)) = asked.next() => {
                is_news = false;
                let Some(pace) = paces.get_mut(&name).filter(|pace| pace.turn == turn) else { continue };
                unanswered.remove(&name);
                let before = known.addresses().of(&name);
                let soon = heard(followed, &mut known, &name, answer);
                pace.pause = if soon { SOONEST } else { LATEST.min(pace.pause * 2) };
                is_news = known.addresses().of(&name) != before;
                asked.push(ask(name, turn, pace.pause));
            }
        }
    }
}

/// Takes an answer; tells whether it asks for another look soon. A failure is told when it begins and when it ends.
fn heard(followed: &Followed, known: &mut Names, name: &str, answer: io::Result<Vec<IpAddr>>) -> bool {
    let address = |known: &Names| known.addresses().of(name).map(|address| address.to_string());
    match answer {
        Ok(answer) => {
            let news = known.hear(name, &answer, Timestamp::now());
            if news != News::Nothing {
                tracing::info!(name, address = address(known), "a name of a gateway has resolved");
            }
            news == News::Moved
        }
        Err(error) => {
            followed.failures.inc();
            if known.fail(name) {
                let stays = address(known);
                tracing::warn!(name, %error, last_address_stays = stays, "a name of a gateway does not resolve");
            }
            true
        }
    }
}

/// What asks for another look at the gateways.
struct Changes<'f> {
    followed: &'f Followed,
    stored: Option<Receiver<kube::runtime::reflector::ObjectRef<PodGateway>>>,
    native_sidecars: watch::Receiver<Option<bool>>,
    is_complete: bool,
}

impl<'f> Changes<'f> {
    fn of(followed: &'f Followed) -> Self {
        Self {
            stored: followed.stored.as_ref().map(|stored| stored.gateways.changes()),
            native_sidecars: followed.native_sidecars.subscribe(),
            is_complete: followed.is_complete(),
            followed,
        }
    }

    async fn next(&mut self) {
        let stored = async {
            let (Some(changes), Some(stored)) = (&mut self.stored, &self.followed.stored) else {
                return pending().await;
            };
            if !self.is_complete {
                // A list of none changes nothing, and says that there are none.
                tokio::select! {
                    _ = changes.recv() => {}
                    is_ready = stored.gateways.wait_until_ready() => self.is_complete = is_ready,
                }
            } else if matches!(
                changes.recv().await,
                Err(tokio::sync::broadcast::error::RecvError::Closed)
            ) {
                pending::<()>().await;
            }
            // One look serves all.
            while changes.try_recv().is_ok() {}
        };
        tokio::select! {
            () = stored => {}
            Ok(()) = self.native_sidecars.changed() => {}
        }
    }
}
