//! The door to workerd: a process that proves a configuration, and is ended at its limits; and one that serves on this
//! machine.

mod folder;
mod serving;
mod trial;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;
use tokio::time::timeout;

pub use folder::{Folder, write_config};
pub use serving::{Serving, serve};
pub use trial::{Limits, prove, prove_files};

/// How long `--version` may take; it takes milliseconds, and a second where the binary has yet to come from the disk.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// Why nothing is known of what was to be tried.
#[derive(Debug, Error)]
pub enum Error {
    /// The binary cannot be started.
    #[error("cannot run {}; it has to be a workerd for this machine", path.display())]
    Start {
        /// The binary.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It was started and cannot be followed.
    #[error("cannot follow {}", path.display())]
    Follow {
        /// The binary.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is nowhere to write what it is to read.
    #[error("cannot write what workerd is to read")]
    Folder(#[source] io::Error),
    /// It runs, and is something else.
    #[error("{} --version printed {printed:?}, not workerd and a day", path.display())]
    NotWorkerd {
        /// The binary.
        path: PathBuf,
        /// The beginning of what it said.
        printed: String,
    },
}

/// The day of a workerd, `YYYY-MM-DD`.
///
/// # Errors
/// When it cannot be started, or is no workerd.
pub async fn version(workerd: &Path) -> Result<String, Error> {
    let path = || workerd.to_owned();
    let running = command(workerd).arg("--version").output();
    let output = match timeout(VERSION_TIMEOUT, running).await {
        Ok(Ok(output)) => output,
        Ok(Err(source)) => return Err(Error::Start { path: path(), source }),
        Err(_) => {
            let source = io::ErrorKind::TimedOut.into();
            return Err(Error::Follow { path: path(), source });
        }
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.trim().strip_prefix("workerd ") {
        Some(day) if is_day(day) => Ok(day.to_owned()),
        _ => Err(Error::NotWorkerd {
            path: path(),
            printed: printed.trim().chars().take(100).collect(),
        }),
    }
}

/// A name without a slash is looked for in PATH, as a shell does it.
fn located(workerd: &Path) -> PathBuf {
    if workerd.components().count() > 1 {
        return workerd.to_owned();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join(workerd));
    found.find(|path| path.is_file()).unwrap_or_else(|| workerd.to_owned())
}

/// `2026-11-17`.
fn is_day(text: &str) -> bool {
    let shape = "0000-00-00";
    let is_like = |(byte, shape): (u8, u8)| byte == shape || (shape == b'0' && byte.is_ascii_digit());
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(is_like)
}

/// Runs with nothing of ours: no variable, no input, a process group of its own. It ends when it is dropped.
fn command(workerd: &Path) -> Command {
    let mut command = Command::new(located(workerd));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day() {
        assert!(is_day("2026-11-17"));
        for text in ["", "2026-11-1", "2026/11/17", "2026-11-17 ", "v1.20261117"] {
            assert!(!is_day(text), "{text}");
        }
    }

    #[test]
    fn a_bare_name_is_looked_for() {
        assert!(located(Path::new("sh")).is_absolute());
        for path in ["nothing-of-that-name", "./sh", "/nowhere/workerd"] {
            assert_eq!(located(Path::new(path)), Path::new(path));
        }
    }

    #[tokio::test]
    async fn what_is_no_workerd_is_named() {
        let error = version(Path::new("/nowhere/workerd")).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/workerd"), "{error}");
        let error = version(Path::new("/bin/echo")).await.unwrap_err();
        assert!(matches!(error, Error::NotWorkerd { .. }), "{error}");
    }
}
