//! What has to go to a sink, and when each is tried next.

use std::collections::HashMap;
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
pub(super) struct Queue(HashMap<Letter, Entry>);

#[derive(Debug)]
struct Entry {
    due: Instant,
    attempts: u32,
    is_dead_letter: bool,
    is_busy: bool,
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
}

/// An attempt that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) letter: Letter,
    /// The sink will not have it: it goes to that of dead letters, or is given up.
    pub(super) is_dead_letter: bool,
    /// The sink of dead letters will not have it either.
    pub(super) is_lost: bool,
}

impl Queue {
    /// An event that has to go; at once where that is for this process.
    pub(super) fn add(&mut self, letter: Letter, is_ours: bool, now: Instant) {
        self.0.entry(letter).or_insert_with(|| Entry {
            due: if is_ours { now } else { now + GRACE },
            attempts: 0,
            is_dead_letter: false,
            is_busy: false,
        });
    }

    /// One that has not to go, or not any more.
    pub(super) fn drop(&mut self, letter: &Letter) {
        if self.0.get(letter).is_some_and(|entry| !entry.is_busy) {
            self.0.remove(letter);
        }
    }

    /// The next attempt that is due.
    pub(super) fn next(&mut self, now: Instant) -> Option<Turn> {
        let due = self.0.iter_mut().find(|(_, entry)| !entry.is_busy && entry.due <= now);
        let (letter, entry) = due?;
        entry.is_busy = true;
        Some(Turn {
            letter: letter.clone(),
            is_dead_letter: entry.is_dead_letter,
            is_lost: entry.is_dead_letter && entry.attempts >= ATTEMPTS,
        })
    }

    /// Hears what an attempt came to.
    pub(super) fn hear(&mut self, letter: &Letter, fate: Fate, now: Instant) {
        let Some(entry) = self.0.get_mut(letter) else { return };
        entry.is_busy = false;
        entry.attempts += 1;
        match fate {
            Fate::Over => {
                self.0.remove(letter);
            }
            Fate::Refused if entry.is_dead_letter => entry.lose(now),
            Fate::Refused => entry.bury(now),
            Fate::Later if entry.attempts >= ATTEMPTS && !entry.is_dead_letter => entry.bury(now),
            Fate::Later => {
                let pause = SOONEST.saturating_mul(1 << entry.attempts.min(16).saturating_sub(1));
                entry.due = now + pause.min(LATEST);
            }
        }
    }

    /// Events that have not gone yet.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Entry {
    fn bury(&mut self, now: Instant) {
        self.is_dead_letter = true;
        self.attempts = 0;
        self.due = now;
    }

    fn lose(&mut self, now: Instant) {
        self.attempts = ATTEMPTS;
        self.due = now;
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::What;
    use super::*;

    fn letter() -> Letter {
        Letter {
            place: ("default".to_owned(), "a".to_owned()),
            what: What::Answer,
        }
    }

    fn queued(is_ours: bool) -> (Queue, Instant) {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(letter(), is_ours, now);
        (queue, now)
    }

    #[test]
    fn what_others_have_promised_is_left_to_them_for_a_while() {
        let (mut queue, now) = queued(false);
        assert_eq!(queue.next(now), None);
        queue.add(letter(), true, now);
        assert_eq!(queue.next(now), None);
        assert!(queue.next(now + GRACE).is_some());
        assert_eq!(queue.next(now + GRACE), None, "it is busy");
        queue.drop(&letter());
        assert_eq!(queue.len(), 1);
        queue.hear(&letter(), Fate::Over, now);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn pauses_double_and_dead_letters_come_last() {
        let (mut queue, mut now) = queued(true);
        let mut pauses = Vec::new();
        let mut turn = queue.next(now).unwrap();
        while !turn.is_dead_letter {
            queue.hear(&letter(), Fate::Later, now);
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
        assert!(!turn.is_lost);
        queue.hear(&letter(), Fate::Refused, now);
        let turn = queue.next(now).unwrap();
        assert!(turn.is_dead_letter && turn.is_lost);
    }

    #[test]
    fn what_a_sink_refuses_for_good_is_a_dead_letter_at_once() {
        let (mut queue, now) = queued(true);
        queue.next(now);
        queue.hear(&letter(), Fate::Refused, now);
        let expected = Turn {
            letter: letter(),
            is_dead_letter: true,
            is_lost: false,
        };
        assert_eq!(queue.next(now), Some(expected));
    }
}
