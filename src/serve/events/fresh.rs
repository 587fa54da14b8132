//! Clients that this process has asked for and its watch has not shown yet: whoever counts must not forget them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::replies::Place;

/// A client that has not been seen by then is gone again, or has never been made.
const UNSEEN: Duration = Duration::from_secs(30);

/// The clients, and when each was asked for.
#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<HashMap<Place, Instant>>);

impl Fresh {
    /// Takes a place for one more client in its namespace, while there are fewer than `most`.
    pub(super) fn admit(
        &self,
        place: &Place,
        most: usize,
        is_seen: impl Fn(&Place) -> bool,
        seen: impl FnOnce() -> usize,
    ) -> bool {
        let (mut fresh, now) = (self.fresh(), Instant::now());
        fresh.retain(|place, since| now - *since < UNSEEN && !is_seen(place));
        let here = fresh.keys().filter(|(namespace, _)| *namespace == place.0).count();
        let is_admitted = fresh.contains_key(place) || here + seen() < most;
        if is_admitted {
            fresh.insert(place.clone(), now);
        }
        is_admitted
    }

    /// There is no such client after all.
    pub(super) fn forget(&self, place: &Place) {
        self.fresh().remove(place);
    }

    fn fresh(&self) -> MutexGuard<'_, HashMap<Place, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_count_before_they_are_seen_and_once() {
        let (fresh, place) = (Fresh::default(), |name: &str| ("default".to_owned(), name.to_owned()));
        let admit = |name: &str, seen: &[&str]| {
            let is_seen = |place: &Place| seen.contains(&&*place.1);
            fresh.admit(&place(name), 2, is_seen, || seen.len())
        };
        assert!(admit("a", &[]) && admit("b", &[]));
        assert!(!admit("c", &[]));
        assert!(admit("b", &[]), "it has its place");
        assert!(!admit("c", &["a"]));
        fresh.forget(&place("b"));
        assert!(admit("c", &["a"]));
        assert!(fresh.admit(&("other".to_owned(), "d".to_owned()), 1, |_| false, || 0));
    }
}
