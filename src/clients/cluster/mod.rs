//! The door to the API server, and the only one: every watch is opened here once and every call leaves from here.

mod call;
mod connect;
mod error;
mod kind;
mod versions;
mod watch;

use std::path::Path;

use kube::Client;

pub use call::{DryRun, place};
pub use connect::ConnectError;
pub use error::{Error, Failure, Object};
pub use kind::{Kind, KindError, MetadataEvent};
pub use watch::{Kept, NamespaceMetadata, Templates, Watched};

/// A connection to one cluster; cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl Cluster {
    /// Uses `kubeconfig`, else `$KUBECONFIG` or `~/.kube/config`, else the service account of the pod.
    ///
    /// # Errors
    /// When no usable configuration is found; whether the API server answers is only known after the first call.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, ConnectError> {
        connect::client(kubeconfig).await.map(Self::from)
    }

    /// The namespace of the pod, or of the kubeconfig's context.
    #[must_use]
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }
}

/// Tests put an API server in process behind it.
impl From<Client> for Cluster {
    fn from(client: Client) -> Self {
        Self { client }
    }
}
