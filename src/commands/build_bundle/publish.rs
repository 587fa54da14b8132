//! `build-bundle publish`: code that was fetched and proved goes into the ConfigMap that pods are to mount. Of what is too
//! large for that, only names and types do.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;
use tokio::time::sleep;

use super::modules;
use crate::api::names::reason;
use crate::cli::PublishArgs;
use crate::clients::cluster::{Cluster, DryRun, Error, Failure};
use crate::workers::code::Code;
use crate::workers::content::{Owner, Stored, config_map};
use crate::workers::proof::Verdict;

/// The API server is asked so often: it may be away, and a permission that is new is not known to all of it at once.
const TRIES: u32 = 10;
/// With so much time between.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes sure of the ConfigMap, or tells why there can be none.
///
/// # Errors
/// There is no code, or no cluster, or the API server does not take it.
pub(super) async fn verdict(args: &PublishArgs) -> anyhow::Result<Verdict> {
    let code = modules::read(&modules::folder(None, &args.work), &args.release)?;
    let owner = Owner {
        namespace: &args.namespace,
        release: &args.release,
        uid: &args.owner_uid,
        account: &args.account,
        worker: &args.worker,
    };
    let wanted = config_map(&owner, &code);
    let cluster = Cluster::connect(None).await?;
    if stored(&cluster, &owner, &wanted, &code).await? {
        return Ok(Verdict {
            size: i64::try_from(code.size()).ok(),
            ..Verdict::passed()
        });
    }
    let taken = format!("there is another ConfigMap {}: delete it", args.release);
    Ok(Verdict::failed(reason::BUILD_FAILED, &taken))
}

/// Whether the code is there in the end; not when something else has the name.
async fn stored(cluster: &Cluster, owner: &Owner<'_>, wanted: &Value, code: &Code) -> Result<bool, Error> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let error = match once(cluster, owner, wanted, code).await {
            Ok(is_ours) => return Ok(is_ours),
            Err(error) => error,
        };
        let may_pass = matches!(error.failure, Failure::Unavailable { .. } | Failure::Forbidden(_));
        if tries == 0 || !may_pass {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

/// An earlier run of this step may have come so far.
async fn once(cluster: &Cluster, owner: &Owner<'_>, wanted: &Value, code: &Code) -> Result<bool, Error> {
    match cluster.create::<ConfigMap>(owner.namespace, wanted, DryRun::No).await {
        Ok(_) => Ok(true),
        Err(Error {
            failure: Failure::AlreadyExists(_),
            ..
        }) => {
            let found = cluster.get::<Stored>(owner.namespace, owner.release).await?;
            Ok(found.is_some_and(|found| found.holds(code)))
        }
        Err(error) => Err(error),
    }
}
