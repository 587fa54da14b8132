//! The auditor: looks once at each pod that a gateway is for and that does not carry its present stamp, and tells of those that
//! were created without it.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::core::v1::{Event, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::super::events::{self, Note};
use super::Context;
use super::roll::{Kept, State};
use super::since::Since;
use crate::api::names::{annotation, event};
use crate::clients::cluster::{DryRun, Failure};
use crate::gateway::{Finding, Owner, finding, is_marked_later, is_remade, message};

/// Pods that are looked at at a time.
const AT_ONCE: usize = 8;

/// Looks at candidates as their time comes; does not end.
pub(super) async fn run(ctx: &Context<'_>) {
    let mut news = ctx.news.subscribe();
    loop {
        news.mark_unchanged();
        let due = ctx.roll().due(Instant::now());
        if !due.is_empty() {
            look_at(ctx, due).await;
            ctx.touch();
            continue;
        }
        let next = ctx.roll().next_due();
        tokio::select! {
            _ = news.changed() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

async fn look_at(ctx: &Context<'_>, due: Vec<(String, Kept)>) {
    match Since::of(ctx, &due).await {
        Ok(since) => {
            let look = |(uid, kept)| look(ctx, uid, kept, &since);
            stream::iter(due).for_each_concurrent(AT_ONCE, look).await;
        }
        Err(error) => {
            debug!(%error, cause = %error.failure, "pods could not be looked at: later");
            for (uid, _) in &due {
                ctx.roll().postpone(uid);
            }
        }
    }
}

async fn look(ctx: &Context<'_>, uid: String, kept: Kept, since: &Since) {
    let found = ctx.cluster.get::<Pod>(&kept.namespace, &kept.name).await;
    let pod = match found {
        Ok(pod) => pod.filter(|pod| pod.metadata.uid.as_ref() == Some(&uid)),
        Err(error) => {
            debug!(%error, cause = %error.failure, "a pod could not be looked at: later");
            return ctx.roll().postpone(&uid);
        }
    };
    let Some(pod) = pod else {
        ctx.roll().forget(&uid);
        return;
    };
    let State::Candidate { wanted, is_late, .. } = &kept.state else {
        return;
    };
    let is_late = *is_late || was_marked_later(ctx, &pod.metadata, &kept.gateway);
    let state = match finding(&pod, since.first(&kept.gateway), is_late) {
        Finding::Injected => stamp(&pod.metadata).map_or(State::Settled { carries: true }, State::Injected),
        Finding::Uninjected(owner) if wanted.is_some() => {
            tell(ctx, &pod, &kept.gateway, owner.as_ref()).await;
            let born = pod.metadata.creation_timestamp.clone();
            // Of older ones nobody knows whether they were missed.
            let last = since.last(&kept.gateway).zip(born.as_ref());
            let is_missed = last.is_some_and(|(last, born)| last.0 <= born.0);
            let owner = owner.filter(|owner| is_missed && is_remade(&pod, owner));
            State::Uninjected { owner, born }
        }
        _ => State::Settled { carries: false },
    };
    ctx.roll().settle(&uid, &kept, state);
}

/// What a process that led by then has seen in the watch, the API server has kept for the others.
fn was_marked_later(ctx: &Context<'_>, pod: &ObjectMeta, gateway: &str) -> bool {
    let in_force = ctx.in_force();
    let mut all = in_force.all().iter().map(|current| &current.gateway);
    let found = all.find(|found| found.name == gateway);
    found.is_some_and(|found| is_marked_later(pod, &found.spec.matches))
}

fn stamp(metadata: &ObjectMeta) -> Option<String> {
    let annotations = metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(annotation::INJECTED)).cloned()
}

/// Tells people of an uninjected pod, once for each pod and gateway.
async fn tell(ctx: &Context<'_>, pod: &Pod, gateway: &str, owner: Option<&Owner>) {
    let metadata = &pod.metadata;
    let (namespace, name) = crate::clients::cluster::place(metadata);
    warn!(
        pod.namespace = namespace,
        pod.name = name,
        gateway,
        "a pod is not behind its gateway"
    );
    if let Some(owner) = owner {
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let came_back = ctx
            .evictions()
            .found(owner, (uid, metadata.creation_timestamp.as_ref()));
        if came_back {
            warn!(
                namespace,
                kind = owner.kind,
                name = owner.name,
                gateway,
                "its pods come back without the gateway: no more of them are evicted"
            );
        }
    }
    let note = Note {
        reason: event::NOT_INJECTED,
        warning: true,
        text: message(gateway, pod, owner),
    };
    let mut told = events::event(&reference(metadata), &note, Timestamp::now());
    // The same in every process, so that a restart tells nothing anew.
    told["metadata"]["name"] = event_name(metadata, gateway).into();
    if let Err(error) = ctx.cluster.create::<Event>(namespace, &told, DryRun::No).await
        && !matches!(error.failure, Failure::AlreadyExists(_))
    {
        debug!(%error, cause = %error.failure, "event lost");
    }
}

fn reference(metadata: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        field_path: None,
    }
}

/// Tells pods and gateways apart.
fn event_name(metadata: &ObjectMeta, gateway: &str) -> String {
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let digest = Sha256::digest(format!("{uid}/{gateway}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    events::name(
        metadata.name.as_deref().unwrap_or_default(),
        u64::from_be_bytes(first).into(),
    )
}
