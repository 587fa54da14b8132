//! WorkerAccounts.

use super::super::composition::bundle_name;
use super::super::day::Day;
use super::super::view::View;
use super::{Context, bundle, names};
use crate::api::names::label;
use crate::api::review::{Cause, Verdict};
use crate::api::workers::{Delivery, ImagePush, Isolation, WorkerAccount, WorkerAccountSpec};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

/// Judges a WorkerAccount.
pub(super) fn judge(object: &View, context: &Context<'_>, verdict: &mut Verdict) -> Result<(), serde_json::Error> {
    let spec: WorkerAccountSpec = object.decoded()?;
    named(&spec, context, verdict);
    delivery(&spec, verdict);
    runtime(&spec, verdict);
    front(&spec, verdict);
    storage(&spec, verdict);
    quota(&spec, context, verdict);
    if spec.resources.is_some() && spec.isolation == Isolation::Account {
        verdict.warnings.push(
            "spec.resources: all workers of the account share one process, so that none can be held to a part of it; \
             with isolation Worker each has a container of its own"
                .into(),
        );
    }
    Ok(())
}

fn named(spec: &WorkerAccountSpec, context: &Context<'_>, verdict: &mut Verdict) {
    if context.name.is_empty() {
        return;
    }
    if !names::is_label(context.name) {
        let message = format!(
            "{:?} is a part of host names and the value of a label: say up to 63 lower-case letters, digits and '-'",
            context.name
        );
        return verdict.causes.push(Cause::invalid("metadata.name", message));
    }
    let own = spec.worker_bundle_name.as_deref();
    let field = if own.is_some() {
        "spec.workerBundleName"
    } else {
        "metadata.name"
    };
    let name = bundle_name(&WorkerAccount::new(context.name, spec.clone()));
    verdict.causes.extend(bundle::name(field, &name));
    let accounts = context.known.accounts(context.namespace).unwrap_or_default();
    let other = accounts.iter().find(|other| is_other_of(other, &name, context.name));
    verdict.causes.extend(other.map(|other| {
        let message = format!(
            "{name:?} is the bundle of WorkerAccount {:?}: take another workerBundleName",
            other.metadata.name.as_deref().unwrap_or_default()
        );
        Cause::invalid(field, message)
    }));
}

fn is_other_of(other: &WorkerAccount, bundle: &str, account: &str) -> bool {
    let name = other.metadata.name.as_deref().unwrap_or_default();
    name != account && bundle_name(other) == bundle
}

fn delivery(spec: &WorkerAccountSpec, verdict: &mut Verdict) {
    match (&spec.delivery, &spec.image) {
        (Delivery::Image, None) => {
            let message = "delivery Image needs to know where images go: say HOST/PATH";
            verdict.causes.push(Cause::required("spec.image.repository", message));
        }
        (Delivery::ConfigMap, Some(_)) => {
            verdict
                .warnings
                .push("spec.image: nothing is pushed there with delivery ConfigMap".into());
        }
        (Delivery::Image, Some(_)) | (Delivery::ConfigMap, None) => {}
    }
    verdict.causes.extend(spec.image.as_ref().and_then(repository));
}

fn repository(image: &ImagePush) -> Option<Cause> {
    const FIELD: &str = "spec.image.repository";
    let (host, path) = image.repository.split_once('/').unwrap_or(("", ""));
    let is_host = host == "localhost" || host.contains(['.', ':']);
    let is_part = |part: &str| {
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        part.starts_with(is_letter) && part.chars().all(|letter| is_letter(letter) || "._-".contains(letter))
    };
    let fault = if image.repository.contains("://") {
        "has a scheme"
    } else if path.contains([':', '@']) {
        "has a tag or a digest, which each release gets of its own"
    } else if !is_host {
        "does not begin with the host of a registry"
    } else if !path.split('/').all(is_part) {
        "has a path with more than lower-case letters, digits, '.', '_' and '-' in it"
    } else {
        return None;
    };
    let message = format!(
        "{:?} {fault}: say HOST/PATH, for example \"registry.example.com/workers\"",
        image.repository
    );
    Some(Cause::invalid(FIELD, message))
}

fn runtime(spec: &WorkerAccountSpec, verdict: &mut Verdict) {
    let Some(runtime) = &spec.runtime else { return };
    let version = runtime.version.as_deref().filter(|version| Day::iso(version).is_none());
    verdict.causes.extend(version.map(|version| {
        let message = format!("{version:?} is no day: say what `workerd --version` prints, as YYYY-MM-DD");
        Cause::invalid("spec.runtime.version", message)
    }));
    if runtime
        .image
        .as_deref()
        .is_some_and(|image| image.contains(char::is_whitespace))
    {
        verdict
            .causes
            .push(Cause::invalid("spec.runtime.image", "no image has a space in its name"));
    }
    let policy = runtime
        .image_pull_policy
        .as_deref()
        .filter(|policy| !PULL_POLICIES.contains(policy));
    verdict.causes.extend(policy.map(|policy| {
        let message = format!("{policy:?}: say one of {}", PULL_POLICIES.join(", "));
        Cause::invalid("spec.runtime.imagePullPolicy", message)
    }));
    if runtime.image.is_some() && runtime.version.is_none() {
        verdict.warnings.push(
            "spec.runtime.version: without it nothing tells which compatibility dates this image takes before the proof"
                .into(),
        );
    }
}

/// What leads to the workers.
fn front(spec: &WorkerAccountSpec, verdict: &mut Verdict) {
    if let Some(domain) = spec.domain.as_deref().filter(|domain| !names::is_domain(domain)) {
        let message = format!(
            "{domain:?} is no domain of lower-case letters, digits, '-' and dots: say one that you have, for example \"workers.example.com\""
        );
        verdict.causes.push(Cause::invalid("spec.domain", message));
    }
    let ingress = [
        ("ingressClassName", spec.ingress_class_name.is_some()),
        ("ingressTlsSecret", spec.ingress_tls_secret.is_some()),
    ];
    let said: Vec<_> = ingress
        .iter()
        .filter(|(_, is_said)| *is_said)
        .map(|(name, _)| *name)
        .collect();
    if let (Some(_), Some(name)) = (&spec.gateway, said.first()) {
        let message =
            format!("routes attach to a Gateway or an Ingress leads there: leave one of `gateway` and `{name}` out");
        verdict.causes.push(Cause::invalid("spec.gateway", message));
    }
}

fn storage(spec: &WorkerAccountSpec, verdict: &mut Verdict) {
    const FIELD: &str = "spec.storage.endpoint";
    let Some(storage) = &spec.storage else { return };
    let endpoint = &storage.endpoint;
    let rest = endpoint
        .strip_prefix("https://")
        .or_else(|| endpoint.strip_prefix("http://"));
    let is_endpoint = rest.is_some_and(|rest| {
        let host = rest.strip_suffix('/').unwrap_or(rest);
        !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])
    });
    if !is_endpoint {
        let message =
            "is no place of an S3 server: say https://HOST or https://HOST:PORT, without a path or credentials";
        verdict.causes.push(Cause::invalid(FIELD, message));
    } else if endpoint.starts_with("http://") {
        verdict.warnings.push(format!(
            "{FIELD}: what http:// brings may be changed on its way: say https://"
        ));
    }
}

fn quota(spec: &WorkerAccountSpec, context: &Context<'_>, verdict: &mut Verdict) {
    let Some(quota) = spec.quota.as_ref().and_then(|quota| quota.workers) else {
        return;
    };
    let deployments = context.known.deployments(context.namespace).unwrap_or_default();
    let own = deployments.iter().filter(|deployment| {
        let labels = deployment.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(label::ACCOUNTS))
            .map(String::as_str)
            == Some(context.name)
    });
    let count = own.count();
    if usize::try_from(quota).is_ok_and(|quota| count > quota) {
        verdict.warnings.push(format!(
            "spec.quota.workers: the account has {count} workers already; those that serve go on, the last ones get no new \
             release"
        ));
    }
}
