//! The command as a process of a test's own: what it logs, and how it ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use super::serve::SOON;

/// Nothing but what a test asks for.
pub const QUIET: [&str; 2] = ["--metrics-bind-address=0", "--health-probe-bind-address=0"];

/// A running command; killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// A machine without any cluster.
    pub fn start(flags: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_stationmaster")), flags)
    }

    /// One for which names resolve as this file of hosts says, and nowhere else; it takes root to give it its own.
    pub fn with_hosts(hosts: &Path, flags: &[&str]) -> Self {
        let switch = hosts.with_extension("nsswitch");
        std::fs::write(&switch, "hosts: files\n").unwrap();
        let own = "mount --bind \"$0\" /etc/hosts && mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", own]).arg(hosts).arg(switch);
        command.arg(env!("CARGO_BIN_EXE_stationmaster"));
        Self::spawn(command, flags)
    }

    fn spawn(mut command: Command, flags: &[&str]) -> Self {
        let mut child = command
            .args(flags)
            .env("KUBECONFIG", "/nonexistent")
            .env("HOME", "/nonexistent")
            .env_remove("KUBERNETES_SERVICE_HOST")
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Nobody asks any more for what it has said so far.
    pub fn forget(&self) {
        self.lines.try_iter().for_each(drop);
    }

    /// The next log line with this message.
    pub fn logged(&self, message: &str) -> Value {
        self.logged_until(message).pop().unwrap()
    }

    /// All log lines up to the next with this message.
    pub fn logged_until(&self, message: &str) -> Vec<Value> {
        let mut lines: Vec<Value> = Vec::new();
        while lines.last().is_none_or(|line| line["message"] != message) {
            let line = self
                .lines
                .recv_timeout(SOON)
                .unwrap_or_else(|_| panic!("{message:?} was never logged"));
            lines.push(serde_json::from_str(&line).unwrap_or_default());
        }
        lines
    }

    /// Where a listener is reached; they are told in the order webhook, execute, health, metrics.
    pub fn address(&self, listener: &str) -> SocketAddr {
        loop {
            let line = self.logged("listening");
            if line["listener"] == listener {
                return line["address"].as_str().unwrap().parse().unwrap();
            }
        }
    }

    /// The most memory that it has had so far, in bytes.
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        kib.unwrap().parse::<usize>().unwrap() << 10
    }

    pub fn terminate(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Prints what it has said and nobody has read.
    pub fn tail(&self) {
        self.lines.try_iter().for_each(|line| eprintln!("{line}"));
    }

    /// How it ended, and all that it still said.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let lines = std::iter::from_fn(|| self.lines.recv_timeout(SOON).ok()).collect();
        (self.child.wait().unwrap(), lines)
    }

    /// The last words of a command that fails.
    pub fn failure(self) -> String {
        let (status, lines) = self.end();
        assert_eq!(status.code(), Some(1), "{lines:?}");
        lines.last().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}
