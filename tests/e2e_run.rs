//! `make run` as a newcomer meets it: what it prints, that the printed lines work as they are, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use common::cluster::{ControlPlane, eventually};

#[test]
fn what_make_run_prints_can_be_copied() {
    let plane = ControlPlane::node().with_crds();
    let mut run = Run::start();
    assert!(run.until("ready").contains(&"my test payload".to_owned()));
    let text = run.until("Ctrl-C stops the server and leaves the cluster.");
    let lines: Vec<_> = text.iter().filter_map(|line| line.strip_prefix("  ")).collect();
    let (logs, first) = lines.split_last().unwrap();

    let output = in_a_second_terminal(&first.join("\n"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{output:?}");
    assert!(printed.contains("{\"name\":\"jobtemplate-sample-"), "{printed}");
    assert!(
        printed.contains("jobtemplate.dispatcher.ivan.vc/jobtemplate-sample"),
        "{printed}"
    );
    let exports = first.iter().filter(|line| line.starts_with("export "));
    let logs = exports.chain([logs]).copied().collect::<Vec<_>>().join("\n");
    eventually("the payload in both logs", || {
        let output = in_a_second_terminal(&logs);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (printed.matches("my test payload").count() >= 2).then_some(())
    });

    assert_eq!(
        run.interrupted(),
        "server stopped; the cluster stays (make cluster-down ends it)\n"
    );
    plane.kubectl(&["get", "--raw", "/readyz"]);
}

/// Runs lines as somebody would who has opened a second terminal.
fn in_a_second_terminal(lines: &str) -> Output {
    Command::new("bash")
        .args(["-ec", lines])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "target/run")
        .output()
        .unwrap()
}

/// `make run` without make, so that signals reach it.
struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Run {
    fn start() -> Self {
        // A shell starts what runs in its background with SIGINT ignored, and that would be inherited.
        let mut child = Command::new("env")
            .args(["--default-signal=INT", "tests/cluster/run"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The lines before this one, which has to come.
    fn until(&mut self, last: &str) -> Vec<String> {
        let mut before = Vec::new();
        for line in self.lines.by_ref().map_while(Result::ok) {
            if line == last {
                return before;
            }
            before.push(line);
        }
        unreachable!("`make run` has ended without {last:?}: {before:#?}");
    }

    /// What it says after Ctrl-C.
    fn interrupted(&mut self) -> String {
        common::run("kill", &["-INT", &self.child.id().to_string()]);
        assert!(self.child.wait().unwrap().success());
        let rest = self.lines.by_ref().map_while(Result::ok);
        rest.map(|line| line + "\n").collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // After a failure: it ends the server that it has started.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }
}
