//! Evicts pods that were created without their gateway, one at a time, and only where their controller's next pod would
//! get it: that is tried first, by a create that stores nothing and asks the webhooks all the same. The next one's turn
//! comes when that pod is there and ready.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::super::context::now;
use super::roll::{Kept, State};
use super::successor::Succession;
use super::turns::Turns;
use super::{Context, siblings};
use crate::api::names::annotation;
use crate::clients::cluster::{DryRun, Error, Failure};
use crate::dispatch::withheld;
use crate::gateway::{Finding, Owner, finding, replacement, stamped_by};

/// Between two evictions.
const PERIOD: Duration = Duration::from_secs(10);
/// Until a pod is tried again whose eviction a disruption budget forbids, or whose siblings are not ready.
const LATER: Duration = Duration::from_secs(60);
/// The same where a trial shows that its successor would be no better: a server that starts is registered before it answers.
const AGAIN: Duration = Duration::from_secs(30);
/// Until a pod is evicted again of a controller that made no successor.
const IN_VAIN: Duration = Duration::from_secs(3600);
/// Until any pod is evicted then: what keeps one successor from being ready may keep others.
const REST: Duration = Duration::from_secs(600);

/// Evicts if that is wanted; does not end.
pub(super) async fn run(ctx: &Context<'_>) {
    if !ctx.with.options.evict {
        return std::future::pending().await;
    }
    let (mut news, mut turns) = (ctx.news.subscribe(), Turns::default());
    loop {
        news.mark_unchanged();
        let Some((uids, (kept, owner))) = turns.next(waiting(ctx)) else {
            let until = turns.next_due();
            tokio::select! {
                _ = news.changed() => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
            continue;
        };
        let began = Instant::now();
        if !siblings::are_ready(ctx, &owner).await {
            ctx.metrics.evicted(&kept.gateway, "postponed");
            turns.postpone(owner.uid, LATER);
            sleep_until(began + PERIOD).await;
            continue;
        }
        match evict(ctx, (&uids.0, &kept), &owner).await {
            Ok(succession) if !succession.completes(ctx, &kept.gateway).await => {
                ctx.metrics.evicted(&kept.gateway, "unreplaced");
                turns.postpone(owner.uid, IN_VAIN);
                sleep(REST).await;
            }
            Ok(_) => {}
            Err(pause) => turns.postpone(uids.0, pause),
        }
        sleep_until(began + PERIOD).await;
    }
}

/// The pods that may be evicted, with their UIDs and those of their controllers.
fn waiting(ctx: &Context<'_>) -> Vec<((String, String), (Kept, Owner))> {
    let (uninjected, evictions) = (ctx.roll().uninjected(), ctx.evictions());
    let waiting = uninjected.into_iter().filter_map(|(uid, kept)| {
        let owner = owner(&kept).filter(|owner| !evictions.is_contested(owner)).cloned()?;
        Some(((uid, owner.uid.clone()), (kept, owner)))
    });
    waiting.collect()
}

fn owner(kept: &Kept) -> Option<&Owner> {
    match &kept.state {
        State::Uninjected { owner, .. } => owner.as_ref(),
        _ => None,
    }
}

/// Evicts one pod; otherwise tells for how long to leave it alone.
async fn evict(ctx: &Context<'_>, (uid, kept): (&str, &Kept), owner: &Owner) -> Result<Succession, Duration> {
    let found = ctx.cluster.get::<Pod>(&kept.namespace, &kept.name).await;
    let pod = found.map_err(|error| refused(ctx, kept, &error))?;
    let pod = pod
        .filter(|pod| pod.metadata.uid.as_deref() == Some(uid))
        .ok_or(LATER)?;
    if !matches!(finding(&pod, None, false), Finding::Uninjected(_)) {
        return Err(LATER);
    }
    let (namespace, name) = (&kept.namespace, &kept.name);
    if !would_be_injected(ctx, &pod, kept)
        .await
        .map_err(|error| refused(ctx, kept, &error))?
    {
        warn!(
            pod.namespace = namespace,
            pod.name = name,
            gateway = kept.gateway,
            "a pod stays without its gateway: another one in its place would not get it either; look at the webhooks"
        );
        ctx.metrics.evicted(&kept.gateway, "postponed");
        return Err(AGAIN);
    }
    let succession = Succession::of(ctx, &pod.metadata, owner);
    if let Err(error) = ctx.cluster.evict(&pod.metadata).await {
        // An eviction whose answer was lost is one.
        let is_open = matches!(error.failure, Failure::Unavailable { .. });
        if !is_open || !succession.has_begun(ctx).await {
            return Err(refused(ctx, kept, &error));
        }
    }
    remember(ctx, owner);
    ctx.metrics.evicted(&kept.gateway, "evicted");
    info!(
        pod.namespace = namespace,
        pod.name = name,
        gateway = kept.gateway,
        "evicted a pod that was not behind its gateway"
    );
    Ok(succession)
}

/// Nothing is remembered of other controllers that have no pods left.
fn remember(ctx: &Context<'_>, owner: &Owner) {
    let (roll, mut evictions) = (ctx.roll(), ctx.evictions());
    evictions.retain(|controller| controller == owner.uid || roll.pods_of(controller).next().is_some());
    evictions.evicted(owner, now());
}

/// Whether a new pod like this one would get the gateway now.
async fn would_be_injected(ctx: &Context<'_>, pod: &Pod, kept: &Kept) -> Result<bool, Error> {
    let tried = ctx
        .cluster
        .create::<Pod>(&kept.namespace, &replacement(pod), DryRun::Yes)
        .await?;
    let annotations = tried.annotations.unwrap_or_default();
    let stamp = annotations.get(annotation::INJECTED);
    Ok(stamp.is_some_and(|stamp| stamped_by(stamp) == kept.gateway))
}

/// Tells why a pod is not evicted, and for how long to leave it alone.
fn refused(ctx: &Context<'_>, kept: &Kept, error: &Error) -> Duration {
    let pause = match &error.failure {
        // 429: a disruption budget.
        Failure::Unavailable { retry_after, .. } => LATER.max(retry_after.unwrap_or_default()),
        _ => LATER,
    };
    let cause = withheld::text(&error.failure.to_string());
    info!(%error, cause, gateway = kept.gateway, "a pod without its gateway is not evicted now");
    ctx.metrics.evicted(&kept.gateway, "postponed");
    pause
}
