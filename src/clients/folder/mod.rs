//! The door to the folder of templates: read whole, looked at again and again, and believed once it stands still.
//!
//! Nothing watches single files: a mounted ConfigMap changes by one symlink that is swapped, and a charm writes and
//! removes its files one by one.

mod read;
mod settle;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use read::{File, Unreadable};
pub use settle::Look;

use settle::{Seen, Settling};

/// Every file of a folder, in a fixed order, or why they cannot be read.
pub type Contents = Arc<Result<Vec<File>, Unreadable>>;

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two looks.
    pub look: Duration,
    /// So long nothing has to change before what is there counts.
    pub quiet: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(250),
            quiet: Duration::from_secs(2),
        }
    }
}

/// A folder that is followed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    timing: Timing,
    settling: Settling,
}

impl Folder {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf, timing: Timing) -> Self {
        Self {
            path,
            timing,
            settling: Settling::new(timing.quiet),
        }
    }

    /// The files as they are now.
    ///
    /// # Errors
    /// One of them, or the folder, cannot be read.
    pub fn read(&self) -> Result<Vec<File>, Unreadable> {
        read::folder(&self.path).map(|(files, _)| files)
    }

    /// Waits for something new: first for the change itself, then for it to count.
    pub async fn changed(&mut self) -> Look {
        loop {
            let path = self.path.clone();
            let read = tokio::task::spawn_blocking(move || Seen::of(&path)).await;
            if let Ok(seen) = read
                && let Some(look) = self.settling.look(seen, Instant::now())
            {
                return look;
            }
            tokio::time::sleep(self.timing.look).await;
        }
    }
}
