//! Whether workers may run together: remembered, or proved now; and with the delivery Image, whether their image is there.

use std::path::Path;
use std::time::Duration;

use super::compose::{Composed, stored};
use super::context::Context;
use super::prove::unable;
use super::{images, jobs};
use crate::api::names::reason;
use crate::api::workers::{ComposedProof, ProofState, WorkerAccount, WorkerBundle};
use crate::clients::workerd::{self, Limits};
use crate::reconcile::error::Error;
use crate::workers::build::{Composing, runtime_name};
use crate::workers::choice::is_proved;
use crate::workers::code::Code;
use crate::workers::composition::{Chosen, Composition, bundle_name, config_map_name, job_name};
use crate::workers::proof::Verdict;

/// A workerd that cannot be started may be there later.
const AGAIN: Duration = Duration::from_secs(10);
/// Compositions whose proof is remembered.
const REMEMBERED: usize = 16;

/// What is known of a composition.
pub(super) enum Known {
    /// It may run, and is where pods find it.
    Passed,
    /// Name of the release to blame, and the runtime's text.
    Failed(Option<String>, String),
    /// What people are told, and when to look again if nothing else wakes.
    Waits(Option<String>, Option<Duration>),
}

/// What is known of the composition; finds it out where nothing is, and remembers it.
pub(super) async fn known(
    account: &WorkerAccount,
    (composition, chosen): (&Composition, &[Chosen<'_>]),
    existing: Option<&WorkerBundle>,
    composed: &mut Composed,
    ctx: &Context,
) -> Result<Known, Error> {
    if chosen.is_empty() {
        return Ok(Known::Passed);
    }
    let runtime = ctx.runtime.of(account).image;
    let is_moved = existing.is_some_and(|existing| images::runtime(existing, &composed.images) != runtime.as_deref());
    let mut proof = if is_moved {
        said(composition, composed, |proof| proof.runtime == runtime)
    } else {
        remembered(composition, chosen, composed)
    };
    let workerd = ctx
        .workerd
        .as_ref()
        .filter(|_| !is_moved && chosen.iter().all(is_inline));
    if let (None, Some(workerd)) = (&proof, workerd) {
        match by_server(workerd, (composition, chosen)).await {
            Ok(verdict) => proof = Some(composed.note(&verdict, (composition, chosen), None)),
            Err(text) => return Ok(Known::Waits(Some(text), Some(AGAIN))),
        }
    }
    let push = images::missing(account, composition, composed, ctx);
    if push.is_some() && images::is_going(composition, &composed.images) {
        return Ok(Known::Waits(None, None));
    }
    let known = match (proof, push) {
        (Some(known), None) | (Some(known @ Known::Failed(..)), _) => known,
        (proof, push) => {
            let proves = proof.is_none();
            let job = job(account, composition, (push.as_ref(), is_moved), runtime.as_deref());
            let verdict = match by_job(account, composition, (&job, proves, push.is_some()), ctx).await? {
                jobs::Progress::Waits(text, pause) => return Ok(Known::Waits(text, pause)),
                jobs::Progress::Verdict(verdict) => verdict,
            };
            if let (Some(push), Some(image)) = (push, &verdict.image) {
                composed.images.insert(0, push.pushed(image));
            }
            if proves {
                composed.note(&verdict, (composition, chosen), runtime.clone())
            } else if verdict.state == ProofState::Failed {
                // What is proved and cannot be pushed is nobody's fault.
                Known::Waits(verdict.message, None)
            } else {
                Known::Passed
            }
        }
    };
    Ok(match known {
        // What serves goes on where it is.
        Known::Failed(_, text) if is_moved => {
            let runtime = runtime.unwrap_or_default();
            Known::Waits(
                Some(format!("runtime image {runtime} does not take the workers: {text}")),
                None,
            )
        }
        known => known,
    })
}

/// Name of the Job that proves or pushes.
fn job(
    account: &WorkerAccount,
    composition: &Composition,
    (push, is_moved): (Option<&images::Push>, bool),
    runtime: Option<&str>,
) -> String {
    let bundle = bundle_name(account);
    let digest = composition.spec.digest.as_deref().unwrap_or_default();
    match push {
        Some(push) => push.job.clone(),
        None if is_moved => runtime_name(&bundle, (digest, runtime.unwrap_or_default())),
        None => job_name(&bundle, &composition.short),
    }
}

fn remembered(composition: &Composition, chosen: &[Chosen<'_>], composed: &Composed) -> Option<Known> {
    if is_proved_alone(chosen) || have_served(chosen) {
        return Some(Known::Passed);
    }
    said(composition, composed, |_| true)
}

/// What a remembered proof says of the composition.
fn said(composition: &Composition, composed: &Composed, is_it: impl Fn(&ComposedProof) -> bool) -> Option<Known> {
    let digest = composition.spec.digest.as_ref()?;
    let mut proofs = composed.proofs.iter();
    let proof = proofs.find(|proof| &proof.digest == digest && is_it(proof))?;
    Some(match proof.state {
        ProofState::Passed => Known::Passed,
        ProofState::Failed => Known::Failed(proof.release.clone(), proof.message.clone().unwrap_or_default()),
    })
}

impl Composed {
    /// Remembers what was said of a composition.
    fn note(
        &mut self,
        verdict: &Verdict,
        (composition, chosen): (&Composition, &[Chosen<'_>]),
        runtime: Option<String>,
    ) -> Known {
        let release = verdict.culprit.as_ref().and_then(|script| {
            let of = |worker: &&Chosen<'_>| &worker.release.spec.template.script_name == script;
            chosen.iter().find(of)?.release.metadata.name.clone()
        });
        let proof = ComposedProof {
            digest: composition.spec.digest.clone().unwrap_or_default(),
            state: verdict.state,
            runtime,
            release: release.clone(),
            message: verdict.message.clone(),
        };
        self.proofs.insert(0, proof);
        self.proofs.truncate(REMEMBERED);
        match verdict.state {
            ProofState::Passed => Known::Passed,
            ProofState::Failed => {
                let text = verdict.message.clone();
                Known::Failed(release, text.unwrap_or_else(|| reason::PROOF_FAILED.to_owned()))
            }
        }
    }
}

/// A worker that is alone runs as it was proved.
fn is_proved_alone(chosen: &[Chosen<'_>]) -> bool {
    let [only] = chosen else { return false };
    is_proved(only.release) && !is_bound(only)
}

/// Workers each of which has served among others, and none of which needs anything of another one, run together in
/// whatever selection: a way back needs no other proof.
fn have_served(chosen: &[Chosen<'_>]) -> bool {
    let has_served = |worker: &Chosen<'_>| {
        let status = worker.release.status.as_ref();
        status.is_some_and(|status| status.last_served_time.is_some())
    };
    chosen
        .iter()
        .all(|worker| is_proved(worker.release) && has_served(worker) && !is_bound(worker))
}

fn is_bound(worker: &Chosen<'_>) -> bool {
    let bindings = &worker.release.spec.template.bindings;
    bindings.iter().any(|binding| binding.service.is_some())
}

fn is_inline(worker: &Chosen<'_>) -> bool {
    worker.release.spec.template.urls.is_empty()
}

/// With the workerd beside us, which needs all code at hand; a text for people where it cannot be run.
async fn by_server(workerd: &Path, (composition, chosen): (&Composition, &[Chosen<'_>])) -> Result<Verdict, String> {
    let code = chosen.iter().filter_map(|worker| {
        let code = Code::inline(&worker.release.spec.template).ok()?;
        Some((worker.release.metadata.name.as_deref()?, code))
    });
    let code: Vec<_> = code.collect();
    let modules: Vec<(&str, Vec<&[u8]>)> = code
        .iter()
        .map(|(name, code)| (*name, code.modules.iter().map(|module| &*module.content).collect()))
        .collect();
    let folders: Vec<(&str, &[&[u8]])> = modules.iter().map(|(name, files)| (*name, &**files)).collect();
    let outcome = workerd::prove_files(workerd, &composition.files, &folders, Limits::default()).await;
    outcome
        .map(|outcome| Verdict::of(&outcome, None))
        .map_err(|error| unable(&error))
}

/// By a Job that mounts what the pods will mount.
async fn by_job(
    account: &WorkerAccount,
    composition: &Composition,
    (job, proves, pushes): (&str, bool, bool),
    ctx: &Context,
) -> Result<jobs::Progress, Error> {
    let bundle = bundle_name(account);
    let config_map = config_map_name(&bundle, &composition.short);
    stored(account, (&bundle, &config_map), composition, ctx).await?;
    let composing = Composing {
        job,
        config_map: &config_map,
        pods: &composition.spec.pod_template,
        proves,
        tag: pushes.then_some(job),
    };
    jobs::composition(account, &composing, ctx).await
}
