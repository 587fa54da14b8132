//! Answers that nobody waits for: promised on their client, or sent at once where no client would remember them.

use serde_json::json;

use super::Events;
use super::answer::Refusal;
use super::replies::Replies;
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::{REPLY, REPLY_SENT, REPLY_TO_SINK};
use crate::gateway::event::{Wanted, early_end};

/// Has the answer sent to the sink, by whichever replica is there by then; one that no client remembers comes back.
pub(super) async fn to_sink(events: &Events, wanted: &Wanted) -> Result<Option<CloudEvent>, Refusal> {
    let (namespace, name) = (&*wanted.namespace, &*wanted.name());
    let Some(replies) = &events.replies else {
        return Err(Refusal::Unfinished);
    };
    let client = stored(events, (namespace, name)).await?;
    if let Some(reply) = early_end(&client, wanted) {
        return Ok(Some(reply));
    }
    let annotations = client.metadata.annotations.as_ref();
    let mark = annotations.and_then(|annotations| annotations.get(REPLY));
    // One that was lost is asked for once more.
    if mark.is_some_and(|mark| mark == REPLY_TO_SINK || mark == REPLY_SENT) {
        return Ok(None);
    }
    let promise = replies.promise((namespace.to_owned(), name.to_owned()));
    let change = json!({"metadata": {"uid": client.metadata.uid, "annotations": {REPLY: REPLY_TO_SINK}}});
    let patched = events.cluster.patch::<GatewayClient>(namespace, name, &change).await;
    patched.map_err(|error| Refusal::of(error.failure))?;
    promise.keep();
    Ok(None)
}

/// The client as the watch shows it, or where it does not yet, as it is stored.
async fn stored(events: &Events, (namespace, name): (&str, &str)) -> Result<GatewayClient, Refusal> {
    if let Some(client) = events.clients.get(namespace, name) {
        return Ok(GatewayClient::clone(&client));
    }
    let stored = events.cluster.get::<GatewayClient>(namespace, name).await;
    stored
        .map_err(|error| Refusal::of(error.failure))?
        .ok_or(Refusal::Unfinished)
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
