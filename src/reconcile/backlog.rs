//! Executions whose first turn is still to come. While there are many, what only informs waits: the API server's time
//! goes to Jobs first.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::context::uid;
use crate::api::dispatch::view::JobExecution;

/// UIDs of new executions.
pub(super) struct Backlog {
    new: Mutex<HashSet<String>>,
    limit: usize,
    telling: Semaphore,
}

impl Backlog {
    /// A backlog is what takes more than two rounds of that many reconciles at a time.
    pub(super) fn new(concurrency: u16) -> Self {
        let concurrency = usize::from(concurrency);
        Self {
            new: Mutex::default(),
            limit: 2 * concurrency,
            telling: Semaphore::new(concurrency.div_ceil(2)),
        }
    }

    /// Notes an execution that a watch has brought, if it is new.
    pub(super) fn seen(&self, execution: &JobExecution) {
        let status = &execution.status;
        if status.job.is_none() && status.conditions.is_empty() && execution.metadata.deletion_timestamp.is_none() {
            self.lock().insert(uid(execution).to_owned());
        }
    }

    /// Notes that it has had its turn, or is gone.
    pub(super) fn done(&self, execution: &JobExecution) {
        self.lock().remove(uid(execution));
    }

    /// Forgets executions that are gone.
    pub(super) fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|uid| exists(uid));
    }

    /// Whether many wait.
    pub(super) fn is_high(&self) -> bool {
        self.lock().len() > self.limit
    }

    /// Leave to tell of something that is not urgent: half of the reconciles at a time stay free for what is.
    pub(super) fn may_tell(&self) -> Option<SemaphorePermit<'_>> {
        self.telling.try_acquire().ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn execution(uid: &str, status: &Value) -> JobExecution {
        serde_json::from_value(json!({"metadata": {"name": "run", "uid": uid}, "status": status}))
            .expect("an execution")
    }

    #[test]
    fn counts_new_executions_until_their_turn() {
        let backlog = Backlog::new(1);
        for uid in ["a", "b", "b"] {
            backlog.seen(&execution(uid, &json!({})));
        }
        backlog.seen(&execution("d", &json!({"job": {"name": "run"}})));
        assert!(!backlog.is_high());
        backlog.seen(&execution("c", &json!({})));
        assert!(backlog.is_high());
        backlog.done(&execution("a", &json!({})));
        assert!(!backlog.is_high());
    }

    #[test]
    fn half_of_the_reconciles_may_tell() {
        let backlog = Backlog::new(3);
        let leave = [backlog.may_tell(), backlog.may_tell()];
        assert!(leave.iter().all(Option::is_some) && backlog.may_tell().is_none());
        drop(leave);
        assert!(backlog.may_tell().is_some());
    }
}
