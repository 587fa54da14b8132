//! Nouns: the kinds of our CRDs, the wire types and every name that is stored or sent. No decisions, no IO.

pub mod dispatch;
pub mod names;
pub mod registration;
pub mod review;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// Every CRD of ours, by name.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    dispatch::crds()
}
