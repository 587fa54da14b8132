//! The workers of an account together: chosen, composed, proved, and written as the spec of the bundle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::account::Worker;
use super::context::Context;
use super::known::{Known, known};
use super::{bundle, images};
use crate::api::names::reason;
use crate::api::workers::{ComposedProof, PushedImage, WorkerAccount, WorkerBundle, WorkerRelease};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::reconcile::error::Error;
use crate::workers::build::composed_config_map;
use crate::workers::choice::{Candidate, Choice, Fault, Refused, choose};
use crate::workers::composition::{Chosen, Composition, compose};

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
    /// What is in the registry, for the status.
    pub(super) images: Vec<PushedImage>,
    /// How often something was deleted there.
    pub(super) purges: i64,
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

/// Chooses, composes and proves, and brings the bundle to what has passed.
pub(super) async fn step(
    account: &WorkerAccount,
    (workers, releases): (&[Worker], &[Arc<WorkerRelease>]),
    ctx: &Context,
) -> Result<Composed, Error> {
    let existing = bundle::stored(account, ctx);
    let served = existing
        .as_ref()
        .map(|bundle| bundle::releases(bundle))
        .unwrap_or_default();
    let mut composed = Composed::of(account);
    images::note_code(&mut composed.images, releases);
    images::purge(account, &mut composed, ctx).await?;
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
        if is_held(workers, &served) || is_lost(workers, existing.as_deref()) {
            break;
        }
        match known(
            account,
            (&composition, &chosen),
            existing.as_deref(),
            &mut composed,
            ctx,
        )
        .await?
        {
            Known::Passed => {
                let empty = chosen.is_empty();
                let composition = images::delivered(account, composition, &composed.images, ctx);
                composed.bundle = bundle::write(account, (&composition, empty), existing.as_deref(), ctx).await?;
                composed.settle(true);
                if composed.is_rolled_out {
                    bundle::prune(account, &composition, ctx).await?;
                    images::mark(&composition, releases, &mut composed.images);
                }
                return Ok(composed);
            }
            Known::Waits(text, pause) => {
                composed.wait(text, &served);
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
    /// What the account's status remembers.
    fn of(account: &WorkerAccount) -> Self {
        let status = account.status.clone().unwrap_or_default();
        Self {
            proofs: status.compositions,
            images: status.images,
            purges: status.purges,
            ..Self::default()
        }
    }

    /// Tells what keeps the workers from serving together whose release is not in the bundle yet.
    fn wait(&mut self, text: Option<String>, served: &[String]) {
        let Some(text) = text else { return };
        let waiting = self.chosen.iter().filter(|(_, release)| !served.contains(release));
        let waiting: Vec<_> = waiting.map(|(script, _)| script.clone()).collect();
        for script in waiting {
            self.faults
                .entry(script)
                .or_insert((reason::BUILD_FAILED, text.clone()));
        }
        self.obstacle = Some((reason::BUILD_FAILED, text));
    }

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
        let (pods, running) = (&bundle.spec.pod_template, bundle.status.as_ref());
        self.is_rolled_out = written
            && running.is_some_and(|running| {
                running.digest.is_some()
                    && running.digest == bundle.spec.digest
                    && running.config_map == pods.config_map
                    && (pods.image.is_none() || running.image == pods.image)
            });
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
        let worker = workers.iter().find(|worker| &worker.deployment.metadata.name == name)?;
        let is_wanted = name_of(choice.release) == name_of(choice.candidate.wanted);
        let keys = if is_wanted {
            &worker.secrets
        } else {
            &worker.kept_secrets
        };
        keys.clone().ok()
    };
    let chosen = choices.iter().filter_map(|choice| {
        Some(Chosen {
            deployment: choice.candidate.deployment,
            release: choice.release?,
            secret_keys: keys(choice).unwrap_or_default(),
        })
    });
    chosen.collect()
}

/// A worker that serves and whose Secret has gone: nothing changes until it is back, for new pods would not start.
fn is_held(workers: &[Worker], served: &[String]) -> bool {
    workers.iter().any(|worker| {
        let releases = [
            (&worker.wanted, &worker.secrets),
            (&worker.serving, &worker.kept_secrets),
        ];
        releases.into_iter().any(|(release, secrets)| {
            let name = name_of(release.as_deref());
            secrets.is_err() && name.is_some_and(|name| served.contains(name))
        })
    })
}

fn name_of(release: Option<&WorkerRelease>) -> Option<&String> {
    release?.metadata.name.as_ref()
}

/// A worker that serves and whose release somebody has deleted: nothing changes until that is built again.
fn is_lost(workers: &[Worker], existing: Option<&WorkerBundle>) -> bool {
    let served = existing.into_iter().flat_map(|bundle| &bundle.spec.workers);
    let is_unproved = |worker: &Worker| {
        let status = worker.wanted.as_ref().and_then(|release| release.status.as_ref());
        worker.serving.is_none() && worker.wanted.is_some() && status.is_none_or(|status| status.proof.is_none())
    };
    served.into_iter().any(|served| {
        let of = |worker: &&Worker| worker.deployment.spec.template.script_name == served.worker_name;
        workers.iter().find(of).is_some_and(is_unproved)
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
