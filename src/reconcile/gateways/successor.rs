//! What has to come after an evicted pod before another one's turn comes: a new pod of the same controller, behind the
//! gateway and ready. The watch tells of new pods by their metadata; those alone are read whole.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::Context;
use crate::clients::cluster::place;
use crate::gateway::{Owner, succeeds};

/// A pod has so long to end.
const END: Duration = Duration::from_secs(600);
/// From then on its successor has so long to be ready.
const READY: Duration = Duration::from_secs(600);
/// How often is looked.
const LOOK: Duration = Duration::from_secs(2);

/// An eviction, from just before it.
pub(super) struct Succession {
    evicted: ObjectMeta,
    owner: Owner,
    /// The pods of the owner that were there already: none of them is a successor.
    before: HashSet<String>,
}

/// Why there is no successor.
#[derive(Debug, Clone, Copy)]
enum Lack {
    End,
    Ready,
}

impl Succession {
    /// Notes which pods the owner has before this one is evicted.
    pub(super) fn of(ctx: &Context<'_>, pod: &ObjectMeta, owner: &Owner) -> Self {
        let before = ctx.roll().pods_of(&owner.uid).map(|(uid, _)| uid.clone()).collect();
        Self {
            evicted: pod.clone(),
            owner: owner.clone(),
            before,
        }
    }

    /// Whether the pod is on its way out or gone. While nobody answers nothing else can be evicted either.
    pub(super) async fn has_begun(&self, ctx: &Context<'_>) -> bool {
        let (namespace, name) = place(&self.evicted);
        loop {
            match ctx.cluster.get_metadata::<Pod>(namespace, name).await {
                Ok(Some(found)) if found.uid == self.evicted.uid => return found.deletion_timestamp.is_some(),
                Ok(_) => return true,
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    /// Waits until the evicted pod has ended and its successor is ready; false and a warning when that takes too long.
    pub(super) async fn completes(&self, ctx: &Context<'_>, gateway: &str) -> bool {
        let lack = if timeout(END, self.ends(ctx)).await.is_err() {
            Lack::End
        } else if timeout(READY, self.is_succeeded(ctx)).await.is_err() {
            Lack::Ready
        } else {
            return true;
        };
        let (namespace, name) = place(&self.evicted);
        let Owner { kind, name: owner, .. } = &self.owner;
        warn!(
            pod.namespace = namespace,
            pod.name = name,
            kind,
            owner,
            gateway,
            "{}",
            lack.advice()
        );
        false
    }

    async fn ends(&self, ctx: &Context<'_>) {
        let (namespace, name) = place(&self.evicted);
        loop {
            // A StatefulSet calls the next one like this one.
            match ctx.cluster.get_metadata::<Pod>(namespace, name).await {
                Ok(Some(found)) if found.uid == self.evicted.uid => sleep(LOOK).await,
                Ok(_) => return,
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    async fn is_succeeded(&self, ctx: &Context<'_>) {
        loop {
            for (uid, namespace, name) in self.candidates(ctx) {
                let found = ctx.cluster.get::<Pod>(&namespace, &name).await;
                let found = found
                    .ok()
                    .flatten()
                    .filter(|pod| pod.metadata.uid.as_ref() == Some(&uid));
                if found.is_some_and(|pod| succeeds(&pod, &self.owner)) {
                    return;
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Pods of the owner that have come since, and carry the gateway.
    fn candidates(&self, ctx: &Context<'_>) -> Vec<(String, String, String)> {
        let roll = ctx.roll();
        let new = roll.pods_of(&self.owner.uid);
        let new = new.filter(|(uid, kept)| kept.carries() && !self.before.contains(*uid));
        new.map(|(uid, kept)| (uid.clone(), kept.namespace.clone(), kept.name.clone()))
            .collect()
    }
}

impl Lack {
    const fn advice(self) -> &'static str {
        match self {
            Self::End => {
                "an evicted pod does not end, and no pod of its controller is evicted for an hour: look at its node, its \
                 finalizers and its grace period"
            }
            Self::Ready => {
                "an evicted pod has no successor that is behind the gateway and ready, and no pod of its controller is \
                 evicted for an hour: `kubectl describe` the controller and its newest pods, and look at the gateway; \
                 nothing is wrong if it was scaled down, replaced or deleted meanwhile"
            }
        }
    }
}
