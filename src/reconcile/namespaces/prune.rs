//! Removing what is not wanted any more: decided anew from what is stored, and only what we have applied.

use std::sync::Arc;

use serde_json::json;
use tracing::info;

use super::act::Acting;
use super::kinds::State;
use crate::clients::cluster::{Error, Kind};
use crate::resources::native::Known;

impl Acting<'_> {
    /// Another set is in force, or the namespace is not as it was: its next turn has come, and decides anew what goes.
    pub(super) fn is_outdated(&self) -> bool {
        let (version, set) = self.made_for;
        let is_same_set = self.ctx.current.set().is_some_and(|current| Arc::ptr_eq(&current, set));
        !is_same_set || self.ctx.version_of(self.namespace).as_deref() != version
    }

    /// Removes what only we have put there; of what was there before only our fields.
    pub(super) async fn prune(&mut self, known: &Known) {
        let State::Listed(kind) = self.ctx.kinds.state(&known.kind) else {
            return;
        };
        if let Err(error) = self.removed(known, &kind).await {
            self.not_removed(known, &error);
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
        if self.is_outdated() {
            return Ok(());
        }
        info!(namespace.name = self.namespace, kind = %known.kind, name, "removing what is not wanted any more");
        if !observed.found {
            ctx.metrics.wrote("delete");
            return ctx.cluster.delete_of(kind, &stored).await;
        }
        ctx.metrics.wrote("withdraw");
        let (kind_name, version) = known.kind.split_once('.').unwrap_or((&known.kind, ""));
        let nothing = json!({"apiVersion": version, "kind": kind_name, "metadata": {
            "name": name, "namespace": self.namespace, "uid": stored.uid,
        }});
        let withdrawn = ctx
            .cluster
            .apply(kind, (self.namespace, name), (&ctx.manager, false), &nothing);
        withdrawn.await.map(|_| ())
    }
}
