//! From a kubeconfig, or the pod's service account, to a client whose calls end in time.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A TCP connection that takes longer is as good as none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection to a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file that was named cannot be read, or says nothing of use.
    #[error("cannot use kubeconfig {path}")]
    Kubeconfig {
        /// As given.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// Neither a kubeconfig nor a service account is here.
    #[error("no cluster: this is not a pod, and {reason}; name a kubeconfig with --kubeconfig or KUBECONFIG")]
    Infer {
        /// Why the kubeconfig cannot be used. A text, since kube's error already prints its sources.
        reason: String,
    },
    /// The configuration is there but no client can be made from it.
    #[error("cannot make a client from the cluster's configuration")]
    Client(#[source] Box<kube::Error>),
}

/// Reads the configuration; the connection itself is made by the first call.
pub(super) async fn client(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path).await?,
        None => Config::infer().await.map_err(|error| ConnectError::Infer {
            reason: error.source().map_or_else(String::new, ToString::to_string),
        })?,
    };
    // A create that was retried underneath us could make two objects; every caller here decides itself.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // No read timeout here: it would end quiet watches. Single calls carry their own.
    config.read_timeout = None;
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

async fn from_file(path: &Path) -> Result<Config, ConnectError> {
    let failed = |source| ConnectError::Kubeconfig {
        path: path.display().to_string(),
        source: Box::new(source),
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(failed)
}
