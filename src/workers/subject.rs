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
