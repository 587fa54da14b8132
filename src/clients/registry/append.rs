//! One layer more on an image that is there, or on each of an index: the new image stands beside it, with what both have
//! in common.

use bytes::Bytes;
use serde_json::Value;

use super::blob::{Blob, digest};
use super::error::{Fault, Verb};
use super::manifest::{self, INDEX, MANIFEST};
use super::repository::Repository;
use super::wire::MANIFEST_BYTES;
use super::{Registries, RegistryError, Target, done, parsed};

/// What goes on top.
struct Layer {
    blob: Blob,
    content: Bytes,
}

/// From where to where.
struct Way<'a> {
    name: String,
    owner: Option<&'a str>,
    base: Repository,
    target: Repository,
}

impl Registries {
    /// Puts the base with one more layer into a repository; `REPOSITORY@sha256:…` of that. The same gives the same.
    ///
    /// # Errors
    /// It cannot be had, or cannot be put there.
    pub async fn append(&self, base: &str, target: Target<'_>, layer: Bytes) -> Result<String, RegistryError> {
        done(Verb::Push, target.repository, self.appended(base, target, layer)).await
    }

    async fn appended(&self, base: &str, target: Target<'_>, layer: Bytes) -> Result<String, Fault> {
        let name = format!("its base {base}");
        let opened = async { self.open(parsed(base)?, Verb::Pull).await };
        let way = Way {
            base: opened.await.map_err(|fault| fault.of(&name))?,
            target: self.open(target.reference()?, Verb::Push).await?,
            name,
            owner: self.owner.as_deref(),
        };
        let blob = Blob::of(&layer);
        let layer = Layer { blob, content: layer };
        let manifest = way.base.manifest().await.and_then(|text| manifest::parsed(&text));
        let manifest = manifest.map_err(|fault| way.of_base(fault))?;
        let (text, media_type) = match manifest::platforms(&manifest) {
            None => (way.image(&manifest, &layer).await?, MANIFEST),
            Some(images) => (way.index(&manifest, images, &layer).await?, INDEX),
        };
        let digest = digest(&text);
        way.target.manifests.put(target.tag, media_type, text).await?;
        Ok(target.pinned(&digest))
    }
}

impl Way<'_> {
    fn of_base(&self, fault: Fault) -> Fault {
        fault.of(&self.name)
    }

    /// Puts the parts of an image there; the manifest that makes one of them.
    async fn image(&self, base: &Value, layer: &Layer) -> Result<Vec<u8>, Fault> {
        let parts = manifest::parts(base).map_err(|fault| self.of_base(fault))?;
        let config = self.base.blob(&parts.config, MANIFEST_BYTES, "the configuration").await;
        let config = config.and_then(|config| manifest::config(&config, parts.layers.len(), &layer.blob));
        let config = config.map_err(|fault| self.of_base(fault))?;
        for part in &parts.layers {
            self.target.take(part, &self.base).await?;
        }
        self.target.put(&layer.blob, layer.content.clone()).await?;
        let blob = Blob::of(&config);
        self.target.put(&blob, config.into()).await?;
        Ok(manifest::image((base, self.owner), &blob, &layer.blob))
    }

    /// Puts an image for each platform there; the index that names them.
    async fn index(&self, base: &Value, images: Vec<(Value, Blob)>, layer: &Layer) -> Result<Vec<u8>, Fault> {
        if images.is_empty() {
            return Err(self.of_base(manifest::no_image("it has none for Linux")));
        }
        let mut appended = Vec::new();
        for (entry, blob) in images {
            let manifest = self.base.manifests.get(&blob.digest).await;
            let manifest = manifest.and_then(|text| manifest::parsed(&text));
            let manifest = manifest.map_err(|fault| self.of_base(fault))?;
            let text = self.image(&manifest, layer).await?;
            let blob = Blob::of(&text);
            self.target.manifests.put(&blob.digest, MANIFEST, text).await?;
            appended.push((entry, blob));
        }
        Ok(manifest::index((base, self.owner), appended))
    }
}
