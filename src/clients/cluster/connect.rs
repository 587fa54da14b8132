//! From a kubeconfig, or the pod's service account, to a client whose calls end in time.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A TCP connection that takes longer is as good as none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that brings nothing for so long is dead. A quiet watch is none: it is asked for 290 seconds, and the API
/// server ends it. Without this limit a list, or the opening of a watch, that is never answered would end that watch for
/// ever: kube counts the time of a watch only once it is open.
const READ_TIMEOUT: Duration = Duration::from_secs(330);

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
    let config = match kubeconfig {
        Some(path) => from_file(path).await?,
        None => Config::infer().await.map_err(|error| ConnectError::Infer {
            reason: error.source().map_or_else(String::new, ToString::to_string),
        })?,
    };
    configured(config, READ_TIMEOUT)
}

fn configured(mut config: Config, read_timeout: Duration) -> Result<Client, ConnectError> {
    // A create that was retried underneath us could make two objects; every caller here decides itself.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(read_timeout);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_is_never_answered_ends() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client = configured(Config::new(address.parse().unwrap()), Duration::from_millis(50)).unwrap();
        let silent = async {
            let _open = listener.accept().await;
            std::future::pending::<()>().await;
        };
        let request = hyper::Request::get("/").body(Vec::new()).unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), client.request_text(request));
        tokio::select! {
            () = silent => {}
            answer = answer => assert!(answer.expect("it ends").is_err()),
        }
    }
}
