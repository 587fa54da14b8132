//! A batch: stored whole before it is accepted, and answered by the sink. What is sent again meets what was stored.

use super::answer::{Answer, Refusal};
use super::provision::{self, Stored};
use super::replies::Replies;
use super::{Events, end, known_type};
use crate::api::cloud_event::CloudEvent;
use crate::api::names::annotation;
use crate::gateway::event::{self, Decision, Wanted};

/// Stores all events of a batch; one that cannot be followed refuses it before anything is stored.
pub(super) async fn store(events: &Events, batch: impl Iterator<Item = CloudEvent>) -> Result<Answer, Refusal> {
    let decide = |(index, event)| {
        let decision = event::decide(&event, &events.rules).map_err(|fault| Refusal::Member(index, fault))?;
        Ok::<_, Refusal>((known_type(&event), decision))
    };
    let decisions: Vec<_> = batch.enumerate().map(decide).collect::<Result<_, _>>()?;
    let mut all_stored = true;
    for (type_, decision) in &decisions {
        let outcome = follow(events, decision).await;
        let word = outcome.as_ref().map_or_else(Refusal::reason, |word| *word);
        events.counters.event(type_, word);
        all_stored &= outcome.is_ok();
        // The others would fare no better, and their sender would wait for nothing.
        if outcome.is_err_and(|refusal| refusal.is_outage()) {
            break;
        }
    }
    if all_stored {
        Ok(Answer::Accepted("Stored"))
    } else {
        Err(Refusal::Partly)
    }
}

async fn follow(events: &Events, decision: &Decision) -> Result<&'static str, Refusal> {
    match decision {
        Decision::Provision(wanted) => promise(events, wanted).await,
        Decision::End(ended) => {
            let ended = end::end(events, ended).await?;
            Ok(if ended.is_some() { "Ended" } else { "UnknownClient" })
        }
        Decision::Ours => Ok("OwnEvent"),
        Decision::Unknown => Ok("UnknownType"),
    }
}

/// The answer is promised together with the client. One that has no client goes at once, since nothing would remember it.
async fn promise(events: &Events, wanted: &Wanted) -> Result<&'static str, Refusal> {
    let Some(replies) = &events.replies else {
        return Err(Refusal::NoSink);
    };
    let promise = replies.promise((wanted.namespace.clone(), wanted.name()));
    match provision::store(events, wanted, Some(annotation::REPLY_TO_SINK)).await? {
        Stored::New => promise.keep(),
        Stored::Known => {
            drop(promise);
            provision::to_sink(events, &wanted.namespace, &wanted.name()).await?;
        }
        Stored::Refused(refusal) => return forward(replies, &refusal).await,
    }
    Ok("Later")
}

/// Sends an answer that nothing remembers. One that no sink will ever have is given up: it must not hold up its batch.
async fn forward(replies: &Replies, refusal: &CloudEvent) -> Result<&'static str, Refusal> {
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
    Ok("Failed")
}
