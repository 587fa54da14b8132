//! Evicts pods that were created without their gateway, one at a time, and only where their controller's next pod would
//! get it: that is tried first, by a create that stores nothing and asks the webhooks all the same.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::super::context::now;
use super::Context;
use super::roll::{Kept, State};
use crate::api::names::annotation;
use crate::clients::cluster::{DryRun, Error, Failure};
use crate::dispatch::withheld;
use crate::gateway::{Finding, Owner, finding, replacement, stamped_by};

/// Between two evictions.
const PERIOD: Duration = Duration::from_secs(10);
/// Until a pod is tried again whose eviction a disruption budget forbids.
const LATER: Duration = Duration::from_secs(60);
/// The same where a trial shows that its successor would be no better: a server that starts is registered before it answers.
const AGAIN: Duration = Duration::from_secs(30);
/// A pod that takes longer to end keeps no other from being evicted.
const END: Duration = Duration::from_secs(600);
/// How often it is looked whether a pod has ended.
const LOOK: Duration = Duration::from_secs(2);

/// Evicts if that is wanted; does not end.
pub(super) async fn run(ctx: &Context<'_>) {
    if !ctx.with.options.evict {
        return std::future::pending().await;
    }
    let (mut news, mut postponed) = (ctx.news.subscribe(), HashMap::<String, Instant>::new());
    loop {
        news.mark_unchanged();
        postponed.retain(|_, until| *until > Instant::now());
        let uninjected = ctx.roll().uninjected();
        let next = uninjected.into_iter().find_map(|(uid, kept)| {
            let owner = owner(&kept).filter(|owner| ctx.evictions().allow(owner)).cloned()?;
            (!postponed.contains_key(&uid)).then_some((uid, kept, owner))
        });
        let Some((uid, kept, owner)) = next else {
            let until = postponed.values().min().copied();
            tokio::select! {
                _ = news.changed() => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
            continue;
        };
        let began = Instant::now();
        if let Err(pause) = evict(ctx, (&uid, &kept), &owner).await {
            postponed.insert(uid, Instant::now() + pause);
        }
        sleep_until(began + PERIOD).await;
    }
}

fn owner(kept: &Kept) -> Option<&Owner> {
    match &kept.state {
        State::Uninjected { owner, .. } => owner.as_ref(),
        _ => None,
    }
}

/// Evicts one pod and waits for its end; otherwise tells for how long to leave it alone.
async fn evict(ctx: &Context<'_>, (uid, kept): (&str, &Kept), owner: &Owner) -> Result<(), Duration> {
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
    let evicted = ctx.cluster.evict(&pod.metadata).await;
    evicted.map_err(|error| refused(ctx, kept, &error))?;
    ctx.evictions().evicted(owner, now());
    ctx.metrics.evicted(&kept.gateway, "evicted");
    info!(
        pod.namespace = namespace,
        pod.name = name,
        gateway = kept.gateway,
        "evicted a pod that was not behind its gateway"
    );
    // Whatever comes of it, the next one's turn comes then.
    let _ = timeout(END, ended(ctx, &pod.metadata)).await;
    Ok(())
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

async fn ended(ctx: &Context<'_>, pod: &ObjectMeta) {
    let (namespace, name) = crate::clients::cluster::place(pod);
    loop {
        match ctx.cluster.get_metadata::<Pod>(namespace, name).await {
            Ok(found) if found.as_ref().and_then(|found| found.uid.as_ref()) != pod.uid.as_ref() => return,
            _ => sleep(LOOK).await,
        }
    }
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
