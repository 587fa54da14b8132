//! The other pods of a controller of which one is to be evicted. What is stored tells more than what this process has
//! done: another one may have led before.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::core::v1::Pod;

use super::Context;
use super::roll::{Kept, State};
use crate::gateway::{Finding, Owner, finding, succeeds};

/// Pods that are read at a time.
const AT_ONCE: usize = 8;

/// Whether no pod of the controller is on its way out, and all that are behind a gateway are ready. One that is not may
/// be the successor of a pod that was evicted before, or show that no successor gets ready.
pub(super) async fn are_ready(ctx: &Context<'_>, owner: &Owner) -> bool {
    let siblings: Vec<_> = {
        let roll = ctx.roll();
        if roll.is_ending(&owner.uid) {
            return false;
        }
        let may_carry = |kept: &Kept| kept.carries() || matches!(kept.state, State::Candidate { .. });
        let siblings = roll.pods_of(&owner.uid).filter(|(_, kept)| may_carry(kept));
        siblings.map(|(uid, kept)| (uid.clone(), kept.clone())).collect()
    };
    let ready = stream::iter(siblings).map(|(uid, kept)| is_ready(ctx, uid, kept, owner));
    ready.buffer_unordered(AT_ONCE).all(std::future::ready).await
}

/// What is gone, or is not behind a gateway after all, is no obstacle.
async fn is_ready(ctx: &Context<'_>, uid: String, kept: Kept, owner: &Owner) -> bool {
    let Ok(found) = ctx.cluster.get::<Pod>(&kept.namespace, &kept.name).await else {
        return false;
    };
    let Some(pod) = found.filter(|pod| pod.metadata.uid.as_ref() == Some(&uid)) else {
        return true;
    };
    let is_behind = kept.carries() || finding(&pod, None, false) == Finding::Injected;
    !is_behind || succeeds(&pod, owner)
}
