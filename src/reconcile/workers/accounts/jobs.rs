//! The Jobs that build and prove: made when there is none, then followed until one of their pods tells the verdict.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde_json::Value;

use super::context::Context;
use crate::api::names::FIELD_MANAGER;
use crate::api::workers::{ProofState, WorkerAccount, WorkerRelease};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::reconcile::error::Error;
use crate::workers::build::{self, Builder, FETCH, PROVE, PUBLISH};
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

/// The Job of one release, whose code is in a ConfigMap or is fetched.
pub(super) async fn release(
    account: &WorkerAccount,
    release: &WorkerRelease,
    ctx: &Context,
) -> Result<Progress, Error> {
    let (namespace, name) = cluster::place(&release.metadata);
    let job = build::job_name(name);
    let fetched = !release.spec.template.urls.is_empty();
    let wanted = |builder: &Builder<'_>| builder.release(release);
    follow((namespace, &job), fetched, account, wanted, ctx).await
}

/// The Job of one composition.
pub(super) async fn composition(
    account: &WorkerAccount,
    (job, config_map): (&str, &str),
    modules: &[(&str, &str)],
    ctx: &Context,
) -> Result<Progress, Error> {
    let namespace = account.metadata.namespace.as_deref().unwrap_or_default();
    let wanted = |builder: &Builder<'_>| builder.composition(job, config_map, modules);
    follow((namespace, job), false, account, wanted, ctx).await
}

async fn follow(
    (namespace, job): (&str, &str),
    publishes: bool,
    account: &WorkerAccount,
    wanted: impl Fn(&Builder<'_>) -> Value,
    ctx: &Context,
) -> Result<Progress, Error> {
    let last = if publishes { PUBLISH } else { PROVE };
    let pods = pods(namespace, job, ctx);
    if let Some(verdict) = pods.iter().find_map(|pod| verdict(pod, last)) {
        return Ok(Progress::Verdict(verdict));
    }
    let stored = match ctx.jobs.get(namespace, job) {
        Some(stored) => Some(stored),
        None => ctx.cluster.get::<Job>(namespace, job).await?.map(Arc::new),
    };
    if let Some(stored) = stored {
        return Ok(standing(&stored, &pods));
    }
    let runtime = ctx.runtime.of(account);
    if runtime.image.is_none() {
        let text = "neither the account's runtime.image nor the server's --worker-runtime-image says what runs workers";
        return Ok(Progress::Waits(Some(text.to_owned()), None));
    }
    if publishes {
        permissions(namespace, ctx).await?;
    }
    let builder = Builder {
        account,
        runtime,
        allow_private: ctx.allow_private,
    };
    match ctx
        .cluster
        .create::<Job>(namespace, &wanted(&builder), DryRun::No)
        .await
    {
        Ok(_)
        | Err(cluster::Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => Ok(Progress::Waits(None, None)),
        Err(error) => Err(error.into()),
    }
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

/// What a pod's steps have said: a refusal of any, or that the last one is done.
fn verdict(pod: &Pod, last: &str) -> Option<Verdict> {
    let said = |name: &str| {
        let terminated = terminated(status(pod, name)?)?;
        let verdict = proof::read(terminated.0?)?;
        Some((verdict, terminated.1))
    };
    let steps = [FETCH, PROVE, PUBLISH].into_iter().filter_map(said);
    let refused = steps
        .into_iter()
        .find(|(verdict, _)| verdict.state == ProofState::Failed);
    if let Some((verdict, _)) = refused {
        return Some(verdict);
    }
    let (verdict, code) = said(last)?;
    // What was proved is told by the step that proved it.
    let (proved, _) = said(PROVE)?;
    (code == 0).then_some(Verdict {
        size: verdict.size.or(proved.size),
        ..proved
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
    let containers = status.container_statuses.iter().flatten();
    let waiting = containers.filter_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        (reason != "ContainerCreating" && reason != "PodInitializing")
            .then(|| format!("container {}: {reason}: {message}", container.name))
    });
    let broken = status.container_statuses.iter().flatten().filter_map(|container| {
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
