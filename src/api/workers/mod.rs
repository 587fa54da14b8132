//! Kinds of `api.worker-*`: WorkerDeployment, WorkerRelease, WorkerBundle and WorkerAccount, v1alpha1 (served) and v1beta1
//! (served, stored).

mod account;
mod bundle;
mod deployment;
mod http_route;
mod outcome;
pub mod pod;
mod release;
mod schema;
mod template;
pub mod v1alpha1;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use account::{
    AccountPodTemplate, ComposedProof, Delivery, GatewayReference, ImagePush, Isolation, PushedImage, Quota, Runtime,
    Storage, WorkerAccount, WorkerAccountSpec, WorkerAccountStatus,
};
pub use bundle::{
    BundlePodTemplate, BundleWorker, FetchedCode, ServedWorker, WorkerBundle, WorkerBundleSpec, WorkerBundleStatus,
    WorkerVariable,
};
pub use deployment::{WorkerDeployment, WorkerDeploymentSpec, WorkerDeploymentStatus};
pub use http_route::{HTTPRoute, HttpRouteSpec};
pub use outcome::Outcome;
pub use release::{Content, ContentModule, Proof, ProofState, WorkerRelease, WorkerReleaseSpec, WorkerReleaseStatus};
pub use template::{Binding, Module, ModuleType, SecretKey, ServiceTarget, Source, WorkerTemplate};

/// The CRDs of these groups, each with both versions. Conversion is left at `None`: where the webhook stands is known to
/// whoever installs it.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        with(WorkerAccount::crd(), v1alpha1::WorkerAccount::crd()),
        with(WorkerBundle::crd(), v1alpha1::WorkerBundle::crd()),
        with(WorkerDeployment::crd(), v1alpha1::WorkerDeployment::crd()),
        with(WorkerRelease::crd(), v1alpha1::WorkerRelease::crd()),
    ]
}

fn with(mut stored: CustomResourceDefinition, served: CustomResourceDefinition) -> CustomResourceDefinition {
    stored.spec.versions.extend(served.spec.versions);
    stored
}
