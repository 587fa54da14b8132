//! One trial: the runtime loads what a configuration names, with what it may take of time and memory.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Error, Folder, command};
use crate::api::names::runtime_service;
use crate::api::workers::Outcome;

/// How often the memory of the process is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What is kept of the runtime's text.
const MOST_TEXT: usize = 256 * 1024;
/// What V8 writes when it gives up.
const HEAP_LIMIT: &str = "JavaScript heap out of memory";
const SIGKILL: i32 = 9;

/// What a trial may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until it is ended.
    pub time: Duration,
    /// Bytes of memory that are its own. V8 reserves far more addresses than it uses, which count for nothing.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(10),
            memory: 512 << 20,
        }
    }
}

/// What ended the process.
enum End {
    Itself(ExitStatus),
    Time,
    Memory,
}

/// Has the runtime load every worker of a file below `config/` of the folder, and open no port.
///
/// # Errors
/// When the binary cannot be started or followed; nothing is known of the workers then.
pub async fn prove(workerd: &Path, folder: &Path, file: &str, limits: Limits) -> Result<Outcome, Error> {
    let path = || workerd.to_owned();
    let mut child = command(workerd)
        .current_dir(folder)
        .arg("test")
        .arg(Path::new("config").join(file))
        // The only test that runs; those that workers export do not.
        .arg(format!("{}:default", runtime_service::HEALTH))
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start { path: path(), source })?;
    let stderr = child.stderr.take();
    let (end, text) = tokio::join!(watched(&mut child, limits), beginning(stderr));
    let end = end.map_err(|source| Error::Follow { path: path(), source })?;
    Ok(outcome(&end, text, limits))
}

/// The same of files that are not on the disk, each a process, with the modules of each folder in their order; until one
/// is refused.
///
/// # Errors
/// As of [`prove`]; and when no folder can be made for it.
pub async fn prove_files(
    workerd: &Path,
    files: &BTreeMap<String, String>,
    modules: &[(&str, &[&[u8]])],
    limits: Limits,
) -> Result<Outcome, Error> {
    let written = Folder::new().and_then(|folder| {
        folder.write_config(files)?;
        for (name, contents) in modules {
            folder.write_modules(name, contents)?;
        }
        Ok(folder)
    });
    let folder = written.map_err(Error::Folder)?;
    for file in files.keys() {
        let outcome = prove(workerd, folder.path(), file, limits).await?;
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Passed)
}

fn outcome(end: &End, text: String, limits: Limits) -> Outcome {
    match end {
        End::Time => Outcome::TimedOut(limits.time),
        End::Memory => Outcome::OutOfMemory(limits.memory),
        End::Itself(status) if status.success() => Outcome::Passed,
        // The first is V8's own limit. The second nobody but a kernel short of memory sends.
        End::Itself(status) if status.signal().is_some() && text.contains(HEAP_LIMIT) => {
            Outcome::OutOfMemory(limits.memory)
        }
        End::Itself(status) if status.signal() == Some(SIGKILL) => Outcome::OutOfMemory(limits.memory),
        End::Itself(status) if text.trim().is_empty() => Outcome::Refused(format!("the runtime ended with {status}")),
        End::Itself(_) => Outcome::Refused(text),
    }
}

/// Waits until the process has ended, and ends it at its limits. It has no children.
async fn watched(child: &mut Child, limits: Limits) -> io::Result<End> {
    let deadline = Instant::now() + limits.time;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = loop {
        tokio::select! {
            biased;
            status = child.wait() => return status.map(End::Itself),
            () = tokio::time::sleep_until(deadline) => break End::Time,
            _ = looks.tick() => {
                if child.id().and_then(own_memory).is_some_and(|bytes| bytes > limits.memory) {
                    break End::Memory;
                }
            }
        }
    };
    child.kill().await?;
    Ok(end)
}

/// Bytes that are the process's own; unknown where the system does not tell, or it has ended.
fn own_memory(id: u32) -> Option<u64> {
    anonymous(&std::fs::read_to_string(format!("/proc/{id}/status")).ok()?)
}

/// Of the kernel's account of a process: `RssAnon:  187060 kB`.
fn anonymous(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Reads to the end, so that nobody waits to write, and keeps the beginning.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 8192]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let room = MOST_TEXT.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(signal: i32) -> End {
        End::Itself(ExitStatus::from_raw(signal))
    }

    #[test]
    fn reads_the_kernels_account() {
        let status = "Name:\tworkerd\nVmRSS:\t  226884 kB\nRssAnon:\t  187060 kB\nRssFile:\t 1 kB\n";
        assert_eq!(anonymous(status), Some(187_060 * 1024));
        assert_eq!(anonymous("Name:\tworkerd\n"), None);
        assert!(own_memory(std::process::id()).is_none_or(|bytes| bytes > 0));
    }

    #[test]
    fn an_end_is_told_from_another() {
        let limits = Limits::default();
        let of = |end: End, text: &str| outcome(&end, text.to_owned(), limits);
        let memory = Outcome::OutOfMemory(512 << 20);
        assert_eq!(of(End::Itself(ExitStatus::from_raw(0)), "noise"), Outcome::Passed);
        assert_eq!(of(End::Time, ""), Outcome::TimedOut(Duration::from_secs(10)));
        assert_eq!(of(End::Memory, ""), memory);
        assert_eq!(of(killed(6), HEAP_LIMIT), memory);
        assert_eq!(of(killed(9), ""), memory);
        assert_eq!(of(killed(6), "fatal"), Outcome::Refused("fatal".to_owned()));
        assert_eq!(
            of(End::Itself(ExitStatus::from_raw(1 << 8)), HEAP_LIMIT),
            Outcome::Refused(HEAP_LIMIT.to_owned())
        );
        let Outcome::Refused(text) = of(killed(11), " \n") else {
            panic!("it has not passed")
        };
        assert!(text.contains("signal: 11"), "{text}");
    }

    #[tokio::test]
    async fn keeps_the_beginning_of_a_flood() {
        let flood = vec![b'x'; 3 * MOST_TEXT];
        assert_eq!(beginning(Some(&flood[..])).await.len(), MOST_TEXT);
        assert_eq!(beginning(None::<&[u8]>).await, "");
    }
}
