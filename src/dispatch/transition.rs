//! What a change of status means to the people who watch: at most one event, and the counters that it moves.

use super::withheld::bounded;
use crate::api::dispatch::v1beta1::JobExecutionStatus;
use crate::api::names::{condition_type, event, reason};
use crate::condition;

/// Something that happened to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// One of [`event`].
    pub reason: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
    /// A sentence for people.
    pub note: String,
}

/// What has happened between two statuses; nothing when only details differ.
#[must_use]
pub fn transition(before: &JobExecutionStatus, after: &JobExecutionStatus) -> Option<Transition> {
    let changed = |type_: &str| {
        let after = condition::find(&after.conditions, type_)?;
        let same = condition::find(&before.conditions, type_)
            .is_some_and(|before| before.status == after.status && before.reason == after.reason);
        (!same).then_some(after)
    };
    let job = after
        .job
        .as_ref()
        .and_then(|job| job.name.as_deref())
        .unwrap_or_default();
    if let Some(ended) = changed(condition_type::SUCCEEDED) {
        return Some(match ended.reason.as_str() {
            reason::JOB_SUCCEEDED => normal(event::COMPLETED, format!("Job {job} ended well")),
            _ => warning(event::FAILED, format!("Job {job}: {}", ended.message)),
        });
    }
    if changed(condition_type::RUNNING).is_some_and(|running| running.status == "True") {
        return Some(normal(event::STARTED, format!("Job {job} started")));
    }
    let waiting = changed(condition_type::WAITING).filter(|waiting| waiting.status == "Unknown")?;
    Some(match waiting.reason.as_str() {
        reason::FETCH_JOB_TEMPLATE_ERROR => warning(event::JOB_TEMPLATE_NOT_FOUND, waiting.message.clone()),
        _ => warning(event::FAILED, waiting.message.clone()),
    })
}

fn normal(reason: &'static str, note: String) -> Transition {
    Transition {
        reason,
        warning: false,
        note,
    }
}

fn warning(reason: &'static str, note: String) -> Transition {
    Transition {
        reason,
        warning: true,
        note: bounded(note),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(conditions: &[(&str, &str, &str)]) -> JobExecutionStatus {
        let conditions = conditions.iter().map(|(type_, status, reason)| {
            json!({"type": type_, "status": status, "reason": reason, "message": "why", "lastTransitionTime": "1970-01-01T00:00:06Z"})
        });
        let conditions: Vec<_> = conditions.collect();
        serde_json::from_value(json!({"conditions": conditions, "job": {"name": "j"}})).expect("a status")
    }

    #[test]
    fn an_event_fits_what_an_event_may_have() {
        let mut failed = status(&[("Succeeded", "False", "JobFailed")]);
        failed.conditions[0].message = "x".repeat(1024);
        let told = transition(&status(&[]), &failed).expect("a failure is told");
        assert!(told.note.starts_with("Job j: x") && told.note.ends_with('…') && told.note.len() <= 1024);
    }

    #[test]
    fn one_event_for_each_change_that_matters() {
        let new = status(&[]);
        let waiting = status(&[("Waiting", "True", "JobCreated")]);
        let running = status(&[("Waiting", "False", "JobRunning"), ("Running", "True", "JobRunning")]);
        let complete = status(&[
            ("Running", "False", "JobCompleted"),
            ("Succeeded", "True", "JobSucceeded"),
        ]);
        let failed = status(&[
            ("Running", "False", "JobCompleted"),
            ("Succeeded", "False", "JobFailed"),
        ]);
        let deleted = status(&[("Succeeded", "False", "JobDeleted")]);
        let missing = status(&[("Waiting", "Unknown", "FetchJobTemplateError")]);
        let rejected = status(&[("Waiting", "Unknown", "JobRejected")]);
        let table = [
            (&new, &waiting, None),
            (&new, &running, Some(("Started", false, "Job j started"))),
            (&running, &running, None),
            (&running, &complete, Some(("Completed", false, "Job j ended well"))),
            (&new, &failed, Some(("Failed", true, "Job j: why"))),
            (&running, &deleted, Some(("Failed", true, "Job j: why"))),
            (&complete, &complete, None),
            (&new, &missing, Some(("JobTemplateNotFound", true, "why"))),
            (&missing, &missing, None),
            (&missing, &rejected, Some(("Failed", true, "why"))),
        ];
        for (before, after, expected) in table {
            let expected = expected.map(|(reason, warning, note)| Transition {
                reason,
                warning,
                note: note.into(),
            });
            assert_eq!(transition(before, after), expected, "{before:?} to {after:?}");
        }
    }
}
