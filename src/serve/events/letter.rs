//! What a sink has to hear of a client. The client says what is left of it, so that every replica knows.

use super::replies::Place;
use crate::api::cloud_event::CloudEvent;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation::REPLY;
use crate::gateway::event::{self, Progress, is_promised};

/// One event that a sink has to hear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Letter {
    pub(super) place: Place,
    /// UID of the client: another one of that name has letters of its own.
    pub(super) uid: String,
    pub(super) what: What,
}

/// What it tells of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// The answer that nobody waited for.
    Answer,
    /// What became of it later.
    Progress(Progress),
}

impl Letter {
    /// Whether it tells of this client, and of no other of its name.
    pub(super) fn is_of(&self, client: &GatewayClient) -> bool {
        client.metadata.uid.as_ref() == Some(&self.uid)
    }
}

impl What {
    /// All that a sink can hear; the answer alone where nobody asks for more.
    pub(super) const ALL: [Self; 4] = [
        Self::Answer,
        Self::Progress(Progress::Ready),
        Self::Progress(Progress::Failed),
        Self::Progress(Progress::Ended),
    ];

    /// The event, while it has to go.
    pub(super) fn due(self, client: &GatewayClient) -> Option<CloudEvent> {
        match (self, is_promised(client)) {
            (Self::Answer, true) => event::stored_reply(client),
            // It would overtake the answer.
            (Self::Answer, false) | (Self::Progress(_), true) => None,
            (Self::Progress(progress), false) => event::report(client, progress),
        }
    }

    /// The annotation of the client that says what became of it.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Answer => REPLY,
            Self::Progress(progress) => progress.mark(),
        }
    }
}
