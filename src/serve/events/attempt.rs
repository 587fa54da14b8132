//! One attempt at one letter: whether it still has to go, the sending, and the mark on its client that says so.

use serde_json::json;

use super::deliver::Office;
use super::letter::Letter;
use super::queue::{Fate, Task, Turn};
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::{REPLY_LOST, REPLY_SENT};
use crate::clients::cluster::{Error, Failure, place};

impl Office<'_> {
    pub(super) async fn attempt(self, turn: Turn) -> (Letter, Fate) {
        let fate = match self.fresh(&turn.letter).await {
            Ok(Some(client)) => match turn.letter.what.due(&client) {
                Some(event) => self.act(&turn, (&client, &event)).await,
                // Another replica was faster, or it is not so any more.
                None => Fate::Over,
            },
            Ok(None) => {
                if !matches!(turn.task, Task::Mark(_)) {
                    self.lost(&turn.letter, "its client is gone");
                }
                Fate::Over
            }
            Err(error) => {
                tracing::warn!(%error, cause = %error.failure, "whether an event still has to go to a sink is not known");
                Fate::Unknown
            }
        };
        (turn.letter, fate)
    }

    /// The client as it is stored now: what the watch shows may be from before this or another replica marked it.
    async fn fresh(self, letter: &Letter) -> Result<Option<GatewayClient>, Error> {
        let (namespace, name) = &letter.place;
        let stored = self.events.cluster.get::<GatewayClient>(namespace, name).await?;
        Ok(stored.filter(|client| letter.is_of(client)))
    }

    async fn act(self, turn: &Turn, (client, event): (&GatewayClient, &CloudEvent)) -> Fate {
        let mark = turn.letter.what.mark();
        let is_dead_letter = match turn.task {
            Task::Mark(how) => return self.write(client, (mark, how)).await,
            Task::Send => false,
            Task::Bury if self.replies.has_dead_letters() => true,
            Task::Bury | Task::GiveUp => {
                self.lost(&turn.letter, "no sink takes it");
                return self.write(client, (mark, REPLY_LOST)).await;
            }
        };
        match self.replies.send(event, is_dead_letter).await {
            Ok(()) => {
                let outcome = if is_dead_letter { "dead-letter" } else { "sent" };
                self.replies.counters.delivery(outcome);
                self.write(client, (mark, REPLY_SENT)).await
            }
            Err(error) => {
                self.replies.counters.delivery("refused");
                let (name, passes) = (&turn.letter.place.1, error.is_passing());
                tracing::warn!(gateway_client.name = name, %error, passes, "a sink does not take what an event came to");
                if passes { Fate::Later } else { Fate::Refused }
            }
        }
    }

    /// Writes what became of an event on exactly the client that it tells of.
    async fn write(self, client: &GatewayClient, (mark, how): (&str, &'static str)) -> Fate {
        let (namespace, name) = place(&client.metadata);
        let change = json!({"metadata": {"uid": client.metadata.uid, "annotations": {mark: how}}});
        match self
            .events
            .cluster
            .patch::<GatewayClient>(namespace, name, &change)
            .await
        {
            Ok(_) => Fate::Over,
            Err(error) if matches!(error.failure, Failure::NotFound(_)) => Fate::Over,
            Err(error) => {
                let cause = &error.failure;
                tracing::warn!(%error, %cause, how, "what became of an event cannot be written on its client now");
                Fate::Unmarked(how)
            }
        }
    }
    /// Counts and tells what nobody has heard and nobody will.
    pub(super) fn lost(self, letter: &Letter, why: &str) {
        let (namespace, name) = &letter.place;
        tracing::warn!(
            gateway_client.namespace = namespace,
            gateway_client.name = name,
            why,
            "what an event came to is lost: no sink has it"
        );
        self.replies.counters.delivery("lost");
    }
}
