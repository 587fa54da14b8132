//! Carrying out a plan: object by object in the order of the folder, each request within the budget. What one object
//! fails at does not keep the others.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use tracing::{info, warn};

use super::super::error::{LONGEST_BACKOFF, backoff};
use super::context::Context;
use super::kinds::State;
use crate::api::names::{annotation, reason};
use crate::api::resources::ResourceError;
use crate::clients::cluster::{Error, Failure, Kind};
use crate::dispatch::withheld;
use crate::resources::Object;
use crate::resources::native::{Known, Meeting, Outcome, Plan, Stamp, Step, meeting, taken_over};

/// First pause before a namespace in which something has failed is looked at again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// So many repairs of late are told.
const CONTESTED: u32 = 3;

/// What has come of a plan so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) outcome: Outcome,
    /// Look again after that, even if nothing changes.
    pub(super) retry: Option<Duration>,
    /// The namespace is being deleted.
    pub(super) terminating: bool,
}

/// A namespace whose plan is carried out.
pub(super) struct Acting<'a> {
    ctx: &'a Context,
    namespace: &'a str,
    stamp: Stamp<'a>,
    /// The API server does not answer: the rest has to wait.
    stopped: bool,
    pub(super) progress: Progress,
}

impl<'a> Acting<'a> {
    pub(super) fn new(ctx: &'a Context, namespace: &'a str, stamp: Stamp<'a>) -> Self {
        Self {
            ctx,
            namespace,
            stamp,
            stopped: false,
            progress: Progress::default(),
        }
    }

    /// Carries out everything that can be.
    pub(super) async fn carry_out(&mut self, plan: Plan<'_>) {
        self.progress.outcome.wanted = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
        for (object, step) in plan.steps {
            if !self.stopped {
                self.take(object, step).await;
            }
        }
        for known in plan.prune {
            if !self.stopped {
                self.prune(known).await;
            }
        }
    }

    async fn take(&mut self, object: &Object, step: Step<'_>) {
        let kind = match self.ctx.kinds.state(&object.group) {
            State::Listed(kind) => kind,
            // Its list has every namespace looked at again.
            State::Pending => return self.progress.outcome.is_early = true,
            State::Refused(why) => return self.fail(object, reason::KIND_UNUSABLE, &why),
        };
        match step {
            Step::Keep { news } => self.keep(object, news),
            // The watch tells of its end.
            Step::Wait => {}
            Step::Repair { found } => {
                if self.may_repair(object) {
                    info!(
                        namespace.name = self.namespace,
                        kind = object.group,
                        name = object.name,
                        "repairing"
                    );
                    self.ctx.repairs.repaired(self.namespace, (&object.group, &object.name));
                    self.apply(object, &kind, true, found).await;
                }
            }
            Step::Meet => {
                if self.may_repair(object) {
                    self.meet(object, &kind).await;
                }
            }
        }
    }

    fn keep(&mut self, object: &Object, news: Option<&Known>) {
        self.progress.outcome.applied += 1;
        if let Some(known) = news {
            self.ctx.index.settle(self.namespace, known, object.digest(&self.stamp));
        }
    }

    /// Others may have changed it often of late: then it has to wait.
    fn may_repair(&mut self, object: &Object) -> bool {
        let Some((pause, times)) = self.ctx.repairs.pause(self.namespace, (&object.group, &object.name)) else {
            return true;
        };
        self.come_back(pause);
        if times >= CONTESTED {
            let message = format!(
                "somebody else has changed or deleted it {times} times of late: see who with kubectl get --show-managed-fields -o yaml"
            );
            self.fail(object, reason::CONTESTED, &message);
        }
        false
    }

    async fn meet(&mut self, object: &Object, kind: &Kind) {
        self.ctx.pace.turn().await;
        let there = match self.ctx.cluster.metadata_of(kind, self.namespace, &object.name).await {
            Ok(there) => there,
            Err(error) => return self.failed(object, &error),
        };
        let (set, manager) = (self.stamp.set, &*self.ctx.manager);
        match meeting(there.as_ref(), (set, manager), self.ctx.options.adopt) {
            Meeting::Apply { force, found } => self.apply(object, kind, force, found).await,
            Meeting::Adopt => self.adopt(object, kind, &there.unwrap_or_default()).await,
            Meeting::Deleting => self.come_back(FIRST_PAUSE),
            Meeting::Metacontroller => {
                let message = format!(
                    "it has metacontroller's annotation {}: delete its DecoratorController, then pass --adopt-from-metacontroller",
                    annotation::DECORATOR_CONTROLLER
                );
                self.fail(object, reason::METACONTROLLER, &message);
            }
        }
    }

    /// Takes over what metacontroller has made, fields that are no longer wanted included.
    async fn adopt(&mut self, object: &Object, kind: &Kind, there: &ObjectMeta) {
        info!(
            namespace.name = self.namespace,
            kind = object.group,
            name = object.name,
            "taking over from metacontroller"
        );
        self.ctx.pace.turn().await;
        self.ctx.metrics.wrote("adopt");
        let fields = taken_over(there, &self.ctx.manager);
        match self.ctx.cluster.set_managed_fields(kind, there, &fields).await {
            Ok(()) => self.apply(object, kind, true, false).await,
            Err(error) => self.failed(object, &error),
        }
    }

    async fn apply(&mut self, object: &Object, kind: &Kind, force: bool, found: bool) {
        let ctx = self.ctx;
        ctx.pace.turn().await;
        let wanted = object.stamped(&self.stamp, found);
        let manager = (&*ctx.manager, force || object.force_conflicts);
        ctx.metrics.wrote("apply");
        match ctx
            .cluster
            .apply(kind, (self.namespace, &object.name), manager, &wanted)
            .await
        {
            Ok(metadata) => {
                let group: Arc<str> = object.group.as_str().into();
                ctx.index.applied(&group, &metadata, object.digest(&self.stamp));
                ctx.repairs.remade(self.namespace, (&object.group, &object.name));
                self.progress.outcome.applied += 1;
            }
            Err(error) => self.failed(object, &error),
        }
    }

    /// Removes what only we have put there; of what was there before only our fields.
    async fn prune(&mut self, known: &Known) {
        let State::Listed(kind) = self.ctx.kinds.state(&known.kind) else {
            return;
        };
        if let Err(error) = self.removed(known, &kind).await {
            warn!(namespace.name = self.namespace, kind = %known.kind, name = %known.name, %error,
                cause = withheld::text(&error.failure.to_string()), "cannot remove what is not wanted any more");
            let (reason, message) = self.reason(&error);
            self.error(
                &known.kind,
                &known.name,
                reason,
                &format!("cannot remove it: {message}"),
            );
        }
    }

    async fn removed(&self, known: &Known, kind: &Kind) -> Result<(), Error> {
        let (ctx, name) = (self.ctx, &*known.name);
        ctx.pace.turn().await;
        // What is removed is decided by what is stored now.
        let Some(stored) = ctx.cluster.metadata_of(kind, self.namespace, name).await? else {
            return Ok(());
        };
        let observed = ctx.index.observed(&stored);
        if !observed.is_ours(&self.stamp) || observed.deleting {
            return Ok(());
        }
        ctx.pace.turn().await;
        info!(namespace.name = self.namespace, kind = %known.kind, name, "removing what is not wanted any more");
        if !observed.found {
            ctx.metrics.wrote("delete");
            return ctx.cluster.delete_of(kind, &stored).await;
        }
        ctx.metrics.wrote("withdraw");
        let (kind_name, version) = known.kind.split_once('.').unwrap_or((&known.kind, ""));
        let nothing = json!({
            "apiVersion": version, "kind": kind_name, "metadata": {"name": name, "namespace": self.namespace},
        });
        let withdrawn = ctx
            .cluster
            .apply(kind, (self.namespace, name), (&ctx.manager, false), &nothing);
        withdrawn.await.map(|_| ())
    }

    fn failed(&mut self, object: &Object, error: &Error) {
        if matches!(error.failure, Failure::Terminating(_)) {
            self.progress.terminating = true;
            self.stopped = true;
            return;
        }
        let (reason, message) = self.reason(error);
        warn!(namespace.name = self.namespace, kind = object.group, name = object.name, %error, cause = message,
            "an object is not as it is wanted");
        self.fail(object, reason, &message);
    }

    /// In one word and in a sentence. An API server that does not answer is asked nothing more.
    fn reason(&mut self, error: &Error) -> (&'static str, String) {
        let message = withheld::text(&error.failure.to_string());
        match &error.failure {
            Failure::Conflict(_) | Failure::AlreadyExists(_) => {
                let remedy = "remove the field from the template, or take it over with the annotation";
                let message = format!("{message}: {remedy} {}: \"true\"", annotation::FORCE_CONFLICTS);
                (reason::CONFLICT, message)
            }
            Failure::Forbidden(_) | Failure::Terminating(_) => (reason::FORBIDDEN, message),
            Failure::Invalid(_) | Failure::NotFound(_) => (reason::INVALID, message),
            Failure::Unavailable { retry_after, .. } => {
                self.stopped = true;
                self.come_back(retry_after.unwrap_or_default());
                (reason::UNAVAILABLE, message)
            }
        }
    }

    fn fail(&mut self, object: &Object, reason: &str, message: &str) {
        self.error(&object.group, &object.name, reason, message);
    }

    fn error(&mut self, kind: &str, name: &str, reason: &str, message: &str) {
        self.progress.outcome.errors.push(ResourceError {
            namespace: self.namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            reason: reason.to_owned(),
            message: withheld::bounded(message.to_owned()),
        });
        self.come_back(backoff(FIRST_PAUSE, self.ctx.failures(self.namespace)));
    }

    /// The soonest of all counts.
    fn come_back(&mut self, pause: Duration) {
        let pause = pause.clamp(Duration::from_millis(250), LONGEST_BACKOFF);
        self.progress.retry = Some(self.progress.retry.map_or(pause, |sooner| sooner.min(pause)));
    }
}
