//! The door to the API server, and the only one: every watch is opened here once and every call leaves from here.

mod call;
mod connect;
mod error;
mod kind;
mod versions;
mod watch;

use std::path::Path;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Client;
use kube::api::{Api, PostParams};

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

    /// The user name under which the API server knows us; none where it does not say.
    pub async fn own_user(&self) -> Option<String> {
        let reviews = Api::<SelfSubjectReview>::all(self.client.clone());
        let review = reviews
            .create(&PostParams::default(), &SelfSubjectReview::default())
            .await;
        let review =
            review.inspect_err(|error| tracing::warn!(%error, "the API server does not say who this server is"));
        review.ok()?.status?.user_info?.username
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
