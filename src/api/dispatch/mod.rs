//! Kinds of `dispatcher.ivan.vc`: JobTemplate and JobExecution, v1alpha1 (served) and v1beta1 (served, stored).

mod schema;
pub mod shallow;
pub mod v1alpha1;
pub mod v1beta1;
pub mod view;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The CRDs of this group, each with both versions. Conversion is left at `None`: where the webhook stands is known
/// to whoever installs it.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        with(v1beta1::JobExecution::crd(), v1alpha1::JobExecution::crd()),
        with(v1beta1::JobTemplate::crd(), v1alpha1::JobTemplate::crd()),
    ]
}

fn with(mut stored: CustomResourceDefinition, served: CustomResourceDefinition) -> CustomResourceDefinition {
    stored.spec.versions.extend(served.spec.versions);
    stored
}
