//! Why the server cannot start.

use std::io;
use std::path::PathBuf;

use crate::cli::ListenAddress;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, not ours, or not an address.
    #[error("cannot listen on {address}")]
    Bind {
        /// As it was asked for.
        address: ListenAddress,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate file cannot be read.
    #[error("cannot read {}", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate file holds something else.
    #[error("{}: {fault}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what it should be.
        fault: String,
    },
    /// Certificate and key do not work together.
    #[error("{} and {} do not work together", certificate.display(), key.display())]
    CertificatePair {
        /// The file with the chain.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}
