//! Requests to the API server in an even stream: so many a second, and a second's worth at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A budget of requests.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two requests.
    interval: Duration,
    /// When the next request would have its turn if none came at once.
    next: Mutex<Instant>,
}

/// As many requests as a second has may come at once.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the turn of one request.
    pub(super) async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.interval;
            turn
        };
        sleep_until(turn.checked_sub(BURST).unwrap_or(turn)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_seconds_worth_at_once_then_one_by_one() {
        let (pace, start) = (Pace::new(10), Instant::now());
        for _ in 0..=10 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(60)).await;
        let later = Instant::now();
        for _ in 0..=10 {
            pace.turn().await;
        }
        assert_eq!(later.elapsed(), Duration::ZERO, "what was not used is not saved up");
        pace.turn().await;
        assert_eq!(later.elapsed(), Duration::from_millis(100));
    }
}
