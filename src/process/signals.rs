//! The signals that end the process.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGTERM from the kubelet, SIGINT from a terminal.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The first signal begins the shutdown, the second ends it.
    pub(super) async fn twice(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        self.next().await;
        stop.cancel();
        self.next().await;
        anyhow::bail!("told to stop twice: what was in flight is lost")
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
