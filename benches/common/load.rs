//! One load on one server: driven by this program in a process of its own on another core, and what it came to.

use std::path::Path;
use std::process::Stdio;

use super::driver::Seen;
use super::server::{Server, pinned};

/// The servers have the first.
pub const CLIENT_CORE: &str = "1";

/// What a load came to; times in milliseconds.
pub struct Load {
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
    /// Requests for each second of the server's CPU time.
    pub per_cpu: f64,
}

/// Runs this program again with `--drive ADDRESS CERTIFICATES` and further arguments, which has to [tell] what it saw.
pub fn measured(server: &Server, certificates: &Path, arguments: &[&str]) -> Load {
    let own = std::env::current_exe().expect("this process has a file");
    let before = server.cpu_time();
    let output = pinned(CLIENT_CORE, own.to_str().expect("its path is text"))
        .args(["--drive", &server.address.to_string()])
        .arg(certificates)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("the client starts");
    let busy = server.cpu_time().saturating_sub(before);
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let [count, rate, p50, p99]: [f64; 4] = text
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect::<Vec<_>>()
        .try_into()
        .expect("four numbers");
    let per_cpu = count / busy.as_secs_f64();
    Load {
        rate,
        p50,
        p99,
        per_cpu,
    }
}

/// Says to the process that measures what this one saw.
pub fn tell(seen: &Seen) {
    let millis = |share| seen.quantile(share).as_secs_f64() * 1000.0;
    println!(
        "{} {} {} {}",
        seen.latencies.len(),
        seen.per_second(),
        millis(0.5),
        millis(0.99)
    );
}
