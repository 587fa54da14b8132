//! `build-bundle fetch`: the code behind the URLs of a template goes into the folder that the steps share.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context;

use super::modules;
use crate::api::download::{Download, Location, Scheme};
use crate::api::names::reason;
use crate::api::workers::{Source, WorkerTemplate};
use crate::cli::{FetchArgs, StorageArgs};
use crate::clients::allowance::{Allowance, FetchError};
use crate::clients::bucket::{Keys, Storage};
use crate::clients::fetch::{Fetch, SystemNames};
use crate::workers::proof::Verdict;
use crate::workers::reach::is_public;
use crate::workers::source::{self, SourceError};

/// What has to be had before an `s3://` URL can be fetched.
const NO_STORAGE: &str = "the WorkerAccount names no S3 server: set `storage`";

/// Why there is no code; the user's to mend.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// The doors that URLs lead through.
struct Doors {
    storage: Option<Storage>,
    fetch: Fetch,
}

/// Fetches the code and writes it, or tells why it cannot be had.
///
/// # Errors
/// There is no template, or the folder cannot be written to.
pub(super) async fn verdict(args: &FetchArgs) -> anyhow::Result<Verdict> {
    let template: WorkerTemplate = serde_json::from_str(&args.template).context("WORKER_TEMPLATE is no template")?;
    let may_reach: fn(IpAddr) -> bool = if args.allow_private_addresses {
        |_| true
    } else {
        is_public
    };
    let doors = Doors {
        storage: storage(&args.storage),
        fetch: Fetch::new(Arc::new(SystemNames), may_reach),
    };
    let downloads = match doors.all(&template.urls).await {
        Ok(downloads) => downloads,
        Err(fault) => return Ok(Verdict::failed(reason::FETCH_FAILED, &fault.to_string())),
    };
    let code = match source::code(&template, downloads) {
        Ok(code) => code,
        Err(fault) => return Ok(Verdict::failed(reason::FETCH_FAILED, &fault.to_string())),
    };
    let digest = code.digest(&template);
    if let Some(proved) = args.digest.as_ref().filter(|proved| **proved != digest) {
        let told = format!("the code behind the URLs is not what was proved: its digest is {digest}, not {proved}");
        return Ok(Verdict::failed(reason::FETCH_FAILED, &told));
    }
    let modules = modules::folder(args.modules.as_ref(), &args.work);
    modules::write(&modules, &args.release, &code)?;
    Ok(Verdict {
        digest: Some(digest),
        size: i64::try_from(code.size()).ok(),
        ..Verdict::passed()
    })
}

fn storage(args: &StorageArgs) -> Option<Storage> {
    let keys = args.access_key_id.clone().zip(args.secret_access_key.clone());
    let keys = keys.map(|(access_key_id, secret_access_key)| Keys {
        access_key_id,
        secret_access_key,
    });
    let endpoint = args.s3_endpoint.as_deref()?;
    Some(Storage::new(endpoint, args.s3_region.as_deref(), keys))
}

impl Doors {
    /// What each URL gives, in their order; all are looked at before the first is asked for.
    async fn all(&self, sources: &[Source]) -> Result<Vec<Vec<Download>>, Fault> {
        sources.iter().try_for_each(source::check)?;
        let (mut allowance, mut downloads) = (Allowance::default(), Vec::new());
        for source in sources {
            downloads.push(self.one(&source.url, &mut allowance).await?);
        }
        Ok(downloads)
    }

    async fn one(&self, url: &str, allowance: &mut Allowance) -> Result<Vec<Download>, FetchError> {
        let is_s3 = Location::of(url).is_ok_and(|location| location.scheme == Scheme::S3);
        if !is_s3 {
            return Ok(vec![self.fetch.get(url, allowance).await?]);
        }
        let storage = self.storage.as_ref().ok_or_else(|| FetchError {
            url: url.to_owned(),
            reason: NO_STORAGE.to_owned(),
        })?;
        storage.get(url, allowance).await
    }
}
