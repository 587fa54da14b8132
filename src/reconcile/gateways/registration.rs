//! Whether the API server was told of our webhooks, asked now and then: no watch of them is granted.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::Context;
use super::since::registered;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(30);

/// What is known of it, and since when.
#[derive(Default)]
pub(super) struct Registration {
    is_there: Option<bool>,
    asked: Option<Instant>,
}

impl Registration {
    /// The last answer; nothing, before there was one.
    pub(super) fn is_there(&self) -> Option<bool> {
        self.is_there
    }

    /// Asks when it is time to, and tells when that is again; whoever gets no answer knows what he knew.
    pub(super) async fn ask(&mut self, ctx: &Context<'_>) -> Instant {
        let now = Instant::now();
        if let Some(asked) = self.asked.filter(|asked| now < *asked + PERIOD) {
            return asked + PERIOD;
        }
        match registered(ctx).await {
            Ok(registered) => self.is_there = Some(registered.is_some()),
            Err(error) => debug!(%error, cause = %error.failure, "it is not known whether webhooks are registered"),
        }
        self.asked = Some(now);
        now + PERIOD
    }
}
