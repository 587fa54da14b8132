//! Which of our kinds an admission request is about, and when nothing can be decided about it.

use crate::api::names::{WORKER_ACCOUNT_GROUP, WORKER_BUNDLE_GROUP, WORKER_DEPLOYMENT_GROUP, WORKER_RELEASE_GROUP};
use crate::api::review::AdmissionRequest;

/// Why nothing can be decided about a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The webhook was registered for a kind that is not ours.
    #[error(
        "stationmaster has no rules for {kind} of {group}/{version}, only for WorkerDeployment, WorkerRelease, \
         WorkerBundle and WorkerAccount of api.worker-deployment, -release, -bundle and -account, v1alpha1 and v1beta1: \
         correct the rules of the webhook configuration"
    )]
    UnknownKind {
        /// `WorkerDeployment`.
        kind: String,
        /// `api.worker-deployment`.
        group: String,
        /// `v1beta1`.
        version: String,
    },
    /// The object is not what its kind says; a schema would have refused it before.
    #[error("the object cannot be decoded: {0}")]
    Undecodable(#[from] serde_json::Error),
}

/// The kinds of this domain, each of a group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    Release,
    Bundle,
    Account,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Deployment, Self::Release, Self::Bundle, Self::Account];

    /// The kind of a group.
    pub(super) fn of(group: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.group() == group)
    }

    /// Its group.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Deployment => WORKER_DEPLOYMENT_GROUP,
            Self::Release => WORKER_RELEASE_GROUP,
            Self::Bundle => WORKER_BUNDLE_GROUP,
            Self::Account => WORKER_ACCOUNT_GROUP,
        }
    }

    /// As `kind` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "WorkerDeployment",
            Self::Release => "WorkerRelease",
            Self::Bundle => "WorkerBundle",
            Self::Account => "WorkerAccount",
        }
    }
}

/// A kind in one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    /// v1alpha1, whose templates have other fields.
    pub(super) is_old: bool,
}

impl Subject {
    /// The kind to decide about; `None` for what is never refused: deletions and subresources.
    pub(super) fn of(request: &AdmissionRequest<'_>) -> Result<Option<Self>, Error> {
        let asked = &request.kind;
        let kind = Kind::of(&asked.group).filter(|kind| kind.name() == asked.kind);
        let kind = kind.ok_or_else(|| unknown(request))?;
        let is_old = match &*asked.version {
            "v1alpha1" => true,
            "v1beta1" => false,
            _ => return Err(unknown(request)),
        };
        let written = matches!(&*request.operation, "CREATE" | "UPDATE") && request.sub_resource.is_empty();
        Ok(written.then_some(Self { kind, is_old }))
    }
}

fn unknown(request: &AdmissionRequest<'_>) -> Error {
    let kind = &request.kind;
    Error::UnknownKind {
        kind: kind.kind.to_string(),
        group: kind.group.to_string(),
        version: kind.version.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::workers::fixture::{account, bundle, deployment, old_deployment, release, request};

    fn subject(request: &Value) -> Result<Option<Subject>, String> {
        let text = request.to_string();
        let request: AdmissionRequest<'_> = serde_json::from_str(&text).expect("the fixture is a request");
        Subject::of(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_is_known_in_both_versions() {
        for (object, kind, is_old) in [
            (deployment("a"), Kind::Deployment, false),
            (old_deployment("a"), Kind::Deployment, true),
            (release("a"), Kind::Release, false),
            (bundle("a"), Kind::Bundle, false),
            (account("a"), Kind::Account, false),
        ] {
            assert_eq!(subject(&request(&object)), Ok(Some(Subject { kind, is_old })));
        }
    }

    #[test]
    fn only_what_writes_an_object_is_decided_about() {
        for (operation, sub_resource, decided) in [
            ("CREATE", "", true),
            ("UPDATE", "", true),
            ("UPDATE", "status", false),
            ("DELETE", "", false),
            ("CONNECT", "", false),
        ] {
            let mut request = request(&deployment("a"));
            request["operation"] = json!(operation);
            request["subResource"] = json!(sub_resource);
            let found = subject(&request).expect("is ours");
            assert_eq!(found.is_some(), decided, "{operation} {sub_resource}");
        }
    }

    #[test]
    fn what_is_not_ours_is_named() {
        for (field, value, expected) in [
            (
                "kind",
                "WorkerRelease",
                "WorkerRelease of api.worker-deployment/v1beta1",
            ),
            ("kind", "Pod", "Pod of api.worker-deployment/v1beta1"),
            ("group", "apps", "WorkerDeployment of apps/v1beta1"),
            ("version", "v1", "WorkerDeployment of api.worker-deployment/v1"),
        ] {
            let mut request = request(&deployment("a"));
            request["kind"][field] = json!(value);
            request["operation"] = json!("DELETE");
            let error = subject(&request).unwrap_err();
            let expected = format!("stationmaster has no rules for {expected}, ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
