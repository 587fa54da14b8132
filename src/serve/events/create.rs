//! Creates a client although answers get lost: its name is that of its event, so that a create that is sent again, by
//! whomever, meets the object of the first.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::Events;
use super::answer::Refusal;
use crate::api::gateway::GatewayClient;
use crate::clients::cluster::{DryRun, Error, Failure};

/// Creates that are sent for one event.
const ATTEMPTS: u32 = 4;
/// Pause before the second; each next one is three times as long.
const PAUSE: Duration = Duration::from_millis(100);
/// When the sender is told to try again at the latest.
const DEADLINE: Duration = Duration::from_secs(10);
/// Who is asked to wait longer than this waits better without a connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a create came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// It is there now.
    New,
    /// It was.
    Known,
    /// The API server will not have it; why.
    Refused(String),
    /// There is no such namespace, or no such kind; the API server's words.
    Nowhere(String),
}

/// Creates the client; `Ok` only when it is known what became of it.
pub(super) async fn create(events: &Events, namespace: &str, object: &Value) -> Result<Created, Refusal> {
    let deadline = Instant::now() + DEADLINE;
    let mut pause = PAUSE;
    for left in (0..ATTEMPTS).rev() {
        let create = events.cluster.create::<GatewayClient>(namespace, object, DryRun::No);
        let retry_after = match timeout_at(deadline, create).await {
            Ok(Ok(_)) => return Ok(Created::New),
            Ok(Err(Error { failure, .. })) => match failure {
                Failure::AlreadyExists(_) => return Ok(Created::Known),
                Failure::Unavailable { retry_after, .. } => retry_after,
                // A quota was counted by two at a time.
                Failure::Conflict(_) => None,
                failure @ Failure::NotFound(_) => return Ok(Created::Nowhere(failure.to_string())),
                failure => return Ok(Created::Refused(failure.to_string())),
            },
            Err(_) => None,
        };
        let wait = retry_after.unwrap_or_default().max(pause);
        if left == 0 || wait > LONGEST_PAUSE || Instant::now() + wait >= deadline {
            return Err(Refusal::Unavailable(retry_after));
        }
        sleep(wait).await;
        pause *= 3;
    }
    Err(Refusal::Unavailable(None))
}
