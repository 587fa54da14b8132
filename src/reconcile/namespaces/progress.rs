//! What has come of a plan so far: counts, and every failure in one word and a sentence, with the time for another try.

use std::time::Duration;

use tracing::warn;

use super::super::error::backoff;
use super::act::Acting;
use crate::api::names::{annotation, reason};
use crate::api::resources::ResourceError;
use crate::clients::cluster::{Error, Failure};
use crate::dispatch::withheld;
use crate::resources::Object;
use crate::resources::native::{Known, Outcome};

/// First pause before a namespace in which something has failed is looked at again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause while the API server does not answer, or something else is soon over.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What the API server refuses for what it is mostly waits for another template, which is noticed.
const INVALID_PAUSE: Duration = Duration::from_secs(600);
/// How the API server begins to tell of a field that it does not know, or of another type: with status 500.
const UNTYPED: &str = "failed to create typed patch object";

/// How the API server tells of a field that another set of ours has.
const OTHER_SET: &str = " with \"stationmaster/";

/// What has come of a plan so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) outcome: Outcome,
    /// Look again after that, even if nothing changes.
    pub(super) retry: Option<Duration>,
    /// The rest has to wait: the API server does not answer, or the namespace is being deleted.
    pub(super) stopped: bool,
    /// The kind about which the API server did not answer.
    out: Option<String>,
    /// The namespace is being deleted.
    pub(super) terminating: bool,
}

impl Progress {
    /// The soonest of all counts.
    pub(super) fn come_back(&mut self, pause: Duration) {
        let pause = pause.max(Duration::from_millis(250));
        self.retry = Some(self.retry.map_or(pause, |sooner| sooner.min(pause)));
    }

    /// A kind waits for the API server, and with the second of them everything.
    fn stop_for(&mut self, kind: &str, pause: Duration) {
        let first = self.out.get_or_insert_with(|| kind.to_owned());
        self.stopped = first != kind;
        self.retry = Some(pause);
    }

    /// Whether requests about a kind make no sense now.
    pub(super) fn is_out(&self, kind: &str) -> bool {
        self.stopped || self.out.as_deref() == Some(kind)
    }
}

impl Acting<'_> {
    /// An object could not be looked at or applied.
    pub(super) fn failed(&mut self, object: &Object, error: &Error) {
        if matches!(error.failure, Failure::Terminating(_)) {
            self.progress.terminating = true;
            self.progress.stopped = true;
            return;
        }
        let (reason, message) = told(error);
        let (kind, name) = (&object.group, &object.name);
        warn!(namespace.name = self.namespace, kind, name, %error, cause = message, "not applied");
        self.fail(object, reason, &message);
        self.pause(kind, error);
    }

    /// An object could not be removed.
    pub(super) fn not_removed(&mut self, known: &Known, error: &Error) {
        let (reason, message) = told(error);
        let (kind, name) = (&*known.kind, &*known.name);
        warn!(namespace.name = self.namespace, kind, name, %error, cause = message, "not removed");
        self.error((kind, name), reason, &format!("cannot remove it: {message}"));
        let pause = backoff(FIRST_PAUSE, self.ctx.failures(self.namespace));
        self.progress.come_back(pause);
        self.pause(kind, error);
    }

    pub(super) fn fail(&mut self, object: &Object, reason: &str, message: &str) {
        self.error((&object.group, &object.name), reason, message);
        self.progress.come_back(match reason {
            reason::INVALID => INVALID_PAUSE,
            _ => backoff(FIRST_PAUSE, self.ctx.failures(self.namespace)),
        });
    }

    /// After an outage the API server says when, or it is tried again within half a minute. It may be one kind's: one
    /// whose webhook hangs, or that another server serves. The second kind has all others wait.
    fn pause(&mut self, kind: &str, error: &Error) {
        let failures = self.ctx.failures(self.namespace);
        match &error.failure {
            Failure::Unavailable { retry_after, .. } if error.failure.is_outage() => {
                let pause = backoff(FIRST_PAUSE, failures).min(LONGEST_WAIT);
                self.progress.stop_for(kind, pause.max(retry_after.unwrap_or_default()));
            }
            // Somebody else wrote in between.
            Failure::Conflict(message) if !is_about_fields(message) => self.progress.come_back(FIRST_PAUSE),
            _ => {}
        }
    }

    fn error(&mut self, (kind, name): (&str, &str), reason: &str, message: &str) {
        self.progress.outcome.errors.push(ResourceError {
            namespace: self.namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            reason: reason.to_owned(),
            message: withheld::bounded(message.to_owned()),
        });
    }
}

/// Why, in one word and in a sentence without values.
fn told(error: &Error) -> (&'static str, String) {
    let message = withheld::text(&error.failure.to_string());
    match &error.failure {
        Failure::Conflict(said) if is_about_fields(said) && said.contains(OTHER_SET) => {
            let message = format!("{message}: another ResourceSet wants it too, by another folder or an earlier name");
            (reason::CONFLICT, message)
        }
        Failure::Conflict(said) if is_about_fields(said) => {
            let remedy = "take the field out of the template, or put on the template the annotation";
            let message = format!("{message}: {remedy} {}: \"true\"", annotation::FORCE_CONFLICTS);
            (reason::CONFLICT, message)
        }
        Failure::Conflict(_) | Failure::AlreadyExists(_) => (reason::CONFLICT, message),
        Failure::Forbidden(_) | Failure::Terminating(_) => (reason::FORBIDDEN, message),
        Failure::Invalid(_) => (reason::INVALID, message),
        Failure::NotFound(_) => (reason::NOT_FOUND, message),
        Failure::Unavailable { .. } if message.starts_with(UNTYPED) => (reason::INVALID, message),
        Failure::Unavailable { .. } => (reason::UNAVAILABLE, message),
    }
}

/// Whether other field managers are in the way, and not a write in between.
fn is_about_fields(message: &str) -> bool {
    message.contains("Apply failed with ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::cluster;

    fn error(failure: Failure) -> Error {
        let object = cluster::Object {
            kind: "ConfigMap".into(),
            namespace: "a".into(),
            name: "b".into(),
        };
        Error {
            verb: "apply",
            object: object.into(),
            failure,
        }
    }

    fn internal(message: &str) -> Failure {
        Failure::Unavailable {
            message: message.to_owned(),
            retry_after: None,
            is_internal: true,
        }
    }

    #[test]
    fn a_failure_is_told_with_what_helps_and_without_values() {
        let remedy = "put on the template the annotation stationmaster.dev/force-conflicts: \"true\"";
        for fields in [
            "Apply failed with 1 conflict: conflict with \"helm\": .data.a",
            "Apply failed with 2 conflicts: conflicts with \"helm\":\n- .data.a\n- .data.b",
        ] {
            let (reason, message) = told(&error(Failure::Conflict(fields.to_owned())));
            assert!(reason == "Conflict" && message.ends_with(remedy), "{message}");
        }
        let other = "Apply failed with 1 conflict: conflict with \"stationmaster/old\": .data.a".to_owned();
        let (_, message) = told(&error(Failure::Conflict(other)));
        assert!(message.ends_with("another folder or an earlier name"), "{message}");
        let between = told(&error(Failure::Conflict("the object has been modified".to_owned())));
        assert_eq!(
            between,
            ("Conflict", "conflict: the object has been modified".to_owned())
        );
        let untyped = "failed to create typed patch object: .data.pin: expected string, got &value{Value:1234}";
        let expected = "failed to create typed patch object: .data.pin: expected string, got …";
        assert_eq!(told(&error(internal(untyped))), ("Invalid", expected.to_owned()));
        assert_eq!(told(&error(internal("failed calling webhook"))).0, "Unavailable");
    }

    #[test]
    fn the_soonest_try_counts_but_an_outage_has_all_wait() {
        let mut progress = Progress::default();
        progress.come_back(Duration::from_secs(9));
        progress.come_back(Duration::ZERO);
        assert_eq!(progress.retry, Some(Duration::from_millis(250)));
        progress.stop_for("Secret.v1", Duration::from_secs(7));
        assert_eq!(progress.retry, Some(Duration::from_secs(7)));
        assert!(progress.is_out("Secret.v1") && !progress.is_out("ConfigMap.v1"));
        progress.stop_for("ConfigMap.v1", Duration::from_secs(8));
        assert!(progress.is_out("ServiceAccount.v1"));
    }
}
