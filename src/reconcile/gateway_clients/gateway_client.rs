//! GatewayClient to Pod, one step at a time.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use tracing::warn;

use super::context::{Context, key};
use super::create::make;
use super::observe::observe;
use crate::api::gateway::{ClientPod, GatewayClient};
use crate::gateway::client::{Observed, Plan, plan, wake};
use crate::gateway::event::is_promised;
use crate::reconcile::context::now;
use crate::reconcile::error::{Error, guarded};

/// Brings one client a step further. Harmless to repeat, whatever was done before.
pub(super) async fn reconcile(stored: Arc<GatewayClient>, ctx: Arc<Context>) -> Result<Action, Error> {
    let client = ctx.memory.current(&stored);
    // The same for both: what becomes due between them would never come.
    let now = now().0;
    let outcome = guarded(step(&client, now, &ctx)).await;
    let pause = outcome?;
    ctx.memory.succeeded(&client);
    Ok(pause.unwrap_or_else(|| later(&stored, now, &ctx)))
}

/// When a client whose reconcile failed is tried again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands it in like this")]
pub(super) fn error_policy(client: Arc<GatewayClient>, error: &Error, ctx: Arc<Context>) -> Action {
    Action::requeue(error.retry(ctx.memory.failed(&client)))
}

/// The next step; an action where only time brings the one after it.
async fn step(client: &Arc<GatewayClient>, now: Timestamp, ctx: &Context) -> Result<Option<Action>, Error> {
    if client.metadata.deletion_timestamp.is_some() {
        return Ok(Some(Action::await_change()));
    }
    let pod = observe(client, ctx).await?;
    let pod = pod.as_deref();
    match plan(client, pod, now, ctx.retention) {
        Plan::Wait => {}
        Plan::Make => {
            if let Some(pause) = make(client, ctx).await? {
                return Ok(Some(Action::requeue(pause)));
            }
            ctx.memory.released(client);
        }
        Plan::Tell => {
            if let Some(pod) = pod {
                ctx.record(client, Observed::Pod(pod)).await?;
            }
        }
        Plan::Replace => ctx.record(client, Observed::Replaced(pod)).await?,
        Plan::Remove => remove(pod, ctx).await?,
        Plan::Finish(end) => {
            if end.takes_the_pod() {
                remove(pod, ctx).await?;
            }
            ctx.record(client, Observed::Over(end, pod)).await?;
        }
        Plan::Forget => forget(client, ctx).await?,
    }
    Ok(None)
}

async fn forget(client: &GatewayClient, ctx: &Context) -> Result<(), Error> {
    ctx.cluster.delete::<GatewayClient>(&client.metadata).await?;
    if is_promised(client) {
        let (namespace, name) = key(client);
        warn!(
            gateway_client.namespace = namespace,
            gateway_client.name = name,
            "no process has sent the answer that a sink was promised: it is lost with its client"
        );
    }
    Ok(())
}

/// What is written comes back by the watch; what only time brings is waited for.
fn later(stored: &Arc<GatewayClient>, now: Timestamp, ctx: &Context) -> Action {
    let next = wake(&ctx.memory.current(stored), now, ctx.retention);
    // Times are in whole seconds and a wait that ends a moment early would be waited once more.
    next.map_or_else(Action::await_change, |pause| {
        Action::requeue(pause + Duration::from_millis(10))
    })
}

/// Deletes exactly this pod, in whatever state it is by now.
async fn remove(pod: Option<&ClientPod>, ctx: &Context) -> Result<(), Error> {
    let Some(pod) = pod.filter(|pod| !pod.is_going()) else {
        return Ok(());
    };
    let seen = ObjectMeta {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectMeta::default()
    };
    Ok(ctx.cluster.delete::<Pod>(&seen).await?)
}
