//! An execution without a Job gets one, once: from a template that can be rendered, under a name that repeats itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::context::{Context, key, uid};
use super::error::Error;
use super::held::Held;
use super::holds::Verdict;
use super::post::post;
use crate::api::dispatch::v1beta1;
use crate::api::dispatch::view::{Job, JobExecution, JobTemplate};
use crate::api::names::reason;
use crate::dispatch::job::{Owner, of_rendered};
use crate::dispatch::name::is_subdomain;
use crate::dispatch::withheld;
use crate::template::Input;

/// What came of trying to make a Job.
pub(super) enum Outcome {
    /// It is there, made now or before.
    Made,
    /// Execution or template are not what the store showed: the watch will bring them.
    Moved,
    /// It cannot be made now.
    Held(Held),
    /// Still held, as before.
    Waiting(Option<Duration>),
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
        None => without_template(execution, ctx).await?,
        Some(template) => from_template(execution, template, tries, ctx).await?,
    };
    let Outcome::Held(held) = &outcome else {
        ctx.holds.forget(execution);
        return Ok(outcome);
    };
    held.note(execution, version.clone(), tries, &ctx.holds);
    let changed = has_changed(execution, version, held, ctx).await;
    // Nothing is told of it now, so that it must not be waited for either.
    if changed.inspect_err(|_| ctx.holds.forget(execution))? {
        return Ok(Outcome::Waiting(Some(Duration::ZERO)));
    }
    Ok(outcome)
}

/// Whether what helps came before the hold was noted: it has released nobody then.
async fn has_changed(
    execution: &JobExecution,
    version: Option<String>,
    held: &Held,
    ctx: &Context,
) -> Result<bool, Error> {
    let (namespace, _) = key(execution);
    let template = ctx.templates.get(&namespace, &execution.spec.job_template_name);
    if template.and_then(|template| template.metadata.resource_version.clone()) != version {
        return Ok(true);
    }
    let Some(name) = &held.name else { return Ok(false) };
    let freed = ctx.cluster.get_metadata::<Job>(&namespace, name).await?.is_none();
    if freed {
        ctx.holds.forget(execution);
    }
    Ok(freed)
}

/// The watch of templates knows nothing of the watch of executions: it may be behind, so the API server is asked.
async fn without_template(execution: &JobExecution, ctx: &Context) -> Result<Outcome, Error> {
    let (namespace, _) = key(execution);
    let template = &execution.spec.job_template_name;
    let exists = is_subdomain(template) && ctx.cluster.get::<JobTemplate>(&namespace, template).await?.is_some();
    if exists {
        return Ok(Outcome::Moved);
    }
    Ok(Outcome::Held(Held::without_template(&namespace, execution)))
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
        Err(message) => Ok(Outcome::Held(Held::for_good(reason::RENDER_ERROR, &message))),
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
        compiled.render(&input).map_err(|error| withheld::rendering(&error))
    };
    let outcome = tokio::task::spawn_blocking(render).await;
    outcome.unwrap_or_else(|_| Err("the template engine failed on this template and payload".into()))
}
