//! Which answers have to go to a sink, and when each is tried next.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::replies::Place;

/// What another process has promised is left to it for so long.
const GRACE: Duration = Duration::from_secs(15);
/// Until the second attempt; each next one is twice as far away.
const SOONEST: Duration = Duration::from_secs(1);
/// No attempt is further away.
const LATEST: Duration = Duration::from_secs(300);
/// Attempts at one sink, which take half an hour.
const ATTEMPTS: u32 = 14;

/// The answers that have to go, by their clients.
#[derive(Debug, Default)]
pub(super) struct Queue(HashMap<Place, Entry>);

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
    pub(super) place: Place,
    /// The sink will not have it: it goes to that of dead letters, or is given up.
    pub(super) is_dead_letter: bool,
    /// The sink of dead letters will not have it either.
    pub(super) is_lost: bool,
}

impl Queue {
    /// An answer that has to go; at once where this process has promised it.
    pub(super) fn add(&mut self, place: Place, is_promised: bool, now: Instant) {
        self.0.entry(place).or_insert_with(|| Entry {
            due: if is_promised { now } else { now + GRACE },
            attempts: 0,
            is_dead_letter: false,
            is_busy: false,
        });
    }

    /// An answer that has not to go, or not any more.
    pub(super) fn drop(&mut self, place: &Place) {
        if self.0.get(place).is_some_and(|entry| !entry.is_busy) {
            self.0.remove(place);
        }
    }

    /// The next attempt that is due.
    pub(super) fn next(&mut self, now: Instant) -> Option<Turn> {
        let due = self.0.iter_mut().find(|(_, entry)| !entry.is_busy && entry.due <= now);
        let (place, entry) = due?;
        entry.is_busy = true;
        Some(Turn {
            place: place.clone(),
            is_dead_letter: entry.is_dead_letter,
            is_lost: entry.is_dead_letter && entry.attempts >= ATTEMPTS,
        })
    }

    /// Hears what an attempt came to.
    pub(super) fn hear(&mut self, place: &Place, fate: Fate, now: Instant) {
        let Some(entry) = self.0.get_mut(place) else { return };
        entry.is_busy = false;
        entry.attempts += 1;
        match fate {
            Fate::Over => {
                self.0.remove(place);
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

    /// Answers that have not gone yet.
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
    use super::*;

    fn place(name: &str) -> Place {
        ("default".to_owned(), name.to_owned())
    }

    fn queued(is_promised: bool) -> (Queue, Instant) {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(place("a"), is_promised, now);
        (queue, now)
    }

    #[test]
    fn what_others_have_promised_is_left_to_them_for_a_while() {
        let (mut queue, now) = queued(false);
        assert_eq!(queue.next(now), None);
        queue.add(place("a"), true, now);
        assert_eq!(queue.next(now), None);
        assert!(queue.next(now + GRACE).is_some());
        assert_eq!(queue.next(now + GRACE), None, "it is busy");
        queue.drop(&place("a"));
        assert_eq!(queue.len(), 1);
        queue.hear(&place("a"), Fate::Over, now);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn pauses_double_and_dead_letters_come_last() {
        let (mut queue, mut now) = queued(true);
        let mut pauses = Vec::new();
        let mut turn = queue.next(now).unwrap();
        while !turn.is_dead_letter {
            queue.hear(&place("a"), Fate::Later, now);
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
        queue.hear(&place("a"), Fate::Refused, now);
        let turn = queue.next(now).unwrap();
        assert!(turn.is_dead_letter && turn.is_lost);
    }

    #[test]
    fn what_a_sink_refuses_for_good_is_a_dead_letter_at_once() {
        let (mut queue, now) = queued(true);
        queue.next(now);
        queue.hear(&place("a"), Fate::Refused, now);
        let expected = Turn {
            place: place("a"),
            is_dead_letter: true,
            is_lost: false,
        };
        assert_eq!(queue.next(now), Some(expected));
    }
}
