//! A Job that removes itself is created suspended. It is recorded first and then released: it must not end before it is
//! known, or it would be made again.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::controller::Action;

use super::context::{Context, key, uid};
use super::error::Error;
use super::observe::recorded;
use crate::api::dispatch::view::{Job, JobExecution};
use crate::api::names::reason;
use crate::clients::cluster::Failure;
use crate::dispatch::status::{Hold, Observed, Progress};
use crate::dispatch::{job, withheld};

/// Whether the Job waits to be recorded. The watch may show it so for a while after.
pub(super) fn is_to_release(execution: &JobExecution, job: &Job, ctx: &Context) -> bool {
    let job_uid = job.metadata.uid.as_deref().unwrap_or_default();
    job::is_held(job) && !ctx.ledger.is_released(uid(execution), job_uid)
}

/// Records a held Job and lets it run.
pub(super) async fn release(
    stored: &JobExecution,
    execution: &Arc<JobExecution>,
    reference: &ObjectReference,
    ctx: &Context,
) -> Result<Action, Error> {
    let is_recorded = recorded(execution).is_some_and(|recorded| recorded.uid == reference.uid);
    if !is_recorded {
        let observed = Observed::Job {
            reference,
            progress: Progress::Waiting,
        };
        ctx.record(stored, execution, observed).await?;
    }
    let (namespace, _) = key(execution);
    let name = reference.name.as_deref().unwrap_or_default();
    let job_uid = reference.uid.as_deref().unwrap_or_default();
    let changes = job::release(job_uid);
    if let Err(error) = ctx.cluster.patch::<Job>(&namespace, name, &changes).await {
        if is_recorded && let Failure::Forbidden(message) = &error.failure {
            refused(stored, execution, message, ctx).await?;
        }
        return Err(error.into());
    }
    ctx.ledger.job_released(uid(execution), job_uid);
    Ok(Action::await_change())
}

/// Tells that the Job may not be released, by an older role for one; that is no matter of a moment.
async fn refused(
    stored: &JobExecution,
    execution: &Arc<JobExecution>,
    message: &str,
    ctx: &Context,
) -> Result<(), Error> {
    let message = &withheld::text(&format!("the suspended Job may not be released: {message}"));
    let reason = reason::JOB_CREATE_ERROR;
    ctx.record(stored, execution, Observed::Held(Hold { reason, message }))
        .await
}
