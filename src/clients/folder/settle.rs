//! When a change counts: once nothing has changed for a while. No file and no timer is touched here.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Contents, read};

/// What one reading found.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    contents: Contents,
    /// So long ago the newest change was made; nothing, where that is not known.
    unchanged: Duration,
}

impl Seen {
    pub(super) fn of(path: &Path) -> Self {
        match read::folder(path) {
            Ok((files, changed)) => Self {
                contents: Arc::new(Ok(files)),
                unchanged: SystemTime::now().duration_since(changed).unwrap_or_default(),
            },
            Err(unreadable) => Self {
                contents: Arc::new(Err(unreadable)),
                unchanged: Duration::ZERO,
            },
        }
    }
}

/// Something new about a folder.
#[derive(Debug, Clone)]
pub struct Look {
    /// What is there.
    pub contents: Contents,
    /// Whether it has stood still for long enough to count.
    pub is_settled: bool,
}

/// What was seen, and since when.
#[derive(Debug)]
pub(super) struct Settling {
    quiet: Duration,
    settled: Option<Contents>,
    passing: Option<(Contents, Instant)>,
}

impl Settling {
    pub(super) fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            settled: None,
            passing: None,
        }
    }

    /// Takes what was seen; gives it back when it is new, and again when it counts.
    pub(super) fn look(&mut self, seen: Seen, now: Instant) -> Option<Look> {
        if self.passing.is_none() && self.settled.as_ref() == Some(&seen.contents) {
            return None;
        }
        let passing = self.passing.take().filter(|(contents, _)| *contents == seen.contents);
        let is_new = passing.is_none();
        let since = passing.map_or_else(|| now.checked_sub(seen.unchanged).unwrap_or(now), |(_, since)| since);
        let is_settled = now.duration_since(since) >= self.quiet;
        if is_settled {
            self.settled = Some(seen.contents.clone());
        } else {
            self.passing = Some((seen.contents.clone(), since));
        }
        (is_new || is_settled).then_some(Look {
            contents: seen.contents,
            is_settled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::folder::File;

    const QUIET: Duration = Duration::from_secs(2);

    fn seen(text: &str, unchanged: u64) -> Seen {
        let file = File {
            path: "a.yaml".to_owned(),
            text: text.to_owned(),
        };
        Seen {
            contents: Arc::new(Ok(vec![file])),
            unchanged: Duration::from_secs(unchanged),
        }
    }

    /// What each of some looks a second apart gives: whether it counts, where it gives anything.
    fn looks(looks: &[(&str, u64)]) -> Vec<Option<bool>> {
        let (mut settling, start) = (Settling::new(QUIET), Instant::now());
        let each = looks.iter().zip(0..).map(|((text, unchanged), second)| {
            let look = settling.look(seen(text, *unchanged), start + Duration::from_secs(second));
            look.map(|look| look.is_settled)
        });
        each.collect()
    }

    #[test]
    fn a_change_counts_after_two_seconds_without_another() {
        let each = looks(&[
            ("a", 0),
            ("a", 0),
            ("a", 0),
            ("a", 0),
            ("b", 0),
            ("c", 0),
            ("c", 0),
            ("c", 0),
            ("c", 0),
        ]);
        let (new, settled) = (Some(false), Some(true));
        assert_eq!(each, [new, None, settled, None, new, new, None, settled, None]);
    }

    #[test]
    fn what_has_long_been_there_counts_at_once() {
        assert_eq!(looks(&[("a", 60), ("a", 61)]), [Some(true), None]);
        assert_eq!(looks(&[("a", 1), ("a", 2)]), [Some(false), Some(true)]);
    }

    #[test]
    fn a_change_that_is_taken_back_counts_for_nothing_new() {
        let each = looks(&[("a", 9), ("b", 0), ("a", 0), ("a", 0), ("a", 0), ("a", 0)]);
        let (new, settled) = (Some(false), Some(true));
        assert_eq!(each, [settled, new, new, None, settled, None]);
    }
}
