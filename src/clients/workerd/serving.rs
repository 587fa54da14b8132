//! The runtime as it serves, on this machine alone, for as long as we live.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::{Error, located};
use crate::api::names::runtime_service;

/// How long the runtime may take until it listens.
const START: Duration = Duration::from_secs(10);
/// How often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to end.
const END: Duration = Duration::from_secs(2);
/// Runs a program, asks it to end when it is told to by a line, and ends it when its own standard input ends: that is when
/// we have ended, whichever way.
const WATCHDOG: &str = "exec 3<&0
\"$@\" 3<&- </dev/null &
program=$!
{ read -r _; kill -TERM $program; read -r _; kill -KILL $program; } <&3 2>/dev/null &
watcher=$!
wait $program
status=$?
kill $watcher 2>/dev/null
exit $status";

/// A runtime that serves; it ends when this is dropped.
#[derive(Debug)]
pub struct Serving {
    watchdog: Child,
    life: Option<ChildStdin>,
}

impl Serving {
    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.watchdog.wait().await
    }

    /// Ends it, and waits for that.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn end(&mut self) -> io::Result<()> {
        if let Some(life) = &mut self.life {
            // It may have ended before.
            let _ = life.write_all(b"\n").await;
            let _ = timeout(END, self.watchdog.wait()).await;
        }
        drop(self.life.take());
        self.watchdog.wait().await.map(drop)
    }
}

/// Starts a file below `config/` of a folder, each of its sockets on a port of the loopback interface, with these
/// variables and no others; returns when all of them listen.
///
/// # Errors
/// When it cannot be started, or does not come to listen.
pub async fn serve(
    workerd: &Path,
    folder: &Path,
    file: &str,
    (listeners, variables): (&[(&str, u16)], &BTreeMap<String, String>),
) -> Result<Serving, Error> {
    let path = || workerd.to_owned();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHDOG, "sh"]).arg(located(workerd)).arg("serve");
    command.arg(Path::new("config").join(file));
    if !listeners.iter().any(|(name, _)| *name == runtime_service::HEALTH) {
        command.arg(format!("--socket-addr={}=127.0.0.1:0", runtime_service::HEALTH));
    }
    for (name, port) in listeners {
        command.arg(format!("--socket-addr={name}=127.0.0.1:{port}"));
    }
    // Ctrl-C is for us, who then end it.
    command.current_dir(folder).env_clear().envs(variables).process_group(0);
    let mut watchdog = command
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start { path: path(), source })?;
    let life = watchdog.stdin.take();
    let mut serving = Serving { watchdog, life };
    let started = listens(&mut serving, listeners).await;
    started.map_err(|source| Error::Follow { path: path(), source })?;
    Ok(serving)
}

async fn listens(serving: &mut Serving, listeners: &[(&str, u16)]) -> io::Result<()> {
    let deadline = Instant::now() + START;
    for (_, port) in listeners {
        while TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
            if let Some(status) = serving.watchdog.try_wait()? {
                return Err(io::Error::other(format!("it has ended with {status}")));
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(LOOK).await;
        }
    }
    Ok(())
}
