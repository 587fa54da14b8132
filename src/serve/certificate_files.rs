//! The two files of a serving certificate: read together, and of use only together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::error::Error;

/// Where they are.
#[derive(Debug)]
pub(super) struct CertificateFiles {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

/// Both as they were read.
pub(super) struct Contents {
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// What a handshake needs.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    /// Of the contents.
    pub(super) digest: [u8; 32],
    /// Unix time.
    pub(super) not_after: i64,
}

impl CertificateFiles {
    pub(super) async fn read(&self) -> Result<Contents, Error> {
        Ok(Contents {
            chain: read(&self.chain).await?,
            key: read(&self.key).await?,
        })
    }

    pub(super) fn load(&self, contents: &Contents) -> Result<Loaded, Error> {
        let chain = self.chain(&contents.chain)?;
        let not_after = not_after(&chain).map_err(|fault| bad(&self.chain, fault))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| bad(&self.key, format!("not a PEM private key: {error}")))?;
        let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|source| Error::CertificatePair {
            certificate: self.chain.clone(),
            key: self.key.clone(),
            source,
        })?;
        Ok(Loaded {
            key: Arc::new(pair),
            digest: contents.digest(),
            not_after,
        })
    }

    fn chain(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match chain {
            Ok(chain) if chain.is_empty() => Err(bad(&self.chain, "holds no PEM certificate".to_owned())),
            Ok(chain) => Ok(chain),
            Err(error) => Err(bad(&self.chain, format!("not a PEM certificate chain: {error}"))),
        }
    }
}

impl Contents {
    pub(super) fn digest(&self) -> [u8; 32] {
        // The length keeps a shifted border between the two apart.
        let length = self.chain.len().to_be_bytes();
        let digest = Sha256::new().chain_update(length);
        digest
            .chain_update(&self.chain)
            .chain_update(&self.key)
            .finalize()
            .into()
    }
}

/// The cryptography of every handshake.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let wrap = |source| Error::CertificateFile {
        path: path.to_owned(),
        source,
    };
    tokio::fs::read(path).await.map_err(wrap)
}

/// When the first of the chain ends.
fn not_after(chain: &[CertificateDer<'_>]) -> Result<i64, String> {
    let leaf = chain.first().map_or(&[][..], |leaf| leaf);
    let (_, leaf) =
        x509_parser::parse_x509_certificate(leaf).map_err(|error| format!("not an X.509 certificate: {error}"))?;
    Ok(leaf.validity().not_after.timestamp())
}

fn bad(path: &Path, fault: String) -> Error {
    Error::Certificate {
        path: path.to_owned(),
        fault,
    }
}
