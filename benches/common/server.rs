//! A server under measurement: a child process on the first core, its certificate, and the CPU time that it used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The core of the servers; clients take the next.
const CORE: &str = "0";
/// Linux counts CPU time in hundredths of a second.
const TICKS: u64 = 100;

/// A child process that listens; ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Our own binary with admission and conversion alone, logging as in a cluster.
    pub fn stationmaster(certificates: &Path) -> Self {
        let mut command = pinned(CORE, env!("CARGO_BIN_EXE_stationmaster"));
        command
            .args([
                "serve",
                "--components=admission,conversion",
                "--webhook-listen-address=127.0.0.1:0",
            ])
            .args([
                "--metrics-bind-address=0",
                "--health-probe-bind-address=0",
                "--log-format=json",
            ])
            .arg("--tls-cert-file-path")
            .arg(certificates.join("tls.crt"))
            .arg("--tls-key-file-path")
            .arg(certificates.join("tls.key"));
        Self::start(command)
    }

    /// Our own binary with the gateway of these flags alone.
    pub fn gateway(certificates: &Path, flags: &[&str]) -> Self {
        let mut command = pinned(CORE, env!("CARGO_BIN_EXE_stationmaster"));
        command
            .args([
                "serve",
                "--components=admission",
                "--webhook-listen-address=127.0.0.1:0",
            ])
            .args([
                "--metrics-bind-address=0",
                "--health-probe-bind-address=0",
                "--log-format=json",
            ])
            .args(flags)
            .arg("--tls-cert-file-path")
            .arg(certificates.join("tls.crt"))
            .arg("--tls-key-file-path")
            .arg(certificates.join("tls.key"));
        Self::start(command)
    }

    /// Our own binary with metacontroller's hooks alone.
    pub fn hooks(certificates: &Path, folder: &Path) -> Self {
        let mut command = pinned(CORE, env!("CARGO_BIN_EXE_stationmaster"));
        command
            .args([
                "serve",
                "--components=sync",
                "--webhook-listen-address=127.0.0.1:0",
                "--web-server-bind-address=0",
            ])
            .args([
                "--metrics-bind-address=0",
                "--health-probe-bind-address=0",
                "--log-format=json",
            ])
            .arg("--templates-folder")
            .arg(folder)
            .arg("--tls-cert-file-path")
            .arg(certificates.join("tls.crt"))
            .arg("--tls-key-file-path")
            .arg(certificates.join("tls.key"));
        Self::start(command)
    }

    /// This bench again, as the bare server.
    pub fn echo(certificates: &Path) -> Self {
        let own = std::env::current_exe().expect("this process has a file");
        let mut command = pinned(CORE, own.to_str().expect("its path is text"));
        command.arg("--echo").arg(certificates);
        Self::start(command)
    }

    /// CPU time of the process so far.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux has /proc");
        // Fields count from behind the command, which may hold spaces: user and system time are the 12th and 13th.
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = [11, 12]
            .iter()
            .filter_map(|field| fields.get(*field)?.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// Peak memory of the process so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux has /proc");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .unwrap_or_default()
            * 1024
    }

    /// Starts it and waits for the line that says where it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("\"address\":\"")?;
            rest.split('"').next()?.parse().ok()
        });
        // Somebody has to read the log, as in a cluster.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        Self {
            address: address.expect("the server says where it listens"),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command on one core, where the system can do that.
pub fn pinned(core: &str, program: &str) -> Command {
    let taskset = Command::new("taskset")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !taskset {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

/// A certificate for this machine, made in `folder`.
pub fn certificates(folder: &Path) {
    let made = Command::new(env!("CARGO_BIN_EXE_stationmaster"))
        .args(["certs", "--host", "127.0.0.1", "--out"])
        .arg(folder)
        .stdout(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "no certificate");
}
