//! `build-bundle push-code`: code that was fetched and proved goes into a registry, from which bundles are composed.

use bytes::Bytes;

use super::modules;
use super::registry::{persistently, registries};
use crate::cli::PushCodeArgs;
use crate::clients::registry::Target;
use crate::workers::artefact;
use crate::workers::content;
use crate::workers::proof::Verdict;

/// Puts the code there, and says where it is.
///
/// # Errors
/// There is no code, or the registry does not take it.
pub(super) async fn verdict(args: &PushCodeArgs) -> anyhow::Result<Verdict> {
    let code = modules::read(&modules::folder(None, &args.work), &args.release)?;
    if args.large_only && content::fits(&code).is_ok() {
        return Ok(Verdict::passed());
    }
    let layer = Bytes::from(artefact::layer(&code)?);
    let registries = registries(&args.registry)?.owned_by(args.owner.clone());
    let target = Target {
        repository: &args.repository,
        tag: &args.release,
    };
    let image = persistently(async || registries.push_code(target, layer.clone()).await).await?;
    Ok(Verdict {
        image: Some(image),
        size: i64::try_from(code.size()).ok(),
        ..Verdict::passed()
    })
}
