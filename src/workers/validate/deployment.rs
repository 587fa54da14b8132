//! WorkerDeployments, each with the others of its namespace.

use std::sync::Arc;

use serde_json::Value;

use super::super::composition;
use super::super::prefix::env_prefix;
use super::super::secrets::{is_reserved, reserved};
use super::super::view::View;
use super::template::{self, Draft};
use super::{Context, routes};
use crate::api::names::label;
use crate::api::review::{Cause, Verdict};
use crate::api::workers::{WorkerAccount, WorkerDeployment};

/// Another WorkerDeployment, with its account.
struct Neighbour {
    deployment: Arc<WorkerDeployment>,
    account: String,
    /// What leads to it, the host that its account gives it included.
    routes: Vec<String>,
}

/// Judges a WorkerDeployment.
pub(super) fn judge(object: &View, context: &Context<'_>, verdict: &mut Verdict) -> Result<(), serde_json::Error> {
    let raw = object.spec.get("template").unwrap_or(&Value::Null);
    let draft = Draft::of("spec.template", raw, context.is_old)?;
    let accounts = context.known.accounts(context.namespace);
    let account = object.account().and_then(|name| named(accounts.as_deref(), name));
    label(object.account(), accounts.as_deref(), context, verdict);
    template::judge(&draft, account, context, verdict);
    let neighbours = neighbours(context, accounts.as_deref());
    let (same, others): (Vec<_>, Vec<_>) = neighbours
        .iter()
        .partition(|other| Some(&*other.account) == object.account());
    for other in &same {
        clash(&draft, &other.deployment, verdict);
    }
    claims(&draft, &same, &others, verdict);
    secrets(&draft, accounts.as_deref().unwrap_or_default(), verdict);
    services(&draft, &same, verdict);
    quota(account, same.len(), verdict);
    release(object, &draft, context, verdict);
    limit(object, verdict);
    Ok(())
}

/// The account of that name.
fn named<'a>(accounts: Option<&'a [Arc<WorkerAccount>]>, name: &str) -> Option<&'a WorkerAccount> {
    let mut accounts = accounts?.iter();
    accounts
        .find(|account| account.metadata.name.as_deref() == Some(name))
        .map(|account| &**account)
}

fn label(account: Option<&str>, accounts: Option<&[Arc<WorkerAccount>]>, context: &Context<'_>, verdict: &mut Verdict) {
    const FIELD: &str = "metadata.labels[accounts]";
    let names = accounts.map(|accounts| accounts.iter().filter_map(|account| account.metadata.name.as_deref()));
    let Some(account) = account else {
        let names: Vec<_> = names.into_iter().flatten().take(10).collect();
        let there = if names.is_empty() {
            String::new()
        } else {
            format!(": there is {}", names.join(", "))
        };
        let message = format!("says which WorkerAccount of the namespace the worker belongs to, and is missing{there}");
        return verdict.causes.push(Cause::required(FIELD, message));
    };
    if names.is_some_and(|mut names| !names.any(|name| name == account)) {
        verdict.warnings.push(format!(
            "{FIELD}: there is no WorkerAccount \"{account}\" in namespace \"{}\" yet; the worker serves once there is",
            context.namespace
        ));
    }
}

/// The other WorkerDeployments of the namespace that have an account and are not on their way out.
fn neighbours(context: &Context<'_>, accounts: Option<&[Arc<WorkerAccount>]>) -> Vec<Neighbour> {
    let all = context
        .known
        .deployments(context.namespace)
        .unwrap_or_default()
        .into_iter();
    let others = all.filter(|other| {
        other.metadata.name.as_deref() != Some(context.name) && other.metadata.deletion_timestamp.is_none()
    });
    let neighbours = others.filter_map(|deployment| {
        let account = deployment.metadata.labels.as_ref()?.get(label::ACCOUNTS)?.clone();
        Some(Neighbour {
            routes: composition::routes(&deployment.spec.template, named(accounts, &account)),
            deployment,
            account,
        })
    });
    neighbours.collect()
}

fn clash(draft: &Draft, other: &WorkerDeployment, verdict: &mut Verdict) {
    let (name, others) = (&draft.template.script_name, &other.spec.template.script_name);
    let (field, owner) = (
        draft.field("scriptName"),
        other.metadata.name.as_deref().unwrap_or_default(),
    );
    let (prefix, other_prefix) = (env_prefix(name), env_prefix(others));
    if name == others {
        let message = format!("{name:?} is the worker of WorkerDeployment {owner:?}: take another name");
        verdict.causes.push(Cause::invalid(field, message));
    } else if prefix == other_prefix {
        let message = format!(
            "secrets of {name:?} would be called {prefix}…, as those of {others:?} of WorkerDeployment {owner:?} are: \
             take another name"
        );
        verdict.causes.push(Cause::invalid(field, message));
    } else if prefix.starts_with(&other_prefix) || other_prefix.starts_with(&prefix) {
        let (short, long) = if prefix.len() < other_prefix.len() {
            (name, others)
        } else {
            (others, name)
        };
        let key = env_prefix(long).split_off(env_prefix(short).len());
        verdict.warnings.push(format!(
            "{field}: a key {key}X in the Secret of {short:?} and a key X in that of {long:?} would be one variable: no \
             key of {short:?} should begin with {key}"
        ));
    }
}

/// A path of a host belongs to one worker, and a host to one account.
fn claims(draft: &Draft, same: &[&Neighbour], others: &[&Neighbour], verdict: &mut Verdict) {
    for (index, route) in draft.template.routes.iter().enumerate() {
        let claimed = |neighbour: &&Neighbour, is_same: bool| {
            let mut theirs = neighbour.routes.iter();
            theirs.any(|other| {
                if is_same {
                    routes::meaning(other) == routes::meaning(route)
                } else {
                    routes::host(other) == routes::host(route)
                }
            })
        };
        let same = same.iter().find(|other| claimed(other, true));
        let claimant = same.or_else(|| others.iter().find(|other| claimed(other, false)));
        verdict.causes.extend(claimant.map(|claimant| {
            let owner = claimant.deployment.metadata.name.as_deref().unwrap_or_default();
            let message = format!(
                "{route:?}: WorkerDeployment {owner:?} of account {:?} has it: a path of a host leads to one worker, and \
                 a host to workers of one account",
                claimant.account
            );
            Cause::invalid(format!("{}[{index}]", draft.field("routes")), message)
        }));
    }
}

/// What accounts work with is none of their workers' business.
fn secrets(draft: &Draft, accounts: &[Arc<WorkerAccount>], verdict: &mut Verdict) {
    let template = &draft.template;
    let whole = template.secret_ref.iter().map(|name| (draft.field("secretRef"), name));
    let bindings = template.bindings.iter().enumerate();
    let single = bindings.filter_map(|(index, binding)| {
        let name = binding.secret.as_ref()?.name.as_ref()?;
        Some((format!("{}[{index}].secret.name", draft.field("bindings")), name))
    });
    for (field, name) in whole.chain(single) {
        if is_reserved(accounts.iter().map(|account| &**account), name) {
            verdict.causes.push(Cause::invalid(field, reserved(name)));
        }
    }
}

/// A service may be deployed later.
fn services(draft: &Draft, same: &[&Neighbour], verdict: &mut Verdict) {
    for (index, binding) in draft.template.bindings.iter().enumerate() {
        let Some(service) = &binding.service else { continue };
        let target = &service.script_name;
        let is_there = *target == draft.template.script_name
            || same
                .iter()
                .any(|other| other.deployment.spec.template.script_name == *target);
        if !is_there {
            let field = format!("{}[{index}].service.scriptName", draft.field("bindings"));
            verdict.warnings.push(format!(
                "{field}: the account has no worker \"{target}\" yet; this one serves once there is"
            ));
        }
    }
}

fn quota(account: Option<&WorkerAccount>, others: usize, verdict: &mut Verdict) {
    let quota = account.and_then(|account| account.spec.quota.as_ref()?.workers);
    let Some(quota) = quota.filter(|quota| usize::try_from(*quota).is_ok_and(|quota| others >= quota)) else {
        return;
    };
    let message = format!(
        "the quota of the account is {quota} workers, and it has {others} already: delete one, or have the quota raised"
    );
    verdict
        .causes
        .push(Cause::invalid("metadata.labels[accounts]", message));
}

/// A release that the worker is to go back to.
fn release(object: &View, draft: &Draft, context: &Context<'_>, verdict: &mut Verdict) {
    const FIELD: &str = "spec.release";
    let (Some(wanted), false) = (object.spec["release"].as_str(), context.is_old) else {
        return;
    };
    let Some(releases) = context.known.releases(context.namespace) else {
        return;
    };
    let found = releases
        .iter()
        .find(|release| release.metadata.name.as_deref() == Some(wanted));
    let Some(found) = found else {
        let namespace = context.namespace;
        return verdict.warnings.push(format!(
            "{FIELD}: there is no WorkerRelease \"{wanted}\" in namespace \"{namespace}\" yet; what serves goes on"
        ));
    };
    let (worker, own) = (&found.spec.template.script_name, &draft.template.script_name);
    if worker != own {
        let message = format!("{wanted:?} is a release of {worker:?}, and this is {own:?}: name one of its own");
        verdict.causes.push(Cause::invalid(FIELD, message));
    }
}

/// Upstream's sample has it where its type has not.
fn limit(object: &View, verdict: &mut Verdict) {
    if object.spec["template"]["releaseHistoryLimit"].is_number() && object.spec["releaseHistoryLimit"].is_number() {
        verdict.warnings.push(
            "spec.template.releaseHistoryLimit: spec.releaseHistoryLimit counts, which stands beside the template"
                .into(),
        );
    }
}
