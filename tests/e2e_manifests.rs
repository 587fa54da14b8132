//! What manifests/ holds, at a real API server, which knows every field.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use common::cluster::ControlPlane;
use serde_json::Value;

/// Applies a kustomization; what it does not know is an error.
fn apply(plane: &ControlPlane, kustomization: &str) {
    let folder = format!("{}/manifests/{kustomization}", env!("CARGO_MANIFEST_DIR"));
    plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &folder]);
}

fn gateway(plane: &ControlPlane, name: &str) -> Value {
    plane.get(&["podgateways", name])["spec"].take()
}

#[test]
fn the_pair_of_gateways_and_their_stand_ins_are_accepted() {
    let plane = ControlPlane::start().with_crds();
    apply(&plane, "gateway");
    for name in ["foo", "bar"] {
        let real = gateway(&plane, name);
        assert_eq!(real["match"]["label"]["value"], name);
        assert_eq!(real["configMapName"], format!("pod-gateway-{name}"));
        assert_eq!(real["sidecar"]["command"][0], "/bin/client_sidecar.sh");
    }
    apply(&plane, "gateway-stand-in");
    for name in ["foo", "bar"] {
        let stand_in = gateway(&plane, name);
        assert_eq!(stand_in["match"]["label"]["value"], name);
        assert_eq!(stand_in["init"]["image"], "alpine:latest");
        assert!(stand_in.get("configMapName").is_none(), "{stand_in}");
    }
}

#[test]
fn what_takes_events_and_the_sample_client_are_accepted() {
    let plane = ControlPlane::start().with_crds();
    for kustomization in ["base", "gateway-stand-in"] {
        apply(&plane, kustomization);
    }
    for file in ["knative/events.yaml", "samples/gatewayclient.yaml"] {
        let file = format!("{}/manifests/{file}", env!("CARGO_MANIFEST_DIR"));
        plane.kubectl(&["apply", "--server-side", "-f", &file]);
    }
    let client = plane.get(&["-n", "client-system", "gatewayclients", "gatewayclient-sample"]);
    assert_eq!(client["spec"]["image"], "alpine:latest");
}

#[test]
fn what_knative_knows_comes_beside_the_base() {
    let plane = ControlPlane::start();
    let knative = format!("{}/manifests/knative", env!("CARGO_MANIFEST_DIR"));
    let built = plane.kubectl(&["kustomize", &knative]);
    for part in [
        "kind: Broker",
        "kind: Trigger",
        "kind: SinkBinding",
        "name: stationmaster-events",
    ] {
        assert!(built.contains(part), "{part}");
    }
}
