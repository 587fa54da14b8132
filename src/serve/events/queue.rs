//! What has to go to a sink, and when each is tried next. It holds letters of clients that there are, and so no more than
//! a few for each of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::letter::Letter;

/// What is for another process is left to it for so long.
const GRACE: Duration = Duration::from_secs(15);
/// Until the second attempt; each next one is twice as far away.
const SOONEST: Duration = Duration::from_secs(1);
/// No attempt is further away.
const LATEST: Duration = Duration::from_secs(300);
/// Attempts at one sink, which take half an hour.
const ATTEMPTS: u32 = 14;

/// What has to go.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: HashMap<Letter, Entry>,
    /// Those that nobody is at, the earliest first.
    times: BTreeMap<Time, Letter>,
    /// Letters that were promised and have nothing to tell yet.
    held: HashSet<Letter>,
    added: u64,
}

/// When it is an entry's turn; the number tells apart those of one moment.
type Time = (Instant, u64);

#[derive(Debug)]
struct Entry {
    /// None while an attempt is under way.
    time: Option<Time>,
    task: Task,
    /// At this task.
    attempts: u32,
    /// Calls to the API server that failed in a row.
    failures: u32,
}

/// What an attempt is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Send it to the sink.
    Send,
    /// The sink will not have it: it goes to that of dead letters, or is given up.
    Bury,
    /// The sink of dead letters will not have it either.
    GiveUp,
    /// Nothing but writing this on its client: it has gone, or is given up.
    Mark(&'static str),
}

/// What one attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing is left to do.
    Over,
    /// It is tried again.
    Later,
    /// This sink will not have it.
    Refused,
    /// The API server does not say whether it has to go: no sink was asked.
    Unknown,
    /// It has gone or is given up, and this could not be written on its client.
    Unmarked(&'static str),
}

/// An attempt that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) letter: Letter,
    pub(super) task: Task,
}

impl Queue {
    /// One that was promised and has nothing to tell yet.
    pub(super) fn hold(&mut self, letter: Letter) {
        self.held.insert(letter);
    }

    /// An event that has to go; at once where that is for this process.
    pub(super) fn add(&mut self, letter: Letter, is_ours: bool, now: Instant) {
        self.held.remove(&letter);
        if self.entries.contains_key(&letter) {
            return;
        }
        let entry = Entry {
            time: None,
            task: Task::Send,
            attempts: 0,
            failures: 0,
        };
        self.entries.insert(letter.clone(), entry);
        self.schedule(letter, if is_ours { now } else { now + GRACE });
    }

    /// One that has not to go, or not any more; whether it would have had to. Who is at it finds out himself.
    pub(super) fn drop(&mut self, letter: &Letter) -> bool {
        let was_held = self.held.remove(letter);
        let Some(entry) = self.entries.get(letter) else {
            return was_held;
        };
        let Some(time) = entry.time else { return false };
        let was_open = !matches!(entry.task, Task::Mark(_));
        self.times.remove(&time);
        self.entries.remove(letter);
        was_open
    }

    /// The next attempt that is due: of the one that has waited longest.
    pub(super) fn next(&mut self, now: Instant) -> Option<Turn> {
        let first = self.times.first_entry().filter(|first| first.key().0 <= now)?;
        let letter = first.remove();
        let entry = self.entries.get_mut(&letter)?;
        entry.time = None;
        let task = entry.task;
        Some(Turn { letter, task })
    }

    /// Hears what an attempt came to.
    pub(super) fn hear(&mut self, letter: Letter, fate: Fate, now: Instant) {
        let Some(entry) = self.entries.get_mut(&letter) else {
            return;
        };
        match entry.hear(fate) {
            Some(pause) => self.schedule(letter, now + pause),
            None => drop(self.entries.remove(&letter)),
        }
    }

    /// Events that have not gone yet.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All that there is, in no order.
    pub(super) fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.entries.keys().chain(&self.held)
    }

    fn schedule(&mut self, letter: Letter, at: Instant) {
        self.added += 1;
        let time = (at, self.added);
        if let Some(entry) = self.entries.get_mut(&letter) {
            entry.time = Some(time);
            self.times.insert(time, letter);
        }
    }
}

impl Entry {
    /// How long until the next attempt, if there is another one.
    fn hear(&mut self, fate: Fate) -> Option<Duration> {
        if fate == Fate::Unknown {
            self.failures += 1;
            return Some(pause(self.failures));
        }
        self.failures = 0;
        self.attempts += 1;
        let next = match (fate, self.task) {
            (Fate::Over, _) => return None,
            (Fate::Unmarked(how), _) => Task::Mark(how),
            (Fate::Refused, task) => task.next(),
            (_, task) if self.attempts >= ATTEMPTS => task.next(),
            (_, task) => task,
        };
        if next == self.task {
            return Some(pause(self.attempts));
        }
        let is_marking = matches!(next, Task::Mark(_));
        self.attempts = u32::from(is_marking);
        self.task = next;
        Some(if is_marking { SOONEST } else { Duration::ZERO })
    }
}

impl Task {
    /// What comes after the sink has refused.
    const fn next(self) -> Self {
        match self {
            Self::Send => Self::Bury,
            Self::Bury => Self::GiveUp,
            last => last,
        }
    }
}

fn pause(attempts: u32) -> Duration {
    SOONEST
        .saturating_mul(1 << attempts.min(16).saturating_sub(1))
        .min(LATEST)
}

#[cfg(test)]
mod tests {
    use super::super::letter::What;
    use super::*;

    fn named(name: &str) -> Letter {
        Letter {
            place: ("default".to_owned(), name.to_owned()),
            uid: format!("uid of {name}"),
            what: What::Answer,
        }
    }

    fn letter() -> Letter {
        named("a")
    }

    fn queued(is_ours: bool) -> (Queue, Instant) {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(letter(), is_ours, now);
        (queue, now)
    }

    fn task(queue: &mut Queue, now: Instant) -> Option<Task> {
        queue.next(now).map(|turn| turn.task)
    }

    #[test]
    fn what_others_have_promised_is_left_to_them_for_a_while() {
        let (mut queue, now) = queued(false);
        assert_eq!(queue.next(now), None);
        queue.add(letter(), true, now);
        assert_eq!(queue.next(now), None);
        assert!(queue.next(now + GRACE).is_some());
        assert_eq!(queue.next(now + GRACE), None, "it is busy");
        assert!(!queue.drop(&letter()));
        assert_eq!(queue.len(), 1);
        queue.hear(letter(), Fate::Over, now);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn who_has_waited_longest_is_first() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let order = (0..100_u32).map(|number| number * 37 % 100);
        for second in order {
            let due = now + Duration::from_secs(second.into());
            queue.add(named(&format!("{second:02}")), true, due);
        }
        let late = now + Duration::from_secs(49);
        let names: Vec<_> = std::iter::from_fn(|| queue.next(late).map(|turn| turn.letter.place.1)).collect();
        let expected: Vec<_> = (0..50).map(|second| format!("{second:02}")).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn pauses_double_and_dead_letters_come_last() {
        let (mut queue, mut now) = queued(true);
        let mut pauses = Vec::new();
        let mut turn = queue.next(now).unwrap();
        while turn.task == Task::Send {
            queue.hear(letter(), Fate::Later, now);
            let began = now;
            turn = loop {
                match queue.next(now) {
                    Some(turn) => break turn,
                    None => now += SOONEST,
                }
            };
            pauses.push((now - began).as_secs());
        }
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 0];
        assert_eq!(pauses, expected);
        assert_eq!(turn.task, Task::Bury);
        queue.hear(letter(), Fate::Refused, now);
        assert_eq!(task(&mut queue, now), Some(Task::GiveUp));
    }

    #[test]
    fn what_a_sink_refuses_for_good_is_a_dead_letter_at_once() {
        let (mut queue, now) = queued(true);
        queue.next(now);
        queue.hear(letter(), Fate::Refused, now);
        let expected = Turn {
            letter: letter(),
            task: Task::Bury,
        };
        assert_eq!(queue.next(now), Some(expected));
    }

    #[test]
    fn what_has_gone_is_marked_for_as_long_as_it_takes() {
        let (mut queue, mut now) = queued(true);
        assert_eq!(task(&mut queue, now), Some(Task::Send));
        for attempt in 0..40 {
            queue.hear(letter(), Fate::Unmarked("sent"), now);
            assert_eq!(queue.next(now), None, "{attempt}");
            now += LATEST;
            assert_eq!(task(&mut queue, now), Some(Task::Mark("sent")), "{attempt}");
        }
        queue.hear(letter(), Fate::Unmarked("sent"), now);
        assert!(!queue.drop(&letter()), "nothing would have had to go");
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn an_api_server_that_is_away_is_no_attempt_at_a_sink() {
        let (mut queue, mut now) = queued(true);
        for _ in 0..2 * ATTEMPTS {
            assert_eq!(task(&mut queue, now), Some(Task::Send));
            queue.hear(letter(), Fate::Unknown, now);
            now += LATEST;
        }
        assert_eq!(task(&mut queue, now), Some(Task::Send));
        queue.hear(letter(), Fate::Later, now);
        assert!(queue.next(now + SOONEST).is_some(), "it was the first");
    }

    #[test]
    fn what_is_dropped_is_told_apart() {
        let mut queue = Queue::default();
        assert!(!queue.drop(&letter()), "nobody knows it");
        queue.hold(letter());
        assert_eq!((queue.len(), queue.letters().count()), (0, 1));
        assert!(queue.drop(&letter()));
        queue.hold(letter());
        queue.add(letter(), true, Instant::now());
        assert_eq!((queue.len(), queue.letters().count()), (1, 1));
        assert!(queue.drop(&letter()));
        assert_eq!(queue.next(Instant::now()), None);
        assert!(!queue.drop(&letter()), "it is gone");
    }
}
