//! JobExecution to Job: exactly one for each, its progress recorded, and the execution deleted after its finished Job.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use tokio::sync::SemaphorePermit;

use super::context::{Context, key, uid};
use super::create::{Outcome, create};
use super::error::{Error, guarded};
use super::held::Held;
use super::observe::{Found, observe, recorded, reference};
use super::release::{is_to_release, release};
use crate::api::dispatch::view::{Job, JobExecution};
use crate::dispatch::status::{End, Hold, Observed, Progress, end};

/// When there is no leave to tell of something that is not urgent, it is asked for again after that.
const TURN: Duration = Duration::from_millis(500);
/// While there is a backlog, a Job that has not started is looked at this often before that is recorded.
const DEFERRAL: Duration = Duration::from_secs(3);

/// Brings one execution a step further. Harmless to repeat, whatever was done before.
pub(super) async fn reconcile(stored: Arc<JobExecution>, ctx: Arc<Context>) -> Result<Action, Error> {
    let execution = ctx.ledger.current(&stored);
    let outcome = guarded(step(&stored, &execution, &ctx)).await;
    ctx.backlog.done(&execution);
    let action = outcome?;
    ctx.ledger.succeeded(uid(&execution));
    Ok(action)
}

/// When an execution whose reconcile failed is tried again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands it in like this")]
pub(super) fn error_policy(execution: Arc<JobExecution>, error: &Error, ctx: Arc<Context>) -> Action {
    Action::requeue(error.retry(ctx.ledger.failed(uid(&execution))))
}

async fn step(stored: &JobExecution, execution: &Arc<JobExecution>, ctx: &Context) -> Result<Action, Error> {
    let ended = end(&execution.status);
    if execution.metadata.deletion_timestamp.is_some() || ended == Some(End::JobDeleted) {
        return Ok(Action::await_change());
    }
    match observe(execution, ctx).await? {
        Found::Job(job) if is_to_release(execution, &job, ctx) => {
            release(stored, execution, &reference(&job), ctx).await
        }
        Found::Job(job) => progress(stored, execution, &job, ctx).await,
        Found::Created(created) if created.held => release(stored, execution, &created.reference, ctx).await,
        Found::Created(created) => Ok(Action::requeue(created.grace())),
        Found::Lost | Found::Never if ended.is_some() => delete(execution, ctx).await,
        Found::Lost => lost(stored, execution, ctx).await,
        Found::Never => make(stored, execution, ctx).await,
    }
}

/// Records how far the Job has come.
async fn progress(
    stored: &JobExecution,
    execution: &Arc<JobExecution>,
    job: &Job,
    ctx: &Context,
) -> Result<Action, Error> {
    let (progress, reference) = (Progress::of(job), reference(job));
    let observed = Observed::Job {
        reference: &reference,
        progress,
    };
    let _leave = if progress == Progress::Waiting {
        match leave_to_tell(execution, ctx) {
            Ok(leave) => Some(leave),
            Err(pause) => return Ok(Action::requeue(pause)),
        }
    } else {
        None
    };
    ctx.record(stored, execution, observed).await?;
    Ok(Action::await_change())
}

/// A Job that has not started gets a moment to do so before that is recorded, which saves a write, and more than that
/// while Jobs are still to be made.
fn leave_to_tell<'c>(execution: &JobExecution, ctx: &'c Context) -> Result<SemaphorePermit<'c>, Duration> {
    if let Some(created) = ctx.ledger.created(uid(execution)) {
        if !created.grace().is_zero() {
            return Err(created.grace());
        }
        if ctx.backlog.is_high() && !created.is_overdue() {
            return Err(DEFERRAL);
        }
    }
    ctx.backlog.may_tell().ok_or(TURN)
}

/// Makes the Job, or records why it cannot be made.
async fn make(stored: &JobExecution, execution: &Arc<JobExecution>, ctx: &Context) -> Result<Action, Error> {
    match create(execution, ctx).await? {
        Outcome::Made => match ctx.ledger.created(uid(execution)) {
            Some(created) if created.held => release(stored, execution, &created.reference, ctx).await,
            created => Ok(Action::requeue(
                created.map_or(Duration::ZERO, |created| created.grace()),
            )),
        },
        Outcome::Moved => Ok(Action::requeue(Duration::from_secs(1))),
        Outcome::Waiting(pause) => Ok(pause.map_or_else(Action::await_change, Action::requeue)),
        Outcome::Held(held) => {
            if held.tell {
                tell(stored, execution, &held, ctx).await?;
            }
            Ok(held.pause.map_or_else(Action::await_change, Action::requeue))
        }
    }
}

/// Records why there is no Job. What could not be told must not be waited for: the next try tells it.
async fn tell(stored: &JobExecution, execution: &Arc<JobExecution>, held: &Held, ctx: &Context) -> Result<(), Error> {
    let Held { reason, message, .. } = held;
    let told = ctx
        .record(stored, execution, Observed::Held(Hold { reason, message }))
        .await;
    told.inspect_err(|_| ctx.holds.forget(execution))
}

/// The recorded Job is gone without an end. The store may be behind, so the API server is asked how the execution stands.
async fn lost(stored: &JobExecution, execution: &Arc<JobExecution>, ctx: &Context) -> Result<Action, Error> {
    let (namespace, name) = key(execution);
    let Some(fresh) = ctx.cluster.get::<JobExecution>(&namespace, &name).await? else {
        return Ok(Action::await_change());
    };
    let behind = fresh.metadata.uid != execution.metadata.uid
        || fresh.metadata.deletion_timestamp.is_some()
        || end(&fresh.status).is_some()
        || (recorded(&fresh) != recorded(execution) && recorded(&fresh).is_some());
    if behind {
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    let created = ctx.ledger.created(uid(execution)).map(|created| created.reference);
    let observed = Observed::JobDeleted {
        reference: created.as_ref(),
    };
    ctx.record(stored, &Arc::new(fresh), observed).await?;
    Ok(Action::await_change())
}

/// The execution has served its purpose. The preconditions keep one that has changed since.
async fn delete(execution: &JobExecution, ctx: &Context) -> Result<Action, Error> {
    ctx.cluster.delete::<JobExecution>(&execution.metadata).await?;
    Ok(Action::await_change())
}
