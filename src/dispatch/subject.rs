//! Which of our kinds an admission request is about.

use crate::api::names::DISPATCH_GROUP;
use crate::api::review::{AdmissionRequest, Cause};

/// The kinds of this domain; both versions have the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    JobTemplate,
    JobExecution,
}

impl Subject {
    /// The kind to decide about; `None` for what is never refused: deletions and subresources.
    pub(super) fn of(request: &AdmissionRequest<'_>) -> Result<Option<Self>, Cause> {
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

fn unknown(request: &AdmissionRequest<'_>) -> Cause {
    let kind = &request.kind;
    let api_version = if kind.group.is_empty() {
        kind.version.to_string()
    } else {
        format!("{}/{}", kind.group, kind.version)
    };
    let message = format!(
        "stationmaster has no rules for {} of {api_version}, only for JobTemplate and JobExecution of {DISPATCH_GROUP}, \
         v1alpha1 and v1beta1: correct the rules of the webhook configuration",
        kind.kind
    );
    Cause::not_supported("kind", message)
}
