//! The proof of a release on its own: once, by the server where it has workerd and the code is inline, else by a Job.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use super::account::Worker;
use super::context::Context;
use super::{jobs, releases};
use crate::api::names::{condition_type, reason};
use crate::api::workers::{
    Content, ContentModule, Proof, ProofState, WorkerAccount, WorkerRelease, WorkerReleaseStatus,
};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::clients::workerd::{self, Limits};
use crate::condition::{self, Claim};
use crate::reconcile::context::now;
use crate::reconcile::error::Error;
use crate::workers::code::Code;
use crate::workers::config::{Configured, alone};
use crate::workers::content::{Owner, Stored, config_map, fits};
use crate::workers::port;
use crate::workers::prefix::env_prefix;
use crate::workers::proof::Verdict;

/// Code that could not be fetched may be there later, or the credentials for it.
const FETCH_AGAIN: Duration = Duration::from_secs(60);
/// So soon is seen that a Job has gone.
const SOON: Duration = Duration::from_secs(1);
/// A workerd that cannot be started may be there later.
const AGAIN: Duration = Duration::from_secs(10);

/// How far the proof of a release has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// There is no release, or nobody has looked yet.
    Unknown,
    /// It is under way; what people are told, and when to look again if nothing else wakes.
    Waits(Option<String>, Option<Duration>),
    /// It is done, either way, and stands in the release's status; when it is worth another try.
    Done(Option<Duration>),
}

impl Standing {
    pub(super) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Unknown => None,
            Self::Waits(_, pause) | Self::Done(pause) => *pause,
        }
    }
}

/// Brings the proof of the wanted release a step further; with it the release, where its status was written.
pub(super) async fn step(
    account: &WorkerAccount,
    worker: &Worker,
    ctx: &Context,
) -> Result<(Standing, Option<Arc<WorkerRelease>>), Error> {
    let Some(release) = &worker.wanted else {
        return Ok((Standing::Unknown, None));
    };
    if let Some(standing) = settled(release) {
        return Ok((standing, None));
    }
    let template = &release.spec.template;
    if template.urls.is_empty() {
        inline(account, release, worker, ctx).await
    } else {
        by_job(account, release, None, ctx).await
    }
}

/// Where it is done: that, and when it is worth another try.
fn settled(release: &WorkerRelease) -> Option<Standing> {
    let status = release.status.as_ref()?;
    let proof = status.proof.as_ref()?;
    if proof.reason.as_deref() != Some(reason::FETCH_FAILED) {
        return Some(Standing::Done(None));
    }
    let age = now().0.duration_since(told(release)?.0).unsigned_abs();
    let left = FETCH_AGAIN.checked_sub(age)?;
    Some(Standing::Done(Some(left)))
}

/// When its last proof was told of.
fn told(release: &WorkerRelease) -> Option<Time> {
    let status = release.status.as_ref()?;
    let since = condition::find(&status.conditions, condition_type::PROVED)?;
    Some(since.last_transition_time.clone())
}

async fn inline(
    account: &WorkerAccount,
    release: &WorkerRelease,
    worker: &Worker,
    ctx: &Context,
) -> Result<(Standing, Option<Arc<WorkerRelease>>), Error> {
    let code = match Code::inline(&release.spec.template) {
        Ok(code) => code,
        Err(fault) => return refused(release, reason::PROOF_FAILED, fault.to_string(), ctx).await,
    };
    let (namespace, name) = cluster::place(&release.metadata);
    let owner = Owner {
        namespace,
        release: name,
        uid: release.metadata.uid.as_deref().unwrap_or_default(),
        account: account.metadata.name.as_deref().unwrap_or_default(),
        worker: &release.spec.template.script_name,
    };
    if let Err(fault) = fits(&code) {
        return refused(release, reason::TOO_LARGE, fault.to_string(), ctx).await;
    }
    let wanted = config_map(&owner, &code);
    let Some(workerd) = &ctx.workerd else {
        stored(namespace, &wanted, ctx).await?;
        return by_job(account, release, Some(&code), ctx).await;
    };
    let keys = worker.secrets.as_deref().unwrap_or_default();
    let verdict = match by_server(workerd, release, &code, keys).await {
        Ok(verdict) => verdict,
        Err(error) => return Ok((Standing::Waits(Some(error), Some(AGAIN)), None)),
    };
    if verdict.state == ProofState::Passed {
        stored(namespace, &wanted, ctx).await?;
    }
    let done = finished(release, verdict, Some(in_config_map(release, code.listing())), ctx).await?;
    Ok((Standing::Done(None), Some(done)))
}

async fn refused(
    release: &WorkerRelease,
    reason: &'static str,
    text: String,
    ctx: &Context,
) -> Result<(Standing, Option<Arc<WorkerRelease>>), Error> {
    let verdict = Verdict::failed(reason, &text);
    let done = finished(release, verdict, None, ctx).await?;
    Ok((Standing::Done(None), Some(done)))
}

/// Proves inline code with the workerd beside us; a text for people where that itself fails.
async fn by_server(workerd: &Path, release: &WorkerRelease, code: &Code, keys: &[String]) -> Result<Verdict, String> {
    let template = &release.spec.template;
    let (listing, prefix) = (code.listing(), env_prefix(&template.script_name));
    let configured = Configured {
        template,
        modules: &listing,
        folder: release.metadata.name.as_deref().unwrap_or_default(),
        port: port::FIRST,
        prefix: &prefix,
        secret_keys: keys,
    };
    let files = alone(&configured);
    let modules: Vec<&[u8]> = code.modules.iter().map(|module| &*module.content).collect();
    let folders = [(configured.folder, &*modules)];
    let outcome = workerd::prove_files(workerd, &files, &folders, Limits::default()).await;
    let outcome = outcome.map_err(|error| unable(&error))?;
    let mut verdict = Verdict::of(&outcome, Some(&template.script_name));
    verdict.runtime = workerd::version(workerd).await.ok();
    verdict.digest = Some(code.digest(template));
    verdict.size = i64::try_from(code.size()).ok();
    Ok(verdict)
}

/// What is wrong with the workerd beside us.
pub(super) fn unable(error: &workerd::Error) -> String {
    format!("the server cannot prove with its --workerd-path: {error}")
}

/// Makes sure of the ConfigMap with the code.
async fn stored(namespace: &str, wanted: &Value, ctx: &Context) -> Result<(), Error> {
    match ctx.cluster.create::<ConfigMap>(namespace, wanted, DryRun::No).await {
        Ok(_)
        | Err(cluster::Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn by_job(
    account: &WorkerAccount,
    release: &WorkerRelease,
    code: Option<&Code>,
    ctx: &Context,
) -> Result<(Standing, Option<Arc<WorkerRelease>>), Error> {
    if let Some(told) = told(release)
        && !jobs::is_gone(release, &told, ctx).await?
    {
        return Ok((Standing::Waits(None, Some(SOON)), None));
    }
    let verdict = match jobs::release(account, release, ctx).await? {
        jobs::Progress::Waits(text, pause) => return Ok((Standing::Waits(text, pause), None)),
        jobs::Progress::Verdict(verdict) => verdict,
    };
    let content = match code {
        Some(code) => Some(in_config_map(release, code.listing())),
        None if verdict.state == ProofState::Passed => Some(published(release, &verdict, ctx).await?),
        None => None,
    };
    let again = (verdict.reason.as_deref() == Some(reason::FETCH_FAILED)).then_some(FETCH_AGAIN);
    let mut verdict = verdict;
    if let Some(code) = code {
        verdict.digest = Some(code.digest(&release.spec.template));
        verdict.size = i64::try_from(code.size()).ok();
    }
    let done = finished(release, verdict, content, ctx).await?;
    Ok((Standing::Done(again), Some(done)))
}

fn in_config_map(release: &WorkerRelease, modules: Vec<ContentModule>) -> Content {
    Content {
        config_map: release.metadata.name.clone(),
        image: None,
        modules,
    }
}

/// What the steps have put into the ConfigMap, and into the registry.
async fn published(release: &WorkerRelease, verdict: &Verdict, ctx: &Context) -> Result<Content, Error> {
    let (namespace, name) = cluster::place(&release.metadata);
    let found = ctx.cluster.get::<Stored>(namespace, name).await?.unwrap_or_default();
    let (modules, is_whole) = found.listing();
    Ok(Content {
        config_map: release.metadata.name.clone().filter(|_| is_whole),
        image: verdict.image.clone(),
        modules,
    })
}

/// Writes the verdict into the release's status.
async fn finished(
    release: &WorkerRelease,
    verdict: Verdict,
    content: Option<Content>,
    ctx: &Context,
) -> Result<Arc<WorkerRelease>, Error> {
    let mut status = release.status.clone().unwrap_or_default();
    let passed = verdict.state == ProofState::Passed;
    let message = verdict.message.clone().unwrap_or_default();
    let claim = Claim {
        type_: condition_type::PROVED,
        status: if passed { "True" } else { "False" },
        reason: verdict
            .reason
            .as_deref()
            .unwrap_or(if passed { reason::PROVED } else { reason::PROOF_FAILED }),
        message: if passed { "the runtime takes it" } else { &message },
    };
    condition::remove(&mut status.conditions, condition_type::PROVED);
    condition::set(&mut status.conditions, claim, release.metadata.generation, now());
    status = WorkerReleaseStatus {
        digest: verdict.digest.or(status.digest),
        size: verdict.size.or(status.size),
        content: content.filter(|_| passed),
        proof: Some(Proof {
            state: verdict.state,
            reason: verdict.reason,
            message: verdict.message,
            runtime: verdict.runtime,
        }),
        ..status
    };
    Ok(Arc::new(releases::written(release, status, ctx).await?))
}
