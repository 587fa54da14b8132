//! A WorkerBundle on a real API server without nodes: what it becomes, what brings it back, and what is not written.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::cluster::{ControlPlane, eventually};
use common::native::{kubeconfig, writes_of};
use common::process::{Process, QUIET, flag};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The service account that the server is.
const ACCOUNT: &str = "workers";
const SECRETS: &str = "workers.stationmaster.dev/secrets";

/// A server with a namespace for one bundle.
struct Bundled {
    plane: ControlPlane,
    namespace: String,
    home: TempDir,
    process: Option<Process>,
}

impl Bundled {
    fn start() -> Self {
        let plane = ControlPlane::start_with(&["--audit"]).with_crds();
        let home = tempfile::tempdir().unwrap();
        plane.kubectl(&["create", "serviceaccount", ACCOUNT]);
        let user = format!("--serviceaccount=default:{ACCOUNT}");
        plane.kubectl(&[
            "create",
            "clusterrolebinding",
            ACCOUNT,
            "--clusterrole=cluster-admin",
            &user,
        ]);
        let token = plane.kubectl(&["create", "token", ACCOUNT]);
        fs::write(home.path().join("kubeconfig"), kubeconfig(&plane, &token)).unwrap();
        let namespace = plane.namespace();
        let mut bundled = Self {
            plane,
            namespace,
            home,
            process: None,
        };
        bundled.restart();
        bundled
    }

    fn restart(&mut self) {
        self.process = None;
        let config = flag("kubeconfig", &self.home.path().join("kubeconfig"));
        let own = ["serve", "--components=workers,controllers", &config];
        self.process = Some(Process::start(&[&own[..], &QUIET].concat()));
    }

    fn apply(&self, object: &Value) {
        self.plane.apply_in(&self.namespace, &object.to_string());
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl(&[&["-n", &self.namespace], arguments].concat())
    }

    fn get(&self, name: &str) -> Option<Value> {
        let found = self.kubectl(&["get", "--ignore-not-found", "-o", "json", name]);
        serde_json::from_str(&found).ok()
    }

    /// The object, once it is there.
    fn made(&self, name: &str) -> Value {
        eventually(name, || self.get(name))
    }

    /// Status and reason of the bundle's condition Ready.
    fn ready(&self) -> Option<(String, String)> {
        let conditions = self.get("workerbundle/workers")?["status"]["conditions"].clone();
        let ready = conditions
            .as_array()?
            .iter()
            .find(|found| found["type"] == "Ready")?
            .clone();
        let text = |field: &str| ready[field].as_str().unwrap().to_owned();
        Some((text("status"), text("reason")))
    }

    fn is(&self, status: &str, reason: &str) {
        eventually(&format!("{status} {reason}"), || {
            (self.ready()? == (status.to_owned(), reason.to_owned())).then_some(())
        });
    }

    /// What the server has written, but for events, which nobody waits for.
    fn writes(&self) -> Vec<String> {
        let mut writes = writes_of(&self.plane, ACCOUNT);
        writes.retain(|write| !write.starts_with("create events"));
        writes
    }

    /// Comes to rest: no write for so long.
    fn rests(&self, span: Duration) {
        let (mut count, mut since) = (self.writes().len(), Instant::now());
        eventually("rest", || {
            let now = self.writes().len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            (since.elapsed() >= span).then_some(())
        });
    }

    /// Plays the nodes: every pod of the Deployment is ready.
    fn run_pods(&self) {
        let pods = eventually("a pod", || {
            let pods = self.get("pods")?["items"].as_array()?.clone();
            (!pods.is_empty()).then_some(pods)
        });
        let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        for pod in pods {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let patch = ready.to_string();
            self.kubectl(&[
                "patch",
                "pod",
                name,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ]);
        }
    }
}

impl Drop for Bundled {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.kubectl(&["get", "workerbundles", "-o", "yaml"]));
            if let Some(process) = &self.process {
                process.tail();
            }
        }
    }
}

/// As upstream's sample has it, with a host.
fn bundle() -> Value {
    json!({
        "apiVersion": "api.worker-bundle/v1beta1", "kind": "WorkerBundle", "metadata": {"name": "workers"},
        "spec": {
            "deploymentName": "depl-name",
            "workers": [
                {
                    "workerName": "wasm-worker", "workerNumber": 8080, "envPrefix": "WASM_WORKER_",
                    "secretRef": "secrets", "routes": ["wasm-worker.example.com"],
                },
                {"workerName": "artist-worker-of-the-account", "workerNumber": 8081},
            ],
            "podTemplate": {"image": "1234:v2", "imagePullSecret": "pull", "resources": {"limits": {"cpu": "0.5"}}},
        },
    })
}

fn secret(value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secrets"}, "stringData": {"TOKEN": value},
    })
}

fn digest(deployment: &Value) -> String {
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    annotations[SECRETS].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_bundle_written_by_hand_runs_and_is_repaired() {
    let mut bundled = Bundled::start();
    bundled.apply(&bundle());
    bundled.is("False", "SecretNotFound");
    assert!(bundled.get("deployment/depl-name").is_none());
    bundled.apply(&secret("one"));
    let deployment = bundled.made("deployment/depl-name");
    let kinds = "deployments,services,ingresses,poddisruptionbudgets,networkpolicies";
    let made = bundled.kubectl(&[
        "get",
        kinds,
        "-o",
        "name",
        "-l",
        "workers.stationmaster.dev/bundle=workers",
    ]);
    let mut made: Vec<_> = made.lines().collect();
    made.sort_unstable();
    assert_eq!(
        made,
        [
            "deployment.apps/depl-name",
            "ingress.networking.k8s.io/workers",
            "networkpolicy.networking.k8s.io/workers",
            "poddisruptionbudget.policy/workers",
            "service/workers",
        ]
    );
    let ports = bundled.made("service/workers")["spec"]["ports"].clone();
    assert_eq!(
        (&ports[1]["name"], &ports[1]["port"]),
        (&json!("artist-worker-of-the-account"), &json!(8081))
    );
    bundled.is("False", "RollingOut");
    bundled.run_pods();
    bundled.is("True", "RolledOut");
    bundled.rests(Duration::from_secs(5));

    // A restart has nothing to write either.
    let before = bundled.writes().len();
    bundled.restart();
    std::thread::park_timeout(Duration::from_secs(3));
    bundled.rests(Duration::from_secs(3));
    assert_eq!(bundled.writes().split_off(before), [""; 0]);

    bundled.kubectl(&["delete", "service", "workers"]);
    bundled.made("service/workers");
    let uid = &deployment["metadata"]["uid"];
    bundled.kubectl(&[
        "patch",
        "networkpolicy",
        "workers",
        "--type=merge",
        "-p",
        r#"{"spec": {"egress": [{}]}}"#,
    ]);
    eventually("the policy again", || {
        let policy = bundled.get("networkpolicy/workers")?;
        (policy["spec"]["egress"].as_array()?.len() == 2).then_some(())
    });
    assert_eq!(&bundled.made("deployment/depl-name")["metadata"]["uid"], uid);
    bundled.rests(Duration::from_secs(3));
}

#[test]
fn whoever_scales_keeps_the_replicas_and_a_changed_secret_rolls_out() {
    let bundled = Bundled::start();
    bundled.apply(&secret("one"));
    bundled.apply(&bundle());
    let first = digest(&bundled.made("deployment/depl-name"));
    assert_eq!(first.len(), 64);
    bundled.kubectl(&["scale", "deployment", "depl-name", "--replicas=3"]);
    bundled.apply(&secret("two"));
    let changed = eventually("another digest", || {
        bundled
            .get("deployment/depl-name")
            .filter(|deployment| digest(deployment) != first)
    });
    assert_eq!(changed["spec"]["replicas"], 3);
    bundled.apply(&secret("one"));
    eventually("the first digest", || {
        bundled
            .get("deployment/depl-name")
            .filter(|deployment| digest(deployment) == first)
    });
    // The replicas are the bundle's only while it says so.
    let mut fixed = bundle();
    fixed["spec"]["replicas"] = json!(2);
    bundled.apply(&fixed);
    eventually("two replicas", || {
        (bundled.get("deployment/depl-name")?["spec"]["replicas"] == 2).then_some(())
    });
    bundled.rests(Duration::from_secs(3));
    // With the bundle goes all that it was.
    bundled.kubectl(&["delete", "workerbundle", "workers"]);
    eventually("nothing left", || {
        let kinds = "deployments,services,ingresses,poddisruptionbudgets,networkpolicies";
        let left = bundled.kubectl(&[
            "get",
            kinds,
            "-o",
            "name",
            "-l",
            "workers.stationmaster.dev/bundle=workers",
        ]);
        left.is_empty().then_some(())
    });
}

#[test]
fn what_belongs_to_somebody_else_is_not_taken() {
    let bundled = Bundled::start();
    let mut plain = bundle();
    plain["spec"]["workers"][0].as_object_mut().unwrap().remove("secretRef");
    bundled.kubectl(&["create", "deployment", "depl-name", "--image=theirs:1"]);
    bundled.apply(&plain);
    bundled.is("False", "NameTaken");
    let theirs = bundled.made("deployment/depl-name");
    assert_eq!(theirs["spec"]["template"]["spec"]["containers"][0]["image"], "theirs:1");
    bundled.rests(Duration::from_secs(3));
    bundled.kubectl(&["delete", "deployment", "depl-name"]);
    bundled.is("False", "RollingOut");
}

#[test]
fn every_kind_of_bundle_is_taken_by_the_api_server() {
    let bundled = Bundled::start();
    let mut composed = bundle();
    composed["metadata"]["labels"] = json!({"accounts": "1234"});
    composed["spec"]["digest"] = json!("sha256:1");
    composed["spec"]["isolation"] = json!("Worker");
    composed["spec"]["podTemplate"]["configMap"] = json!("workers-1");
    composed["spec"]["podTemplate"]["modules"] = json!({"wasm-worker-1": "wasm-worker-1"});
    composed["spec"]["workers"][0]["release"] = json!("wasm-worker-1");
    let variable = json!({"name": "ARTIST_KEY", "secretName": "secrets", "key": "TOKEN"});
    composed["spec"]["workers"][1]["variables"] = json!([variable]);
    composed["spec"]["workers"][1]["routes"] = json!(["artist.example.com/a/*", "artist.example.com/b"]);
    composed["spec"]["ingressClassName"] = json!("public");
    composed["spec"]["ingressTlsSecret"] = json!("certificate");
    bundled.apply(&secret("one"));
    bundled.apply(&composed);
    bundled.made("ingress/workers");
    let containers = bundled.made("deployment/depl-name")["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(containers.as_array().map(Vec::len), Some(2));
    bundled.is("False", "RollingOut");
    bundled.rests(Duration::from_secs(3));
}
