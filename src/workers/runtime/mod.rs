//! What a bundle becomes: Deployment, Service, Ingress or HTTPRoutes, disruption budget and network policy.

mod container;
mod deployment;
mod http_route;
mod ingress;
mod names;
mod network_policy;
mod resources;
mod routes;
mod service;
mod status;
mod stored;
mod trouble;

#[cfg(test)]
mod fixture;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::names::{FIELD_MANAGER, WORKER_BUNDLE_GROUP, annotation, label};
use crate::api::text::hexadecimals;
use crate::api::workers::WorkerBundle;
use crate::workers::build::Allowed;
use crate::workers::runtime_image::RuntimeImage;

pub use http_route::refusal;
pub(in crate::workers) use names::hash;
pub use names::label_value;
pub use status::{Problem, Routing, Seen, Transition, is_rolled_out, status, transition};
pub use stored::covers;
pub use trouble::trouble;

/// What a bundle's objects depend on besides the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed<'a> {
    /// Keyed digest of the Secrets that the bundle refers to, if it does.
    pub secrets: Option<&'a str>,
    /// What runs bundles that name no image.
    pub runtime: &'a RuntimeImage,
    /// What their init containers may do.
    pub allowed: &'a Allowed,
}

/// The kinds of objects that a bundle becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What the pods may be reached by, and reach.
    NetworkPolicy,
    /// How many pods may be taken away at a time.
    DisruptionBudget,
    /// The address of the workers.
    Service,
    /// The pods.
    Deployment,
    /// What leads to the workers from outside.
    Ingress,
    /// The same by the Gateway API.
    HttpRoute,
}

/// One object as it is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What it is.
    pub part: Part,
    /// The whole object, as it is applied.
    pub object: Value,
}

impl Wanted {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Its kind, as people know it.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }
}

/// Everything that a bundle becomes, in the order in which it is applied: what protects pods stands before the pods, and
/// what leads to them behind them. Nothing where there are no workers.
#[must_use]
pub fn wanted(bundle: &WorkerBundle, observed: &Observed<'_>) -> Vec<Wanted> {
    if bundle.spec.workers.is_empty() {
        return Vec::new();
    }
    let mut all = vec![
        (Part::NetworkPolicy, network_policy::network_policy(bundle)),
        (Part::DisruptionBudget, service::disruption_budget(bundle)),
        (Part::Service, service::service(bundle)),
    ];
    all.extend(deployment::deployment(bundle, observed).map(|object| (Part::Deployment, object)));
    match &bundle.spec.gateway {
        Some(gateway) => {
            let routes = http_route::http_routes(bundle, gateway).into_iter();
            all.extend(routes.map(|route| (Part::HttpRoute, route)));
        }
        None => all.extend(ingress::ingress(bundle).map(|object| (Part::Ingress, object))),
    }
    let stamped = all.into_iter().map(|(part, object)| Wanted {
        part,
        object: stamped(object),
    });
    stamped.collect()
}

/// Name of the Deployment.
#[must_use]
pub fn deployment_name(bundle: &WorkerBundle) -> &str {
    bundle.spec.deployment_name.as_deref().unwrap_or_else(|| name(bundle))
}

/// The image that the pods are to run, if anybody names one.
#[must_use]
pub fn image<'a>(bundle: &'a WorkerBundle, runtime: &'a RuntimeImage) -> Option<&'a str> {
    let own = bundle.spec.pod_template.image.as_deref();
    own.or(runtime.image.as_deref())
}

/// The digest that tells what was wanted when it was applied: what is no longer wanted differs by it alone.
fn stamped(mut object: Value) -> Value {
    let digest = Sha256::digest(object.to_string());
    object["metadata"]["annotations"][annotation::APPLIED] = hexadecimals(&digest[..16]).into();
    object
}

fn name(bundle: &WorkerBundle) -> &str {
    bundle.metadata.name.as_deref().unwrap_or_default()
}

/// What every object of a bundle has in its metadata.
fn metadata(bundle: &WorkerBundle, own_name: &str) -> Value {
    json!({
        "name": own_name,
        "namespace": bundle.metadata.namespace,
        "labels": labels(bundle),
        "annotations": {},
        "ownerReferences": [{
            "apiVersion": format!("{WORKER_BUNDLE_GROUP}/v1beta1"), "kind": "WorkerBundle",
            "name": name(bundle), "uid": bundle.metadata.uid, "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

/// Labels of an object, and of the pods.
fn labels(bundle: &WorkerBundle) -> BTreeMap<&'static str, String> {
    let own = bundle.metadata.labels.as_ref();
    let account = own.and_then(|labels| labels.get(label::ACCOUNTS));
    let account = account.map(|account| (label::ACCOUNTS, account.clone()));
    let always = [
        (label::PART_OF, FIELD_MANAGER.to_owned()),
        (label::BUNDLE, names::label_value(name(bundle))),
    ];
    always.into_iter().chain(account).collect()
}

/// What the pods are found by; does not change while the bundle lives.
fn selector(bundle: &WorkerBundle) -> Value {
    json!({label::BUNDLE: names::label_value(name(bundle))})
}

#[cfg(test)]
mod tests {
    use super::fixture::{bundle, observed};
    use super::*;

    fn parts(bundle: &WorkerBundle) -> Vec<(Part, String)> {
        let all = wanted(bundle, &observed()).into_iter();
        all.map(|wanted| (wanted.part, wanted.name().to_owned())).collect()
    }

    #[test]
    fn a_bundle_becomes_these_objects_in_this_order() {
        let mut bundle = bundle();
        let own = |part| (part, "shop".to_owned());
        let inner = [
            own(Part::NetworkPolicy),
            own(Part::DisruptionBudget),
            own(Part::Service),
            own(Part::Deployment),
        ];
        assert_eq!(parts(&bundle), [&inner[..], &[own(Part::Ingress)]].concat());
        bundle.spec.gateway = Some(fixture::gateway());
        let route = |name: &str| (Part::HttpRoute, name.to_owned());
        let other_path = format!("shop.wasm-worker.{}", names::hash("[Prefix(\"/wasm\")]"));
        let routes = [route("shop.cart"), route("shop.wasm-worker"), route(&other_path)];
        assert_eq!(parts(&bundle), [&inner[..], &routes].concat());
        bundle.spec.workers.clear();
        assert_eq!(parts(&bundle), []);
    }

    #[test]
    fn all_carry_the_bundles_labels_owner_and_digest() {
        let bundle = bundle();
        for wanted in wanted(&bundle, &observed()) {
            let mut metadata = wanted.object["metadata"].clone();
            assert!(metadata["annotations"][annotation::APPLIED].is_string());
            metadata["annotations"] = json!({});
            assert_eq!(
                metadata,
                json!({
                    "name": "shop", "namespace": "here", "annotations": {},
                    "labels": {
                        "app.kubernetes.io/part-of": "stationmaster", "accounts": "1234",
                        "workers.stationmaster.dev/bundle": "shop",
                    },
                    "ownerReferences": [{
                        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle", "name": "shop", "uid": "u",
                        "controller": true, "blockOwnerDeletion": true,
                    }],
                }),
                "{}",
                wanted.kind()
            );
        }
    }

    #[test]
    fn the_digest_changes_with_what_is_wanted() {
        let mut bundle = bundle();
        let before = wanted(&bundle, &observed());
        assert_eq!(before, wanted(&bundle, &observed()));
        bundle.spec.workers[1].env_prefix = Some("OTHER_".into());
        let after = wanted(&bundle, &observed());
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after);
        let changed: Vec<_> = changed.map(|(before, _)| before.part).collect();
        assert_eq!(changed, [Part::Deployment]);
    }
}
