//! The workers of an account together: chosen, composed, proved, and written as the spec of the bundle.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::account::Worker;
use super::context::Context;
use super::prove::told;
use super::{bundle, jobs};
use crate::api::names::reason;
use crate::api::workers::{ComposedProof, ProofState, WorkerAccount, WorkerBundle};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::clients::workerd::{self, Limits};
use crate::reconcile::error::Error;
use crate::workers::build::composed_config_map;
use crate::workers::choice::{Candidate, Choice, Fault, Refused, choose, is_proved};
use crate::workers::code::Code;
use crate::workers::composition::{Chosen, Composition, bundle_name, compose, config_map_name, job_name};
use crate::workers::proof::Verdict;

/// What became of the workers of an account.
#[derive(Default)]
pub(super) struct Composed {
    /// By script name: why the release that is asked for does not serve.
    pub(super) faults: BTreeMap<String, Fault>,
    /// By script name: the release that is to serve.
    pub(super) chosen: BTreeMap<String, String>,
    /// Releases in the bundle.
    pub(super) served: Vec<String>,
    /// The proofs of compositions, for the status.
    pub(super) proofs: Vec<ComposedProof>,
    /// Bytes of all modules.
    pub(super) bytes: i64,
    /// What keeps the account as a whole from its bundle.
    pub(super) obstacle: Option<Fault>,
    /// The bundle, as it is stored.
    pub(super) bundle: Option<WorkerBundle>,
    /// Every pod runs what the bundle says.
    pub(super) is_rolled_out: bool,
    /// When to look again, if nothing else wakes.
    pub(super) pause: Option<Duration>,
}

/// A workerd that cannot be started may be there later.
const AGAIN: Duration = Duration::from_secs(10);
/// Compositions whose proof is remembered.
const REMEMBERED: usize = 16;

/// What is known of the proof of a composition.
enum Known {
    Passed,
    /// Name of the release to blame, and the runtime's text.
    Failed(Option<String>, String),
    Waits(Option<Duration>),
}

/// Chooses, composes and proves, and brings the bundle to what has passed.
pub(super) async fn step(account: &WorkerAccount, workers: &[Worker], ctx: &Context) -> Result<Composed, Error> {
    let existing = bundle::stored(account, ctx);
    let served = existing
        .as_ref()
        .map(|bundle| bundle::releases(bundle))
        .unwrap_or_default();
    let mut composed = Composed {
        proofs: account
            .status
            .as_ref()
            .map(|status| status.compositions.clone())
            .unwrap_or_default(),
        ..Composed::default()
    };
    if let Some(fault) = bundle::taken(account, ctx) {
        composed.obstacle = Some(fault);
        return Ok(composed);
    }
    let candidates: Vec<_> = workers.iter().map(candidate).collect();
    let mut refused = Refused::new();
    for _ in 0..=2 * workers.len() {
        let choices = choose(account, &candidates, &refused);
        let chosen = chosen(&choices, workers);
        composed.take(&choices);
        let composition = compose(account, &chosen, existing.as_deref(), &ctx.runtime);
        composed.bytes = composition.bytes;
        if is_held(workers, &served) {
            break;
        }
        match known(account, (&composition, &chosen), &mut composed, ctx).await? {
            Known::Passed => {
                let empty = chosen.is_empty();
                composed.bundle = bundle::write(account, (&composition, empty), existing.as_deref(), ctx).await?;
                composed.settle(true);
                bundle::prune(account, &composition, composed.is_rolled_out, ctx).await?;
                return Ok(composed);
            }
            Known::Waits(pause) => {
                composed.pause = pause;
                break;
            }
            Known::Failed(culprit, text) => {
                if !refuse(&mut refused, culprit, &text, (&choices, &served)) {
                    break;
                }
            }
        }
    }
    composed.bundle = existing.map(|bundle| WorkerBundle::clone(&bundle));
    composed.settle(false);
    Ok(composed)
}

impl Composed {
    fn take(&mut self, choices: &[Choice<'_>]) {
        self.faults.clear();
        self.chosen.clear();
        for choice in choices {
            let deployment = choice.candidate.deployment;
            let name = deployment.metadata.name.clone().unwrap_or_default();
            if let Some(fault) = &choice.fault {
                self.faults.insert(name.clone(), fault.clone());
            }
            if let Some(release) = choice.release.and_then(|release| release.metadata.name.clone()) {
                self.chosen.insert(name, release);
            }
        }
    }

    /// Notes what the bundle says once it is written, or was left as it is.
    fn settle(&mut self, written: bool) {
        let Some(bundle) = &self.bundle else {
            self.is_rolled_out = written;
            return;
        };
        self.served = bundle::releases(bundle);
        let running = bundle.status.as_ref().and_then(|status| status.digest.as_deref());
        self.is_rolled_out = written && running.is_some() && running == bundle.spec.digest.as_deref();
    }
}

fn candidate(worker: &Worker) -> Candidate<'_> {
    Candidate {
        deployment: &worker.deployment,
        wanted: worker.wanted.as_deref(),
        serving: worker.serving.as_deref(),
        secret_fault: worker.secrets.as_ref().err().map(String::as_str),
    }
}

fn chosen<'a>(choices: &[Choice<'a>], workers: &'a [Worker]) -> Vec<Chosen<'a>> {
    let keys = |choice: &Choice<'a>| {
        let name = &choice.candidate.deployment.metadata.name;
        let worker = workers.iter().find(|worker| &worker.deployment.metadata.name == name);
        worker
            .and_then(|worker| worker.secrets.clone().ok())
            .unwrap_or_default()
    };
    let chosen = choices.iter().filter_map(|choice| {
        Some(Chosen {
            deployment: choice.candidate.deployment,
            release: choice.release?,
            secret_keys: keys(choice),
        })
    });
    chosen.collect()
}

/// A worker that serves and whose Secret has gone: nothing changes until it is back, for new pods would not start.
fn is_held(workers: &[Worker], served: &[String]) -> bool {
    workers.iter().any(|worker| {
        let releases = [&worker.wanted, &worker.serving].into_iter().flatten();
        let mut names = releases.filter_map(|release| release.metadata.name.as_ref());
        worker.secrets.is_err() && names.any(|name| served.contains(name))
    })
}

/// Notes whom the next choice has to do without; false when nobody is left to blame.
fn refuse(
    refused: &mut Refused,
    culprit: Option<String>,
    text: &str,
    (choices, served): (&[Choice<'_>], &[String]),
) -> bool {
    let names = || {
        choices
            .iter()
            .filter_map(|choice| choice.release?.metadata.name.clone())
    };
    let before = refused.len();
    match culprit {
        Some(culprit) => {
            refused.insert(culprit, text.to_owned());
        }
        // Whatever is new is to blame.
        None => refused.extend(
            names()
                .filter(|name| !served.contains(name))
                .map(|name| (name, text.to_owned())),
        ),
    }
    refused.len() > before
}

/// What is known of the composition; finds it out where nothing is, and remembers it.
async fn known(
    account: &WorkerAccount,
    (composition, chosen): (&Composition, &[Chosen<'_>]),
    composed: &mut Composed,
    ctx: &Context,
) -> Result<Known, Error> {
    let Some(digest) = &composition.spec.digest else {
        return Ok(Known::Passed);
    };
    if is_proved_alone(chosen) {
        return Ok(Known::Passed);
    }
    if let Some(proof) = composed.proofs.iter().find(|proof| &proof.digest == digest) {
        return Ok(match proof.state {
            ProofState::Passed => Known::Passed,
            ProofState::Failed => Known::Failed(proof.release.clone(), proof.message.clone().unwrap_or_default()),
        });
    }
    let verdict = match prove(account, (composition, chosen), ctx).await? {
        jobs::Progress::Waits(_, pause) => return Ok(Known::Waits(pause)),
        jobs::Progress::Verdict(verdict) => verdict,
    };
    let release = verdict.culprit.as_ref().and_then(|script| {
        let of = |worker: &&Chosen<'_>| &worker.release.spec.template.script_name == script;
        chosen.iter().find(of)?.release.metadata.name.clone()
    });
    composed.proofs.insert(
        0,
        ComposedProof {
            digest: digest.clone(),
            state: verdict.state,
            release: release.clone(),
            message: verdict.message.clone(),
        },
    );
    composed.proofs.truncate(REMEMBERED);
    Ok(match verdict.state {
        ProofState::Passed => Known::Passed,
        ProofState::Failed => Known::Failed(
            release,
            verdict.message.unwrap_or_else(|| reason::PROOF_FAILED.to_owned()),
        ),
    })
}

/// A worker that is alone runs as it was proved.
fn is_proved_alone(chosen: &[Chosen<'_>]) -> bool {
    match chosen {
        [] => true,
        [only] => {
            is_proved(only.release)
                && !only
                    .release
                    .spec
                    .template
                    .bindings
                    .iter()
                    .any(|binding| binding.service.is_some())
        }
        _ => false,
    }
}

/// With the workerd beside us where all code is at hand, else by a Job that mounts what the pods will mount.
async fn prove(
    account: &WorkerAccount,
    (composition, chosen): (&Composition, &[Chosen<'_>]),
    ctx: &Context,
) -> Result<jobs::Progress, Error> {
    let is_inline = |worker: &Chosen<'_>| worker.release.spec.template.urls.is_empty();
    if let Some(workerd) = ctx.workerd.as_ref().filter(|_| chosen.iter().all(is_inline)) {
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
        let limits = Limits::default();
        let outcome = workerd::prove_files(workerd, &composition.files, &folders, limits).await;
        return Ok(match outcome {
            Ok(outcome) => jobs::Progress::Verdict(Verdict::of(&outcome, None)),
            Err(error) => jobs::Progress::Waits(Some(told(&error)), Some(AGAIN)),
        });
    }
    let bundle = bundle_name(account);
    let config_map = config_map_name(&bundle, &composition.short);
    stored(account, (&bundle, &config_map), composition, ctx).await?;
    let modules = &composition.spec.pod_template.modules;
    let modules: Vec<_> = modules.iter().map(|(folder, map)| (&**folder, &**map)).collect();
    let job = job_name(&bundle, &composition.short);
    jobs::composition(account, (&job, &config_map), &modules, ctx).await
}

/// Makes sure of the ConfigMap with the files of the composition.
pub(super) async fn stored(
    account: &WorkerAccount,
    place: (&str, &str),
    composition: &Composition,
    ctx: &Context,
) -> Result<(), Error> {
    let namespace = account.metadata.namespace.as_deref().unwrap_or_default();
    if ctx.config_maps.get(namespace, place.1).is_some() {
        return Ok(());
    }
    let wanted = composed_config_map(account, place, &json!(composition.files));
    match ctx.cluster.create::<ConfigMap>(namespace, &wanted, DryRun::No).await {
        Ok(_)
        | Err(cluster::Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
