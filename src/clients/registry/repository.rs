//! One repository of a registry: its blobs by the library, its manifests by [`Wire`].

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

use super::asked::Asked;
use super::blob::Blob;
use super::error::{Fault, Verb};
use super::wire::{CONNECT_PATIENCE, READ_PATIENCE, USER_AGENT, Wire};

/// A repository that may be asked.
pub(super) struct Repository {
    reference: Reference,
    client: Client,
    asked: Asked,
    pub(super) manifests: Wire,
}

impl Repository {
    /// Asks for leave to do something there.
    pub(super) async fn open(reference: Reference, asked: Asked, auth: RegistryAuth) -> Result<Self, Fault> {
        let manifests = Wire::new(&reference, auth.clone(), asked.clone())?;
        let client = client(&asked)?;
        let operation = match asked.verb {
            Verb::Pull => RegistryOperation::Pull,
            Verb::Push | Verb::Delete => RegistryOperation::Push,
        };
        let leave = client.auth(&reference, &auth, operation).await;
        leave.map_err(|error| asked.fault(error))?;
        Ok(Self {
            reference,
            client,
            asked,
            manifests,
        })
    }

    /// The manifest that the reference names.
    pub(super) async fn manifest(&self) -> Result<Vec<u8>, Fault> {
        let named = self.reference.digest().or(self.reference.tag());
        self.manifests.get(named.unwrap_or("latest")).await
    }

    /// A blob, whole; its digest is looked at.
    pub(super) async fn blob(&self, blob: &Blob, limit: usize, what: &str) -> Result<Vec<u8>, Fault> {
        if blob.size > limit as u64 {
            return Err(Fault::too_large(what, limit));
        }
        let stream = self.client.pull_blob_stream(&self.reference, &*blob.digest).await;
        let mut stream = stream.map_err(|error| self.asked.fault(error))?.stream;
        let mut content = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| self.asked.fault(error.into()))?;
            if content.len() + chunk.len() > limit {
                return Err(Fault::too_large(what, limit));
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// Puts a blob there unless it is there.
    pub(super) async fn put(&self, blob: &Blob, content: Bytes) -> Result<(), Fault> {
        if self.has(blob).await? {
            return Ok(());
        }
        self.push(blob, stream::once(async { Ok(content) })).await
    }

    /// Takes a blob over from another repository unless it is there: by its name within a registry, else byte by byte.
    pub(super) async fn take(&self, blob: &Blob, from: &Self) -> Result<(), Fault> {
        if self.has(blob).await? {
            return Ok(());
        }
        // A registry need not do so, and need not believe that the other one may be read.
        let is_near = self.reference.registry() == from.reference.registry();
        if is_near
            && self
                .client
                .mount_blob(&self.reference, &from.reference, &blob.digest)
                .await
                .is_ok()
        {
            return Ok(());
        }
        let content = from.client.pull_blob_stream(&from.reference, &*blob.digest).await;
        let content = content.map_err(|error| from.asked.fault(error))?;
        self.push(blob, content.stream.map_err(OciDistributionError::from))
            .await
    }

    async fn has(&self, blob: &Blob) -> Result<bool, Fault> {
        let has = self.client.blob_exists(&self.reference, &blob.digest).await;
        has.map_err(|error| self.asked.fault(error))
    }

    async fn push(
        &self,
        blob: &Blob,
        content: impl stream::Stream<Item = Result<Bytes, OciDistributionError>> + Send + 'static,
    ) -> Result<(), Fault> {
        let pushed = self
            .client
            .push_blob_stream(&self.reference, content, &blob.digest, Some(blob.size));
        pushed.await.map(drop).map_err(|error| self.asked.fault(error))
    }
}

fn client(asked: &Asked) -> Result<Client, Fault> {
    // Idempotent: whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // It would panic where no certificate authorities are; our own client has just found some.
    let config = ClientConfig {
        protocol: if asked.is_plain {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        // One request for each blob, however the content comes.
        use_monolithic_push: true,
        platform_resolver: None,
        connect_timeout: Some(CONNECT_PATIENCE),
        read_timeout: Some(READ_PATIENCE),
        user_agent: USER_AGENT,
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|error| asked.fault(error))
}
