//! A batch: stored whole before it is accepted, and answered by the sink. What is sent again meets what was stored.

use super::answer::{Answer, Refusal};
use super::provision::{self, Stored};
use super::{Events, end, known_type, later};
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
        Decision::End(ended) => end::end(events, ended).await.map(|(word, _)| word),
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
    let at_once = match provision::store(events, wanted, Some(annotation::REPLY_TO_SINK)).await? {
        Stored::New => {
            promise.keep();
            None
        }
        Stored::Known => {
            drop(promise);
            later::to_sink(events, wanted).await?
        }
        Stored::Refused(refusal) => Some(*refusal),
    };
    match at_once {
        Some(reply) => later::forward(replies, &reply).await.map(|()| "Failed"),
        None => Ok("Later"),
    }
}
