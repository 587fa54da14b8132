//! One namespace: what it shall have, what it has, and what is done about the difference.

use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::controller::Action;

use super::super::error::{Error, guarded};
use super::act::Acting;
use super::context::{Context, NamespaceMeta};
use super::progress::Progress;
use crate::api::names::reason;
use crate::api::resources::ResourceError;
use crate::resources::native::{Outcome, Stamp, plan};
use crate::resources::{self, Desired, Related, Set};
use crate::template::folder::Pairs;

/// Brings one namespace to what the folder wants of it. Harmless to repeat.
pub(super) async fn reconcile(namespace: Arc<NamespaceMeta>, ctx: Arc<Context>) -> Result<Action, Error> {
    guarded(step(&namespace, &ctx)).await
}

/// When a namespace whose reconcile failed is tried again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands it in like this")]
pub(super) fn error_policy(namespace: Arc<NamespaceMeta>, error: &Error, ctx: Arc<Context>) -> Action {
    let name = namespace.name_any();
    let failures = ctx.failures(&name);
    ctx.set_failed(&name, true);
    Action::requeue(error.retry(failures))
}

async fn step(namespace: &NamespaceMeta, ctx: &Context) -> Result<Action, Error> {
    let name = namespace.name_any();
    // What is in it goes with it, and nothing may be added.
    if namespace.metadata.deletion_timestamp.is_some() {
        ctx.forget(&name);
        return Ok(Action::await_change());
    }
    // Without a set nothing is known to be unwanted. The first one has every namespace looked at.
    let Some(set) = ctx.current.set() else {
        return Ok(Action::await_change());
    };
    // Nor is anything known before what the templates refer to is.
    let Some(related) = ctx.related.of(set.references()) else {
        return Ok(Action::await_change());
    };
    let wanted = is_wanted(namespace, ctx);
    let desired = match wanted.then(|| desired(namespace, &set, related)).transpose() {
        Ok(desired) => desired.unwrap_or_default(),
        Err(fault) => {
            ctx.report.note(&name, unrendered(&name, &fault));
            return Ok(Action::await_change());
        }
    };
    let uid = namespace.metadata.uid.clone().unwrap_or_default();
    let stamp = Stamp {
        set: &ctx.options.set,
        namespace_uid: &uid,
    };
    let known = ctx.index.of(&name);
    let plan = plan(&desired.objects, &known, &stamp);
    let mut acting = Acting {
        ctx,
        namespace: &name,
        made_for: (namespace.metadata.resource_version.as_deref(), &set),
        is_newborn: ctx.is_newborn(namespace),
        stamp,
        progress: Progress::default(),
    };
    acting.carry_out(plan).await;
    ctx.repairs.retain(&name, |kind, object| {
        desired
            .objects
            .iter()
            .any(|wanted| wanted.group == kind && wanted.name == object)
    });
    Ok(conclude(ctx, &name, wanted, acting.progress))
}

fn is_wanted(namespace: &NamespaceMeta, ctx: &Context) -> bool {
    let labels = namespace.metadata.labels.as_ref();
    ctx.rules.want(|name| labels?.get(name).map(String::as_str))
}

fn desired(namespace: &NamespaceMeta, set: &Set, related: Arc<Related>) -> Result<Desired, resources::Error> {
    let pairs = |pairs: &Option<Pairs>| pairs.clone().unwrap_or_default();
    set.desired(&resources::Namespace {
        name: namespace.name_any(),
        labels: pairs(&namespace.metadata.labels),
        annotations: pairs(&namespace.metadata.annotations),
        related,
    })
}

/// The folder says nothing of this namespace: what is there stays.
fn unrendered(namespace: &str, error: &resources::Error) -> Outcome {
    let message = format!("{error}: what the namespace has stays as it is");
    tracing::warn!(namespace.name = namespace, %error, "the folder cannot be rendered");
    Outcome {
        errors: vec![ResourceError {
            namespace: namespace.to_owned(),
            reason: reason::RENDER_ERROR.to_owned(),
            message,
            ..ResourceError::default()
        }],
        ..Outcome::default()
    }
}

/// Tells what became of it, and when to come again.
fn conclude(ctx: &Context, name: &str, wanted: bool, progress: Progress) -> Action {
    let Progress {
        outcome,
        retry,
        terminating,
        ..
    } = progress;
    if terminating || (!wanted && outcome.errors.is_empty()) {
        ctx.forget(name);
        return retry.map_or_else(Action::await_change, Action::requeue);
    }
    ctx.set_failed(name, !outcome.errors.is_empty());
    ctx.report.note(name, outcome);
    retry.map_or_else(Action::await_change, Action::requeue)
}
