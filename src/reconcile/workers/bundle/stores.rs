//! The watches of one term: all that bundles become.

use futures::future::{BoxFuture, join_all};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use tokio_util::sync::CancellationToken;

use crate::api::names::label::BUNDLE;
use crate::api::workers::HTTPRoute;
use crate::api::workers::pod::BundlePod;
use crate::clients::cluster::{Cluster, Watched};

/// What is kept of the cluster.
pub(super) struct Stores {
    pub(super) deployments: Watched<Deployment>,
    pub(super) services: Watched<Service>,
    pub(super) ingresses: Watched<Ingress>,
    pub(super) budgets: Watched<PodDisruptionBudget>,
    pub(super) policies: Watched<NetworkPolicy>,
    pub(super) pods: Watched<BundlePod>,
    /// Ready only where the cluster has the Gateway API.
    pub(super) routes: Watched<HTTPRoute>,
}

impl Stores {
    /// The stores, what fills all but that of HTTPRoutes, and what fills that one. Neither ends: reconciles that have begun
    /// may need them longer than the term lasts.
    pub(super) fn open(cluster: &Cluster) -> (Self, BoxFuture<'static, ()>, BoxFuture<'static, ()>) {
        let never = CancellationToken::new;
        let (deployments, first) = cluster.labelled::<Deployment>(BUNDLE, never());
        let (services, second) = cluster.labelled::<Service>(BUNDLE, never());
        let (ingresses, third) = cluster.labelled::<Ingress>(BUNDLE, never());
        let (budgets, fourth) = cluster.labelled::<PodDisruptionBudget>(BUNDLE, never());
        let (policies, fifth) = cluster.labelled::<NetworkPolicy>(BUNDLE, never());
        let (pods, sixth) = cluster.labelled::<BundlePod>(BUNDLE, never());
        let (routes, of_routes) = cluster.labelled::<HTTPRoute>(BUNDLE, never());
        let all: [BoxFuture<'static, ()>; 6] = [
            Box::pin(first),
            Box::pin(second),
            Box::pin(third),
            Box::pin(fourth),
            Box::pin(fifth),
            Box::pin(sixth),
        ];
        let stores = Self {
            deployments,
            services,
            ingresses,
            budgets,
            policies,
            pods,
            routes,
        };
        let filled = async {
            join_all(all).await;
        };
        (stores, Box::pin(filled), Box::pin(of_routes))
    }

    /// Returns when everything is known but HTTPRoutes.
    pub(super) async fn wait_until_ready(&self) {
        tokio::join!(
            self.deployments.wait_until_ready(),
            self.services.wait_until_ready(),
            self.ingresses.wait_until_ready(),
            self.budgets.wait_until_ready(),
            self.policies.wait_until_ready(),
            self.pods.wait_until_ready(),
        );
    }
}
