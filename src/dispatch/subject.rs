//! Which of our kinds an admission request is about.

use super::Error;
use crate::api::names::DISPATCH_GROUP;
use crate::api::review::AdmissionRequest;

/// The kinds of this domain; both versions have the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    JobTemplate,
    JobExecution,
}

impl Subject {
    /// The kind to decide about; `None` for what is never refused: deletions and subresources.
    pub(super) fn of(request: &AdmissionRequest<'_>) -> Result<Option<Self>, Error> {
        let kind = &request.kind;
        let subject = match (&*kind.group, &*kind.version, &*kind.kind) {
            (DISPATCH_GROUP, "v1alpha1" | "v1beta1", "JobTemplate") => Self::JobTemplate,
            (DISPATCH_GROUP, "v1alpha1" | "v1beta1", "JobExecution") => Self::JobExecution,
            _ => return Err(unknown(request)),
        };
        let written = matches!(&*request.operation, "CREATE" | "UPDATE") && request.sub_resource.is_empty();
        Ok(written.then_some(subject))
    }
}

fn unknown(request: &AdmissionRequest<'_>) -> Error {
    let kind = &request.kind;
    let version = &kind.version;
    let api_version = if kind.group.is_empty() {
        version.to_string()
    } else {
        format!("{}/{version}", kind.group)
    };
    Error::UnknownKind {
        kind: kind.kind.to_string(),
        api_version,
    }
}
