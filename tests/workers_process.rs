//! The commands that run workers and prove them, as processes, on the real runtime.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::http::get;
use common::workerd::{Worker, free_ports};
use common::workers::workerd;
use serde_json::{Value, json};
use stationmaster::api::workers::{Isolation, ProofState};
use stationmaster::workers::config::files;
use stationmaster::workers::proof::{Verdict, read};

const GOOD: &str = "export default { fetch() { return new Response('good'); } };";
const LISTING: &str = r#"[{"name": "index.js", "type": "EsModule"}]"#;
const TEMPLATE: &str = r#"{"scriptName": "a", "compatibilityDate": "2026-01-01"}"#;

/// What a pod of a build has mounted: a folder to share, and one as the kubelet makes it of ConfigMaps.
struct Pod {
    folder: tempfile::TempDir,
}

impl Pod {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work", "bundle"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Files behind two links each.
    fn mount(&self, folder: &str, files: &[(&str, &str)]) {
        let folder = self.path("bundle").join(folder);
        let real = folder.join("..2026_11_22");
        fs::create_dir_all(&real).unwrap();
        symlink("..2026_11_22", folder.join("..data")).unwrap();
        for (name, text) in files {
            fs::write(real.join(name), text).unwrap();
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
    }

    fn prove(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stationmaster"));
        command
            .args(["build-bundle", "prove"])
            .args(flags)
            .arg("--work")
            .arg(self.path("work"))
            .arg("--bundle")
            .arg(self.path("bundle"))
            .arg("--workerd-path")
            .arg(workerd())
            .env("WORKER_TEMPLATE", TEMPLATE)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn verdict(&self, flags: &[&str]) -> Verdict {
        verdict(&self.prove(flags).output().unwrap())
    }

    fn has(&self, marker: &str) -> bool {
        self.path("work").join(marker).exists()
    }
}

fn verdict(output: &Output) -> Verdict {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&String::from_utf8_lossy(&output.stdout)).unwrap()
}

#[test]
fn a_mounted_release_is_proved() {
    let pod = Pod::new();
    pod.mount("modules/a-1", &[("0", GOOD), ("modules.json", LISTING)]);
    let verdict = pod.verdict(&["--release", "a-1"]);
    assert_eq!(verdict.state, ProofState::Passed, "{verdict:?}");
    assert_eq!(verdict.size, Some(GOOD.len().try_into().unwrap()));
    assert!(verdict.digest.unwrap().starts_with("sha256:"));
    assert!(verdict.runtime.unwrap().starts_with("20"));
    assert!(pod.has("proved") && !pod.has("failed"));
}

#[test]
fn a_refused_release_is_no_failure_of_the_step() {
    let pod = Pod::new();
    pod.mount(
        "modules/a-1",
        &[("0", "throw new Error('boom')"), ("modules.json", LISTING)],
    );
    let verdict = pod.verdict(&["--release", "a-1"]);
    assert_eq!(verdict.state, ProofState::Failed);
    assert_eq!(verdict.culprit.as_deref(), Some("a"));
    assert!(verdict.message.unwrap().contains("boom"));
    assert!(pod.has("failed") && !pod.has("proved"));
}

#[test]
fn a_fetched_release_is_waited_for() {
    let pod = Pod::new();
    let step = pod.prove(&["--release", "a-1", "--fetched"]).spawn().unwrap();
    let folder = pod.path("work/modules/a-1");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("0"), GOOD).unwrap();
    fs::write(folder.join("modules.json"), LISTING).unwrap();
    fs::write(pod.path("work/fetched"), "").unwrap();
    let verdict = verdict(&step.wait_with_output().unwrap());
    assert_eq!(verdict.state, ProofState::Passed, "{verdict:?}");
}

#[test]
fn without_code_there_is_nothing_to_say() {
    let pod = Pod::new();
    let step = pod.prove(&["--release", "a-1", "--fetched"]).spawn().unwrap();
    fs::write(pod.path("work/failed"), "").unwrap();
    let output = step.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_step_that_cannot_be_done_fails() {
    let pod = Pod::new();
    let output = pod.prove(&["--release", "a-1"]).output().unwrap();
    assert!(!output.status.success() && pod.has("failed"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("/modules/a-1/modules.json"), "{text}");
}

#[test]
fn a_bundle_is_proved_as_it_is_mounted() {
    for isolation in [Isolation::Account, Isolation::Worker] {
        let pod = Pod::new();
        let (good, bad) = (
            Worker::new("good", GOOD).on(8080),
            Worker::new("bad", "while (;").on(8081),
        );
        let files = files(&[good.configured(), bad.configured()], isolation);
        let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        pod.mount("config", &files);
        pod.mount("modules/good-0", &[("0", GOOD)]);
        pod.mount("modules/bad-0", &[("0", "while (;")]);
        let verdict = pod.verdict(&["--composed"]);
        assert_eq!(verdict.culprit.as_deref(), Some("bad"), "{verdict:?}");
        fs::write(pod.path("bundle/modules/bad-0/0"), GOOD).unwrap();
        assert_eq!(pod.verdict(&["--composed"]).state, ProofState::Passed);
    }
}

/// `workers serve`, with a manifest on its standard input.
struct Local {
    child: Child,
    lines: Vec<String>,
}

impl Local {
    fn start(port: u16, workers: usize, manifest: &Value) -> Self {
        let mut child = Self::command(port).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(manifest.to_string().as_bytes())
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(workers);
        let lines = lines.map(Result::unwrap).collect();
        Self { child, lines }
    }

    fn command(port: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stationmaster"));
        command
            .args([
                "workers",
                "serve",
                "-f",
                "-",
                "--port",
                &port.to_string(),
                "--workerd-path",
            ])
            .arg(workerd())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn deployment(script: &str, code: &str) -> Value {
    json!({
        "apiVersion": "api.worker-deployment/v1beta1", "kind": "WorkerDeployment", "metadata": {"name": script},
        "spec": {"template": {
            "scriptName": script, "compatibilityDate": "2026-01-01", "secretRef": "s",
            "modules": [{"name": "index.js", "text": code}],
        }},
    })
}

fn list(items: &[Value]) -> Value {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"WORD": "hush"},
    });
    let items = [items, &[secret]].concat();
    json!({"kind": "List", "items": items})
}

/// Nobody answers there after a while.
fn falls_silent(port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while get(port, "/").is_some() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn workers_of_a_manifest_run_and_end_with_the_command() {
    const TELL: &str = "export default { fetch(request, env) { return new Response(env.WORD); } };";
    for signal in ["-INT", "-TERM", "-KILL"] {
        // The second worker has the port behind.
        let [port] = free_ports();
        let manifest = list(&[deployment("hello-world", TELL), deployment("good", GOOD)]);
        let mut local = Local::start(port, 2, &manifest);
        let expected = [
            format!("http://127.0.0.1:{port}  hello-world"),
            format!("http://127.0.0.1:{}  good", port + 1),
        ];
        assert_eq!(local.lines, expected);
        assert_eq!(get(port, "/").unwrap().body, "hush");
        assert_eq!(get(port + 1, "/").unwrap().body, "good");
        local.signal(signal);
        let status = local.child.wait().unwrap();
        assert_eq!(status.success(), signal != "-KILL", "{signal}: {status}");
        assert!(falls_silent(port), "{signal}");
    }
}

#[test]
fn what_the_runtime_refuses_is_told() {
    let [port] = free_ports();
    let mut local = Local::start(
        port,
        2,
        &list(&[deployment("bad", "export default { ;"), deployment("good", GOOD)]),
    );
    let mut text = String::new();
    std::io::Read::read_to_string(&mut local.child.stderr.take().unwrap(), &mut text).unwrap();
    assert!(!local.child.wait().unwrap().success());
    assert!(text.contains("service bad: Uncaught SyntaxError"), "{text}");
}
