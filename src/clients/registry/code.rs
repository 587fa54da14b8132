//! The code of one release as an artefact of its own, so that bundles can be composed of it without fetching it again.

use bytes::Bytes;
use serde_json::Value;

use super::blob::{Blob, digest};
use super::error::{Fault, Verb};
use super::manifest::{self, MANIFEST};
use super::{Registries, RegistryError, Target, done, parsed_digest};

/// What an artefact says that it is.
const KIND: &str = "application/vnd.stationmaster.worker.code.v1";
/// What stands for a configuration where there is none.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_CONTENT: &[u8] = b"{}";
/// Most that the code of one release may have.
const CODE_BYTES: usize = 64 << 20;

impl Registries {
    /// Puts the layer with the code of a release there; `REPOSITORY@sha256:…` of that. The same gives the same.
    ///
    /// # Errors
    /// It cannot be put there.
    pub async fn push_code(&self, target: Target<'_>, layer: Bytes) -> Result<String, RegistryError> {
        done(Verb::Push, target.repository, self.pushed(target, layer)).await
    }

    /// The layer that was put there.
    ///
    /// # Errors
    /// It cannot be had, or is none.
    pub async fn pull_code(&self, image: &str) -> Result<Vec<u8>, RegistryError> {
        done(Verb::Pull, image, self.pulled(image)).await
    }

    async fn pushed(&self, target: Target<'_>, layer: Bytes) -> Result<String, Fault> {
        if layer.len() > CODE_BYTES {
            return Err(Fault::too_large("the code", CODE_BYTES));
        }
        let repository = self.open(target.reference()?, Verb::Push).await?;
        let (blob, config) = (Blob::of(&layer), Blob::of(EMPTY_CONTENT));
        repository.put(&blob, layer).await?;
        repository.put(&config, Bytes::from_static(EMPTY_CONTENT)).await?;
        let text = manifest::artefact((KIND, self.owner.as_deref()), (EMPTY, &config), &blob);
        let digest = digest(&text);
        repository.manifests.put(target.tag, MANIFEST, text).await?;
        Ok(target.pinned(&digest))
    }

    async fn pulled(&self, image: &str) -> Result<Vec<u8>, Fault> {
        let (reference, _) = parsed_digest(image)?;
        let repository = self.open(reference, Verb::Pull).await?;
        let manifest = manifest::parsed(&repository.manifest().await?)?;
        let is_code = manifest.get("artifactType").and_then(Value::as_str) == Some(KIND);
        let parts = manifest::parts(&manifest)?;
        match &*parts.layers {
            [layer] if is_code => repository.blob(layer, CODE_BYTES, "the code").await,
            _ => Err(Fault::lasting("it is not the code of a worker".to_owned())),
        }
    }
}
