//! What is told of a worker and of its account: conditions, and the events that a change of them is worth.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::choice::{Fault, refusal};
use crate::api::names::{condition_type, event, reason};
use crate::api::workers::{
    ComposedProof, ProofState, PushedImage, WorkerAccount, WorkerAccountStatus, WorkerBundle, WorkerDeployment,
    WorkerDeploymentStatus, WorkerRelease,
};
use crate::condition::{self, Claim};

/// What is observed of one worker.
pub struct Observed<'a> {
    /// The release that is asked for.
    pub wanted: Option<&'a WorkerRelease>,
    /// Name of the release that is to serve.
    pub chosen: Option<&'a str>,
    /// Why that is not the one that is asked for.
    pub fault: Option<&'a Fault>,
    /// What is told of a build that is under way.
    pub progress: Option<&'a str>,
    /// The account's bundle.
    pub bundle: Option<&'a WorkerBundle>,
    /// Where the worker answers.
    pub url: Option<String>,
}

/// What is known of an account's workers together.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Name of the bundle.
    pub bundle: &'a str,
    /// Bytes of all modules in it.
    pub bytes: i64,
    /// What the runtime said of workers together.
    pub proofs: &'a [ComposedProof],
    /// What is in the registry.
    pub images: &'a [PushedImage],
    /// How often something was deleted there.
    pub purges: i64,
    /// What keeps the account as a whole from its bundle.
    pub obstacle: Option<&'a Fault>,
}

/// Something that a person would want to hear.
#[derive(Debug, PartialEq, Eq)]
pub struct Transition {
    /// One of [`event`].
    pub reason: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
    /// A sentence.
    pub note: String,
}

/// Status of a WorkerDeployment whose account is not there.
#[must_use]
pub fn without_account(deployment: &WorkerDeployment, account: &str, now: &Time) -> WorkerDeploymentStatus {
    let mut status = deployment.status.clone().unwrap_or_default();
    let text =
        format!("there is no WorkerAccount {account:?} in this namespace: create it, or correct the label accounts");
    let generation = deployment.metadata.generation;
    for (type_, value) in [(condition_type::READY, "False"), (condition_type::DEGRADED, "True")] {
        let claim = claim(type_, value, reason::ACCOUNT_NOT_FOUND, &text);
        condition::set(&mut status.conditions, claim, generation, now.clone());
    }
    status.observed_generation = generation;
    (status.serving_release, status.url) = (None, None);
    status
}

/// Status of a WorkerDeployment.
#[must_use]
pub fn deployment(deployment: &WorkerDeployment, observed: &Observed<'_>, now: &Time) -> WorkerDeploymentStatus {
    let mut status = deployment.status.clone().unwrap_or_default();
    let generation = deployment.metadata.generation;
    status.observed_generation = generation;
    let current = observed.wanted.and_then(|release| release.metadata.name.clone());
    status.current_release = current.or_else(|| deployment.spec.release.clone());
    status.serving_release = observed.chosen.map(ToOwned::to_owned);
    status.url.clone_from(&observed.url);
    let (ready, ready_reason, ready_text) = ready(deployment, observed);
    let (built, built_reason, built_text) = built(observed);
    let degraded = observed.fault.filter(|fault| fault.0 != reason::BUILDING);
    let (degraded, degraded_reason, degraded_text) = match degraded {
        Some((reason, text)) => ("True", *reason, text.clone()),
        None => (
            "False",
            reason::CURRENT,
            "nothing stands against what is asked for".to_owned(),
        ),
    };
    for (type_, value, reason, text) in [
        (condition_type::BUILT, built, built_reason, built_text),
        (condition_type::READY, ready, ready_reason, ready_text),
        (condition_type::DEGRADED, degraded, degraded_reason, degraded_text),
    ] {
        let claim = claim(type_, value, reason, &text);
        condition::set(&mut status.conditions, claim, generation, now.clone());
    }
    status
}

fn claim<'a>(type_: &'a str, status: &'a str, reason: &'a str, message: &'a str) -> Claim<'a> {
    Claim {
        type_,
        status,
        reason,
        message,
    }
}

/// Whether the release that is asked for is proved.
fn built(observed: &Observed<'_>) -> (&'static str, &'static str, String) {
    let proof = observed
        .wanted
        .and_then(|release| release.status.as_ref()?.proof.as_ref());
    match (proof, observed.fault) {
        (Some(proof), _) if proof.state == ProofState::Passed => {
            ("True", reason::PROVED, "the runtime takes it".to_owned())
        }
        (Some(proof), _) => {
            let (reason, text) = refusal(proof);
            ("False", reason, text)
        }
        (None, Some((reason, text))) if observed.wanted.is_none() => ("False", reason, text.clone()),
        _ => {
            let text = observed.progress.unwrap_or("the release is being built and proved");
            ("Unknown", reason::BUILDING, text.to_owned())
        }
    }
}

/// Whether the worker answers.
fn ready(deployment: &WorkerDeployment, observed: &Observed<'_>) -> (&'static str, &'static str, String) {
    let script = &deployment.spec.template.script_name;
    let status = observed.bundle.and_then(|bundle| bundle.status.as_ref());
    let running = status.and_then(|status| status.workers.iter().find(|worker| &worker.worker_name == script));
    let running = running.and_then(|worker| worker.release.as_deref());
    let wanted = observed.wanted.and_then(|release| release.metadata.name.as_deref());
    match (observed.chosen, running) {
        (Some(chosen), Some(running)) if chosen == running && Some(chosen) == wanted => {
            ("True", reason::CURRENT, format!("release {chosen} serves"))
        }
        (Some(chosen), Some(running)) if chosen == running => {
            ("True", reason::OLDER_RELEASE, format!("release {chosen} serves on"))
        }
        (Some(chosen), Some(running)) => {
            let text = format!("release {chosen} is being rolled out; {running} serves until then");
            ("True", reason::ROLLING_OUT, text)
        }
        (Some(chosen), None) => {
            let bundle = status.and_then(|status| condition::find(&status.conditions, condition_type::READY));
            let bundle = bundle
                .filter(|ready| ready.status != "True")
                .map_or("", |ready| &ready.message);
            let colon = if bundle.is_empty() { "" } else { ": " };
            (
                "False",
                reason::ROLLING_OUT,
                format!("release {chosen} is being rolled out{colon}{bundle}"),
            )
        }
        (None, _) => match observed.fault {
            Some((reason, text)) => ("False", reason, text.clone()),
            None => (
                "False",
                reason::NOTHING_SERVES,
                "no release of the worker serves".to_owned(),
            ),
        },
    }
}

/// Status of a WorkerAccount, of whose workers these were chosen.
#[must_use]
pub fn account(
    account: &WorkerAccount,
    workers: &[&WorkerDeploymentStatus],
    facts: &Facts<'_>,
    now: &Time,
) -> WorkerAccountStatus {
    let mut status = account.status.clone().unwrap_or_default();
    let generation = account.metadata.generation;
    let serving = workers.iter().filter(|worker| worker.serving_release.is_some()).count();
    status.observed_generation = generation;
    status.bundle = Some(facts.bundle.to_owned());
    status.workers = i32::try_from(workers.len()).unwrap_or(i32::MAX);
    status.serving = i32::try_from(serving).unwrap_or(i32::MAX);
    status.bundle_bytes = facts.bytes;
    status.compositions = facts.proofs.to_vec();
    status.images = facts.images.to_vec();
    status.purges = facts.purges;
    let unready = workers
        .iter()
        .filter(|worker| !is_true(&worker.conditions, condition_type::READY))
        .count();
    let degraded = workers
        .iter()
        .filter(|worker| is_true(&worker.conditions, condition_type::DEGRADED))
        .count();
    let (value, reason, text) = match facts.obstacle {
        Some((reason, text)) => ("False", *reason, text.clone()),
        None if workers.is_empty() => ("True", reason::NO_WORKERS, "the account has no workers".to_owned()),
        None if unready > 0 => (
            "False",
            reason::ROLLING_OUT,
            format!("{unready} of {} workers do not answer yet", workers.len()),
        ),
        None if degraded > 0 => (
            "True",
            reason::OLDER_RELEASE,
            format!("{degraded} of {} workers serve an older release", workers.len()),
        ),
        None => (
            "True",
            reason::CURRENT,
            format!("{serving} workers serve what is asked for"),
        ),
    };
    let claim = claim(condition_type::READY, value, reason, &text);
    condition::set(&mut status.conditions, claim, generation, now.clone());
    status
}

fn is_true(conditions: &[Condition], type_: &str) -> bool {
    condition::find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// What a change of a worker's status is worth telling, in the order in which it happened.
#[must_use]
pub fn transitions(before: &WorkerDeploymentStatus, next: &WorkerDeploymentStatus, pinned: bool) -> Vec<Transition> {
    let mut all = Vec::new();
    let current = next.current_release.as_deref().unwrap_or_default();
    let state = |status: &WorkerDeploymentStatus, type_| {
        let found = condition::find(&status.conditions, type_)?;
        Some((found.status.clone(), found.reason.clone(), found.message.clone()))
    };
    let (built_before, built) = (state(before, condition_type::BUILT), state(next, condition_type::BUILT));
    let is_news = before.current_release != next.current_release
        || built_before.as_ref().map(|was| &was.0) != built.as_ref().map(|is| &is.0);
    match built {
        Some((value, _, _)) if value == "True" && is_news && !pinned => all.push(Transition {
            reason: event::BUILT,
            warning: false,
            note: format!("release {current} is proved"),
        }),
        Some((value, reason, text)) if value == "False" && is_news => all.push(Transition {
            reason: event::BUILD_FAILED,
            warning: true,
            note: format!("release {current} does not serve: {reason}: {text}"),
        }),
        _ => {}
    }
    if next.serving_release != before.serving_release
        && let Some(serving) = &next.serving_release
    {
        let (reason, word) = if pinned && before.serving_release.is_some() {
            (event::ROLLED_BACK, "is rolled out again, as spec.release asks")
        } else {
            (event::ROLLED_OUT, "is rolled out")
        };
        all.push(Transition {
            reason,
            warning: false,
            note: format!("release {serving} {word}"),
        });
    }
    all
}

#[cfg(test)]
mod tests;
