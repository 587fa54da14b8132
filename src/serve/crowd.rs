//! Places among the connections of a listener, and whether somebody waits for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whether a client waits because every place is taken; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<AtomicBool>);

impl Crowd {
    pub(super) fn waits(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A place, once there is one; who idles on his is asked to leave sooner meanwhile.
    pub(super) async fn place(&self, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        self.0.store(places.available_permits() == 0, Ordering::Relaxed);
        let place = places.clone().acquire_owned().await;
        self.0.store(false, Ordering::Relaxed);
        place.ok()
    }
}
