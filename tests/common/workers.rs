//! An account on the real node: its objects, its workers' answers through the Service, and what is told of them.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::bucket::{ACCESS_KEY_ID, S3, SECRET_ACCESS_KEY};
use super::cluster::{ControlPlane, eventually};
use super::server::Server;

/// The image that workers and builds run in.
pub const RUNTIME: &str = "docker.io/library/stationmaster-worker-runtime:dev";
/// Name of the account of every test.
pub const ACCOUNT: &str = "1234";
/// This machine, as pods reach it.
pub const BRIDGE: &str = "10.244.0.1";
/// Secret of an account with what its S3 server wants to see.
pub const KEYS: &str = "s3-keys";

/// The node with our CRDs and the runtime image, while no `make run` of this checkout uses it.
pub fn node() -> (File, ControlPlane) {
    node_with("quick")
}

/// The same with a runtime image of another profile.
pub fn node_with(profile: &str) -> (File, ControlPlane) {
    let plane = ControlPlane::node().with_crds();
    std::fs::create_dir_all("target/run").unwrap();
    let lock = File::create("target/run/lock").unwrap();
    assert!(
        lock.try_lock().is_ok(),
        "`make run` is active in this checkout: stop it with Ctrl-C, then test"
    );
    super::run("make", &["worker-runtime", &format!("PROFILE={profile}")]);
    super::run("tests/cluster/load-image", &["target/worker-runtime.tar", RUNTIME]);
    (lock, plane)
}

/// The workerd of the cache, which `tests/cluster/up --binaries` has fetched.
pub fn workerd() -> PathBuf {
    let output = Command::new("tests/cluster/workerd").output().unwrap();
    assert!(output.status.success(), "tests/cluster/workerd: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// Flags of a server that runs workers in that image.
pub fn flags() -> Vec<String> {
    vec![
        format!("--worker-runtime-image={RUNTIME}"),
        "--worker-image-pull-policy=IfNotPresent".to_owned(),
        "--drain-seconds=0".to_owned(),
    ]
}

/// The same, which itself proves inline code.
pub fn flags_with_workerd() -> Vec<String> {
    let own = format!("--workerd-path={}", workerd().display());
    flags().into_iter().chain([own]).collect()
}

/// A server with these flags.
pub fn serving(plane: &ControlPlane, flags: &[String]) -> Server {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Server::start(plane, &flags)
}

/// A namespace of a test's own, and the account in it.
pub struct Account<'p> {
    pub plane: &'p ControlPlane,
    pub namespace: String,
}

impl<'p> Account<'p> {
    /// Makes the account; `spec` is what it says besides.
    pub fn new(plane: &'p ControlPlane, spec: &Value) -> Self {
        Self::new_in(plane, plane.namespace(), spec)
    }

    /// A namespace whose account somebody else makes.
    pub fn nobody(plane: &'p ControlPlane) -> Self {
        let namespace = plane.namespace();
        Self { plane, namespace }
    }

    /// An account whose `s3://` URLs lead to a server, with its keys.
    pub fn with_storage(plane: &'p ControlPlane, s3: &S3) -> Self {
        let namespace = plane.namespace();
        let keys = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS},
            "stringData": {"accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY},
        });
        plane.apply_in(&namespace, &keys.to_string());
        let storage = json!({"endpoint": s3.endpoint(), "secretName": KEYS});
        Self::new_in(plane, namespace, &json!({"storage": storage}))
    }

    fn new_in(plane: &'p ControlPlane, namespace: String, spec: &Value) -> Self {
        let account = json!({
            "apiVersion": "api.worker-account/v1beta1", "kind": "WorkerAccount", "metadata": {"name": ACCOUNT},
            "spec": spec,
        });
        // Whoever applies another manifest of it takes nothing away that only this one says.
        let create = ["-n", &namespace, "create", "-f", "-"];
        let created = plane.try_kubectl(&create, &account.to_string());
        assert!(created.status.success(), "{created:?}");
        Self { plane, namespace }
    }

    /// Applies one object.
    pub fn apply(&self, object: &Value) {
        self.plane.apply_in(&self.namespace, &object.to_string());
    }

    /// A worker of one inline module.
    pub fn deploy(&self, script: &str, module: &str) {
        self.apply(&worker(script, module));
    }

    /// One object as it is stored; null where there is none.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        let arguments = [
            "-n",
            &self.namespace,
            "get",
            kind,
            name,
            "-o",
            "json",
            "--ignore-not-found",
        ];
        let output = self.plane.try_kubectl(&arguments, "");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let list = self.plane.get(&["-n", &self.namespace, kind]);
        list["items"].as_array().unwrap().clone()
    }

    /// One condition of a WorkerDeployment: status, reason and message.
    pub fn condition(&self, script: &str, type_: &str) -> Option<(String, String, String)> {
        let deployment = self.get("workerdeployment", script);
        let conditions = deployment["status"]["conditions"].as_array()?.clone();
        let found = conditions.into_iter().find(|condition| condition["type"] == type_)?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Where a worker answers from this machine, once it has a port: kube-proxy leads to its Service from here too.
    pub fn address(&self, script: &str) -> String {
        eventually("a port of the worker", || {
            let bundle = self.all("workerbundles").pop()?;
            let service = self.get("service", bundle["metadata"]["name"].as_str()?);
            let ip = service["spec"]["clusterIP"].as_str()?;
            let workers = bundle["spec"]["workers"].as_array()?.clone();
            let worker = workers.iter().find(|worker| worker["workerName"] == script)?.clone();
            Some(format!("http://{ip}:{}/", worker["workerNumber"]))
        })
    }

    /// Waits until the worker answers this; what it answered last is told where it does not.
    pub fn answers(&self, script: &str, wanted: &str) {
        let address = self.address(script);
        eventually(&format!("the answer {wanted:?} of {script}"), || {
            ask(&address).filter(|answer| answer == wanted)
        });
    }

    /// Waits until the worker answers JSON that is wanted.
    pub fn tells(&self, script: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let address = self.address(script);
        let mut last = None;
        eventually(&format!("an answer of {script}"), || {
            let told: Value = serde_json::from_str(&ask(&address)?).ok()?;
            if last.as_ref() != Some(&told) {
                eprintln!("{script}: {told}");
                last = Some(told.clone());
            }
            is_wanted(&told).then_some(told)
        })
    }

    /// Changes fields of a WorkerDeployment.
    pub fn change(&self, script: &str, change: &Value) {
        let patch = change.to_string();
        let arguments = ["-n", &self.namespace, "patch", "workerdeployment", script];
        self.plane
            .kubectl(&[&arguments[..], &["--type=merge", "-p", &patch]].concat());
    }
}

/// What the worker answers now; nothing where nobody does, or not well.
pub fn ask(address: &str) -> Option<String> {
    let output = Command::new("curl")
        .args(["-fsS", "--max-time", "2", address])
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// A WorkerDeployment of one inline module.
pub fn worker(script: &str, module: &str) -> Value {
    json!({
        "apiVersion": "api.worker-deployment/v1beta1", "kind": "WorkerDeployment",
        "metadata": {"name": script, "labels": {"accounts": ACCOUNT}},
        "spec": {"template": {
            "scriptName": script, "compatibilityDate": "2026-11-01",
            "modules": [{"name": "index.js", "text": module}],
        }},
    })
}

/// A module that answers with a text.
pub fn saying(text: &str) -> String {
    format!("export default {{ fetch() {{ return new Response({text:?}); }} }};\n")
}
