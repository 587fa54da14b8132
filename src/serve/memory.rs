//! The memory that bodies and their answers may take, all requests together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies up to this many bytes have a share of their own: a list that is converted does not keep admission waiting.
const SMALL: usize = 64 << 10;

/// Memory that is set aside for bodies, counted in bytes; clones share it.
///
/// The container of `manifests/base` has 512 MiB: 100 for the process with 10,000 executions in its stores, 288 set
/// aside here, and the rest for connections, of which 1024 may each hold 64 KiB that nobody has read yet (an HTTP/2
/// window, or the head of an HTTP/1 request) and the buffers of TLS. Of the 288, large bodies have 252: one call with
/// 100 MB of objects at two and a half times its length.
#[derive(Debug, Clone)]
pub struct Memory {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    largest: usize,
}

impl Memory {
    /// Sets so many bytes aside; an eighth is for small bodies alone.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        let small = bytes / 8;
        Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(bytes - small)),
            largest: bytes - small,
        }
    }

    /// The longest body that fits when it is alone.
    pub(super) const fn largest_body(&self) -> usize {
        self.largest / 5 * 2
    }
}

/// What `--max-body-memory` is without the flag.
impl Default for Memory {
    fn default() -> Self {
        Self::new(288 << 20)
    }
}

/// What a body of this length is counted as: itself, an answer of the same length, and half for the places of its
/// objects and for what is added to them.
pub(super) const fn cost(body: usize) -> usize {
    body.saturating_mul(5).div_ceil(2)
}

/// What one request has of it; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Held {
    /// Waits until so many bytes in all are this request's. Who waits keeps what it has: the caller has a deadline.
    pub(super) async fn grow(&mut self, memory: &Memory, wanted: usize) {
        let pool = if wanted <= cost(SMALL) {
            &memory.small
        } else {
            &memory.large
        };
        let held = self.0.as_ref().filter(|held| Arc::ptr_eq(held.semaphore(), pool));
        let missing = wanted.saturating_sub(held.map_or(0, OwnedSemaphorePermit::num_permits));
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        // Nothing closes a pool, so that this cannot fail.
        let Ok(more) = pool.clone().acquire_many_owned(missing).await else {
            return;
        };
        match &mut self.0 {
            Some(held) if Arc::ptr_eq(held.semaphore(), pool) => held.merge(more),
            other => *other = Some(more),
        }
    }

    /// Gives back all but so many bytes.
    pub(super) fn shrink(&mut self, wanted: usize) {
        if let Some(held) = &mut self.0 {
            drop(held.split(held.num_permits().saturating_sub(wanted)));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn ten_thousand_objects_of_ten_kilobytes_fit() {
        let limits = Cli::parse_from(["stationmaster"]).serve.limits;
        for memory in [Memory::new(limits.body_memory()), Memory::default()] {
            assert!(memory.largest_body() > 10_000 * 10_300, "{}", memory.largest_body());
            assert!(cost(memory.largest_body()) <= memory.large.available_permits());
        }
    }
}
