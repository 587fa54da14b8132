//! `build-bundle purge`: images and code that nobody needs any more go from their registries.

use super::registry::{persistently, registries};
use crate::api::names::reason;
use crate::cli::PurgeArgs;
use crate::clients::registry::Deletion;
use crate::workers::proof::Verdict;

/// Deletes all that can be deleted, and says what could not be.
///
/// # Errors
/// The credentials cannot be read.
pub(super) async fn verdict(args: &PurgeArgs) -> anyhow::Result<Verdict> {
    let registries = registries(&args.registry)?;
    let (mut failed, mut kept) = (Vec::new(), Vec::new());
    for image in &args.images {
        match persistently(async || registries.delete(image).await).await {
            Ok(Deletion::Gone) => (),
            Ok(Deletion::Unsupported) => kept.push(format!("{image} stays: the registry does not delete")),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if !failed.is_empty() {
        failed.append(&mut kept);
        return Ok(Verdict::failed(reason::BUILD_FAILED, &failed.join("\n")));
    }
    Ok(Verdict {
        message: (!kept.is_empty()).then(|| kept.join("\n")),
        ..Verdict::passed()
    })
}
