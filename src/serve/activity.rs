//! What the requests of one connection are doing, as its guard has to know it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<Requests>);

#[derive(Debug)]
struct Requests {
    /// How many had begun before the first of `open`.
    before: usize,
    /// When each began, in that order; none for those that have ended.
    open: VecDeque<Option<Instant>>,
    last_use: Instant,
}

/// One request, from its head to the end of its answer; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    number: usize,
}

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut requests = self.requests();
        requests.last_use = Instant::now();
        let begun = requests.last_use;
        requests.open.push_back(Some(begun));
        InFlight {
            activity: self.clone(),
            number: requests.begun() - 1,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.requests().open.is_empty()
    }

    pub(super) fn begun(&self) -> usize {
        self.requests().begun()
    }

    /// When the oldest request that has not ended began.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.requests().open.front().copied().flatten()
    }

    /// When a request last began or ended, or else the connection.
    pub(super) fn last_use(&self) -> Instant {
        self.requests().last_use
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Requests {
            before: 0,
            open: VecDeque::new(),
            last_use: Instant::now(),
        }))
    }
}

impl Requests {
    fn begun(&self) -> usize {
        self.before + self.open.len()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut requests = self.activity.requests();
        requests.last_use = Instant::now();
        let place = self.number - requests.before;
        requests.open[place] = None;
        while let Some(None) = requests.open.front() {
            requests.open.pop_front();
            requests.before += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_known_in_whatever_order_requests_end() {
        let activity = Arc::new(Activity::default());
        let begun = |in_flight: &InFlight| activity.requests().open[in_flight.number].is_some();
        let [first, second, third] = [(); 3].map(|()| activity.begin());
        let oldest = activity.oldest();
        drop(second);
        assert!(activity.oldest() == oldest && begun(&third));
        drop(first);
        assert!(activity.oldest() > oldest);
        let fourth = activity.begin();
        assert_eq!((activity.begun(), activity.is_idle()), (4, false));
        drop(third);
        drop(fourth);
        assert_eq!(
            (activity.oldest(), activity.is_idle(), activity.begun()),
            (None, true, 4)
        );
    }
}
