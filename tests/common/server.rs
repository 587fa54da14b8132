//! Our server as a process of a test's own, on free ports, beside a control plane.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tokio::net::TcpSocket;

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
    _ports: [TcpSocket; 3],
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
        let ports = [(); 3].map(|()| reserved());
        let [webhook, web, health] = ports.each_ref().map(|port| port.local_addr().unwrap().port());
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
            _ports: ports,
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
        plane.until_served();
        self.until_asked(plane, "JobTemplate");
        self.until_asked(plane, "JobExecution");
    }

    /// Waits until the API server asks about objects of a kind, which it begins a moment after it was told to.
    fn until_asked(&self, plane: &ControlPlane, kind: &str) {
        let components = self.arguments.iter().find(|argument| argument.contains("admission"));
        let converts = components.is_none_or(|components| components.contains("conversion"));
        let (version, routes) = if converts {
            ("v1alpha1", &["/validate", "/mutate", "/convert"][..])
        } else {
            ("v1beta1", &["/validate", "/mutate"][..])
        };
        let containers = json!([{"name": "main", "image": "alpine:3"}]);
        let spec = match kind {
            "JobTemplate" => json!({"jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}}}),
            _ => json!({"jobTemplateName": "none"}),
        };
        let object = json!({
            "apiVersion": format!("dispatcher.ivan.vc/{version}"), "kind": kind,
            "metadata": {"name": "is-it-asked-about", "namespace": "default"}, "spec": spec,
        });
        eventually(&format!("questions about a {kind}"), || {
            let before: Vec<_> = routes.iter().map(|route| self.requests(route)).collect();
            plane.try_kubectl(&["create", "--dry-run=server", "-f", "-"], &object.to_string());
            let mut both = routes.iter().zip(before);
            both.all(|(route, before)| self.requests(route) > before).then_some(())
        });
    }

    /// How many requests of a route it has answered.
    pub fn requests(&self, route: &str) -> u64 {
        let page = http::get(self.health, "/metrics").unwrap().body;
        let route = format!("route=\"{route}\"");
        let counts = page
            .lines()
            .filter(|line| line.starts_with("stationmaster_requests_total{") && line.contains(&route));
        counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
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

/// Keeps a port on which nobody listens yet, and none but who asks for it by its number ever will. The socket never does:
/// so the port stays ours while the server is dead.
fn reserved() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    // Only now: with it, the port of another such socket might have been drawn.
    socket.set_reuseaddr(true).unwrap();
    socket
}
