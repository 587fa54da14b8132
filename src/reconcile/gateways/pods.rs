//! The one watch of the metadata of all pods, opened once there is a gateway, and again when gateways want other pods.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::core::PartialObjectMeta;
use tokio::time::{Instant, sleep, sleep_until};

use super::Context;
use super::scope::Scope;
use crate::gateway::standing;

/// All that is read of a pod that no gateway is for.
pub(super) type PodMetadata = PartialObjectMeta<Pod>;

/// What has ended is behind nothing.
const UNFINISHED: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Between two lists of all pods that are due to changes of gateways or namespaces.
const PERIOD: Duration = Duration::from_secs(5);
/// What changes together is looked at together.
const MOMENT: Duration = Duration::from_millis(200);

/// Keeps the roll; does not end.
pub(super) async fn follow(ctx: &Context<'_>) {
    loop {
        let scope = Scope::of(ctx);
        let opened = Instant::now();
        if scope.is_empty() {
            ctx.roll().clear();
            changed(ctx, &scope).await;
        } else {
            ctx.roll().is_unclear = false;
            tokio::select! {
                () = watch(ctx) => {}
                () = changed(ctx, &scope) => {}
            }
        }
        sleep_until(opened + PERIOD).await;
    }
}

async fn watch(ctx: &Context<'_>) {
    let mut events = pin!(ctx.cluster.watch_where::<PodMetadata>(UNFINISHED));
    while let Some(event) = events.next().await {
        let in_force = ctx.in_force();
        let hooks = &ctx.with.options.hooks;
        let has_news = ctx
            .roll()
            .apply(event, |metadata| standing(metadata, &in_force, ctx, hooks));
        if has_news {
            ctx.touch();
        }
    }
}

/// Returns when all pods have to be looked at again.
async fn changed(ctx: &Context<'_>, before: &Scope) {
    let mut news = ctx.news.subscribe();
    loop {
        let is_unclear = ctx.roll().is_unclear;
        if Scope::of(ctx).differs(before, is_unclear) {
            return;
        }
        // The sender lives as long as we do.
        let _ = news.changed().await;
        sleep(MOMENT).await;
    }
}
