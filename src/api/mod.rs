//! Nouns: the kinds of our CRDs, the wire types and every name that is stored or sent. No decisions, no IO.

pub mod cloud_event;
pub mod dispatch;
pub mod download;
pub mod gateway;
pub mod hook;
pub mod key;
pub mod names;
pub mod pod;
pub mod quantity;
pub mod registration;
pub mod resources;
pub mod review;
mod structural;
pub mod text;
pub mod workers;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use names::label;

/// Every CRD of ours, by name; each carries [`label::PART_OF`], so that one selector finds what we have installed.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let all = dispatch::crds()
        .into_iter()
        .chain(gateway::crds())
        .chain(resources::crds())
        .chain(workers::crds());
    all.map(labelled).collect()
}

fn labelled(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let labels = crd.metadata.labels.get_or_insert_default();
    labels.insert(label::PART_OF.into(), names::CATEGORY.into());
    crd
}
