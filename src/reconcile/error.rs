//! What can end a reconcile early, and when it is tried again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use crate::clients::cluster::{self, Failure};

/// No retry of anything is later than this.
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// A reconcile that could not be finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A call to the API server failed.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// A fault of ours; it was printed where it happened.
    #[error("panicked")]
    Panicked,
}

impl Error {
    /// The metric's label for it.
    pub(super) fn result(&self) -> &'static str {
        let Self::Cluster(error) = self else {
            return "panicked";
        };
        match error.failure {
            Failure::NotFound(_) => "not_found",
            Failure::AlreadyExists(_) | Failure::Conflict(_) => "conflict",
            Failure::Invalid(_) => "invalid",
            Failure::Forbidden(_) | Failure::Terminating(_) => "forbidden",
            Failure::Unavailable { .. } => "unavailable",
        }
    }

    /// When to try again after so many failures in a row before.
    pub(super) fn retry(&self, failures: u32) -> Duration {
        let Self::Cluster(error) = self else {
            return backoff(Duration::from_secs(1), failures);
        };
        match error.failure {
            // The watch brings the other write in a moment.
            Failure::Conflict(_) | Failure::AlreadyExists(_) => backoff(Duration::from_millis(50), failures),
            Failure::Unavailable { retry_after, .. } => {
                backoff(Duration::from_millis(250), failures).max(retry_after.unwrap_or_default())
            }
            _ => backoff(Duration::from_secs(1), failures),
        }
    }
}

/// A panic ends one reconcile and not the controllers.
pub(super) async fn guarded<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let outcome = AssertUnwindSafe(step).catch_unwind().await;
    outcome.unwrap_or(Err(Error::Panicked))
}

/// Doubles with each failure, up to five minutes.
pub(super) fn backoff(first: Duration, failures: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::cluster::Object;

    fn error(failure: Failure) -> Error {
        let object = Object {
            kind: "Job".into(),
            namespace: "a".into(),
            name: "b".into(),
        };
        Error::Cluster(cluster::Error {
            verb: "create",
            object: Box::new(object),
            failure,
        })
    }

    #[tokio::test]
    async fn a_panic_ends_one_reconcile_only() {
        let outcome = guarded::<()>(async { panic!("on purpose") }).await;
        assert!(matches!(outcome, Err(Error::Panicked)));
    }

    #[test]
    fn retries_later_and_later_but_within_five_minutes() {
        let forbidden = error(Failure::Forbidden(String::new()));
        assert_eq!(forbidden.retry(0), Duration::from_secs(1));
        assert_eq!(forbidden.retry(3), Duration::from_secs(8));
        assert_eq!(forbidden.retry(40), LONGEST_BACKOFF);
    }

    #[test]
    fn waits_as_long_as_the_api_server_asks() {
        let retry_after = Some(Duration::from_secs(7));
        let busy = error(Failure::Unavailable {
            message: String::new(),
            retry_after,
            is_internal: false,
        });
        assert_eq!((busy.retry(0), busy.result()), (Duration::from_secs(7), "unavailable"));
    }

    #[test]
    fn a_fault_of_ours_is_tried_less_and_less_often() {
        assert_eq!(
            (Error::Panicked.retry(1), Error::Panicked.result()),
            (Duration::from_secs(2), "panicked")
        );
    }

    #[test]
    fn a_conflict_is_over_soon() {
        let conflict = error(Failure::Conflict(String::new()));
        assert_eq!(
            (conflict.retry(0), conflict.result()),
            (Duration::from_millis(50), "conflict")
        );
    }
}
