//! What manifests/ holds, at a real API server, which knows every field.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use common::cluster::ControlPlane;

/// Applies a kustomization; what it does not know is an error.
fn apply(plane: &ControlPlane, kustomization: &str) {
    let folder = format!("{}/manifests/{kustomization}", env!("CARGO_MANIFEST_DIR"));
    plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &folder]);
}

fn gateway(plane: &ControlPlane, name: &str) -> serde_json::Value {
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
fn events_have_a_service_of_their_own_beside_the_base() {
    let plane = ControlPlane::start().with_crds();
    apply(&plane, "base");
    let events = format!("{}/manifests/knative/events.yaml", env!("CARGO_MANIFEST_DIR"));
    plane.kubectl(&["apply", "--server-side", "-f", &events]);
    // Kinds of Knative are not known here.
    let knative = format!("{}/manifests/knative", env!("CARGO_MANIFEST_DIR"));
    let built = plane.kubectl(&["kustomize", &knative]);
    for part in [
        "kind: Broker",
        "kind: Trigger",
        "kind: SinkBinding",
        "--components=admission,",
    ] {
        assert!(built.contains(part), "{part}");
    }
}
