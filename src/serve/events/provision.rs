//! One client for one event: what is stored already, what has to be, and the answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::answer::{Answer, Refusal};
use super::create::{Created, create};
use super::replies::Place;
use super::{Events, later, wait};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::gateway::Namespaces;
use crate::gateway::client::{self, Absent};
use crate::gateway::event::{self, Wanted};

/// A PodGateway that has just been applied may be known elsewhere before it is here.
const GATEWAY_GRACE: Duration = Duration::from_secs(3);
/// How often is looked for it.
const LOOK: Duration = Duration::from_millis(100);

/// Stores the client and waits for what becomes of it.
pub(super) async fn provision(events: &Events, wanted: &Wanted) -> Result<Answer, Refusal> {
    let (now, changes) = (Instant::now(), events.clients.changes());
    // Without a place there is no waiting: who listens here is not for waiting events alone.
    let place = events.places.try_acquire();
    let until = |patience| if place.is_ok() { now + patience } else { now };
    let stored = match no_gateway(events, wanted, until(GATEWAY_GRACE)).await? {
        Some(_) if place.is_err() => return Err(Refusal::Unfinished),
        Some(why) => refused(events, wanted, why).await?,
        None => store(events, wanted, None).await?,
    };
    if let Stored::Refused(refusal) = stored {
        return Ok(Answer::Reply(refusal));
    }
    let reply = match wait::reply(events, changes, wanted, until(events.patience)).await {
        None => later::to_sink(events, wanted).await?,
        reply => reply,
    };
    Ok(reply.map_or(Answer::Accepted("Later"), |reply| Answer::Reply(reply.into())))
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

/// Sees to it that the client is stored, if there can be one. Whether its gateway exists is for the reconciler to say.
pub(super) async fn store(events: &Events, wanted: &Wanted, reply: Option<&str>) -> Result<Stored, Refusal> {
    filled(events)?;
    if is_known(events, wanted) {
        return Ok(Stored::Known);
    }
    let place = (wanted.namespace.clone(), wanted.name());
    let is_seen = |(namespace, name): &Place| events.clients.get(namespace, name).is_some();
    let unfinished = || unfinished(events, &wanted.namespace);
    if !events.fresh.admit(&place, events.most_clients, is_seen, unfinished) {
        return Err(Refusal::Crowded(wanted.namespace.clone()));
    }
    let created = create(events, &wanted.namespace, &wanted.object(reply)).await;
    if !matches!(created, Ok(Created::New | Created::Known)) {
        events.fresh.forget(&place);
    }
    match created? {
        Created::New => {
            if let Some(replies) = &events.replies {
                replies.stored(&wanted.namespace, &wanted.name());
            }
            Ok(Stored::New)
        }
        Created::Known => Ok(Stored::Known),
        Created::Refused(why) => refused(events, wanted, why).await,
        // That is yet to come: until then the event must not be lost.
        Created::Nowhere(why) => Err(Refusal::Refused(why)),
    }
}

/// Why there will be no client; unless another replica, or a create whose answer was lost, has stored it meanwhile:
/// quotas are asked before names.
async fn refused(events: &Events, wanted: &Wanted, why: String) -> Result<Stored, Refusal> {
    let name = wanted.name();
    let stored = events.cluster.get_metadata::<GatewayClient>(&wanted.namespace, &name);
    match stored.await {
        Ok(Some(_)) => Ok(Stored::Known),
        Ok(None) => Ok(Stored::Refused(event::refusal(wanted, why).into())),
        Err(error) => Err(Refusal::of(error.failure)),
    }
}

fn filled(events: &Events) -> Result<(), Refusal> {
    let is_filled = events.clients.is_ready() && events.gateways.load().is_complete();
    is_filled.then_some(()).ok_or(Refusal::Unfilled)
}

fn is_known(events: &Events, wanted: &Wanted) -> bool {
    events.clients.get(&wanted.namespace, &wanted.name()).is_some()
}

/// What to say where there is no such gateway, by the deadline, and no client either.
async fn no_gateway(events: &Events, wanted: &Wanted, deadline: Instant) -> Result<Option<String>, Refusal> {
    filled(events)?;
    loop {
        if is_known(events, wanted) {
            return Ok(None);
        }
        let why = absent(events, wanted);
        if why.is_none() || Instant::now() >= deadline {
            return Ok(why);
        }
        sleep(LOOK).await;
    }
}

/// What to say where no gateway is meant that is for the namespace. Of a namespace that is not known yet the reconciler says.
fn absent(events: &Events, wanted: &Wanted) -> Option<String> {
    let (gateways, place) = (
        events.gateways.load(),
        (&*wanted.namespace, &events.namespaces as &dyn Namespaces),
    );
    let name = &wanted.gateway_name;
    match client::find_for(&gateways, name, place) {
        Ok(_) if name.is_empty() => Some(client::unknown(&gateways, name)),
        Ok(_) | Err(Absent::Unclear) => None,
        Err(Absent::Unknown) => Some(client::unknown(&gateways, name)),
        Err(Absent::Elsewhere(gateway)) => Some(client::elsewhere(&gateways, gateway, place)),
    }
}

fn unfinished(events: &Events, namespace: &str) -> usize {
    let clients = events.clients.all();
    let here = clients
        .iter()
        .filter(|client| client.metadata.namespace.as_deref() == Some(namespace));
    here.filter(|client| event::is_unfinished(client)).count()
}
