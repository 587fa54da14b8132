//! An execution without a Job gets one, once: from a template that can be rendered, under a name that repeats itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tracing::{info, warn};

use super::context::{Context, key, uid};
use super::error::{Error, backoff};
use super::holds::{Hold, Verdict};
use super::observe::{is_own, reference};
use crate::api::dispatch::view::{Job, JobExecution, JobTemplate};
use crate::api::dispatch::{v1beta1, view};
use crate::api::names::{event, reason};
use crate::clients::cluster::{DryRun, Failure};
use crate::dispatch::job::{Desired, Owner, of_rendered};
use crate::dispatch::status;
use crate::dispatch::transition::Transition;
use crate::template::Input;

/// Failures in a row that are taken for a moment's weakness of the API server, not worth a condition.
const HICCUPS: u32 = 2;
/// First pause after a try that may go better later.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What came of trying to make a Job.
pub(super) enum Outcome {
    /// It is there, made now or before.
    Made,
    /// The execution is not what the store showed: the watch will bring it.
    Moved,
    /// It cannot be made now.
    Held(Held),
    /// Still held, as before.
    Waiting(Option<Duration>),
}

/// Why a Job cannot be made now, and what would help.
pub(super) struct Held {
    /// One of [`reason`].
    pub(super) reason: &'static str,
    /// For people: field and cause.
    pub(super) message: String,
    /// Another try makes sense after that even if nothing changes.
    pub(super) pause: Option<Duration>,
    /// Whether people are told: not of a moment's weakness.
    pub(super) tell: bool,
    /// The taken name that is needed.
    name: Option<String>,
}

impl Held {
    fn for_good(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            pause: None,
            tell: true,
            name: None,
        }
    }
}

/// Makes the Job, unless nothing has changed since it could not be made.
pub(super) async fn create(execution: &Arc<JobExecution>, ctx: &Context) -> Result<Outcome, Error> {
    let (namespace, _) = key(execution);
    let template = ctx.templates.get(&namespace, &execution.spec.job_template_name);
    let version = template
        .as_ref()
        .and_then(|template| template.metadata.resource_version.clone());
    let tries = match ctx.holds.verdict(execution, version.as_deref()) {
        Verdict::Wait => return Ok(Outcome::Waiting(None)),
        Verdict::WaitFor(pause) => return Ok(Outcome::Waiting(Some(pause))),
        Verdict::Try { tries } => tries,
    };
    let outcome = match &template {
        None => Outcome::Held(missing(&namespace, execution)),
        Some(template) => from_template(execution, template, tries, ctx).await?,
    };
    if let Outcome::Held(held) = &outcome {
        let until = held.pause.map(|pause| tokio::time::Instant::now() + pause);
        ctx.holds.hold(
            execution,
            Hold {
                template_version: version.clone(),
                until,
                tries: tries + 1,
            },
        );
        if let Some(name) = &held.name {
            ctx.holds.await_name(execution, name);
        }
        // A change that came before the hold was noted has released nobody.
        let template = ctx.templates.get(&namespace, &execution.spec.job_template_name);
        if template.and_then(|template| template.metadata.resource_version.clone()) != version {
            return Ok(Outcome::Waiting(Some(Duration::ZERO)));
        }
    } else {
        ctx.holds.forget(execution);
    }
    Ok(outcome)
}

async fn from_template(
    execution: &Arc<JobExecution>,
    template: &Arc<JobTemplate>,
    tries: u32,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let (namespace, name) = key(execution);
    // Fresh from the API server: the payload is not in the store, and what an outdated store shows must not make a Job.
    let Some(fresh) = ctx.cluster.get::<Fresh>(&namespace, &name).await? else {
        return Ok(Outcome::Moved);
    };
    if fresh.moved(execution) {
        return Ok(Outcome::Moved);
    }
    match rendered(fresh, Arc::clone(template), ctx).await {
        Err(message) => Ok(Outcome::Held(Held::for_good(reason::RENDER_ERROR, message))),
        Ok(rendered) => {
            let owner = Owner {
                name: &name,
                namespace: &namespace,
                uid: uid(execution),
            };
            post(execution, &of_rendered(owner, rendered), tries, ctx).await
        }
    }
}

/// An execution with its payload, as it is stored now.
#[derive(serde::Deserialize, kube::Resource)]
#[resource(inherit = v1beta1::JobExecution)]
struct Fresh {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

impl Fresh {
    /// Whether another object, its deletion or a recorded Job is there which the store has not shown.
    fn moved(&self, seen: &JobExecution) -> bool {
        self.metadata.uid != seen.metadata.uid
            || self.metadata.deletion_timestamp.is_some()
            || self.status["job"]["name"].as_str().is_some_and(|name| !name.is_empty())
    }
}

/// Rendering is bounded, but long enough to keep a thread from serving others: it has one of its own.
async fn rendered(fresh: Fresh, template: Arc<JobTemplate>, ctx: &Context) -> Result<Value, String> {
    let compiled = ctx.compiled.compiled(&template);
    let render = move || {
        let compiled = compiled.as_ref().as_ref().map_err(|causes| {
            let causes = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message));
            causes.collect::<Vec<_>>().join("; ")
        })?;
        let metadata = &fresh.metadata;
        let input = Input {
            name: metadata.name.as_deref().unwrap_or_default(),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            payload: fresh.spec["payload"].as_str().unwrap_or_default(),
            template: fresh.spec["jobTemplateName"].as_str().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            date: metadata
                .creation_timestamp
                .as_ref()
                .map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0),
        };
        compiled.render(&input).map_err(|error| error.to_string())
    };
    let outcome = tokio::task::spawn_blocking(render).await;
    outcome.unwrap_or_else(|_| Err("the template engine failed on this template and payload".into()))
}

async fn post(execution: &Arc<JobExecution>, desired: &Desired, tries: u32, ctx: &Context) -> Result<Outcome, Error> {
    let (namespace, _) = key(execution);
    let error = match ctx
        .cluster
        .create::<view::Job>(&namespace, &desired.job, DryRun::No)
        .await
    {
        Ok(metadata) => {
            let uid = metadata.uid.unwrap_or_default();
            made(execution, desired, &uid, ctx);
            return Ok(Outcome::Made);
        }
        Err(error) => error,
    };
    match error.failure {
        Failure::AlreadyExists(_) => taken(execution, desired, ctx).await,
        Failure::Invalid(message) => Ok(Outcome::Held(Held::for_good(reason::JOB_REJECTED, message))),
        Failure::Forbidden(message) => Ok(Outcome::Held(later(message, tries, None))),
        Failure::Unavailable { message, retry_after } => {
            let held = later(message, tries, retry_after);
            Ok(Outcome::Held(Held {
                tell: tries >= HICCUPS,
                ..held
            }))
        }
        failure @ (Failure::NotFound(_) | Failure::Conflict(_)) => {
            Err(Error::Cluster(crate::clients::cluster::Error { failure, ..error }))
        }
    }
}

fn made(execution: &Arc<JobExecution>, desired: &Desired, job_uid: &str, ctx: &Context) {
    let (namespace, name) = key(execution);
    let job = desired.name();
    ctx.ledger
        .job_created(uid(execution), status::reference(&namespace, job, job_uid));
    ctx.metrics.executions.inc();
    let note = format!("Job {job} created");
    ctx.events.publish(
        execution,
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
        None => Ok(Outcome::Waiting(Some(Duration::ZERO))),
        Some(job) if is_own(execution, &job) => {
            ctx.ledger.job_created(uid(execution), reference(&job));
            Ok(Outcome::Made)
        }
        Some(_) => {
            let message = format!("Job {namespace}/{name} exists and belongs to another owner");
            let held = Held::for_good(reason::JOB_NAME_TAKEN, message);
            Ok(Outcome::Held(Held {
                name: Some(name.into()),
                ..held
            }))
        }
    }
}

fn missing(namespace: &str, execution: &JobExecution) -> Held {
    let template = &execution.spec.job_template_name;
    let message = format!("spec.jobTemplateName: there is no JobTemplate {namespace}/{template}");
    Held::for_good(reason::FETCH_JOB_TEMPLATE_ERROR, message)
}

fn later(message: String, tries: u32, retry_after: Option<Duration>) -> Held {
    let pause = backoff(FIRST_PAUSE, tries).max(retry_after.unwrap_or_default());
    Held {
        reason: reason::JOB_CREATE_ERROR,
        message,
        pause: Some(pause),
        tell: true,
        name: None,
    }
}
