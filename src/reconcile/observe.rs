//! What has become of an execution: its Job from the index, else what is recorded, confirmed where an answer is acted upon.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;

use super::context::{Context, key, uid};
use super::error::Error;
use super::jobs::controller;
use super::ledger::Created;
use crate::api::dispatch::view::{Job, JobExecution};
use crate::dispatch::status;

/// What is there.
pub(super) enum Found {
    /// This Job.
    Job(Arc<Job>),
    /// A Job that this process has made a moment ago; no watch has brought it yet.
    Created(Created),
    /// There was a Job and it is gone: the API server says so.
    Lost,
    /// There never was one, as far as the store knows.
    Never,
}

/// Looks for the Job of an execution. The index is asked first and the API server only when that does not know.
pub(super) async fn observe(execution: &JobExecution, ctx: &Context) -> Result<Found, Error> {
    let recorded = recorded(execution);
    let recorded_uid = recorded.and_then(|job| job.uid.as_deref());
    // Upstream could make two Jobs for one execution: what becomes of the other changes no recorded end.
    let over = recorded_uid.is_some() && status::end(&execution.status).is_some();
    let counts = |job: &Arc<Job>| !over || job.metadata.uid.as_deref() == recorded_uid;
    if let Some(job) = ctx.jobs.of(uid(execution), recorded_uid).filter(counts) {
        return Ok(Found::Job(job));
    }
    let created = ctx.ledger.created(uid(execution));
    let waits = |created: &&Created| created.held || !created.grace().is_zero();
    if let Some(created) = created.as_ref().filter(waits) {
        return Ok(Found::Created(created.clone()));
    }
    let created = created.map(|created| created.reference);
    match created.as_ref().or(recorded) {
        Some(reference) => confirmed(execution, reference, ctx).await,
        None => Ok(Found::Never),
    }
}

/// The Job that the status names. Upstream wrote an empty reference where there was none.
pub(super) fn recorded(execution: &JobExecution) -> Option<&ObjectReference> {
    let job = execution.status.job.as_ref()?;
    job.name.as_ref().filter(|name| !name.is_empty()).map(|_| job)
}

/// Asks the API server for the Job of that name; it counts when it has the UID, or where none is known, the owner.
async fn confirmed(execution: &JobExecution, reference: &ObjectReference, ctx: &Context) -> Result<Found, Error> {
    let (namespace, _) = key(execution);
    let name = reference.name.as_deref().unwrap_or_default();
    let job = ctx.cluster.get::<Job>(&namespace, name).await?;
    let same = |job: &Job| match &reference.uid {
        Some(recorded) => job.metadata.uid.as_ref() == Some(recorded),
        None => is_own(execution, job),
    };
    Ok(job.filter(same).map_or(Found::Lost, |job| Found::Job(Arc::new(job))))
}

/// Whether the execution controls the Job.
pub(super) fn is_own(execution: &JobExecution, job: &Job) -> bool {
    controller(&job.metadata).is_some_and(|owner| owner.uid == uid(execution))
}

/// How the Job will be recorded.
pub(super) fn reference(job: &Job) -> ObjectReference {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    status::reference(
        &text(&job.metadata.namespace),
        &text(&job.metadata.name),
        &text(&job.metadata.uid),
    )
}
