//! Workers at a real API server with our webhooks: what is stored, what is refused and with which words, and that either
//! version brings back what the other wrote.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::path::Path;

use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use serde_json::{Value, json};

const SAMPLES: &str = "manifests/samples/workers";

/// A namespace on a control plane whose server answers webhooks and reconciles nothing.
struct Scene<'a> {
    plane: &'a ControlPlane,
    namespace: String,
}

impl Scene<'_> {
    fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let output = self
            .plane
            .try_kubectl(&[&["-n", &self.namespace], arguments].concat(), input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            // Warnings are told beside the result.
            Ok(text(&output.stdout) + &text(&output.stderr))
        } else {
            Err(text(&output.stderr))
        }
    }

    fn apply(&self, manifest: &str) -> Result<String, String> {
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], manifest)
    }

    fn sample(&self, file: &str) {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLES).join(file)).unwrap();
        let applied = self.apply(&text);
        assert!(applied.is_ok(), "{file}: {applied:?}");
    }

    fn get(&self, kind: &str, version: &str, name: &str) -> Value {
        let resource = format!("worker{kind}s.{version}.api.worker-{kind}");
        let arguments = ["-n", &self.namespace, &resource, name];
        self.plane.get(&arguments)
    }

    /// The refusal of an object, once the server knows what it needs to know for it.
    fn refusal(&self, object: &Value) -> String {
        eventually("a refusal", || {
            self.kubectl(&["create", "--dry-run=server", "-f", "-"], &object.to_string())
                .err()
        })
    }
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "api.worker-deployment/v1beta1",
        "kind": "WorkerDeployment",
        "metadata": {"name": name, "labels": {"accounts": "1234"}},
        "spec": {"template": {
            "scriptName": name,
            "secretRef": "secret",
            "compatibilityDate": "2026-01-31",
            "compatibilityFlags": ["nodejs_compat"],
            "modules": [{"name": "index.js", "text": "export default {}"}],
            "bindings": [{"name": "GREETING", "json": {"text": "hello", "empty": null, "list": [1.5, 0]}}],
            "routes": ["shop.example.com/cart/*"],
        }},
    })
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[name] = value;
    object
}

#[test]
fn workers_are_stored_as_they_can_run() {
    let plane = ControlPlane::start().with_crds();
    let flags = [
        "--components=admission,conversion,workers",
        "--worker-runtime-version=2026-06-01",
    ];
    let _server = Server::start(&plane, &flags);
    for scenario in [
        samples_are_stored_and_read_in_both_versions,
        what_cannot_run_is_refused_by_name,
        a_put_in_the_old_version_keeps_what_it_cannot_say,
        a_release_is_immutable_in_both_versions,
        a_bundle_of_an_account_is_changed_by_nobody_else,
        a_worker_gets_the_one_account_and_an_iso_date,
    ] {
        scenario(&Scene {
            plane: &plane,
            namespace: plane.namespace(),
        });
    }
}

fn samples_are_stored_and_read_in_both_versions(scene: &Scene<'_>) {
    for file in ["upstream-v1alpha1/workers.yaml", "upstream-v1alpha1/workerbundle.yaml"] {
        scene.sample(file);
    }
    let stored = scene.get("deployment", "v1beta1", "wasm-worker");
    let template = &stored["spec"]["template"];
    assert_eq!(template["compatibilityDate"], "2025-11-01");
    assert_eq!(
        template["urls"][1],
        json!({"url": "s3://workers/wasm-worker/v1/greeting.txt"})
    );
    let read = scene.get("deployment", "v1alpha1", "wasm-worker");
    assert_eq!(read["spec"]["template"]["compatibilityDate"], "11/01/2025");
    assert_eq!(
        scene.get("deployment", "v1beta1", "artist-worker")["spec"]["releaseHistoryLimit"],
        10
    );
    let read = scene.get("deployment", "v1alpha1", "artist-worker");
    assert_eq!(read["spec"]["template"]["releaseHistoryLimit"], 10);
    for file in ["account.yaml", "wasm-worker.yaml", "artist-worker.yaml"] {
        scene.sample(file);
    }
    let read = scene.get("deployment", "v1alpha1", "wasm-worker");
    assert_eq!(read["spec"]["template"]["modules"][1]["name"], "add.wasm");
    assert_eq!(read["spec"]["template"].get("bindings"), None);
    assert_eq!(
        scene.get("bundle", "v1beta1", "bundle-sample")["spec"]["workers"][1]["workerNumber"],
        8081
    );
}

fn what_cannot_run_is_refused_by_name(scene: &Scene<'_>) {
    scene.sample("account.yaml");
    let applied = scene.apply(&deployment("a-b").to_string()).unwrap();
    assert!(applied.contains("serverside-applied"), "{applied}");
    let template = |pointer: &str, value: Value| with(deployment("new"), &format!("/spec/template/{pointer}"), value);
    let kv = json!([{"name": "STORE", "kvNamespace": {"id": "x"}}]);
    for (object, expected) in [
        (
            with(deployment("other"), "/spec/template/scriptName", json!("a_b")),
            "spec.template.scriptName: \"a_b\" may have lower-case letters, digits and '-', and has to begin and end with \
             a letter or digit: \"a-b\" would do",
        ),
        (
            with(deployment("other"), "/spec/template/scriptName", json!("a-b")),
            "spec.template.scriptName: \"a-b\" is the worker of WorkerDeployment \"a-b\": take another name",
        ),
        (
            template("compatibilityDate", json!("2099-01-01")),
            "spec.template.compatibilityDate: 2099-01-01 has not come yet",
        ),
        (
            template("compatibilityDate", json!("2026-06-02")),
            "2026-06-02 is later than the runtime, which is of 2026-06-01 as --worker-runtime-version says",
        ),
        (
            template("bindings", kv),
            "spec.template.bindings[0].kvNamespace: there is no binding of the kind \"kvNamespace\"",
        ),
        (
            template("compatibilityFlags", json!(["python_workers"])),
            "workers in Python are not supported",
        ),
        (
            template("mainModule", json!("other.js")),
            "no module is called \"other.js\": there is index.js",
        ),
        (
            template("routes", json!(["shop.example.com/cart*"])),
            "WorkerDeployment \"a-b\" of account \"1234\" has it",
        ),
    ] {
        let refusal = scene.refusal(&object);
        assert!(refusal.contains(expected), "{refusal}\nand not: {expected}");
    }
}

fn a_put_in_the_old_version_keeps_what_it_cannot_say(scene: &Scene<'_>) {
    scene.sample("account.yaml");
    scene.apply(&deployment("worker").to_string()).unwrap();
    let before = scene.get("deployment", "v1beta1", "worker");
    let mut old = scene.get("deployment", "v1alpha1", "worker");
    old["spec"]["template"]["secretRef"] = json!("other");
    // As a client does that has its own manifest and has read nothing.
    old["metadata"] = json!({"name": "worker", "labels": {"accounts": "1234"}});
    scene.kubectl(&["replace", "-f", "-"], &old.to_string()).unwrap();
    let after = scene.get("deployment", "v1beta1", "worker");
    assert_eq!(
        after["spec"],
        with(before, "/spec/template/secretRef", json!("other"))["spec"]
    );
    assert_eq!(after["metadata"].get("annotations"), None);
}

fn a_release_is_immutable_in_both_versions(scene: &Scene<'_>) {
    let mut release = deployment("worker");
    release["apiVersion"] = json!("api.worker-release/v1beta1");
    release["kind"] = json!("WorkerRelease");
    release["spec"] = release["spec"]["template"].take();
    scene.apply(&release.to_string()).unwrap();
    for version in ["v1alpha1", "v1beta1"] {
        let resource = format!("workerreleases.{version}.api.worker-release");
        let patch = |text: &str| scene.kubectl(&["patch", &resource, "worker", "--type=merge", "-p", text], "");
        for text in [
            r#"{"spec":{"compatibilityDate":"2026-01-30"}}"#,
            r#"{"spec":{"secretRef":null}}"#,
        ] {
            let refusal = patch(text).unwrap_err();
            assert!(refusal.contains("immutable"), "{refusal}");
        }
        patch(&format!(r#"{{"metadata":{{"labels":{{"a":"{version}"}}}}}}"#)).unwrap();
    }
    let hidden = r#"{"spec":{"bindings":[{"name":"GREETING","json":{"text":"changed"}}]}}"#;
    let resource = "workerreleases.v1beta1.api.worker-release";
    let refusal = scene
        .kubectl(&["patch", resource, "worker", "--type=merge", "-p", hidden], "")
        .unwrap_err();
    assert!(refusal.contains("immutable"), "{refusal}");
}

fn a_bundle_of_an_account_is_changed_by_nobody_else(scene: &Scene<'_>) {
    scene.sample("account.yaml");
    let account = scene.get("account", "v1beta1", "1234");
    let owner = json!([{"apiVersion": "api.worker-account/v1beta1", "kind": "WorkerAccount", "name": "1234",
        "uid": account["metadata"]["uid"], "controller": true}]);
    let bundle = json!({"apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle",
        "metadata": {"name": "owned", "ownerReferences": owner}, "spec": {"podTemplate": {"image": "image"}}});
    scene.apply(&bundle.to_string()).unwrap();
    let patch = ["patch", "workerbundle", "owned", "--type=merge", "-p"];
    let other = [
        &patch[..],
        &[r#"{"spec":{"replicas":3}}"#, "--as=jane", "--as-group=system:masters"],
    ]
    .concat();
    let refusal = scene.kubectl(&other, "").unwrap_err();
    assert!(refusal.contains("spec: a WorkerAccount made this bundle"), "{refusal}");
    let labelled = [
        &patch[..],
        &[
            r#"{"metadata":{"labels":{"a":"b"}}}"#,
            "--as=jane",
            "--as-group=system:masters",
        ],
    ]
    .concat();
    scene.kubectl(&labelled, "").unwrap();
    // The server asks under the name of the test's kubeconfig.
    scene
        .kubectl(&[&patch[..], &[r#"{"spec":{"replicas":3}}"#]].concat(), "")
        .unwrap();
}

fn a_worker_gets_the_one_account_and_an_iso_date(scene: &Scene<'_>) {
    scene.sample("account.yaml");
    let mut object = with(
        deployment("worker"),
        "/spec/template/compatibilityDate",
        json!("01/31/2026"),
    );
    object["metadata"]["labels"] = json!({});
    eventually("a stored worker", || scene.apply(&object.to_string()).ok());
    let stored = scene.get("deployment", "v1beta1", "worker");
    assert_eq!(stored["metadata"]["labels"]["accounts"], "1234");
    assert_eq!(stored["spec"]["template"]["compatibilityDate"], "2026-01-31");
}
