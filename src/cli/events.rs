//! The flags of CloudEvents: where they come in, and where answers go that nobody waits for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::address::ListenAddress;
use super::flag::go_bool;

/// Flags of CloudEvents.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Events")]
pub struct EventArgs {
    /// Further address, plain HTTP, for events alone; the client provisioner has `:8080`.
    #[arg(long, value_name = "ADDRESS")]
    pub events_listen_address: Option<ListenAddress>,
    /// File with the bearer token that senders of events must send; without it anyone may.
    #[arg(long, value_name = "FILE")]
    pub events_token_file: Option<PathBuf>,
    /// How long an event waits for the pod that its answer names.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=60))]
    event_reply_seconds: u64,
    /// Where answers go that have not come by then: http or https. Without it, or with an empty one, the sender is told to
    /// ask again.
    #[arg(long, value_name = "URL", env = "K_SINK")]
    sink: Option<String>,
    /// Where they go that the sink does not take; needs --sink.
    #[arg(long, value_name = "URL")]
    dead_letter_sink: Option<String>,
    /// The sink also hears when a client that an event asked for is ready, has failed or has ended; needs --sink.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub progress_events: bool,
    /// Extensions of every event that goes to a sink: `{"extensions": {"NAME": "VALUE"}}`.
    #[arg(long, hide = true, env = "K_CE_OVERRIDES")]
    ce_overrides: Option<String>,
}

impl EventArgs {
    /// How long an event waits.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        Duration::from_secs(self.event_reply_seconds)
    }

    /// Where late answers go: an empty variable names no sink.
    #[must_use]
    pub fn sink(&self) -> Option<&str> {
        self.sink.as_deref().filter(|sink| !sink.is_empty())
    }

    /// Where they go that the sink does not take.
    #[must_use]
    pub fn dead_letter_sink(&self) -> Option<&str> {
        self.dead_letter_sink.as_deref().filter(|sink| !sink.is_empty())
    }

    /// The flag that means nothing without a sink, where there is none. An empty K_SINK names none, which clap does not see.
    #[must_use]
    pub fn without_sink(&self) -> Option<&'static str> {
        let flags = [
            ("--progress-events", self.progress_events),
            ("--dead-letter-sink", self.dead_letter_sink().is_some()),
        ];
        let mut given = flags.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(flag, _)| flag).filter(|_| self.sink().is_none())
    }

    /// What a SinkBinding asks to add to events.
    #[must_use]
    pub fn overrides(&self) -> Option<&str> {
        self.ce_overrides.as_deref().filter(|overrides| !overrides.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        events: EventArgs,
    }

    #[test]
    fn what_needs_a_sink_is_told_apart() {
        for (flags, expected) in [
            (&["--sink="][..], None),
            (&["--sink=", "--progress-events=false", "--dead-letter-sink="], None),
            (&["--sink=", "--progress-events"], Some("--progress-events")),
            (&["--sink=", "--dead-letter-sink=http://a"], Some("--dead-letter-sink")),
            (
                &["--sink=http://a", "--progress-events", "--dead-letter-sink=http://b"],
                None,
            ),
        ] {
            let events = Flags::parse_from([&["x"], flags].concat()).events;
            assert_eq!(events.without_sink(), expected, "{flags:?}");
        }
    }
}
