//! How much may be fetched for one worker, from wherever: objects, bytes and time.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::api::download::shown;

/// Of all objects together, and so of each: what Cloudflare takes of a worker.
const BYTES: usize = 10 << 20;
/// As many modules as a template may name one by one.
const OBJECTS: usize = 256;
/// A build that waits longer for its code has lost it; its Job gives up soon after.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why something was not fetched; says nothing of what is there, nor of credentials.
#[derive(Debug, thiserror::Error)]
#[error("cannot fetch {}: {reason}", shown(.url))]
pub struct FetchError {
    /// As it was given; shown without what may be secret in it.
    pub url: String,
    /// What is the matter.
    pub reason: String,
}

/// What is left of the limits.
#[derive(Debug)]
pub struct Allowance {
    bytes: usize,
    objects: usize,
    until: Instant,
}

impl Default for Allowance {
    /// For one worker, from now on.
    fn default() -> Self {
        Self::new(BYTES, OBJECTS, PATIENCE)
    }
}

impl Allowance {
    /// So much, from now on.
    #[must_use]
    pub fn new(bytes: usize, objects: usize, patience: Duration) -> Self {
        Self {
            bytes,
            objects,
            until: Instant::now() + patience,
        }
    }

    /// Takes one object off.
    pub(super) fn object(&mut self) -> Result<(), String> {
        let left = self.objects.checked_sub(1);
        self.objects = left.ok_or_else(|| format!("there are more than {OBJECTS} objects in all"))?;
        Ok(())
    }

    /// Takes bytes off that have come.
    pub(super) fn bytes(&mut self, bytes: usize) -> Result<(), String> {
        self.expect(bytes as u64)?;
        self.bytes -= bytes;
        Ok(())
    }

    /// Whether so many may come.
    pub(super) fn expect(&self, bytes: u64) -> Result<(), String> {
        let too_much = || {
            format!(
                "it is too large: all code of a worker together is at most {} MiB",
                BYTES >> 20
            )
        };
        (bytes <= self.bytes as u64).then_some(()).ok_or_else(too_much)
    }
}

/// What comes of fetching from a URL while there is time.
pub(super) async fn in_time<T>(
    url: &str,
    until: Instant,
    fetched: impl Future<Output = Result<T, String>>,
) -> Result<T, FetchError> {
    let late = || format!("it has not come within {} s", PATIENCE.as_secs());
    let outcome = timeout_at(until, fetched).await.unwrap_or_else(|_| Err(late()));
    outcome.map_err(|reason| FetchError {
        url: url.to_owned(),
        reason,
    })
}

impl Allowance {
    /// When the time is over.
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}
