//! Carrying out a plan: object by object in the order of the folder, each request within the budget. What one object
//! fails at does not keep the others.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tracing::info;

use super::context::Context;
use super::kinds::State;
use super::progress::{LONGEST_WAIT, Progress};
use crate::api::names::{annotation, reason};
use crate::clients::cluster::Kind;
use crate::resources::native::{Known, Meeting, Plan, Stamp, Step, meeting, taken_over, was_there};
use crate::resources::{Object, Set};

/// So many repairs of late are told.
const CONTESTED: u32 = 3;

/// A namespace whose plan is carried out.
pub(super) struct Acting<'a> {
    pub(super) ctx: &'a Context,
    pub(super) namespace: &'a str,
    /// The namespace's version for which the plan was made, and the set.
    pub(super) made_for: (Option<&'a str>, &'a Arc<Set>),
    /// There can hardly be anything in it: what is found is noticed after the fact.
    pub(super) is_newborn: bool,
    pub(super) stamp: Stamp<'a>,
    pub(super) progress: Progress,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy)]
struct Manner<'a> {
    /// Take fields from other field managers.
    force: bool,
    /// The object was there before we first applied it.
    found: bool,
    /// It has to be this object still.
    uid: Option<&'a str>,
}

impl Manner<'_> {
    /// What is ours altogether is taken back; of what was found only what nobody else wants otherwise.
    const fn again(found: bool) -> Self {
        Self {
            force: !found,
            found,
            uid: None,
        }
    }
}

impl Acting<'_> {
    /// Carries out everything that can be.
    pub(super) async fn carry_out(&mut self, plan: Plan<'_>) {
        self.progress.outcome.wanted = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
        for (object, step) in plan.steps {
            if self.may_go_on(&object.group) {
                self.take(object, step).await;
            }
        }
        for known in plan.prune {
            if self.may_go_on(&known.kind) && !self.is_outdated() {
                self.prune(known).await;
            }
        }
    }

    fn may_go_on(&self, kind: &str) -> bool {
        !self.progress.is_out(kind) && !self.ctx.stop.is_cancelled()
    }

    async fn take(&mut self, object: &Object, step: Step<'_>) {
        let kind = match self.ctx.kinds.state(&object.group) {
            State::Listed(kind) => kind,
            // The end of the last list has every namespace looked at again; one that hangs must not keep all waiting.
            State::Pending => {
                self.progress.outcome.is_early = true;
                return self.progress.come_back(LONGEST_WAIT);
            }
            State::Refused(why) => return self.fail(object, reason::KIND_UNUSABLE, &why),
        };
        match step {
            Step::Keep { news } => self.keep(object, news),
            // The watch tells of its end.
            Step::Wait => {}
            Step::Twice => self.fail(
                object,
                reason::INVALID,
                "another template makes the same object in another version: keep one of them",
            ),
            Step::Update { found } => drop(self.apply(object, &kind, Manner::again(found)).await),
            Step::Repair { found } => self.repair(object, &kind, found).await,
            Step::Meet => self.meet(object, &kind).await,
        }
    }

    fn keep(&mut self, object: &Object, news: Option<&Known>) {
        self.progress.outcome.applied += 1;
        if let Some(known) = news {
            let digest = object.digest(&self.stamp);
            self.ctx.index.settle(self.namespace, known, digest);
        }
    }

    async fn repair(&mut self, object: &Object, kind: &Kind, found: bool) {
        if !self.may_repair(object) {
            return;
        }
        let (kind_name, name) = (&object.group, &object.name);
        info!(
            namespace.name = self.namespace,
            kind = kind_name,
            name,
            "changed by others: applying it again"
        );
        if self.apply(object, kind, Manner::again(found)).await.is_some() {
            self.ctx.repairs.repaired(self.namespace, (kind_name, name));
        }
    }

    /// Others may have changed it often of late: then it has to wait.
    fn may_repair(&mut self, object: &Object) -> bool {
        let Some((pause, times)) = self.ctx.repairs.pause(self.namespace, (&object.group, &object.name)) else {
            return true;
        };
        self.progress.come_back(pause);
        if times >= CONTESTED {
            let message = format!(
                "changed or deleted by others {times} times of late, so it is repaired later and later: see who with kubectl get --show-managed-fields -o yaml"
            );
            self.fail(object, reason::CONTESTED, &message);
        }
        false
    }

    async fn meet(&mut self, object: &Object, kind: &Kind) {
        if !self.may_repair(object) {
            return;
        }
        // An apply that takes fields from others would hide whose they were.
        if self.is_newborn && !object.force_conflicts {
            return self.make(object, kind).await;
        }
        self.ctx.pace.turn().await;
        let there = match self.ctx.cluster.metadata_of(kind, self.namespace, &object.name).await {
            Ok(Some(there)) => there,
            Ok(None) => return self.make(object, kind).await,
            Err(error) => return self.failed(object, &error),
        };
        let us = (self.stamp.set, &*self.ctx.manager);
        match meeting(&there, us, self.ctx.options.adopt) {
            Meeting::Apply { force, found } => {
                // What was found may be gone by now: then it is not made, and not taken for somebody else's later.
                let uid = there.uid.as_deref().filter(|_| found);
                self.apply(object, kind, Manner { force, found, uid }).await;
            }
            Meeting::Adopt => self.adopt(object, kind, &there).await,
            Meeting::Deleting => {
                let message = "an object of that name is being deleted: this one is made when that is over";
                self.fail(object, reason::DELETING, message);
                self.progress.come_back(LONGEST_WAIT);
            }
            Meeting::Metacontroller => self.fail(object, reason::METACONTROLLER, &kept_by_metacontroller()),
        }
    }

    /// Makes an object that is not there, without taking a field from others; if it was there after all, that is noted.
    async fn make(&mut self, object: &Object, kind: &Kind) {
        let manner = Manner {
            force: false,
            found: false,
            uid: None,
        };
        let Some(applied) = self.apply(object, kind, manner).await else {
            return;
        };
        self.ctx.repairs.remade(self.namespace, (&object.group, &object.name));
        if was_there(&applied, &self.ctx.manager) {
            // Should the second apply fail, the next one knows.
            self.ctx.index.set_found(&object.group, &applied);
            let found = Manner {
                found: true,
                uid: applied.uid.as_deref(),
                ..manner
            };
            self.progress.outcome.applied -= 1;
            self.apply(object, kind, found).await;
        }
    }

    /// Takes over what metacontroller has made, fields that are no longer wanted included.
    async fn adopt(&mut self, object: &Object, kind: &Kind, there: &ObjectMeta) {
        let (kind_name, name) = (&object.group, &object.name);
        info!(
            namespace.name = self.namespace,
            kind = kind_name,
            name,
            "taking over from metacontroller"
        );
        self.ctx.pace.turn().await;
        self.ctx.metrics.wrote("adopt");
        let fields = taken_over(there, &self.ctx.manager);
        match self.ctx.cluster.set_managed_fields(kind, there, &fields).await {
            Ok(()) => drop(self.apply(object, kind, Manner::again(false)).await),
            Err(error) => self.failed(object, &error),
        }
    }

    async fn apply(&mut self, object: &Object, kind: &Kind, manner: Manner<'_>) -> Option<ObjectMeta> {
        let ctx = self.ctx;
        ctx.pace.turn().await;
        let mut wanted = object.stamped(&self.stamp, manner.found);
        if let Some(uid) = manner.uid {
            wanted["metadata"]["uid"] = uid.into();
        }
        let manager = (&*ctx.manager, manner.force || object.force_conflicts);
        ctx.metrics.wrote("apply");
        match ctx
            .cluster
            .apply(kind, (self.namespace, &object.name), manager, &wanted)
            .await
        {
            Ok(metadata) => {
                ctx.index.applied(&object.group, &metadata, object.digest(&self.stamp));
                self.progress.outcome.applied += 1;
                Some(metadata)
            }
            Err(error) => {
                self.failed(object, &error);
                None
            }
        }
    }
}

fn kept_by_metacontroller() -> String {
    format!(
        "it has metacontroller's annotation {}: take the DecoratorController off as manifests/native/kustomization.yaml says, then pass --adopt-from-metacontroller",
        annotation::DECORATOR_CONTROLLER
    )
}
