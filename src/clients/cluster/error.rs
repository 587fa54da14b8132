//! What can go wrong between us and the API server: which verb on which object, and what kind of failure it was.

use std::fmt;
use std::time::Duration;

use kube::core::Status;

/// A call to the API server that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {object}")]
pub struct Error {
    /// `get`, `create`, `apply`, … as RBAC and kubectl name it.
    pub verb: &'static str,
    /// What it was about.
    pub object: Box<Object>,
    /// Why not.
    #[source]
    pub failure: Failure,
}

/// Names the object of a failed call in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `JobExecution`.
    pub kind: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty when a collection was meant.
    pub name: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

/// The kinds of failure that callers treat differently.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 404: the object, its namespace or its kind is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// 409 on create: the name is taken.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// 409 otherwise: a precondition does not hold any more.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 400, 413, 422: the object itself is not acceptable, and will not be later.
    #[error("{0}")]
    Invalid(String),
    /// 403 because the namespace is being deleted: nothing can be made in it any more.
    #[error("{0}")]
    Terminating(String),
    /// 403 and other refusals that somebody's permissions, quota or policy may lift.
    #[error("{0}")]
    Forbidden(String),
    /// 401, 429, 5xx, no connection or no answer in time: worth another try.
    #[error("{message}")]
    Unavailable {
        /// What the API server or the network said.
        message: String,
        /// How long the API server asks us to wait.
        retry_after: Option<Duration>,
        /// The API server is there and has failed at this request (500): another request may do well.
        is_internal: bool,
    },
}

impl Failure {
    /// A failure to reach the API server at all.
    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after: None,
            is_internal: false,
        }
    }

    /// Whether the next request will fare no better.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable { is_internal: false, .. })
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::unreachable(chain(&error));
        };
        let Status {
            code,
            message,
            reason,
            details,
            ..
        } = *status;
        let taken = reason == "AlreadyExists";
        let causes = details.iter().flat_map(|details| &details.causes);
        let terminating = causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating");
        let message = if message.is_empty() { reason } else { message };
        match code {
            404 => Self::NotFound(message),
            409 if taken => Self::AlreadyExists(message),
            409 => Self::Conflict(message),
            403 if terminating => Self::Terminating(message),
            400 | 413 | 415 | 422 => Self::Invalid(message),
            401 | 408 | 410 | 429 | 500.. => {
                let seconds = details.map_or(0, |details| details.retry_after_seconds);
                let retry_after = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
                Self::Unavailable {
                    message,
                    retry_after,
                    is_internal: code == 500,
                }
            }
            _ => Self::Forbidden(message),
        }
    }
}

/// kube's transport errors say little themselves; the cause that helps is further down.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: u16, reason: &str) -> Failure {
        let status = Status {
            code,
            ..Status::failure("why", reason)
        };
        Failure::from(kube::Error::Api(status.boxed()))
    }

    #[test]
    fn tells_the_kinds_of_failure_apart() {
        assert!(matches!(failure(404, "NotFound"), Failure::NotFound(why) if why == "why"));
        assert!(matches!(failure(409, "AlreadyExists"), Failure::AlreadyExists(_)));
        assert!(matches!(failure(409, "Conflict"), Failure::Conflict(_)));
        assert!(matches!(failure(422, "Invalid"), Failure::Invalid(_)));
        assert!(matches!(failure(400, "BadRequest"), Failure::Invalid(_)));
        assert!(matches!(failure(403, "Forbidden"), Failure::Forbidden(_)));
        assert!(matches!(
            failure(429, "TooManyRequests"),
            Failure::Unavailable { retry_after: None, .. }
        ));
        for (code, is_outage) in [(500, false), (503, true), (410, true)] {
            let failure = failure(code, "InternalError");
            assert!(matches!(failure, Failure::Unavailable { .. }));
            assert_eq!(failure.is_outage(), is_outage, "{code}");
        }
        assert!(matches!(failure(401, "Unauthorized"), Failure::Unavailable { .. }));
    }

    #[test]
    fn keeps_how_long_the_api_server_asks_to_wait() {
        let status = Status {
            code: 429,
            ..Status::failure("busy", "TooManyRequests")
        };
        let mut value = serde_json::to_value(status).unwrap_or_default();
        value["details"] = serde_json::json!({"retryAfterSeconds": 7});
        let status: Status = serde_json::from_value(value).expect("a Status with details");
        let Failure::Unavailable { retry_after, .. } = Failure::from(kube::Error::Api(status.boxed())) else {
            unreachable!("429 is worth another try");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn names_verb_and_object() {
        for (namespace, told) in [("a", "cannot create Job a/b"), ("", "cannot create Job b")] {
            let object = Object {
                kind: "Job".into(),
                namespace: namespace.into(),
                name: "b".into(),
            };
            let error = Error {
                verb: "create",
                object: object.into(),
                failure: Failure::unreachable("gone"),
            };
            assert_eq!(error.to_string(), told);
        }
    }
}
