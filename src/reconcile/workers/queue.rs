//! Keys that are worked on when something wakes them: one at a time each, several at once, again after a while where that
//! was asked for.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// What happens in so short a time is looked at once.
const DEBOUNCE: Duration = Duration::from_millis(10);
/// Without anything to do nobody wakes before.
const IDLE: Duration = Duration::from_secs(3600);

/// Works on each key that comes in, until `stop`; what has begun comes to its end.
///
/// `work` says after which time its key is due again, if nothing wakes it before.
pub(super) async fn run<K, F>(
    mut wakes: UnboundedReceiver<K>,
    concurrency: usize,
    work: impl Fn(K) -> F,
    stop: CancellationToken,
) where
    K: Clone + Eq + Hash,
    F: Future<Output = Option<Duration>>,
{
    let mut due: HashMap<K, Instant> = HashMap::new();
    let mut running = HashSet::new();
    let mut works = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        let free = concurrency.saturating_sub(running.len());
        let ready: Vec<K> = due
            .iter()
            .filter(|(key, at)| **at <= now && !running.contains(*key))
            .map(|(key, _)| key.clone())
            .take(free)
            .collect();
        for key in ready {
            due.remove(&key);
            running.insert(key.clone());
            let done = work(key.clone());
            works.push(async move { (key, done.await) });
        }
        let waiting = due.iter().filter(|(key, _)| !running.contains(*key));
        let next = if running.len() < concurrency {
            waiting.map(|(_, at)| *at).min()
        } else {
            None
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some((key, again)) = works.next(), if !works.is_empty() => {
                running.remove(&key);
                if let Some(pause) = again {
                    sooner(&mut due, key, Instant::now() + pause);
                }
            }
            Some(key) = wakes.next() => sooner(&mut due, key, Instant::now() + DEBOUNCE),
            () = sleep_until(next.unwrap_or(now + IDLE)) => {}
        }
    }
    while works.next().await.is_some() {}
}

fn sooner<K: Eq + Hash>(due: &mut HashMap<K, Instant>, key: K, at: Instant) {
    due.entry(key).and_modify(|known| *known = at.min(*known)).or_insert(at);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::channel::mpsc;

    use super::*;

    /// Runs over these wakes; what was worked on, and when in milliseconds.
    async fn worked(keys: &[&'static str], again: fn(usize) -> Option<Duration>) -> Vec<(&'static str, u128)> {
        let (wake, wakes) = mpsc::unbounded();
        let start = Instant::now();
        let seen = Mutex::new(Vec::new());
        for key in keys {
            wake.unbounded_send(*key).unwrap();
        }
        let stop = CancellationToken::new();
        let work = |key| {
            let mut seen = seen.lock().unwrap();
            seen.push((key, start.elapsed().as_millis()));
            let pause = again(seen.len());
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                pause
            }
        };
        let end = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            stop.cancel();
        };
        tokio::join!(run(wakes, 2, work, stop.clone()), end);
        drop(wake);
        seen.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_woken_often_is_worked_on_once() {
        let seen = worked(&["a", "a", "a"], |_| None).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_at_once_than_there_may_be() {
        let mut seen = worked(&["a", "b", "c"], |_| None).await;
        seen.sort_by_key(|(_, at)| *at);
        assert!(seen[1].1 < 50 && seen[2].1 >= 100, "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_again_comes_again() {
        let seen = worked(&["a"], |times| (times < 3).then_some(Duration::from_secs(1))).await;
        let at: Vec<_> = seen.iter().map(|(_, at)| at / 1000).collect();
        assert_eq!(at, [0, 1, 2]);
    }
}
