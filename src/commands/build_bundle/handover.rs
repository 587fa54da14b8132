//! How steps take turns: empty files in the folder that they share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};

/// How often a step looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(50);
/// How long a step waits for its turn.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far a build has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// The code is there.
    Fetched,
    /// The runtime takes it.
    Proved,
    /// What no ConfigMap takes is in the registry.
    Pushed,
    /// It is where pods find it.
    Published,
    /// A step has failed and said why; there is no next one.
    Failed,
}

impl Marker {
    fn name(self) -> &'static str {
        match self {
            Marker::Fetched => "fetched",
            Marker::Proved => "proved",
            Marker::Pushed => "pushed",
            Marker::Published => "published",
            Marker::Failed => "failed",
        }
    }
}

/// The folder that steps share.
pub(super) struct Handover {
    folder: PathBuf,
}

impl Handover {
    pub(super) fn new(folder: &Path) -> Self {
        Handover {
            folder: folder.to_owned(),
        }
    }

    /// Waits until the build has come so far; whether it has, or has failed.
    ///
    /// # Errors
    /// Neither happens in time.
    pub(super) async fn reached(&self, marker: Marker) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.has(Marker::Failed) {
                return Ok(false);
            }
            if self.has(marker) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                bail!(
                    "there is no {} after {} s",
                    self.path(marker).display(),
                    PATIENCE.as_secs()
                );
            }
            sleep(LOOK).await;
        }
    }

    /// Says that the build has come so far. A file without content is there whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn mark(&self, marker: Marker) -> anyhow::Result<()> {
        let path = self.path(marker);
        fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))
    }

    fn has(&self, marker: Marker) -> bool {
        self.path(marker).exists()
    }

    fn path(&self, marker: Marker) -> PathBuf {
        self.folder.join(marker.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let work = tempfile::tempdir().unwrap();
        let error = Handover::new(work.path()).reached(Marker::Fetched).await.unwrap_err();
        assert!(error.to_string().ends_with("/fetched after 120 s"), "{error}");
    }

    #[tokio::test]
    async fn a_failure_is_seen_before_what_preceded_it() {
        let work = tempfile::tempdir().unwrap();
        let handover = Handover::new(work.path());
        handover.mark(Marker::Fetched).unwrap();
        assert!(handover.reached(Marker::Fetched).await.unwrap());
        handover.mark(Marker::Failed).unwrap();
        assert!(!handover.reached(Marker::Fetched).await.unwrap());
    }
}
