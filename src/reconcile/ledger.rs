//! What this process has written and its watches have not shown yet. Without it every own write would be followed by
//! a decision from an older state: a needless GET, a conflict, or worse, a second Job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::time::Instant;

use crate::api::dispatch::v1beta1::JobExecutionStatus;
use crate::api::dispatch::view::JobExecution;

/// A Job that has not started by then is recorded as created; most have, and save that write.
const START_GRACE: Duration = Duration::from_secs(1);

/// A Job is recorded by then even while there is a backlog.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(30);

/// Own writes by UID of the execution.
#[derive(Default)]
pub(super) struct Ledger {
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Default)]
struct Entry {
    created: Option<Created>,
    /// Name of a Job whose create has not been answered.
    unanswered: Option<String>,
    /// UID of the Job that was held and may run now.
    released: Option<String>,
    written: Option<Written>,
    failures: u32,
}

/// A Job that this process has created.
#[derive(Debug, Clone)]
pub(super) struct Created {
    /// As it will be recorded.
    pub(super) reference: ObjectReference,
    /// Whether it may only run once it is recorded.
    pub(super) held: bool,
    at: Instant,
}

impl Created {
    /// How long it may still take to start before it is recorded without.
    pub(super) fn grace(&self) -> Duration {
        START_GRACE.saturating_sub(self.at.elapsed())
    }

    /// Whether it has to be recorded now, whatever else there is to do.
    pub(super) fn is_overdue(&self) -> bool {
        self.at.elapsed() > LONGEST_DEFERRAL
    }
}

struct Written {
    /// The versions that this write and those before it replaced: while the store shows one of them, it is behind.
    replaced: Vec<Option<String>>,
    version: Option<String>,
    status: JobExecutionStatus,
}

impl Ledger {
    /// The execution as it is after our own last write, even if the watch has not brought that yet.
    pub(super) fn current(&self, stored: &Arc<JobExecution>) -> Arc<JobExecution> {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(uid(stored)) else {
            return Arc::clone(stored);
        };
        match &entry.written {
            Some(written) if written.replaced.contains(&stored.metadata.resource_version) => {
                let mut execution = JobExecution::clone(stored);
                execution.metadata.resource_version.clone_from(&written.version);
                execution.status = written.status.clone();
                Arc::new(execution)
            }
            _ => {
                entry.written = None;
                Arc::clone(stored)
            }
        }
    }

    /// The Job that this process has created for the execution.
    pub(super) fn created(&self, uid: &str) -> Option<Created> {
        self.lock().get(uid)?.created.clone()
    }

    /// Notes that the Job exists.
    pub(super) fn job_created(&self, uid: &str, reference: ObjectReference, held: bool) {
        self.lock().entry(uid.to_owned()).or_default().created = Some(Created {
            reference,
            held,
            at: Instant::now(),
        });
    }

    /// Notes that a Job of that name may have been created, or none after all.
    pub(super) fn set_unanswered(&self, uid: &str, name: Option<&str>) {
        self.lock().entry(uid.to_owned()).or_default().unanswered = name.map(Into::into);
    }

    /// The name under which a Job may have been created.
    pub(super) fn unanswered(&self, uid: &str) -> Option<String> {
        self.lock().get(uid)?.unanswered.clone()
    }

    /// Notes that the Job of that UID is held no more.
    pub(super) fn job_released(&self, uid: &str, job_uid: &str) {
        self.lock().entry(uid.to_owned()).or_default().released = Some(job_uid.to_owned());
    }

    /// Whether the Job of that UID is held no more, although the watch may still show it so.
    pub(super) fn is_released(&self, uid: &str, job_uid: &str) -> bool {
        let entries = self.lock();
        entries
            .get(uid)
            .is_some_and(|entry| entry.released.as_deref() == Some(job_uid))
    }

    /// Notes that the status is recorded; `stored` is what the store showed.
    pub(super) fn status_written(&self, stored: &JobExecution, version: Option<String>, status: JobExecutionStatus) {
        let mut entries = self.lock();
        let entry = entries.entry(uid(stored).to_owned()).or_default();
        if status.job.is_some() {
            entry.created = None;
        }
        let seen = stored.metadata.resource_version.clone();
        let before = entry.written.take().filter(|before| before.replaced.contains(&seen));
        let replaced = before.map_or_else(
            || vec![seen],
            |mut before| {
                before.replaced.push(before.version);
                before.replaced
            },
        );
        entry.written = Some(Written {
            replaced,
            version,
            status,
        });
    }

    /// Counts one more failure in a row and returns how many there have been before.
    pub(super) fn failed(&self, uid: &str) -> u32 {
        let mut entries = self.lock();
        let entry = entries.entry(uid.to_owned()).or_default();
        entry.failures = entry.failures.saturating_add(1);
        entry.failures - 1
    }

    /// Ends a row of failures.
    pub(super) fn succeeded(&self, uid: &str) {
        if let Some(entry) = self.lock().get_mut(uid) {
            entry.failures = 0;
        }
    }

    /// Forgets one execution that is gone.
    pub(super) fn forget(&self, execution: &JobExecution) {
        self.lock().remove(uid(execution));
    }

    /// Forgets executions that are gone.
    pub(super) fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|uid, _| exists(uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn uid(execution: &JobExecution) -> &str {
    execution.metadata.uid.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(version: &str) -> Arc<JobExecution> {
        let metadata = json!({"name": "run", "uid": "u", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": metadata}))
            .map(Arc::new)
            .expect("an execution")
    }

    fn observed() -> JobExecutionStatus {
        JobExecutionStatus {
            observed_generation: Some(4),
            ..JobExecutionStatus::default()
        }
    }

    #[test]
    fn an_own_write_covers_the_version_it_replaced_and_no_other() {
        let ledger = Ledger::default();
        ledger.status_written(&stored("1"), Some("2".into()), observed());
        let current = ledger.current(&stored("1"));
        assert_eq!(
            (current.metadata.resource_version.as_deref(), &current.status),
            (Some("2"), &observed())
        );
        assert_eq!(ledger.current(&stored("3")).status, JobExecutionStatus::default());
        assert_eq!(ledger.current(&stored("1")).status, JobExecutionStatus::default());
    }

    #[test]
    fn own_writes_in_a_row_cover_each_other() {
        let ledger = Ledger::default();
        ledger.status_written(&stored("1"), Some("2".into()), JobExecutionStatus::default());
        ledger.status_written(&stored("1"), Some("3".into()), observed());
        for version in ["1", "2"] {
            let current = ledger.current(&stored(version));
            assert_eq!(current.metadata.resource_version.as_deref(), Some("3"));
        }
        assert_eq!(ledger.current(&stored("4")).status, JobExecutionStatus::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_job_has_a_second_to_start() {
        let ledger = Ledger::default();
        ledger.job_created("u", ObjectReference::default(), false);
        let grace = || ledger.created("u").map(|created| created.grace());
        assert_eq!(grace(), Some(START_GRACE));
        tokio::time::advance(START_GRACE).await;
        assert_eq!(grace(), Some(Duration::ZERO));
        let status = JobExecutionStatus {
            job: Some(ObjectReference::default()),
            ..observed()
        };
        ledger.status_written(&stored("1"), None, status);
        assert_eq!(grace(), None);
    }

    #[test]
    fn failures_count_until_a_success() {
        let ledger = Ledger::default();
        assert_eq!([ledger.failed("u"), ledger.failed("u")], [0, 1]);
        ledger.succeeded("u");
        assert_eq!(ledger.failed("u"), 0);
        ledger.retain(|_| false);
        assert_eq!(ledger.failed("u"), 0);
    }
}
