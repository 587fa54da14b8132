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

use super::{Error, command};
use crate::api::names::runtime_service;

/// How long the runtime may take until it listens.
const START: Duration = Duration::from_secs(10);
/// How often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to end.
const END: Duration = Duration::from_secs(2);
/// Asks a process to end when it is told to by a line, and ends it when its own standard input ends: that is when we have
/// ended, whichever way.
const WATCHDOG: &str = "read -r _; kill -TERM \"$1\"; read -r _; kill -KILL \"$1\"";

/// A runtime that serves; it ends when this is dropped.
#[derive(Debug)]
pub struct Serving {
    runtime: Child,
    // Goes before its input does.
    _watchdog: Child,
    life: Option<ChildStdin>,
}

impl Serving {
    fn start(mut command: Command) -> io::Result<Self> {
        let runtime = command.spawn()?;
        let id = runtime.id().unwrap_or_default().to_string();
        let mut watchdog = super::command(Path::new("/bin/sh"))
            .args(["-c", WATCHDOG, "sh", &id])
            .stdin(Stdio::piped())
            .spawn()?;
        let life = watchdog.stdin.take();
        Ok(Serving {
            runtime,
            _watchdog: watchdog,
            life,
        })
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.runtime.wait().await
    }

    /// Lets it finish what it answers, ends it, and waits for that.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn end(&mut self) -> io::Result<()> {
        if let Some(life) = &mut self.life {
            life.write_all(b"\n").await?;
        }
        match timeout(END, self.runtime.wait()).await {
            Ok(status) => status.map(drop),
            Err(_) => self.runtime.kill().await,
        }
    }

    /// Waits until somebody listens on each port.
    async fn listens(&mut self, listeners: &[(&str, u16)]) -> io::Result<()> {
        let deadline = Instant::now() + START;
        for (_, port) in listeners {
            while TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
                if let Some(status) = self.runtime.try_wait()? {
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
    let mut command = command(workerd);
    command.arg("serve").arg(Path::new("config").join(file));
    if !listeners.iter().any(|(name, _)| *name == runtime_service::HEALTH) {
        command.arg(format!("--socket-addr={}=127.0.0.1:0", runtime_service::HEALTH));
    }
    for (name, port) in listeners {
        command.arg(format!("--socket-addr={name}=127.0.0.1:{port}"));
    }
    command.current_dir(folder).envs(variables);
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let started = Serving::start(command).map_err(|source| Error::Start { path: path(), source });
    let mut serving = started?;
    let listens = serving.listens(listeners).await;
    listens.map_err(|source| Error::Follow { path: path(), source })?;
    Ok(serving)
}
