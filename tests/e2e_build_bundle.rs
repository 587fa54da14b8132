//! `build-bundle publish` against a real API server: what was fetched and proved is in a ConfigMap that does not change.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::build::{RELEASE, step, verdict};
use common::cluster::ControlPlane;
use serde_json::{Value, json};
use stationmaster::api::workers::ProofState;
use stationmaster::workers::proof::Verdict;
use tempfile::TempDir;

const MANIFEST: &str = r#"
apiVersion: api.worker-release/v1beta1
kind: WorkerRelease
metadata: {name: a-0123456789}
spec: {scriptName: a, compatibilityDate: "2026-01-01", modules: [{name: a.js, text: ""}]}
"#;

/// A release of a namespace, whose code is to be published.
struct Release {
    plane: ControlPlane,
    namespace: String,
    uid: String,
}

impl Release {
    fn new() -> Self {
        let plane = ControlPlane::start().with_crds();
        let namespace = plane.namespace();
        plane.apply_in(&namespace, MANIFEST);
        let release = plane.get(&["-n", &namespace, "workerrelease", RELEASE]);
        let uid = release["metadata"]["uid"].as_str().unwrap().to_owned();
        Self { plane, namespace, uid }
    }

    fn publish(&self, work: &Path) -> Output {
        let kubeconfig = self.plane.kubeconfig().to_str().unwrap().to_owned();
        let owner = ["--owner-uid", &self.uid, "--account", "1234", "--worker", "a"];
        let flags = [&["--namespace", &self.namespace], &owner[..]].concat();
        step("publish", work, &flags, &[("KUBECONFIG", kubeconfig)])
    }

    fn stored(&self) -> Value {
        self.plane.get(&["-n", &self.namespace, "configmap", RELEASE])
    }
}

/// A folder in which these modules were fetched and proved.
fn proved(modules: &[&[u8]]) -> TempDir {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("modules").join(RELEASE);
    fs::create_dir_all(&folder).unwrap();
    let mut listing = Vec::new();
    for (number, content) in modules.iter().enumerate() {
        fs::write(folder.join(number.to_string()), content).unwrap();
        listing.push(json!({"name": format!("{number}.js"), "type": "EsModule"}));
    }
    fs::write(folder.join("modules.json"), json!(listing).to_string()).unwrap();
    fs::write(work.path().join("proved"), "").unwrap();
    work
}

fn refused(output: &Output) -> (String, String) {
    let verdict = verdict(output);
    assert_eq!(verdict.state, ProofState::Failed);
    (verdict.reason.unwrap(), verdict.message.unwrap())
}

#[test]
fn code_becomes_a_config_map_once() {
    let release = Release::new();
    let work = proved(&[b"export default {}", b"\xff\0", b""]);
    let published = Verdict {
        size: Some(19),
        ..Verdict::passed()
    };
    assert_eq!(verdict(&release.publish(work.path())), published);
    assert!(work.path().join("published").exists());
    let stored = release.stored();
    assert_eq!(stored["immutable"], true);
    assert_eq!(stored["binaryData"]["0"], "ZXhwb3J0IGRlZmF1bHQge30=");
    assert_eq!(stored["binaryData"]["1"], "/wA=");
    assert_eq!(
        stored["metadata"]["labels"]["workers.stationmaster.dev/release"],
        RELEASE
    );
    assert_eq!(stored["metadata"]["ownerReferences"][0]["uid"], release.uid);

    // Again, after the step was killed: nothing is written.
    assert_eq!(verdict(&release.publish(work.path())), published);
    assert_eq!(
        release.stored()["metadata"]["resourceVersion"],
        stored["metadata"]["resourceVersion"]
    );

    let other = proved(&[b"export default {}", b"\xff\0"]);
    let (reason, message) = refused(&release.publish(other.path()));
    assert_eq!(
        (&*reason, &*message),
        ("BuildFailed", "there is another ConfigMap a-0123456789: delete it")
    );
    assert!(other.path().join("failed").exists());
}

#[test]
fn a_config_map_takes_as_much_as_is_said_and_lists_what_is_more() {
    let most = vec![b'x'; 900 << 10];
    let release = Release::new();
    verdict(&release.publish(proved(&[&most, b"y"]).path()));
    let stored = release.stored();
    let listing = r#"[{"name":"0.js","type":"EsModule"},{"name":"1.js","type":"EsModule"}]"#;
    assert_eq!(
        (&stored["binaryData"], &stored["data"]["modules.json"]),
        (&Value::Null, &json!(listing))
    );
    let release = Release::new();
    verdict(&release.publish(proved(&[&most]).path()));
    assert!(release.stored()["binaryData"]["0"].is_string());
}

#[test]
fn what_was_refused_is_not_published() {
    let work = proved(&[b"a"]);
    fs::write(work.path().join("failed"), "").unwrap();
    let flags = ["--namespace=a", "--owner-uid=b", "--account=c", "--worker=d"];
    let output = step(
        "publish",
        work.path(),
        &flags,
        &[("KUBECONFIG", "/nonexistent".to_owned())],
    );
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}
