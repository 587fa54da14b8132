//! Which release of each worker of an account is to serve: the one that is wanted, if it can; else the one that served.

mod bytes;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::names::reason;
use crate::api::workers::{Proof, ProofState, WorkerAccount, WorkerDeployment, WorkerRelease};

use self::bytes::withdraw_too_large;
use super::prefix::env_prefix;
use super::release::is_of;

/// One worker of an account, as it is observed.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// What asks for it.
    pub deployment: &'a WorkerDeployment,
    /// The release that is asked for, if it exists.
    pub wanted: Option<&'a WorkerRelease>,
    /// The release that serves until then, if it exists.
    pub serving: Option<&'a WorkerRelease>,
    /// What is wrong with the Secrets that it refers to.
    pub secret_fault: Option<&'a str>,
}

/// Why a release does not serve: a reason and a text for people.
pub type Fault = (&'static str, String);

/// What was decided for one worker.
pub struct Choice<'a> {
    /// The worker.
    pub candidate: Candidate<'a>,
    /// The release that is to serve; none where there is none that can.
    pub release: Option<&'a WorkerRelease>,
    /// Why that is not the one that is asked for.
    pub fault: Option<Fault>,
    /// The release that served, where it still may.
    fallback: Option<&'a WorkerRelease>,
}

/// Releases that were proved not to run with the others, by their name.
pub type Refused = BTreeMap<String, String>;

impl<'a> Choice<'a> {
    fn script(&self) -> &'a str {
        &self.candidate.deployment.spec.template.script_name
    }

    /// Takes the release back: the one that served takes its place, if it is another one.
    fn withdraw(&mut self, fault: Fault) {
        let withdrawn = self.release.and_then(|release| release.metadata.name.as_deref());
        self.release = self
            .fallback
            .filter(|served| served.metadata.name.as_deref() != withdrawn);
        self.fault.get_or_insert(fault);
    }
}

/// Chooses for all workers of an account; none of `refused` serves.
#[must_use]
pub fn choose<'a>(account: &WorkerAccount, candidates: &[Candidate<'a>], refused: &Refused) -> Vec<Choice<'a>> {
    let mut in_order: Vec<_> = candidates.to_vec();
    in_order.sort_by_key(|candidate| age(candidate.deployment));
    let mut names = BTreeSet::new();
    let mut prefixes = BTreeMap::new();
    let limit = account.spec.quota.as_ref().and_then(|quota| quota.workers);
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut choices = Vec::new();
    for candidate in in_order {
        let script = &*candidate.deployment.spec.template.script_name;
        let taken = if names.contains(script) {
            Some(format!(
                "another WorkerDeployment of the account has the script name {script:?}: rename one"
            ))
        } else {
            let other = prefixes.get(&env_prefix(script));
            other.map(|other| format!("its secrets would have the same names as those of worker {other:?}: rename one"))
        };
        let over = (names.len() >= limit).then(|| format!("the account may have {limit} workers, and has them"));
        let fault = taken.map(|text| (reason::NAME_TAKEN, text));
        let fault = fault.or(over.map(|text| (reason::QUOTA_EXCEEDED, text)));
        if fault.is_none() {
            names.insert(script);
            prefixes.insert(env_prefix(script), script);
        }
        choices.push(first(account, candidate, fault, refused));
    }
    for choice in &mut choices {
        if let Some(text) = choice
            .release
            .and_then(|release| refused.get(release.metadata.name.as_deref()?))
        {
            choice.withdraw((reason::COMPOSITION_FAILED, text.clone()));
        }
    }
    while withdraw_unbound(&mut choices) || withdraw_too_large(account, &mut choices) {}
    choices.sort_by_key(Choice::script);
    choices
}

/// What is asked for, or else what served.
fn first<'a>(account: &WorkerAccount, candidate: Candidate<'a>, taken: Option<Fault>, refused: &Refused) -> Choice<'a> {
    let mut choice = Choice {
        candidate,
        release: None,
        fault: taken,
        fallback: candidate.serving.filter(|served| {
            let is_refused = served
                .metadata
                .name
                .as_ref()
                .is_some_and(|name| refused.contains_key(name));
            // A worker that is renamed leaves its old name to others.
            let is_own = is_of(served, candidate.deployment);
            is_own && is_proved(served) && is_selected(account, served) && !is_refused
        }),
    };
    if choice.fault.is_some() {
        return choice;
    }
    match fault(account, &candidate) {
        None => choice.release = candidate.wanted,
        Some(fault) => choice.withdraw(fault),
    }
    choice
}

/// Why the release that is asked for cannot serve, apart from the other workers.
fn fault(account: &WorkerAccount, candidate: &Candidate<'_>) -> Option<Fault> {
    let Some(wanted) = candidate.wanted else {
        let asked = candidate.deployment.spec.release.as_deref().unwrap_or_default();
        let text = format!("spec.release: {asked:?} is no WorkerRelease of this worker: name one, or remove the field");
        return Some((reason::RELEASE_NOT_FOUND, text));
    };
    if !is_selected(account, wanted) {
        let text = "the account's workerReleaseSelector does not select it: label it, or change the selector";
        return Some((reason::NOT_SELECTED, text.to_owned()));
    }
    if let Some(text) = candidate.secret_fault {
        return Some((reason::SECRET_NOT_FOUND, text.to_owned()));
    }
    let proof = wanted.status.as_ref().and_then(|status| status.proof.as_ref());
    match proof {
        Some(proof) if proof.state == ProofState::Passed => None,
        Some(proof) => Some(refusal(proof)),
        None => Some((reason::BUILDING, "the release is being built and proved".to_owned())),
    }
}

/// What a proof that failed says.
pub(super) fn refusal(proof: &Proof) -> Fault {
    let message = proof.message.clone().unwrap_or_default();
    (known_reason(proof.reason.as_deref()), message)
}

/// Reasons are constants; one that a later version wrote is told in general.
fn known_reason(reason: Option<&str>) -> &'static str {
    let known = [
        reason::PROOF_TIMED_OUT,
        reason::PROOF_OUT_OF_MEMORY,
        reason::FETCH_FAILED,
        reason::BUILD_FAILED,
        reason::TOO_LARGE,
    ];
    let found = known.into_iter().find(|known| Some(*known) == reason);
    found.unwrap_or(reason::PROOF_FAILED)
}

/// Takes back each release that is bound to a worker which does not serve; whether there was one.
fn withdraw_unbound(choices: &mut [Choice<'_>]) -> bool {
    let serving: BTreeSet<String> = choices
        .iter()
        .filter(|choice| choice.release.is_some())
        .map(|choice| choice.script().to_owned())
        .collect();
    let mut withdrawn = false;
    for choice in choices {
        let Some(release) = choice.release else { continue };
        let bindings = &release.spec.template.bindings;
        let unbound = bindings.iter().find_map(|binding| {
            let target = &binding.service.as_ref()?.script_name;
            (!serving.contains(target)).then_some((&binding.name, target))
        });
        if let Some((name, target)) = unbound {
            let text = format!(
                "binding {name:?} refers to worker {target:?}, which the account does not have or which does not serve"
            );
            choice.withdraw((reason::PROOF_FAILED, text));
            withdrawn = true;
        }
    }
    withdrawn
}

/// Whether the runtime takes the release.
#[must_use]
pub fn is_proved(release: &WorkerRelease) -> bool {
    let proof = release.status.as_ref().and_then(|status| status.proof.as_ref());
    proof.is_some_and(|proof| proof.state == ProofState::Passed)
}

/// Whether the account's selector lets the release serve.
fn is_selected(account: &WorkerAccount, release: &WorkerRelease) -> bool {
    let Some(selector) = &account.spec.worker_release_selector else {
        return true;
    };
    let labels = release.metadata.labels.clone().unwrap_or_default();
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|expression| {
            let value = labels.get(&expression.key);
            let listed = value.is_some_and(|value| expression.values.iter().flatten().any(|item| item == value));
            match &*expression.operator {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// Who came first keeps what two want.
fn age(deployment: &WorkerDeployment) -> (i64, &str) {
    let created = deployment.metadata.creation_timestamp.as_ref();
    let created = created.map_or(i64::MAX, |time| time.0.as_second());
    (created, deployment.metadata.name.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
