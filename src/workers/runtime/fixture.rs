//! A bundle of an account, for the tests of this room.

use std::sync::LazyLock;

use serde_json::json;

use super::Observed;
use crate::api::workers::{GatewayReference, WorkerBundle};
use crate::workers::build::Allowed;
use crate::workers::runtime_image::RuntimeImage;

static RUNTIME: LazyLock<RuntimeImage> = LazyLock::new(|| RuntimeImage {
    image: Some("runtime:1".into()),
    pull_policy: Some("Never".into()),
});

static ALLOWED: LazyLock<Allowed> = LazyLock::new(Allowed::default);

pub(super) fn observed() -> Observed<'static> {
    Observed {
        secrets: Some("abc"),
        runtime: &RUNTIME,
        allowed: &ALLOWED,
    }
}

/// Two workers in one process, delivered by ConfigMaps.
pub(super) fn bundle() -> WorkerBundle {
    serde_json::from_value(json!({
        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle",
        "metadata": {"name": "shop", "namespace": "here", "uid": "u", "generation": 3, "labels": {"accounts": "1234"}},
        "spec": {
            "digest": "sha256:d1",
            "workers": [
                {
                    "workerName": "cart", "workerNumber": 8080, "release": "cart-1", "envPrefix": "CART_",
                    "routes": ["cart.1234.example.com"],
                    "variables": [{"name": "CART_TOKEN", "secretName": "tokens", "key": "token"}],
                },
                {
                    "workerName": "wasm-worker", "workerNumber": 8081, "release": "wasm-worker-1",
                    "secretRef": "secrets", "routes": ["wasm-worker.1234.example.com", "shop.example.com/wasm/*"],
                },
            ],
            "podTemplate": {
                "configMap": "shop-d1", "imagePullSecret": "pull",
                "modules": {"cart-1": "cart-1", "wasm-worker-1": "wasm-worker-1"},
            },
        },
    }))
    .expect("a bundle")
}

/// One that somebody wrote by hand for an image of their own.
pub(super) fn by_hand() -> WorkerBundle {
    serde_json::from_value(json!({
        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle",
        "metadata": {"name": "workers", "namespace": "here", "uid": "h"},
        "spec": {
            "deploymentName": "depl-name",
            "workers": [{"workerName": "wasm-worker", "workerNumber": 8080}],
            "podTemplate": {"image": "1234:v2"},
        },
    }))
    .expect("a bundle")
}

pub(super) fn gateway() -> GatewayReference {
    GatewayReference {
        name: "public".into(),
        namespace: Some("gateways".into()),
    }
}
