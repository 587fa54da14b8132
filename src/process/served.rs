//! Kinds that a cluster may not have: who took another system's place by changing an image has none of ours, and no right
//! to read them. That keeps nobody waiting, and is looked at again.

use std::time::Duration;

use kube::Resource;
use tokio::time::sleep;

use crate::clients::cluster::Cluster;

/// How soon it is looked again; twice as long after each look in vain.
const SOONEST: Duration = Duration::from_secs(1);
/// No look is further away.
const LATEST: Duration = Duration::from_secs(60);

/// Returns when the kind can be read; `missing` hears each time that it cannot.
pub(super) async fn until_served<K: Resource<DynamicType = ()>>(cluster: &Cluster, missing: impl Fn()) {
    let (mut is_told, mut pause) = (false, SOONEST);
    let kind = K::kind(&());
    loop {
        match cluster.is_served::<K>().await {
            Ok(true) => return,
            Ok(false) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(
                        kind = &*kind,
                        "a kind of gateways cannot be read: install its CustomResourceDefinition and the role \
                         stationmaster-gateways, or leave gateways and events out of --components"
                    );
                }
                missing();
            }
            Err(error) => {
                tracing::warn!(%error, "a kind of gateways cannot be read, trying again");
                pause = SOONEST;
            }
        }
        sleep(pause).await;
        pause = LATEST.min(pause * 2);
    }
}
