//! Answers that nobody waits for: promised on their client, or sent at once where no client would remember them.

use std::sync::Arc;

use serde_json::json;

use super::Events;
use super::answer::Refusal;
use super::replies::Replies;
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::{REPLY, REPLY_SENT, REPLY_TO_SINK};
use crate::clients::cluster::{Failure, place};
use crate::gateway::event::{Wanted, early_end};

/// Promises that are written, while others write on the client too.
const ATTEMPTS: usize = 4;

/// Has the answer sent to the sink, by whichever replica is there by then; one that no client remembers comes back.
pub(super) async fn to_sink(events: &Events, wanted: &Wanted) -> Result<Option<CloudEvent>, Refusal> {
    let Some(replies) = &events.replies else {
        return Err(Refusal::Unfinished);
    };
    let mut known = events.clients.get(&wanted.namespace, &wanted.name());
    for _ in 0..ATTEMPTS {
        let client = match known.take() {
            Some(client) => client,
            None => stored(events, wanted).await?,
        };
        if let Some(reply) = early_end(&client, wanted) {
            return Ok(Some(reply));
        }
        if is_settled(&client) || promise((events, replies), &client).await? {
            return Ok(None);
        }
    }
    Err(Refusal::Unfinished)
}

/// Whether the answer has gone, or somebody has promised it. One that was lost is asked for once more.
fn is_settled(client: &GatewayClient) -> bool {
    let annotations = client.metadata.annotations.as_ref();
    let mark = annotations.and_then(|annotations| annotations.get(REPLY));
    mark.is_some_and(|mark| mark == REPLY_TO_SINK || mark == REPLY_SENT)
}

/// Writes the promise on exactly the client that was seen, or a mark that says more would be lost; whether it was still so.
async fn promise((events, replies): (&Events, &Replies), client: &GatewayClient) -> Result<bool, Refusal> {
    let (namespace, name) = place(&client.metadata);
    let promise = replies.promise((namespace.to_owned(), name.to_owned()));
    let change = json!({"metadata": {
        "uid": client.metadata.uid, "resourceVersion": client.metadata.resource_version,
        "annotations": {REPLY: REPLY_TO_SINK},
    }});
    match events.cluster.patch::<GatewayClient>(namespace, name, &change).await {
        Ok(_) => {
            promise.keep();
            Ok(true)
        }
        Err(error) if matches!(error.failure, Failure::Conflict(_)) => Ok(false),
        Err(error) => Err(Refusal::of(error.failure)),
    }
}

async fn stored(events: &Events, wanted: &Wanted) -> Result<Arc<GatewayClient>, Refusal> {
    let name = wanted.name();
    let stored = events.cluster.get::<GatewayClient>(&wanted.namespace, &name).await;
    let stored = stored.map_err(|error| Refusal::of(error.failure))?;
    stored.map(Arc::new).ok_or(Refusal::Unfinished)
}

/// Sends an answer that nothing remembers. One that no sink will ever have is given up: it must not hold up its batch.
pub(super) async fn forward(replies: &Replies, refusal: &CloudEvent) -> Result<(), Refusal> {
    match replies.send(refusal, false).await {
        Ok(()) => replies.counters.delivery("sent"),
        Err(error) if error.is_passing() => {
            replies.counters.delivery("refused");
            return Err(Refusal::Unavailable(None));
        }
        Err(_) if replies.has_dead_letters() => {
            replies
                .send(refusal, true)
                .await
                .map_err(|_| Refusal::Unavailable(None))?;
            replies.counters.delivery("dead-letter");
        }
        Err(_) => replies.counters.delivery("lost"),
    }
    Ok(())
}
