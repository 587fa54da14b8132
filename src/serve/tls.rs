//! The serving certificate: read before anything is bound, read again when its files change. Connections keep the
//! certificate that they began with; new ones get the newest that works.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::certificate_files::{CertificateFiles, Loaded, provider};
use super::error::Error;
use super::metrics::Metrics;

/// The serving certificate and the files that it comes from.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    current: ArcSwap<Loaded>,
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// A file cannot be read, holds something else, or the two do not belong together.
    pub async fn load(chain: PathBuf, key: PathBuf) -> Result<Arc<Self>, Error> {
        let files = CertificateFiles { chain, key };
        let loaded = files.load(&files.read().await?)?;
        Ok(Arc::new(Self {
            files,
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
        tracing::info!(file = %self.files.chain.display(), not_after, "serving certificate");
        if not_after < OffsetDateTime::now_utc().unix_timestamp() {
            tracing::warn!(file = %self.files.chain.display(), "the serving certificate has expired: nobody will accept it");
        }
    }

    /// Takes new files once. `refused` remembers contents that do not work, so that each is reported once.
    async fn reload(&self, refused: &mut Option<[u8; 32]>) -> Result<bool, Error> {
        let contents = match self.files.read().await {
            Ok(contents) => contents,
            // An absent file is reported once, as if it were empty.
            Err(error) if refused.replace([0; 32]) != Some([0; 32]) => return Err(error),
            Err(_) => return Ok(false),
        };
        let digest = contents.digest();
        if digest == self.current.load().digest {
            *refused = None;
            return Ok(false);
        }
        if *refused == Some(digest) {
            return Ok(false);
        }
        *refused = Some(digest);
        self.current.store(Arc::new(self.files.load(&contents)?));
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().key.clone())
    }
}
