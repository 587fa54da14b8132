//! A port on loopback that leads to a Service in the cluster, by `kubectl port-forward`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::cluster::ControlPlane;

/// Ends with the test.
pub struct Forward {
    pub port: u16,
    child: Child,
}

impl Forward {
    /// Waits until the port is open.
    pub fn start(plane: &ControlPlane, namespace: &str, target: &str) -> Self {
        let mut child = Command::new(plane.kubectl_path())
            .args(["-n", namespace, "port-forward", target, ":80"])
            .env("KUBECONFIG", plane.kubeconfig())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        // Forwarding from 127.0.0.1:40123 -> 8000
        let port = line
            .split_whitespace()
            .nth(2)
            .and_then(|address| address.rsplit(':').next()?.parse().ok());
        Self {
            port: port.unwrap_or_else(|| panic!("kubectl port-forward said {line:?}")),
            child,
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
