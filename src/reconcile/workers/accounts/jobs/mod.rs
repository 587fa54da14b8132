//! The Jobs that build and prove: made when there is none, then followed until one of their pods tells the verdict.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value;

use super::context::Context;
use super::secrets;
use crate::api::names::FIELD_MANAGER;
use crate::api::workers::{Delivery, ProofState, WorkerAccount, WorkerRelease};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::reconcile::error::Error;
use crate::workers::build::{self, Builder, Composing, FETCH, PROVE, PUBLISH, PURGE, PUSH, Registry};
use crate::workers::proof::{self, Verdict};

/// A Job that failed without a verdict is made again after this long.
const AGAIN: Duration = Duration::from_secs(60);

/// How far a Job has come.
pub(super) enum Progress {
    /// What people are told, and when to look again if nothing else wakes.
    Waits(Option<String>, Option<Duration>),
    /// It is done.
    Verdict(Verdict),
}

/// A Job that is wanted.
struct Asked<'a> {
    namespace: &'a str,
    job: &'a str,
    account: &'a WorkerAccount,
    /// The containers that tell something, in their order.
    steps: &'a [&'static str],
    /// What it needs credentials from.
    secrets: &'a [&'a str],
}

/// The Job of one release, whose code is in a ConfigMap or is fetched.
pub(super) async fn release(
    account: &WorkerAccount,
    release: &WorkerRelease,
    ctx: &Context,
) -> Result<Progress, Error> {
    let (namespace, name) = cluster::place(&release.metadata);
    let pushes = account.spec.delivery == Delivery::Image;
    let registry = Registry::of(account, &ctx.allowed).filter(|_| pushes);
    let steps: &[_] = match (release.spec.template.urls.is_empty(), &registry) {
        (true, _) => &[PROVE],
        (false, None) => &[FETCH, PROVE, PUBLISH],
        (false, Some(_)) => &[FETCH, PROVE, PUSH, PUBLISH],
    };
    let asked = Asked {
        namespace,
        job: &build::job_name(name),
        account,
        steps,
        secrets: registry.as_ref().map_or(&[], Registry::secrets),
    };
    follow(&asked, |builder| Some(builder.release(release)), ctx).await
}

/// Whether nothing is left of the Job that told this; takes it away.
pub(super) async fn is_gone(release: &WorkerRelease, told: &Time, ctx: &Context) -> Result<bool, Error> {
    let (namespace, name) = cluster::place(&release.metadata);
    let name = build::job_name(name);
    let is_old = |metadata: &ObjectMeta| metadata.creation_timestamp.as_ref().is_none_or(|made| made <= told);
    let job = ctx.jobs.get(namespace, &name).filter(|job| is_old(&job.metadata));
    let has_pods = pods(namespace, &name, ctx).iter().any(|pod| is_old(&pod.metadata));
    if let Some(job) = job {
        ctx.cluster.delete::<Job>(&job.metadata).await?;
        return Ok(false);
    }
    Ok(!has_pods)
}

/// The Job of one composition.
pub(super) async fn composition(
    account: &WorkerAccount,
    composing: &Composing<'_>,
    ctx: &Context,
) -> Result<Progress, Error> {
    let registry = Registry::of(account, &ctx.allowed).filter(|_| composing.tag.is_some());
    let steps: &[_] = match (composing.proves, composing.tag) {
        (_, None) => &[PROVE],
        (true, Some(_)) => &[PROVE, PUBLISH],
        (false, Some(_)) => &[PUBLISH],
    };
    let asked = Asked {
        namespace: account.metadata.namespace.as_deref().unwrap_or_default(),
        job: composing.job,
        account,
        steps,
        secrets: registry.as_ref().map_or(&[], Registry::secrets),
    };
    follow(&asked, |builder| Some(builder.composition(composing)), ctx).await
}

/// The Job that deletes images.
pub(super) async fn purge(
    account: &WorkerAccount,
    job: &str,
    images: &[&str],
    ctx: &Context,
) -> Result<Progress, Error> {
    let registry = Registry::of(account, &ctx.allowed);
    let asked = Asked {
        namespace: account.metadata.namespace.as_deref().unwrap_or_default(),
        job,
        account,
        steps: &[PURGE],
        secrets: registry.as_ref().map_or(&[], Registry::secrets),
    };
    follow(&asked, |builder| builder.purge(job, images), ctx).await
}

/// What the Job has come to; makes it where there is none.
async fn follow(
    asked: &Asked<'_>,
    wanted: impl Fn(&Builder<'_>) -> Option<Value>,
    ctx: &Context,
) -> Result<Progress, Error> {
    let (namespace, job) = (asked.namespace, asked.job);
    let pods = pods(namespace, job, ctx);
    if let Some(verdict) = pods.iter().find_map(|pod| verdict(pod, asked.steps)) {
        return Ok(Progress::Verdict(verdict));
    }
    let stored = match ctx.jobs.get(namespace, job) {
        Some(stored) => Some(stored),
        None => ctx.cluster.get::<Job>(namespace, job).await?.map(Arc::new),
    };
    if let Some(stored) = stored {
        return Ok(standing(&stored, &pods));
    }
    if let Some(text) = obstacle_before(asked, ctx).await? {
        return Ok(Progress::Waits(Some(text), Some(AGAIN)));
    }
    if asked.steps.contains(&FETCH) {
        permissions(namespace, ctx).await?;
    }
    let builder = Builder {
        account: asked.account,
        runtime: ctx.runtime.of(asked.account),
        allowed: &ctx.allowed,
    };
    let Some(wanted) = wanted(&builder) else {
        return Ok(Progress::Waits(None, None));
    };
    match ctx.cluster.create::<Job>(namespace, &wanted, DryRun::No).await {
        Ok(_)
        | Err(cluster::Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => Ok(Progress::Waits(None, None)),
        Err(error) => Err(error.into()),
    }
}

/// What keeps any pod of the Job from starting; a volume of a Secret that is not there is nothing that a pod tells of.
async fn obstacle_before(asked: &Asked<'_>, ctx: &Context) -> Result<Option<String>, Error> {
    if ctx.runtime.of(asked.account).image.is_none() {
        let text = "neither the account's runtime.image nor the server's --worker-runtime-image says what runs workers";
        return Ok(Some(text.to_owned()));
    }
    for secret in asked.secrets {
        if secrets::stored(asked.namespace, secret, ctx).await?.is_none() {
            return Ok(Some(secrets::missing(secret, asked.namespace, "the account")));
        }
    }
    Ok(None)
}

/// A Job without a verdict: under way, or failed for reasons that are not the code's.
fn standing(job: &Job, pods: &[Arc<Pod>]) -> Progress {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let failed = conditions
        .into_iter()
        .find(|condition| condition.type_ == "Failed" && condition.status == "True");
    let Some(failed) = failed else {
        return Progress::Waits(pods.iter().find_map(|pod| obstacle(pod)), None);
    };
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let cause = pods.iter().find_map(|pod| obstacle(pod));
    let cause = cause.or_else(|| failed.message.clone()).unwrap_or_default();
    let text = format!("Job {name} failed: {cause}; it is made again when it is gone: kubectl delete job {name}");
    Progress::Waits(Some(text), Some(AGAIN))
}

fn pods(namespace: &str, job: &str, ctx: &Context) -> Vec<Arc<Pod>> {
    let mut pods = ctx.pods.all();
    pods.retain(|pod| {
        let labels = pod.metadata.labels.as_ref();
        let of = labels.and_then(|labels| labels.get("batch.kubernetes.io/job-name"));
        pod.metadata.namespace.as_deref() == Some(namespace) && of.is_some_and(|of| of == job)
    });
    pods
}

/// What a pod's steps have said: a refusal of any, or what all of them have, once the last one is done.
fn verdict(pod: &Pod, steps: &[&str]) -> Option<Verdict> {
    let said = |name: &&str| {
        let terminated = terminated(status(pod, name)?)?;
        let verdict = proof::read(terminated.0?)?;
        Some((verdict, terminated.1))
    };
    let refused = steps.iter().filter_map(said);
    if let Some((verdict, _)) = refused
        .into_iter()
        .find(|(verdict, _)| verdict.state == ProofState::Failed)
    {
        return Some(verdict);
    }
    let all: Vec<_> = steps.iter().map(said).collect::<Option<_>>()?;
    if all.last()?.1 != 0 {
        return None;
    }
    let all = all.into_iter().map(|(verdict, _)| verdict);
    all.reduce(|before, next| Verdict {
        digest: next.digest.or(before.digest),
        size: next.size.or(before.size),
        runtime: next.runtime.or(before.runtime),
        image: next.image.or(before.image),
        ..before
    })
}

fn status<'p>(pod: &'p Pod, container: &str) -> Option<&'p ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|status| status.name == container)
}

/// Termination message and exit code of a container that has ended.
fn terminated(status: &ContainerStatus) -> Option<(Option<&str>, i32)> {
    let terminated = status.state.as_ref()?.terminated.as_ref()?;
    Some((terminated.message.as_deref(), terminated.exit_code))
}

/// What keeps a pod from running, in the kubelet's words.
fn obstacle(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = || {
        let first = status.init_container_statuses.iter().flatten();
        first.chain(status.container_statuses.iter().flatten())
    };
    let waiting = containers().filter_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        (reason != "ContainerCreating" && reason != "PodInitializing")
            .then(|| format!("container {}: {reason}: {message}", container.name))
    });
    let broken = containers().filter_map(|container| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        let text = terminated
            .message
            .clone()
            .or_else(|| terminated.reason.clone())
            .unwrap_or_default();
        (terminated.exit_code != 0).then(|| {
            format!(
                "container {}: exit code {}: {text}",
                container.name, terminated.exit_code
            )
        })
    });
    waiting.chain(broken).next().map(crate::dispatch::withheld::bounded)
}

/// Whoever publishes may make ConfigMaps in its namespace.
async fn permissions(namespace: &str, ctx: &Context) -> Result<(), Error> {
    let cells = [&ctx.kinds.service_account, &ctx.kinds.role, &ctx.kinds.role_binding];
    for (object, cell) in build::permissions(namespace).iter().zip(cells) {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let kind = ctx.kind(cell, (text("apiVersion"), text("kind"))).await?;
        let place = (namespace, build::SERVICE_ACCOUNT);
        if ctx
            .cluster
            .metadata_of(kind, namespace, build::SERVICE_ACCOUNT)
            .await?
            .is_none()
        {
            ctx.cluster.apply(kind, place, (FIELD_MANAGER, true), object).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
