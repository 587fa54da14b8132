//! A control plane of a test's own: real etcd, kube-apiserver and kube-controller-manager on free ports.
//! What it needs is in tests/cluster; where that cannot be had the test fails and says what is missing. Only a machine
//! that lacks Go, root and Docker has an excuse.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A control plane ends with its test, whichever way the test ends; the node stays for the next one.
pub struct ControlPlane {
    folder: PathBuf,
    temporary: Option<tempfile::TempDir>,
    _turn: Option<File>,
}

impl ControlPlane {
    /// Starts `tests/cluster/up --tier api` in a folder of its own.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further flags of `up`.
    pub fn start_with(flags: &[&str]) -> Self {
        end_with_an_excuse();
        let temporary = tempfile::Builder::new().prefix("stationmaster-").tempdir().unwrap();
        let folder = temporary.path().to_owned();
        let plane = Self {
            folder,
            temporary: Some(temporary),
            _turn: None,
        };
        // The control plane also ends when this process is killed.
        let process = std::process::id().to_string();
        plane.script("up", &[&["--tier", "api", "--with", &process], flags].concat());
        plane
    }

    /// The checkout's own cluster with its real node, as `make cluster` has it; started when it is not there.
    /// Its tests and `make run` register webhooks in turns, so a `make run` in this checkout fails the test.
    pub fn node() -> Self {
        end_with_an_excuse();
        // One test at a time has the node, since there is one per machine.
        let turn = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("node")).unwrap();
        turn.lock().unwrap();
        let folder = checkout().join("target/cluster");
        let plane = Self {
            folder,
            temporary: None,
            _turn: Some(turn),
        };
        plane.script("up", &["--tier", "node"]);
        plane
    }

    /// Our CRDs, in use, and no webhooks: what a server needs before it starts.
    pub fn with_crds(self) -> Self {
        let ours = ["-l", "app.kubernetes.io/part-of=stationmaster"];
        let webhooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations";
        self.kubectl(&[&["delete", webhooks, "--ignore-not-found"], &ours[..]].concat());
        self.apply(&stationmaster(&["crds"], ""));
        self.until_served();
        self
    }

    /// Waits until every kind that has a CRD is served, and kubectl hears of it; the one comes without the other.
    pub fn until_served(&self) {
        let kinds = self.kubectl(&["get", "crd", "-o", "jsonpath={.items[*].metadata.name}"]);
        let all = ["get", &kinds.replace(' ', ","), "--all-namespaces"];
        eventually("our kinds", || {
            (kinds.is_empty() || self.try_kubectl(&all, "").status.success()).then_some(())
        });
    }

    /// A namespace of the test's own, in which pods can be created; the next `make cluster-down` takes it away.
    pub fn namespace(&self) -> String {
        let manifest = "{apiVersion: v1, kind: Namespace, metadata: {generateName: test-}}";
        let arguments = ["create", "-o", "jsonpath={.metadata.name}", "-f", "-"];
        let namespace = accepted(&arguments, &self.try_kubectl(&arguments, manifest));
        self.until_account(&namespace);
        namespace
    }

    /// Waits for the service account of a namespace, without which no pod is created.
    pub fn until_account(&self, namespace: &str) {
        let account = ["get", "serviceaccount", "default", "-n", namespace];
        eventually("a service account", || {
            self.try_kubectl(&account, "").status.success().then_some(())
        });
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub fn kubectl_path(&self) -> PathBuf {
        self.folder.join("bin/kubectl")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Output of a kubectl call that has to succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        accepted(arguments, &self.try_kubectl(arguments, ""))
    }

    /// A kubectl call with its standard input, whatever comes of it.
    pub fn try_kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(self.kubectl_path());
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        output(&mut command, input)
    }

    /// Applies manifests on the server's side; they have to be accepted. What kubectl printed, warnings included.
    pub fn apply(&self, manifests: &str) -> String {
        self.applied(&[], manifests)
    }

    /// The same for manifests that name no namespace.
    pub fn apply_in(&self, namespace: &str, manifests: &str) -> String {
        self.applied(&["-n", namespace], manifests)
    }

    fn applied(&self, scope: &[&str], manifests: &str) -> String {
        let arguments = [scope, &["apply", "--server-side", "--force-conflicts", "-f", "-"]].concat();
        let output = self.try_kubectl(&arguments, manifests);
        let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
        accepted(&arguments, &output) + &warnings
    }

    /// A JSON document, as `kubectl get -o json` prints it.
    pub fn get(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [&["get", "-o", "json"], arguments].concat();
        serde_json::from_str(&self.kubectl(&arguments)).unwrap()
    }

    /// Starts what has died since, at the same ports and with the same data.
    pub fn restart(&self) {
        self.script("up", &["--tier", "api", "--with", &std::process::id().to_string()]);
        self.until_served();
    }

    fn script(&self, name: &str, arguments: &[&str]) {
        let script = checkout().join("tests/cluster").join(name);
        let folder = self.folder.to_str().unwrap();
        let output = output(Command::new(script).args(arguments).args(["--dir", folder]), "");
        accepted(&[name], &output);
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let events = self.try_kubectl(&["get", "events,jobs,pods", "--all-namespaces"], "");
            eprintln!("{}", String::from_utf8_lossy(&events.stdout));
        }
        if self.temporary.is_some() {
            self.script("down", &[]);
        }
    }
}

/// Ends all tests of this file where there can be no cluster, and says why: past the harness, which keeps what tests say
/// that do not fail.
pub(super) fn end_with_an_excuse() {
    let excuse = Command::new(checkout().join("tests/cluster/up"))
        .arg("--excuse")
        .output()
        .unwrap();
    if excuse.status.success() {
        let _ = std::io::stderr().write_all(&[b"\nskipped: ", &excuse.stdout[..]].concat());
        std::process::exit(0);
    }
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Output of our own command line, which has to succeed.
pub fn stationmaster(arguments: &[&str], input: &str) -> String {
    let output = output(Command::new(env!("CARGO_BIN_EXE_stationmaster")).args(arguments), input);
    accepted(arguments, &output)
}

/// What is waited for comes; how soon is up to the machine and what else it does.
const PATIENCE: Duration = Duration::from_secs(180);

/// Longest pause between two questions: who asks all the time, and many do at once, keeps what is asked for from coming.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Asks until the answer is there, less and less often, for at most three minutes.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{PATIENCE:?} have passed without {what}");
        std::thread::park_timeout(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

fn output(command: &mut Command, input: &str) -> Output {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn accepted(arguments: &[&str], output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed\n{stdout}{stderr}");
    stdout
}
