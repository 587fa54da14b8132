//! Creating a Job under its derived name: a repeated create meets the first one's Job, and knows its own.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use tracing::{info, warn};

use super::context::{Context, key, uid};
use super::create::Outcome;
use super::error::Error;
use super::held::Held;
use super::observe::{is_own, reference};
use crate::api::dispatch::view::{Job, JobExecution};
use crate::api::names::{event, reason};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::dispatch::job::{Desired, is_held};
use crate::dispatch::status;
use crate::dispatch::transition::Transition;

/// Failures in a row that are taken for a moment's weakness of the API server, not worth a condition.
const HICCUPS: u32 = 2;

/// Creates the Job, or finds out why not.
pub(super) async fn post(
    execution: &Arc<JobExecution>,
    desired: &Desired,
    tries: u32,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let (namespace, _) = key(execution);
    if made_before(execution, desired, ctx).await? {
        return Ok(Outcome::Made);
    }
    let job = desired.to_create();
    let error = match ctx.cluster.create::<Job>(&namespace, &job, DryRun::No).await {
        Ok(metadata) => {
            let uid = metadata.uid.unwrap_or_default();
            made(execution, desired, &uid, ctx);
            return Ok(Outcome::Made);
        }
        Err(error) => error,
    };
    match error.failure {
        Failure::AlreadyExists(_) => taken(execution, desired, ctx).await,
        Failure::Invalid(message) => Ok(Outcome::Held(Held::for_good(reason::JOB_REJECTED, &message))),
        Failure::Forbidden(message) | Failure::Terminating(message) => {
            Ok(Outcome::Held(Held::for_now(&message, tries, None)))
        }
        Failure::Unavailable {
            message, retry_after, ..
        } => {
            ctx.ledger.set_unanswered(uid(execution), Some(desired.name()));
            let held = Held::for_now(&message, tries, retry_after);
            Ok(Outcome::Held(Held {
                tell: tries >= HICCUPS,
                ..held
            }))
        }
        failure @ (Failure::NotFound(_) | Failure::Conflict(_)) => {
            Err(Error::Cluster(cluster::Error { failure, ..error }))
        }
    }
}

/// Whether a create that was never answered has made the Job. The template may have changed its name since, so that the
/// next create does not meet it.
async fn made_before(execution: &Arc<JobExecution>, desired: &Desired, ctx: &Context) -> Result<bool, Error> {
    let unanswered = ctx.ledger.unanswered(uid(execution));
    let Some(name) = unanswered.filter(|name| name != desired.name()) else {
        return Ok(false);
    };
    let (namespace, _) = key(execution);
    let job = ctx.cluster.get::<Job>(&namespace, &name).await?;
    let own = job.filter(|job| is_own(execution, job));
    ctx.ledger.set_unanswered(uid(execution), None);
    if let Some(job) = &own {
        ctx.ledger.job_created(uid(execution), reference(job), is_held(job));
    }
    Ok(own.is_some())
}

fn made(execution: &Arc<JobExecution>, desired: &Desired, job_uid: &str, ctx: &Context) {
    let (namespace, name) = key(execution);
    let job = desired.name();
    let reference = status::reference(&namespace, job, job_uid);
    ctx.ledger
        .job_created(uid(execution), reference, desired.removes_itself());
    ctx.metrics.executions.inc();
    let note = format!("Job {job} created");
    ctx.events.publish(
        execution.object_ref(&()),
        Transition {
            reason: event::CREATED,
            warning: false,
            note,
        },
    );
    for warning in &desired.warnings {
        warn!(job_execution.namespace = namespace, job_execution.name = name, warning);
    }
    info!(
        job_execution.namespace = namespace,
        job_execution.name = name,
        job.name = job,
        "job created"
    );
}

/// The name is in use: by this execution's own Job, of which no answer or no watch has told yet, or by a foreign one.
async fn taken(execution: &Arc<JobExecution>, desired: &Desired, ctx: &Context) -> Result<Outcome, Error> {
    let (namespace, _) = key(execution);
    let name = desired.name();
    match ctx.cluster.get::<Job>(&namespace, name).await? {
        // It is gone already, or a webhook says so of a Job that never was: not worth all of somebody's time.
        None => Ok(Outcome::Waiting(Some(Duration::from_secs(1)))),
        Some(job) if is_own(execution, &job) => {
            ctx.ledger.job_created(uid(execution), reference(&job), is_held(&job));
            Ok(Outcome::Made)
        }
        Some(_) => {
            let message = format!("Job {namespace}/{name} exists and belongs to another owner");
            let held = Held::for_good(reason::JOB_NAME_TAKEN, &message);
            Ok(Outcome::Held(Held {
                name: Some(name.into()),
                ..held
            }))
        }
    }
}
