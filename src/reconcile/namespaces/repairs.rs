//! Repairs of one object again and again: somebody else writes it too. Each comes later than the one before, so that two
//! controllers never write against each other without end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::error::backoff;

/// Without a repair for so long, the next one is the first again.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Pause after the first repair.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The objects that were changed or deleted by others lately.
#[derive(Debug, Default)]
pub(super) struct Repairs(Mutex<HashMap<Box<str>, Vec<Repair>>>);

#[derive(Debug)]
struct Repair {
    kind: Box<str>,
    name: Box<str>,
    count: u32,
    last: Instant,
}

impl Repairs {
    /// When an object may be repaired, if not now, and how often it was of late.
    pub(super) fn pause(&self, namespace: &str, (kind, name): (&str, &str)) -> Option<(Duration, u32)> {
        let all = self.inner();
        let repair = all.get(namespace)?.iter().find(|repair| repair.is(kind, name))?;
        let since = repair.last.elapsed();
        let pause = match repair.count {
            0 => Duration::ZERO,
            count => backoff(FIRST_PAUSE, count - 1),
        };
        let left = pause.saturating_sub(since);
        (since < FORGOTTEN && !left.is_zero()).then_some((left, repair.count))
    }

    /// An object was deleted or lost our label: to make it again will be a repair.
    pub(super) fn lost(&self, namespace: &str, object: (&str, &str)) {
        self.update(namespace, object, 0);
    }

    /// Counts a repair.
    pub(super) fn repaired(&self, namespace: &str, object: (&str, &str)) {
        self.update(namespace, object, 1);
    }

    /// Counts making an object again, if it was lost.
    pub(super) fn remade(&self, namespace: &str, (kind, name): (&str, &str)) {
        let lost = self
            .inner()
            .get(namespace)
            .is_some_and(|own| own.iter().any(|repair| repair.is(kind, name)));
        if lost {
            self.update(namespace, (kind, name), 1);
        }
    }

    /// Forgets what is long ago and what is not wanted any more.
    pub(super) fn retain(&self, namespace: &str, is_wanted: impl Fn(&str, &str) -> bool) {
        let mut all = self.inner();
        let Some(own) = all.get_mut(namespace) else { return };
        own.retain(|repair| repair.last.elapsed() < FORGOTTEN && is_wanted(&repair.kind, &repair.name));
        if own.is_empty() {
            all.remove(namespace);
        }
    }

    /// Forgets all other namespaces.
    pub(super) fn retain_namespaces(&self, is_there: impl Fn(&str) -> bool) {
        self.inner().retain(|namespace, _| is_there(namespace));
    }

    fn update(&self, namespace: &str, (kind, name): (&str, &str), more: u32) {
        let mut all = self.inner();
        let own = all.entry(namespace.into()).or_default();
        let now = Instant::now();
        match own.iter_mut().find(|repair| repair.is(kind, name)) {
            Some(repair) => {
                let forgotten = repair.last.elapsed() >= FORGOTTEN;
                repair.count = if forgotten { more } else { repair.count + more };
                if more > 0 {
                    repair.last = now;
                }
            }
            None => own.push(Repair {
                kind: kind.into(),
                name: name.into(),
                count: more,
                last: now,
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, HashMap<Box<str>, Vec<Repair>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repair {
    fn is(&self, kind: &str, name: &str) -> bool {
        *self.kind == *kind && *self.name == *name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: (&str, &str) = ("ConfigMap.v1", "a");

    #[tokio::test(start_paused = true)]
    async fn each_repair_comes_later_than_the_one_before() {
        let repairs = Repairs::default();
        for seconds in [0, 1, 2, 4, 8] {
            let pause = repairs.pause("a", OBJECT).map_or(0, |(pause, _)| pause.as_secs());
            assert_eq!(pause, seconds);
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(repairs.pause("a", OBJECT), None);
            repairs.lost("a", OBJECT);
            repairs.remade("a", OBJECT);
        }
        assert!(repairs.pause("b", OBJECT).is_none());
        tokio::time::advance(FORGOTTEN).await;
        repairs.repaired("a", OBJECT);
        assert_eq!(repairs.pause("a", OBJECT), Some((FIRST_PAUSE, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn making_something_new_is_no_repair() {
        let repairs = Repairs::default();
        repairs.remade("a", OBJECT);
        assert!(repairs.inner().is_empty());
        repairs.lost("a", OBJECT);
        repairs.retain("a", |_, _| false);
        assert!(repairs.inner().is_empty());
    }
}
