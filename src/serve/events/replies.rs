//! Where answers go that nobody waits for: the sink, what is added to events on their way there, and which of them this
//! process has promised.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::Error;
use super::counters::Counters;
use super::letter::{Letter, What};
use crate::api::cloud_event::CloudEvent;
use crate::cli::EventArgs;
use crate::clients::sink::{self, Sink};

/// Namespace and name of a client.
pub(super) type Place = (String, String);

/// Clients, and when they were told of.
type Places = HashMap<Place, Instant>;

/// Clients, and how often an answer of theirs is promised.
type Promises = HashMap<Place, Promised>;

/// Of several deliveries at a time any may be the one that is kept.
struct Promised {
    since: Instant,
    /// Promises that are kept, or may yet be.
    number: usize,
}

/// A client that the watch has not shown by then is gone, or has never been made.
const UNSEEN: Duration = Duration::from_secs(30);

/// The sinks, and the answers that this process has promised.
pub(super) struct Replies {
    sink: Sink,
    dead_letters: Option<Sink>,
    overrides: BTreeMap<String, String>,
    tells_progress: bool,
    promised: Mutex<Promises>,
    stored: Mutex<Places>,
    pub(super) counters: Counters,
}

/// What a SinkBinding asks to add to events cannot be added.
#[derive(Debug, thiserror::Error)]
#[error("K_CE_OVERRIDES must be {{\"extensions\": {{\"NAME\": \"VALUE\"}}}}, names of a to z and 0 to 9")]
pub struct OverridesError;

#[derive(Default, Deserialize)]
struct Overrides {
    #[serde(default)]
    extensions: BTreeMap<String, String>,
}

impl Replies {
    /// Nothing, where there is no sink.
    pub(super) fn of(args: &EventArgs, counters: Counters) -> Result<Option<Self>, Error> {
        if let Some(flag) = args.without_sink() {
            return Err(Error::NoSink(flag));
        }
        let Some(sink) = args.sink() else {
            return Ok(None);
        };
        Ok(Some(Self {
            sink: Sink::new(sink)?,
            dead_letters: args.dead_letter_sink().map(Sink::new).transpose()?,
            overrides: args.overrides().map_or_else(|| Ok(BTreeMap::new()), overrides)?,
            tells_progress: args.progress_events,
            promised: Mutex::default(),
            stored: Mutex::default(),
            counters,
        }))
    }

    /// This process sends the answer of that client, once the promise is kept; others do when it has not after a while.
    pub(super) fn promise(&self, place: Place) -> Promise<'_> {
        let (since, open) = (Instant::now(), Some(place.clone()));
        let none = Promised { since, number: 0 };
        let mut all = locked(&self.promised);
        let promised = all.entry(place).or_insert(none);
        promised.since = since;
        promised.number += 1;
        Promise { replies: self, open }
    }

    /// What the sink hears of a client.
    pub(super) fn whats(&self) -> &'static [What] {
        let all = &What::ALL;
        if self.tells_progress { all } else { &all[..1] }
    }

    /// This process has stored that client: it tells what becomes of it, and others do when it has not after a while.
    pub(super) fn stored(&self, namespace: &str, name: &str) {
        if self.tells_progress {
            let place = (namespace.to_owned(), name.to_owned());
            locked(&self.stored).insert(place, Instant::now());
        }
    }

    /// Whether it is for this process to tell now.
    pub(super) fn is_ours(&self, letter: &Letter) -> bool {
        match letter.what {
            What::Answer => locked(&self.promised).remove(&letter.place).is_some(),
            What::Progress(_) => locked(&self.stored).contains_key(&letter.place),
        }
    }

    /// There is no such client any more.
    pub(super) fn gone(&self, place: &Place) {
        locked(&self.promised).remove(place);
        locked(&self.stored).remove(place);
    }

    /// Forgets the clients that are not there any more, without those that the watch may not have shown yet.
    pub(super) fn keep(&self, is_there: impl Fn(&Place) -> bool) {
        let stays = |place: &Place, since: Instant| since.elapsed() < UNSEEN || is_there(place);
        locked(&self.promised).retain(|place, promised| stays(place, promised.since));
        locked(&self.stored).retain(|place, since| stays(place, *since));
    }

    /// Whether there is a sink of dead letters.
    pub(super) fn has_dead_letters(&self) -> bool {
        self.dead_letters.is_some()
    }

    /// Sends an event once.
    pub(super) async fn send(&self, event: &CloudEvent, is_dead_letter: bool) -> Result<(), sink::Refusal> {
        let dead_letters = self.dead_letters.as_ref().filter(|_| is_dead_letter);
        let mut event = event.clone();
        event.extensions.extend(self.overrides.clone());
        dead_letters.unwrap_or(&self.sink).send(&event).await
    }
}

/// A promise that may come to nothing: dropped before it is kept, as with the sender's connection, it was none.
#[must_use]
pub(super) struct Promise<'r> {
    replies: &'r Replies,
    open: Option<Place>,
}

impl Promise<'_> {
    /// It is written on the client.
    pub(super) fn keep(mut self) {
        self.open = None;
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        let Some(place) = &self.open else { return };
        let mut all = locked(&self.replies.promised);
        let Some(promised) = all.get_mut(place) else { return };
        promised.number -= 1;
        if promised.number == 0 {
            all.remove(place);
        }
    }
}

fn locked<T>(places: &Mutex<T>) -> MutexGuard<'_, T> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

fn overrides(text: &str) -> Result<BTreeMap<String, String>, OverridesError> {
    let overrides: Overrides = serde_json::from_str(text).map_err(|_| OverridesError)?;
    let is_name = |name: &String| {
        let mut letters = name.bytes();
        !name.is_empty() && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    let all_are = overrides.extensions.keys().all(is_name);
    all_are.then_some(overrides.extensions).ok_or(OverridesError)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn replies(flags: &[&str]) -> Result<Option<Replies>, Error> {
        let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
        Replies::of(&args.events, Counters::default())
    }

    #[test]
    fn an_empty_sink_is_none_and_progress_needs_one() {
        assert!(matches!(replies(&["--sink="]), Ok(None)));
        let refused = replies(&["--sink=", "--progress-events"]).map(drop).unwrap_err();
        assert!(
            refused.to_string().starts_with("--progress-events needs a sink"),
            "{refused}"
        );
        assert!(refused.to_string().contains("K_SINK"), "{refused}");
    }

    #[test]
    fn a_promise_that_is_not_kept_was_none() {
        let replies = replies(&["--sink=http://a"]).unwrap().unwrap();
        let place = || ("default".to_owned(), "a".to_owned());
        let letter = Letter {
            place: place(),
            uid: String::new(),
            what: What::Answer,
        };
        drop(replies.promise(place()));
        assert!(!replies.is_ours(&letter));
        replies.promise(place()).keep();
        drop(replies.promise(place()));
        assert!(replies.is_ours(&letter), "another delivery has promised it");
        assert!(!replies.is_ours(&letter), "it is told once");
        replies.promise(place()).keep();
        replies.gone(&place());
        assert!(!replies.is_ours(&letter), "there is no such client any more");
    }

    #[test]
    fn a_promise_that_another_delivery_keeps_stands() {
        let replies = replies(&["--sink=http://a"]).unwrap().unwrap();
        let letter = |name: &str| Letter {
            place: ("default".to_owned(), name.to_owned()),
            uid: String::new(),
            what: What::Answer,
        };
        let both = |name| [replies.promise(letter(name).place), replies.promise(letter(name).place)];
        let [first, second] = both("a");
        second.keep();
        drop(first);
        assert!(replies.is_ours(&letter("a")));
        let [first, second] = both("b");
        drop(first);
        second.keep();
        assert!(replies.is_ours(&letter("b")), "whichever is heard of first");
        let [first, second] = both("c");
        drop((first, second));
        assert!(!replies.is_ours(&letter("c")), "nobody has kept it");
        // It was told while both were under way.
        let [first, second] = both("d");
        assert!(replies.is_ours(&letter("d")));
        second.keep();
        drop(first);
        assert!(!replies.is_ours(&letter("d")), "it is told once");
    }

    #[tokio::test(start_paused = true)]
    async fn promises_of_clients_that_are_gone_are_forgotten() {
        let replies = replies(&["--sink=http://a", "--progress-events"]).unwrap().unwrap();
        let held = || [locked(&replies.promised).len(), locked(&replies.stored).len()];
        for name in ["a", "b"] {
            replies.promise(("default".to_owned(), name.to_owned())).keep();
            replies.stored("default", name);
        }
        replies.keep(|_| false);
        assert_eq!(held(), [2, 2], "the watch may not have shown them yet");
        tokio::time::advance(UNSEEN).await;
        replies.keep(|place| place.1 == "a");
        assert_eq!(held(), [1, 1]);
    }

    #[test]
    fn overrides_are_extensions() {
        let read = |text| overrides(text).ok();
        let expected = BTreeMap::from([("a1".to_owned(), "b".to_owned())]);
        assert_eq!(read(r#"{"extensions": {"a1": "b"}}"#), Some(expected));
        assert_eq!(read("{}"), Some(BTreeMap::new()));
        for text in ["", "1", r#"{"extensions": {"a-b": ""}}"#, r#"{"extensions": {"a": 1}}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
