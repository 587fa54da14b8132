//! The serving certificate: read before anything is bound, read again when its files change. Connections keep the
//! certificate that they began with; new ones get the newest that works.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::error::Error;
use super::metrics::Metrics;

/// The serving certificate and the files that it comes from.
#[derive(Debug)]
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    digest: [u8; 32],
    not_after: i64,
}

/// Both files as they were read.
struct Files {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// A file cannot be read, holds something else, or the two do not belong together.
    pub async fn load(chain_file: PathBuf, key_file: PathBuf) -> Result<Arc<Self>, Error> {
        let files = Files::read(&chain_file, &key_file).await?;
        let loaded = load(&files, &chain_file, &key_file)?;
        Ok(Arc::new(Self {
            chain_file,
            key_file,
            current: ArcSwap::from_pointee(loaded),
        }))
    }

    /// How to answer a handshake: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Never with the versions that are compiled in.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Looks at the files for ever.
    pub async fn follow(&self, interval: Duration, metrics: &Metrics) {
        self.report(metrics);
        let mut refused = None;
        loop {
            tokio::time::sleep(interval).await;
            match self.reload(&mut refused).await {
                Ok(false) => {}
                Ok(true) => self.report(metrics),
                Err(error) => {
                    metrics.certificate_reload_failures.inc();
                    let error = anyhow::Error::new(error);
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the serving certificate stays the old one"
                    );
                }
            }
        }
    }

    fn report(&self, metrics: &Metrics) {
        let not_after = self.current.load().not_after;
        metrics.certificate_expiry.set(not_after);
        tracing::info!(file = %self.chain_file.display(), not_after, "serving certificate");
        if not_after < OffsetDateTime::now_utc().unix_timestamp() {
            tracing::warn!(file = %self.chain_file.display(), "the serving certificate has expired: nobody will accept it");
        }
    }

    /// Takes new files once. `refused` remembers contents that do not work, so that each is reported once.
    async fn reload(&self, refused: &mut Option<[u8; 32]>) -> Result<bool, Error> {
        let files = match Files::read(&self.chain_file, &self.key_file).await {
            Ok(files) => files,
            // An absent file is reported once, as if it were empty.
            Err(error) if refused.replace([0; 32]) != Some([0; 32]) => return Err(error),
            Err(_) => return Ok(false),
        };
        let digest = files.digest();
        if digest == self.current.load().digest {
            *refused = None;
            return Ok(false);
        }
        if *refused == Some(digest) {
            return Ok(false);
        }
        *refused = Some(digest);
        self.current
            .store(Arc::new(load(&files, &self.chain_file, &self.key_file)?));
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().key.clone())
    }
}

impl Files {
    async fn read(chain: &Path, key: &Path) -> Result<Self, Error> {
        let read = async |path: &Path| {
            let wrap = |source| Error::CertificateFile {
                path: path.to_owned(),
                source,
            };
            tokio::fs::read(path).await.map_err(wrap)
        };
        Ok(Self {
            chain: read(chain).await?,
            key: read(key).await?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        // The length keeps a shifted border between the two apart.
        let length = self.chain.len().to_be_bytes();
        Sha256::new()
            .chain_update(length)
            .chain_update(&self.chain)
            .chain_update(&self.key)
            .finalize()
            .into()
    }
}

fn load(files: &Files, chain_file: &Path, key_file: &Path) -> Result<Loaded, Error> {
    let bad = |path: &Path, fault: String| Error::Certificate {
        path: path.to_owned(),
        fault,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&files.chain)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(chain_file, format!("not a PEM certificate chain: {error}")))?;
    let leaf = chain
        .first()
        .ok_or_else(|| bad(chain_file, "holds no PEM certificate".to_owned()))?;
    let not_after = not_after(leaf).map_err(|fault| bad(chain_file, fault))?;
    let key = PrivateKeyDer::from_pem_slice(&files.key)
        .map_err(|error| bad(key_file, format!("not a PEM private key: {error}")))?;
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|source| Error::CertificatePair {
        certificate: chain_file.to_owned(),
        key: key_file.to_owned(),
        source,
    })?;
    Ok(Loaded {
        key: Arc::new(pair),
        digest: files.digest(),
        not_after,
    })
}

fn not_after(leaf: &CertificateDer<'_>) -> Result<i64, String> {
    let (_, leaf) =
        x509_parser::parse_x509_certificate(leaf).map_err(|error| format!("not an X.509 certificate: {error}"))?;
    Ok(leaf.validity().not_after.timestamp())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
