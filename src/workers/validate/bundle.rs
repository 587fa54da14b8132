//! WorkerBundles: those that an account made, which nobody else changes, and those without owner, which run as they are.

use std::collections::BTreeSet;

use super::super::port;
use super::super::prefix::env_prefix;
use super::super::view::View;
use super::{Context, names};
use crate::api::review::{Cause, Verdict};
use crate::api::workers::{BundleWorker, Isolation, WorkerBundleSpec};

/// Characters of a name that others are made of.
pub(super) const NAME: usize = 53;
/// The kind of what makes bundles.
const ACCOUNT: &str = "WorkerAccount";

/// Judges a WorkerBundle.
pub(super) fn judge(object: &View, context: &Context<'_>, verdict: &mut Verdict) -> Result<(), serde_json::Error> {
    let spec: WorkerBundleSpec = object.decoded()?;
    if !context.name.is_empty() {
        verdict.causes.extend(name("metadata.name", context.name));
    }
    let deployment = spec.deployment_name.as_deref().filter(|name| !names::is_label(name));
    verdict.causes.extend(deployment.map(|name| {
        let message = format!("{name:?}: say up to 63 lower-case letters, digits and '-'");
        Cause::invalid("spec.deploymentName", message)
    }));
    // What an account makes is whole when it can be.
    if spec.pod_template.image.is_none() && !object.is_controlled_by(ACCOUNT) {
        let message = "says which image the pods run, and is missing";
        verdict.causes.push(Cause::required("spec.podTemplate.image", message));
    }
    workers(&spec, verdict);
    if let (Some(_), true) = (&spec.gateway, spec.ingress_class_name.is_some()) {
        let message =
            "routes attach to a Gateway or an Ingress leads there: leave one of `gateway` and `ingressClassName` out";
        verdict.causes.push(Cause::invalid("spec.gateway", message));
    }
    Ok(())
}

/// Refuses a name that no Service or that no name made of it could have.
pub(super) fn name(field: &str, name: &str) -> Option<Cause> {
    if name.len() > NAME {
        let message = format!(
            "{name:?} has {} characters, and names are made of it: take {NAME} at most",
            name.len()
        );
        return Some(Cause::too_long(field, message));
    }
    let is_name = names::is_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase());
    let message = format!("{name:?} is the name of a Service too: lower-case letters, digits and '-', a letter first");
    (!is_name).then(|| Cause::invalid(field, message))
}

fn workers(spec: &WorkerBundleSpec, verdict: &mut Verdict) {
    let (mut names, mut ports, mut prefixes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let health: BTreeSet<_> = spec
        .workers
        .iter()
        .map(|worker| port::health(spec.isolation, worker.worker_number))
        .collect();
    for (index, worker) in spec.workers.iter().enumerate() {
        let field = |name: &str| format!("spec.workers[{index}].{name}");
        let number = worker.worker_number;
        verdict
            .causes
            .extend(names::script(&field("workerName"), &worker.worker_name));
        let taken = [
            (
                "workerName",
                !names.insert(&worker.worker_name),
                format!("{:?}", worker.worker_name),
            ),
            ("workerNumber", !ports.insert(number), format!("port {number}")),
            (
                "envPrefix",
                !prefixes.insert(prefix(worker)),
                format!("{:?}", prefix(worker)),
            ),
        ];
        for (name, _, value) in taken.into_iter().filter(|(_, is_taken, _)| *is_taken) {
            let message = format!("{value} is another worker's: each has one of its own");
            verdict.causes.push(Cause::invalid(field(name), message));
        }
        let most = match spec.isolation {
            Isolation::Account => 65535,
            Isolation::Worker => 55535,
        };
        if !(1024..=most).contains(&number) {
            let message = format!("{number} is no port from 1024 to {most}");
            verdict.causes.push(Cause::invalid(field("workerNumber"), message));
        } else if health.contains(&number) {
            let message = format!("the process answers probes at port {number}: take another one");
            verdict.causes.push(Cause::invalid(field("workerNumber"), message));
        }
    }
}

fn prefix(worker: &BundleWorker) -> String {
    let own = worker.env_prefix.clone();
    own.unwrap_or_else(|| env_prefix(&worker.worker_name))
}

/// Refuses a change by hand of what an account keeps as it wants it.
pub(super) fn changed((old, new): (&View, &View), user: &str, own_user: Option<&str>, verdict: &mut Verdict) {
    let is_owned = [old, new].iter().any(|view| view.is_controlled_by(ACCOUNT));
    if !is_owned || old.spec == new.spec {
        return;
    }
    let message = "a WorkerAccount made this bundle and puts back what others change of it: change the account or its \
                   WorkerDeployments, or write a bundle without owner";
    match own_user {
        Some(own) if own == user => {}
        Some(_) => verdict.causes.push(Cause::invalid("spec", message)),
        None => verdict.warnings.push(format!("spec: {message}")),
    }
}
