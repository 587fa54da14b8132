//! Why a Job cannot be made now, in words for people, and what would help.

use std::time::Duration;

use tokio::time::Instant;

use super::context::uid;
use super::error::backoff;
use super::holds::{Hold, Holds};
use crate::api::dispatch::view::JobExecution;
use crate::api::names::reason;
use crate::dispatch::withheld;

/// First pause after a try that may go better later.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Why a Job cannot be made now, and what would help.
pub(super) struct Held {
    /// One of [`reason`].
    pub(super) reason: &'static str,
    /// For people: field and cause, and no value.
    pub(super) message: String,
    /// Another try makes sense after that even if nothing changes.
    pub(super) pause: Option<Duration>,
    /// Whether people are told: not of a moment's weakness.
    pub(super) tell: bool,
    /// The taken name that is needed.
    pub(super) name: Option<String>,
}

impl Held {
    /// Until the template changes.
    pub(super) fn for_good(reason: &'static str, message: &str) -> Self {
        Self {
            reason,
            message: withheld::text(message),
            pause: None,
            tell: true,
            name: None,
        }
    }

    /// For longer and longer, as tries fail.
    pub(super) fn for_now(message: &str, tries: u32, retry_after: Option<Duration>) -> Self {
        let pause = backoff(FIRST_PAUSE, tries).max(retry_after.unwrap_or_default());
        Self {
            pause: Some(pause),
            ..Self::for_good(reason::JOB_CREATE_ERROR, message)
        }
    }

    /// Until there is a template.
    pub(super) fn without_template(namespace: &str, execution: &JobExecution) -> Self {
        let template = &execution.spec.job_template_name;
        let message = format!("spec.jobTemplateName: there is no JobTemplate {namespace}/{template}");
        Self::for_good(reason::FETCH_JOB_TEMPLATE_ERROR, &message)
    }

    /// Remembers what the execution waits for, after so many tries before this one.
    pub(super) fn note(&self, execution: &JobExecution, template_version: Option<String>, tries: u32, holds: &Holds) {
        let until = self.pause.map(|pause| Instant::now() + pause);
        holds.hold(
            execution,
            Hold {
                uid: uid(execution).into(),
                template_version,
                until,
                tries: tries + 1,
                job: self.name.clone(),
            },
        );
    }
}
