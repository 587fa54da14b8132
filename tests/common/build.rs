//! A step of a build Job as a process, in a folder of the test's own.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use stationmaster::workers::proof::{self, Verdict};

/// Name of the release that is built.
pub const RELEASE: &str = "a-0123456789";

/// Runs `build-bundle STEP` for the release with these flags and variables; `fetch` with proxies that lead nowhere.
pub fn step(step: &str, work: &Path, flags: &[&str], variables: &[(&str, String)]) -> Output {
    let flags = [&["--release", RELEASE], flags].concat();
    step_of_many(step, work, &flags, variables)
}

/// The same of a step that is not for one release.
pub fn step_of_many(step: &str, work: &Path, flags: &[&str], variables: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stationmaster"));
    command.args(["build-bundle", step, "--work"]).arg(work).args(flags);
    // The way to the API server is the caller's; code is fetched without one.
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
    for proxy in proxies.into_iter().filter(|_| step == "fetch") {
        command.env(proxy, "http://127.0.0.1:9");
    }
    for missing in [
        "NO_PROXY",
        "no_proxy",
        "S3_ENDPOINT",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        command.env_remove(missing);
    }
    command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}

/// What a step that did its work says.
pub fn verdict(output: &Output) -> Verdict {
    let (said, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{log}");
    proof::read(said.trim()).unwrap_or_else(|| panic!("no verdict: {said}{log}"))
}

/// The template as a step is told it.
pub fn told(template: &Value) -> (&'static str, String) {
    ("WORKER_TEMPLATE", template.to_string())
}
