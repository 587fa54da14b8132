//! A client without a pod gets one, once: under a name that repeats itself, so that a repeated create meets the first.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tracing::info;

use super::context::{Context, key};
use super::observe::is_own;
use crate::api::gateway::{ClientPod, Gateway, GatewayClient};
use crate::api::names::{annotation, reason};
use crate::clients::cluster::{self, DryRun, Failure};
use crate::dispatch::withheld;
use crate::gateway::InForce;
use crate::gateway::client::{Absent, Hold, Observed, elsewhere, faults, find_for, pod, pod_name, unknown};
use crate::reconcile::context::now;
use crate::reconcile::error::Error;

/// Until something that no watch brings is looked at again.
const PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, however long it has been looked in vain.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A gateway that was applied together with its client may come a moment later.
const GATEWAY_GRACE: Duration = Duration::from_secs(3);
/// So may the service account of a namespace that was made with it, without which no pod is created.
const ACCOUNT_GRACE: Duration = Duration::from_secs(60);
/// How the API server says that it is not there yet.
const NO_ACCOUNT: &str = "error looking up service account";
/// Failures in a row that are taken for a moment's weakness of the API server, not worth a condition.
const HICCUPS: u32 = 2;

/// Makes the pod or records why there is none; says when to look again if nothing else will tell.
pub(super) async fn make(client: &Arc<GatewayClient>, ctx: &Context) -> Result<Option<Duration>, Error> {
    let (namespace, name) = key(client);
    // What an outdated store shows must not make a pod.
    match ctx.cluster.get::<GatewayClient>(namespace, name).await? {
        None => return Ok(None),
        Some(fresh) if has_moved(&fresh, client) => return Ok(Some(PAUSE)),
        Some(_) => {}
    }
    let in_force = ctx.gateways.load_full();
    let wanted = &client.spec.gateway_name;
    let gateway = match find_for(&in_force, wanted, (namespace, ctx)) {
        Ok(gateway) => gateway,
        Err(absent) => return without(client, absent, &in_force, ctx).await,
    };
    if let Some(faults) = faults(&client.spec) {
        let hold = (reason::NOT_ALLOWED, &*withheld::bounded(faults));
        return refused(client, hold, ctx).await;
    }
    post(client, gateway, &in_force, ctx).await
}

/// No gateway is known to be meant: it may come in a moment, as may the labels of a new namespace.
async fn without(
    client: &Arc<GatewayClient>,
    absent: Absent<'_>,
    in_force: &InForce,
    ctx: &Context,
) -> Result<Option<Duration>, Error> {
    let (namespace, _) = key(client);
    if absent == Absent::Unclear {
        let text = format!("it is not known yet whether namespace {namespace:?} is one of the gateway's");
        return held(client, (reason::NAMESPACE_UNKNOWN, &text), ctx).await;
    }
    if !in_force.is_complete() {
        let hold = (reason::GATEWAYS_UNKNOWN, "the gateways have not been listed yet");
        return held(client, hold, ctx).await;
    }
    if is_younger(client, GATEWAY_GRACE) {
        return Ok(Some(PAUSE));
    }
    let (reason, text) = match absent {
        Absent::Elsewhere(gateway) => (
            reason::NOT_FOR_NAMESPACE,
            elsewhere(in_force, gateway, (namespace, ctx)),
        ),
        _ => (reason::UNKNOWN_GATEWAY, unknown(in_force, &client.spec.gateway_name)),
    };
    refused(client, (reason, &text), ctx).await
}

async fn post(
    client: &Arc<GatewayClient>,
    gateway: &Gateway,
    in_force: &InForce,
    ctx: &Context,
) -> Result<Option<Duration>, Error> {
    let (namespace, name) = key(client);
    let pod = pod(client, gateway, in_force, &ctx.defaults);
    let error = match ctx.cluster.create::<Pod>(namespace, &pod, DryRun::No).await {
        Ok(metadata) => {
            let made = ClientPod {
                metadata,
                ..ClientPod::default()
            };
            info!(
                gateway_client.namespace = namespace,
                gateway_client.name = name,
                gateway.name = gateway.name,
                "pod created"
            );
            ctx.record(client, Observed::Pod(&made)).await?;
            return Ok(None);
        }
        Err(error) => error,
    };
    // An earlier create may have been done without an answer, and what it made can be what forbids another one.
    let is_refused = matches!(
        error.failure,
        Failure::Invalid(_) | Failure::Forbidden(_) | Failure::Terminating(_)
    );
    if is_refused && adopted(client, ctx).await? {
        return Ok(None);
    }
    match error.failure {
        Failure::AlreadyExists(_) => taken(client, ctx).await,
        Failure::Forbidden(text) if text.contains(NO_ACCOUNT) && is_younger(client, ACCOUNT_GRACE) => {
            held(client, (reason::FORBIDDEN, &withheld::text(&text)), ctx).await
        }
        Failure::Invalid(text) => refused(client, (reason::INVALID, &withheld::text(&text)), ctx).await,
        Failure::Forbidden(text) | Failure::Terminating(text) => {
            refused(client, (reason::FORBIDDEN, &withheld::text(&text)), ctx).await
        }
        failure => {
            if ctx.memory.failures(client) >= HICCUPS {
                let text = withheld::text(&failure.to_string());
                ctx.record(client, Observed::Held((reason::UNAVAILABLE, &text))).await?;
            }
            Err(Error::Cluster(cluster::Error { failure, ..error }))
        }
    }
}

/// Records the client's own pod if there is one, of which no answer has told.
async fn adopted(client: &GatewayClient, ctx: &Context) -> Result<bool, Error> {
    let (namespace, name) = key(client);
    let found = ctx.cluster.get::<ClientPod>(namespace, &pod_name(name)).await?;
    let Some(pod) = found.filter(|pod| is_own(client, pod)) else {
        return Ok(false);
    };
    ctx.record(client, Observed::Pod(&pod)).await?;
    Ok(true)
}

/// The name is in use: by this client's own pod, of which no answer has told, by one that will go, or by a foreign one.
async fn taken(client: &Arc<GatewayClient>, ctx: &Context) -> Result<Option<Duration>, Error> {
    let (namespace, name) = key(client);
    let pod_name = pod_name(name);
    let Some(pod) = ctx.cluster.get::<ClientPod>(namespace, &pod_name).await? else {
        return Ok(Some(PAUSE));
    };
    if is_own(client, &pod) {
        ctx.record(client, Observed::Pod(&pod)).await?;
        return Ok(None);
    }
    // Of an earlier client of this name, which the garbage collector takes away.
    let inherited = pod.client().is_some_and(|(owner, _)| owner == name);
    if inherited || pod.is_going() {
        let text = format!("Pod {pod_name} is still there from before, and is waited for");
        return held(client, (reason::POD_NAME_BUSY, &text), ctx).await;
    }
    let text = format!("Pod {pod_name} exists and belongs to another owner: create a client of another name");
    refused(client, (reason::POD_NAME_TAKEN, &text), ctx).await
}

async fn held(client: &GatewayClient, hold: Hold<'_>, ctx: &Context) -> Result<Option<Duration>, Error> {
    ctx.record(client, Observed::Held(hold)).await?;
    // Doubles what was waited so far.
    Ok(Some(ctx.memory.held_for(client).clamp(PAUSE, LONGEST_PAUSE)))
}

async fn refused(client: &GatewayClient, hold: Hold<'_>, ctx: &Context) -> Result<Option<Duration>, Error> {
    ctx.record(client, Observed::Refused(hold)).await?;
    Ok(None)
}

/// Whether what is stored is not what was decided upon: the watch will bring it.
fn has_moved(fresh: &GatewayClient, client: &GatewayClient) -> bool {
    fresh.metadata.uid != client.metadata.uid
        || fresh.metadata.deletion_timestamp.is_some()
        || is_asked_to_end(fresh) != is_asked_to_end(client)
        || fresh.metadata.generation != client.metadata.generation
        || fresh.status != client.status
}

/// Of the other annotations the watch does not keep all, such as kubectl's.
fn is_asked_to_end(client: &GatewayClient) -> bool {
    let annotations = client.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| annotations.get(annotation::END).is_some_and(|value| value == "true"))
}

fn is_younger(client: &GatewayClient, age: Duration) -> bool {
    let created = client.metadata.creation_timestamp.as_ref();
    created.is_some_and(|created| now().0.duration_since(created.0).unsigned_abs() < age)
}
