//! `build-bundle pull-code`: the code of releases comes from a registry, as it was proved.

use super::modules;
use super::registry::{persistently, registries};
use crate::api::names::reason;
use crate::cli::{Pinned, PullCodeArgs};
use crate::clients::registry::Registries;
use crate::workers::artefact;
use crate::workers::code::Code;
use crate::workers::proof::Verdict;

/// Writes the code, or tells why it cannot be had.
///
/// # Errors
/// The credentials cannot be read, or the folder cannot be written to.
pub(super) async fn verdict(args: &PullCodeArgs) -> anyhow::Result<Verdict> {
    let registries = registries(&args.registry)?;
    let folder = modules::folder(args.modules.as_ref(), &args.work);
    for pinned in &args.code {
        match code(&registries, pinned).await {
            Ok(code) => modules::write(&folder, &pinned.release, &code)?,
            Err(text) => return Ok(Verdict::failed(reason::FETCH_FAILED, &text)),
        }
    }
    Ok(Verdict::passed())
}

async fn code(registries: &Registries, pinned: &Pinned) -> Result<Code, String> {
    let layer = persistently(async || registries.pull_code(&pinned.image).await).await;
    let layer = layer.map_err(|error| error.to_string())?;
    artefact::code(&layer).map_err(|error| format!("{} is not the code of a worker: {error}", pinned.image))
}
