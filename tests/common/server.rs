//! Our server as a process of a test's own, on free ports, beside a control plane.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::cluster::{ControlPlane, eventually, stationmaster};
use super::http;

/// Ports and certificate of one server; they stay when the process is killed and started anew.
pub struct Server {
    pub webhook: u16,
    pub web: u16,
    pub health: u16,
    certificates: PathBuf,
    kubeconfig: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// A server with further flags, started and ready, its webhooks registered.
    pub fn start(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let mut server = Self::prepare(plane, arguments);
        server.spawn();
        server.register(plane);
        server
    }

    /// Ports and certificates, nothing started.
    pub fn prepare(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let [webhook, web, health] = free_ports();
        let certificates = plane.folder().join(format!("certificates-{webhook}"));
        stationmaster(
            &["certs", "--out", certificates.to_str().unwrap(), "--host", "127.0.0.1"],
            "",
        );
        Self {
            webhook,
            web,
            health,
            log: plane.folder().join(format!("server-{webhook}.log")),
            certificates,
            kubeconfig: plane.kubeconfig(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            child: None,
        }
    }

    /// Starts the process and waits until it says that it is ready.
    pub fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_stationmaster"))
            .arg("serve")
            .args(["--webhook-listen-address", &format!("127.0.0.1:{}", self.webhook)])
            .args(["--web-server-bind-address", &format!("127.0.0.1:{}", self.web)])
            .args(["--health-probe-bind-address", &format!("127.0.0.1:{}", self.health)])
            .args(["--metrics-bind-address", &format!("127.0.0.1:{}", self.health)])
            .arg("--tls-cert-file-path")
            .arg(self.certificates.join("tls.crt"))
            .arg("--tls-key-file-path")
            .arg(self.certificates.join("tls.key"))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("a ready server", || {
            let status = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(status.is_none(), "the server has ended: {status:?}\n{}", self.log());
            http::get(self.health, "/readyz").filter(|answer| answer.status == 200)
        });
    }

    /// Registers the webhooks and the conversion at this server's address.
    pub fn register(&self, plane: &ControlPlane) {
        self.register_with(plane, &[]);
    }

    /// The same with further flags of `manifests`.
    pub fn register_with(&self, plane: &ControlPlane, flags: &[&str]) {
        let url = format!("--webhook-url=https://127.0.0.1:{}", self.webhook);
        let authority = format!("--ca-file={}", self.authority().display());
        plane.apply(&stationmaster(&[&["manifests", &url, &authority], flags].concat(), ""));
    }

    /// Ends the process at once, as a lost machine would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn authority(&self) -> PathBuf {
        self.certificates.join("ca.crt")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("the end of the server's log:");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Ports that were free a moment ago, all different.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
