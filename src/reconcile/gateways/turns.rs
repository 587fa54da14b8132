//! Whose turn it is to be evicted: no pod waits for others that are refused again and again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// By UIDs, of pods and of controllers.
#[derive(Default)]
pub(super) struct Turns {
    postponed: HashMap<String, Instant>,
    /// When pods were tried last.
    tried: HashMap<String, Instant>,
}

impl Turns {
    /// Leaves a pod, or all of a controller, alone for a while.
    pub(super) fn postpone(&mut self, uid: String, pause: Duration) {
        self.postponed.insert(uid, Instant::now() + pause);
    }

    /// When the next one is no longer left alone.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.postponed.values().min().copied()
    }

    /// The one that was tried least recently of those that are not left alone; each comes with its controller.
    pub(super) fn next<T>(&mut self, pods: Vec<((String, String), T)>) -> Option<((String, String), T)> {
        let now = Instant::now();
        self.postponed.retain(|_, until| *until > now);
        self.tried.retain(|uid, _| pods.iter().any(|((pod, _), _)| pod == uid));
        let is_free =
            |(pod, owner): &(String, String)| ![pod, owner].iter().any(|uid| self.postponed.contains_key(*uid));
        let free = pods.into_iter().filter(|(uids, _)| is_free(uids));
        let next = free.min_by_key(|((pod, _), _)| self.tried.get(pod).copied());
        if let Some(((pod, _), _)) = &next {
            self.tried.insert(pod.clone(), now);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(turns: &mut Turns, pods: &[&str]) -> Option<String> {
        let owned = |pod: &&str| (((*pod).to_owned(), pod[..1].to_owned()), ());
        turns.next(pods.iter().map(owned).collect()).map(|((pod, _), ())| pod)
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_their_turn() {
        let (mut turns, mut seen) = (Turns::default(), Vec::new());
        for _ in 0..5 {
            let pod = next(&mut turns, &["a1", "a2", "b1"]).unwrap();
            turns.postpone(pod.clone(), Duration::from_secs(1));
            seen.push(pod);
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(seen, ["a1", "a2", "b1", "a1", "a2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_left_alone_has_no_turn() {
        let mut turns = Turns::default();
        turns.postpone("a".to_owned(), Duration::from_secs(60));
        turns.postpone("b1".to_owned(), Duration::from_secs(30));
        let pods = ["a1", "a2", "b1"];
        assert_eq!(next(&mut turns, &pods), None);
        tokio::time::sleep_until(turns.next_due().unwrap()).await;
        assert_eq!(next(&mut turns, &pods).as_deref(), Some("b1"));
        tokio::time::sleep_until(turns.next_due().unwrap()).await;
        assert_eq!(next(&mut turns, &pods).as_deref(), Some("a1"));
        assert_eq!(turns.next_due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_is_forgotten() {
        let mut turns = Turns::default();
        next(&mut turns, &["a1"]);
        assert_eq!(next(&mut turns, &[]), None);
        assert!(turns.tried.is_empty());
    }
}
