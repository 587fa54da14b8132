//! The status of an execution: a function of what was recorded before and what is observed now.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::withheld;
use crate::api::dispatch::v1beta1::{JobExecutionStatus, Phase};
use crate::api::dispatch::view::{Job, JobExecution};
use crate::api::names::{condition_type, reason};
use crate::condition::{self, Claim};

/// What has become of an execution, as far as can be seen.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// There is no Job yet, for this reason.
    Held(Hold<'a>),
    /// This Job, of the name and UID that the reference gives.
    Job {
        /// What is recorded of it.
        reference: &'a ObjectReference,
        /// How far it has come.
        progress: Progress<'a>,
    },
    /// The Job disappeared before it had ended.
    JobDeleted {
        /// What it was, where that is not recorded yet.
        reference: Option<&'a ObjectReference>,
    },
}

/// Why there is no Job yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold<'a> {
    /// One of [`reason`].
    pub reason: &'static str,
    /// A sentence that names field and cause.
    pub message: &'a str,
}

/// How far a Job has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress<'a> {
    /// Created, or suspended.
    Waiting,
    /// Started.
    Running {
        /// When.
        since: &'a Time,
    },
    /// Ended.
    Finished {
        /// Well, or not.
        succeeded: bool,
        /// What the Job says about a failure.
        message: &'a str,
        /// When it had started, if it ever had.
        since: Option<&'a Time>,
        /// When it ended, if the Job says so.
        until: Option<&'a Time>,
    },
}

impl<'a> Progress<'a> {
    /// Reads the conditions and times of a Job.
    #[must_use]
    pub fn of(job: &'a Job) -> Self {
        let status = &job.status;
        let ended = status.conditions.iter().find(|condition| {
            condition.status == "True" && (condition.type_ == "Complete" || condition.type_ == "Failed")
        });
        match (ended, &status.start_time) {
            (Some(condition), since) => Self::Finished {
                succeeded: condition.type_ == "Complete",
                message: &condition.message,
                since: since.as_ref(),
                until: status
                    .completion_time
                    .as_ref()
                    .or(condition.last_transition_time.as_ref()),
            },
            (None, Some(since)) => Self::Running { since },
            (None, None) => Self::Waiting,
        }
    }
}

/// The status to record; equal to the recorded one when nothing has changed.
#[must_use]
pub fn status(execution: &JobExecution, observed: Observed<'_>, now: &Time) -> JobExecutionStatus {
    let generation = execution.metadata.generation;
    let mut next = Next {
        status: execution.status.clone(),
        generation,
        now,
    };
    next.status.observed_generation = generation;
    match observed {
        Observed::Held(hold) => next.held(hold),
        Observed::JobDeleted { reference } => {
            next.status.job = reference.cloned().or(next.status.job);
            next.deleted();
        }
        Observed::Job { reference, progress } => {
            next.status.job = Some(reference.clone());
            match progress {
                Progress::Waiting => next.waiting(),
                Progress::Running { since } => next.running(since),
                Progress::Finished {
                    succeeded,
                    message,
                    since,
                    until,
                } => {
                    next.status.start_time = since.cloned().or(next.status.start_time);
                    next.finished(succeeded, message, until);
                }
            }
        }
    }
    next.status
}

/// Whether the recorded status says that the execution has come to its end, and how.
#[must_use]
pub fn end(status: &JobExecutionStatus) -> Option<End> {
    let succeeded = condition::find(&status.conditions, condition_type::SUCCEEDED);
    // Before upstream recorded the outcome it recorded that the Job does not run any more.
    let running = condition::find(&status.conditions, condition_type::RUNNING);
    match (succeeded, running) {
        (Some(condition), _) if condition.reason == reason::JOB_DELETED => Some(End::JobDeleted),
        (Some(condition), _) if condition.status != "Unknown" => Some(End::JobFinished),
        (_, Some(condition)) if condition.reason == reason::JOB_COMPLETED => Some(End::JobFinished),
        _ => None,
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its Job ended, well or not; once that is gone the execution goes too.
    JobFinished,
    /// Its Job was deleted before the end; the execution stays to tell so.
    JobDeleted,
}

/// The name under which a Job is recorded, with its UID.
#[must_use]
pub fn reference(namespace: &str, name: &str, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".into()),
        kind: Some("Job".into()),
        namespace: Some(namespace.into()),
        name: Some(name.into()),
        uid: Some(uid.into()),
        ..ObjectReference::default()
    }
}

struct Next<'a> {
    status: JobExecutionStatus,
    generation: Option<i64>,
    now: &'a Time,
}

impl Next<'_> {
    fn set(&mut self, type_: &str, status: &str, reason: &str, message: &str) {
        let claim = Claim {
            type_,
            status,
            reason,
            message,
        };
        condition::set(&mut self.status.conditions, claim, self.generation, self.now.clone());
    }

    fn held(&mut self, hold: Hold<'_>) {
        self.set(condition_type::WAITING, "Unknown", hold.reason, hold.message);
        self.status.phase = Some(Phase::Pending);
    }

    fn waiting(&mut self) {
        self.set(
            condition_type::WAITING,
            "True",
            reason::JOB_CREATED,
            "the Job has not started yet",
        );
        if condition::find(&self.status.conditions, condition_type::RUNNING).is_some() {
            // A Job that was suspended while it ran.
            self.set(
                condition_type::RUNNING,
                "False",
                reason::JOB_CREATED,
                "the Job is suspended",
            );
        }
        self.status.start_time = None;
        self.status.phase = Some(Phase::Pending);
    }

    fn running(&mut self, since: &Time) {
        self.set(
            condition_type::WAITING,
            "False",
            reason::JOB_RUNNING,
            "the Job has started",
        );
        self.set(condition_type::RUNNING, "True", reason::JOB_RUNNING, "the Job runs");
        self.status.start_time = Some(since.clone());
        self.status.phase = Some(Phase::Running);
    }

    fn finished(&mut self, succeeded: bool, message: &str, until: Option<&Time>) {
        self.set(
            condition_type::WAITING,
            "False",
            reason::JOB_RUNNING,
            "the Job has started",
        );
        self.set(
            condition_type::RUNNING,
            "False",
            reason::JOB_COMPLETED,
            "the Job has ended",
        );
        let (status, reason, phase) = if succeeded {
            ("True", reason::JOB_SUCCEEDED, Phase::Succeeded)
        } else {
            ("False", reason::JOB_FAILED, Phase::Failed)
        };
        let message = match (succeeded, message) {
            (true, _) => "the Job ended well".to_owned(),
            (false, "") => "the Job failed".to_owned(),
            (false, message) => withheld::text(message),
        };
        self.set(condition_type::SUCCEEDED, status, reason, &message);
        self.ended(phase, until);
    }

    fn deleted(&mut self) {
        let message = "the Job was deleted before it had ended";
        for type_ in [
            condition_type::WAITING,
            condition_type::RUNNING,
            condition_type::SUCCEEDED,
        ] {
            self.set(type_, "False", reason::JOB_DELETED, message);
        }
        self.ended(Phase::Failed, None);
    }

    fn ended(&mut self, phase: Phase, until: Option<&Time>) {
        self.status.phase = Some(phase);
        let until = until.cloned().or(self.status.completion_time.take());
        self.status.completion_time = until.or(Some(self.now.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(second).expect("a second of our age"))
    }

    fn execution(status: &Value) -> JobExecution {
        serde_json::from_value(json!({"metadata": {"name": "run", "generation": 1}, "status": status}))
            .expect("an execution")
    }

    fn job(status: &Value) -> Job {
        serde_json::from_value(json!({"metadata": {"name": "run-job", "uid": "j"}, "status": status})).expect("a Job")
    }

    fn seen(execution: &JobExecution, job: &Job, second: i64) -> JobExecutionStatus {
        let reference = reference("here", "run-job", "j");
        status(
            execution,
            Observed::Job {
                reference: &reference,
                progress: Progress::of(job),
            },
            &at(second),
        )
    }

    fn then(recorded: JobExecutionStatus) -> JobExecution {
        JobExecution {
            status: recorded,
            ..execution(&json!({}))
        }
    }

    fn claims(status: &JobExecutionStatus) -> Vec<(&str, &str, &str)> {
        let claims = status.conditions.iter();
        claims
            .map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str()))
            .collect()
    }

    #[test]
    fn a_held_execution_says_why() {
        let hold = Hold {
            reason: reason::RENDER_ERROR,
            message: "spec.jobTemplate.spec.x: no",
        };
        let status = status(&execution(&json!({})), Observed::Held(hold), &at(7));
        let expected = json!({
            "conditions": [{
                "type": "Waiting", "status": "Unknown", "reason": "RenderError", "message": "spec.jobTemplate.spec.x: no",
                "observedGeneration": 1, "lastTransitionTime": "1970-01-01T00:00:07Z",
            }],
            "phase": "Pending",
            "observedGeneration": 1,
        });
        assert_eq!(serde_json::to_value(status).expect("a status"), expected);
    }

    #[test]
    fn a_run_from_created_to_succeeded() {
        let created = seen(&execution(&json!({})), &job(&json!({})), 1);
        assert_eq!(claims(&created), [("Waiting", "True", "JobCreated")]);
        assert_eq!(created.phase, Some(Phase::Pending));
        let running = job(&json!({"active": 1, "startTime": "1970-01-01T00:00:02Z"}));
        let running = seen(&then(created), &running, 3);
        assert_eq!(
            claims(&running),
            [("Waiting", "False", "JobRunning"), ("Running", "True", "JobRunning")]
        );
        assert_eq!(
            (running.phase, &running.start_time),
            (Some(Phase::Running), &Some(at(2)))
        );
        let complete = job(&json!({
            "startTime": "1970-01-01T00:00:02Z", "completionTime": "1970-01-01T00:00:05Z",
            "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "1970-01-01T00:00:06Z"}],
        }));
        let ended = seen(&then(running), &complete, 7);
        let expected = [
            ("Waiting", "False", "JobRunning"),
            ("Running", "False", "JobCompleted"),
            ("Succeeded", "True", "JobSucceeded"),
        ];
        assert_eq!(claims(&ended), expected);
        assert_eq!(ended.job, Some(reference("here", "run-job", "j")));
        assert_eq!(
            (ended.start_time.clone(), ended.completion_time.clone()),
            (Some(at(2)), Some(at(5)))
        );
        assert_eq!(ended.phase, Some(Phase::Succeeded));
        assert_eq!(end(&ended), Some(End::JobFinished));
    }

    #[test]
    fn a_failure_carries_the_jobs_own_words() {
        let failed = job(&json!({
            "conditions": [
                {"type": "FailureTarget", "status": "True"},
                {"type": "Failed", "status": "True", "message": "too many", "lastTransitionTime": "1970-01-01T00:00:06Z"},
            ],
        }));
        let status = seen(&execution(&json!({})), &failed, 9);
        let condition = condition::find(&status.conditions, "Succeeded").expect("Succeeded is set");
        assert_eq!(
            (condition.reason.as_str(), condition.message.as_str()),
            ("JobFailed", "too many")
        );
        assert_eq!(
            (status.phase, status.completion_time),
            (Some(Phase::Failed), Some(at(6)))
        );
    }

    #[test]
    fn a_failure_tells_no_value() {
        let message = r#"pods "run" is invalid: spec.a: Invalid value: "a secret": no"#;
        let failed = job(&json!({"conditions": [{"type": "Failed", "status": "True", "message": message}]}));
        let status = seen(&execution(&json!({})), &failed, 9);
        let condition = condition::find(&status.conditions, "Succeeded").expect("Succeeded is set");
        assert_eq!(
            condition.message,
            r#"pods "run" is invalid: spec.a: Invalid value: …: no"#
        );
    }

    #[test]
    fn a_job_that_is_only_about_to_fail_still_runs() {
        let failing = job(&json!({
            "startTime": "1970-01-01T00:00:02Z", "conditions": [{"type": "FailureTarget", "status": "True"}],
        }));
        assert_eq!(seen(&execution(&json!({})), &failing, 9).phase, Some(Phase::Running));
    }

    #[test]
    fn a_job_suspended_while_it_ran_waits_again() {
        let running = seen(
            &execution(&json!({})),
            &job(&json!({"startTime": "1970-01-01T00:00:02Z"})),
            3,
        );
        let status = seen(
            &then(running),
            &job(&json!({"conditions": [{"type": "Suspended", "status": "True"}]})),
            4,
        );
        assert_eq!(
            claims(&status),
            [("Waiting", "True", "JobCreated"), ("Running", "False", "JobCreated")]
        );
        assert_eq!(
            (status.phase, status.start_time.clone(), end(&status)),
            (Some(Phase::Pending), None, None)
        );
    }

    #[test]
    fn a_deleted_job_ends_the_execution_for_good() {
        let running = seen(
            &execution(&json!({})),
            &job(&json!({"startTime": "1970-01-01T00:00:02Z"})),
            3,
        );
        let status = status(&then(running), Observed::JobDeleted { reference: None }, &at(4));
        let expected = ["Waiting", "Running", "Succeeded"].map(|type_| (type_, "False", "JobDeleted"));
        assert_eq!(claims(&status), expected);
        assert_eq!(
            (status.phase, &status.completion_time),
            (Some(Phase::Failed), &Some(at(4)))
        );
        assert_eq!(status.start_time, Some(at(2)));
        assert_eq!(end(&status), Some(End::JobDeleted));
    }

    #[test]
    fn the_same_observation_twice_changes_nothing() {
        let complete = job(&json!({"conditions": [{"type": "Complete", "status": "True"}]}));
        let once = seen(&execution(&json!({})), &complete, 7);
        assert_eq!(seen(&then(once.clone()), &complete, 8), once);
    }

    #[test]
    fn upstreams_leftovers_are_understood() {
        let running = json!({"conditions": [
            {"type": "Running", "status": "True", "reason": "JobRunning", "message": "", "lastTransitionTime": "1970-01-01T00:00:06Z"},
        ], "job": {}});
        assert_eq!(end(&execution(&running).status), None);
        let finished = json!({"conditions": [
            {"type": "Running", "status": "False", "reason": "JobCompleted", "message": "", "lastTransitionTime": "1970-01-01T00:00:06Z"},
        ]});
        assert_eq!(end(&execution(&finished).status), Some(End::JobFinished));
    }
}
