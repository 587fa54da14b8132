//! What became of all namespaces together: counts, the last errors, and whether everything is as it is wanted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque, hash_map::DefaultHasher};

use std::hash::{Hash, Hasher};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::names::{condition_type, reason};
use crate::api::resources::{MOST_ERRORS, ResourceError, ResourceSetStatus};
use crate::condition::{self, Claim};
use crate::resources::Fault;

/// What became of one namespace that wants the folder's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Objects that it shall have.
    pub wanted: u32,
    /// Those that are as they are wanted.
    pub applied: u32,
    /// What failed.
    pub errors: Vec<ResourceError>,
    /// Some of the objects are not known yet.
    pub is_early: bool,
}

/// How the folder of templates is.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    /// What is wrong with it now.
    pub faults: &'a [Fault],
    /// Whether there was a good set, which stays in force.
    pub is_in_force: bool,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub struct Tally {
    namespaces: HashMap<Box<str>, Counts>,
    total: Counts,
    /// The oldest first.
    errors: VecDeque<ResourceError>,
    kinds: BTreeSet<String>,
    /// Kinds that cannot be used now, and why.
    refused: BTreeMap<String, String>,
    /// Not even the names of the namespaces are known yet.
    is_new: bool,
    /// Namespaces of which nothing is known yet. Until they are, the last status stays: a restart changes nothing.
    expected: HashSet<Box<str>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    wanted: u32,
    applied: u32,
    failed: u32,
    /// Of the errors: what is still wrong stays where it is in the list, or out of it, and the status comes to rest.
    errors: u64,
}

impl Tally {
    /// Begins with the kinds and errors that a status tells of.
    #[must_use]
    pub fn new(last: &ResourceSetStatus) -> Self {
        Self {
            kinds: last.kinds.iter().cloned().collect(),
            errors: last.errors.iter().cloned().collect(),
            is_new: true,
            ..Self::default()
        }
    }

    /// These are the namespaces that there are: nothing is told before something is known of each.
    pub fn expect(&mut self, namespaces: impl IntoIterator<Item = Box<str>>) {
        self.is_new = false;
        self.expected = namespaces.into_iter().collect();
        self.complete();
    }

    /// Notes a kind that is about to be applied; false when it is known.
    pub fn note_kind(&mut self, kind: &str) -> bool {
        self.kinds.insert(kind.to_owned())
    }

    /// Notes why a kind cannot be used, or that it can.
    pub fn note_refusal(&mut self, kind: &str, why: Option<&str>) {
        match why {
            Some(why) => self.refused.insert(kind.to_owned(), why.to_owned()),
            None => self.refused.remove(kind),
        };
    }

    /// Notes what became of a namespace.
    pub fn note(&mut self, namespace: &str, outcome: Outcome) {
        let Outcome {
            wanted,
            applied,
            errors,
            is_early,
        } = outcome;
        let counts = Counts {
            wanted,
            applied,
            failed: u32::try_from(errors.len()).unwrap_or(u32::MAX),
            errors: hash(&errors),
        };
        self.subtract(namespace);
        self.total.add(counts);
        let before = self.namespaces.insert(namespace.into(), counts);
        let told = || self.errors.iter().filter(|error| error.namespace == namespace);
        let is_told = match before {
            // One that gave way to others is told again once there is room.
            Some(before) => {
                let is_room = self.errors.len() < MOST_ERRORS;
                before.errors == counts.errors && (errors.is_empty() || !is_room || told().next().is_some())
            }
            // By an earlier process.
            None => told().eq(errors.iter()),
        };
        if !is_told {
            self.errors.retain(|error| error.namespace != namespace);
            self.errors.extend(errors);
            let surplus = self.errors.len().saturating_sub(MOST_ERRORS);
            self.errors.drain(..surplus);
        }
        if !is_early {
            self.arrived(namespace);
        }
    }

    /// A namespace is gone, or wants nothing.
    pub fn forget(&mut self, namespace: &str) {
        self.subtract(namespace);
        if self.namespaces.remove(namespace).is_some() {
            self.errors.retain(|error| error.namespace != namespace);
        }
        self.arrived(namespace);
    }

    /// Forgets all others.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        let known = self.namespaces.keys().chain(&self.expected);
        let gone: Vec<_> = known.filter(|namespace| !is_there(namespace)).cloned().collect();
        for namespace in gone {
            self.forget(&namespace);
        }
    }

    fn arrived(&mut self, namespace: &str) {
        if self.expected.remove(namespace) {
            self.complete();
        }
    }

    /// Errors of an earlier process may be about namespaces that are gone.
    fn complete(&mut self) {
        if self.expected.is_empty() {
            let Self { errors, namespaces, .. } = self;
            errors.retain(|error| namespaces.contains_key(&*error.namespace));
        }
    }

    /// Wanted, applied and failed objects.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32, u32) {
        let Counts {
            wanted,
            applied,
            failed,
            ..
        } = self.total;
        (wanted, applied, failed)
    }

    /// What the ResourceSet says next.
    #[must_use]
    pub fn status(&self, last: &ResourceSetStatus, folder: Folder<'_>, now: Time) -> ResourceSetStatus {
        let kinds = self.kinds.iter().cloned().collect();
        let mut conditions = last.conditions.clone();
        let is_complete = !self.is_new && self.expected.is_empty();
        if is_complete || !folder.faults.is_empty() {
            let (status, reason, message) = self.readiness(folder);
            let claim = Claim {
                type_: condition_type::READY,
                status,
                reason,
                message: &message,
            };
            condition::set(&mut conditions, claim, None, now);
        }
        if !is_complete {
            return ResourceSetStatus {
                kinds,
                conditions,
                ..last.clone()
            };
        }
        let Counts {
            wanted,
            applied,
            failed,
            ..
        } = self.total;
        ResourceSetStatus {
            namespaces: u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX),
            wanted,
            applied,
            failed,
            kinds,
            errors: self
                .refusals()
                .chain(self.errors.iter().cloned())
                .take(MOST_ERRORS)
                .collect(),
            conditions,
        }
    }

    fn refusals(&self) -> impl Iterator<Item = ResourceError> {
        self.refused.iter().map(|(kind, why)| ResourceError {
            kind: kind.clone(),
            reason: reason::KIND_UNUSABLE.to_owned(),
            message: why.clone(),
            ..ResourceError::default()
        })
    }

    fn readiness(&self, folder: Folder<'_>) -> (&'static str, &'static str, String) {
        let Counts {
            wanted,
            applied,
            failed,
            ..
        } = self.total;
        if let [first, rest @ ..] = folder.faults {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" (and {} more)", rest.len())
            };
            let stays = if folder.is_in_force {
                "the last good version stays in force"
            } else {
                "nothing is applied or removed until it is mended"
            };
            let message = format!("the folder of templates has a fault, {stays}: {first}{more}");
            return ("False", reason::FOLDER_FAULT, message);
        }
        if let (0, Some((_, why))) = (failed, self.refused.first_key_value()) {
            return ("False", reason::FAILED, why.clone());
        }
        match (failed, wanted.saturating_sub(applied)) {
            (0, 0) => (
                "True",
                reason::APPLIED,
                "everything is as the folder wants it".to_owned(),
            ),
            (0, open) => (
                "False",
                reason::APPLYING,
                format!("{open} of {wanted} objects are under way"),
            ),
            (failed, _) => (
                "False",
                reason::FAILED,
                format!("{failed} failed, the last of them are in status.errors"),
            ),
        }
    }

    fn subtract(&mut self, namespace: &str) {
        if let Some(counts) = self.namespaces.get(namespace) {
            self.total.wanted -= counts.wanted;
            self.total.applied -= counts.applied;
            self.total.failed -= counts.failed;
        }
    }
}

fn hash(errors: &[ResourceError]) -> u64 {
    let mut hasher = DefaultHasher::new();
    errors.hash(&mut hasher);
    hasher.finish()
}

impl Counts {
    const fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.applied += other.applied;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn outcome(namespace: &str, wanted: u32, failed: &[&str]) -> Outcome {
        let error = |name: &&str| ResourceError {
            namespace: namespace.to_owned(),
            name: (*name).to_owned(),
            ..ResourceError::default()
        };
        Outcome {
            wanted,
            applied: wanted - u32::try_from(failed.len()).expect("few"),
            errors: failed.iter().map(error).collect(),
            is_early: false,
        }
    }

    fn status(tally: &Tally, faults: &[Fault]) -> ResourceSetStatus {
        after(tally, &ResourceSetStatus::default(), faults)
    }

    fn after(tally: &Tally, last: &ResourceSetStatus, faults: &[Fault]) -> ResourceSetStatus {
        let folder = Folder {
            faults,
            is_in_force: true,
        };
        tally.status(last, folder, Time(Timestamp::UNIX_EPOCH))
    }

    fn names(tally: &Tally) -> Vec<String> {
        let errors = status(tally, &[]).errors.into_iter();
        errors
            .map(|error| format!("{}/{}", error.namespace, error.name))
            .collect()
    }

    #[test]
    fn namespaces_are_counted_once_and_forgotten() {
        let last = ResourceSetStatus {
            kinds: vec!["Secret.v1".to_owned()],
            ..ResourceSetStatus::default()
        };
        let mut tally = Tally::new(&last);
        tally.expect([]);
        tally.note("a", outcome("a", 5, &["x", "y"]));
        tally.note("b", outcome("b", 3, &[]));
        tally.note("a", outcome("a", 4, &["y"]));
        assert!(tally.note_kind("ConfigMap.v1") && !tally.note_kind("Secret.v1"));
        let told = status(&tally, &[]);
        assert_eq!((told.namespaces, told.wanted, told.applied, told.failed), (2, 7, 6, 1));
        assert_eq!(told.kinds, ["ConfigMap.v1", "Secret.v1"]);
        assert_eq!(names(&tally), ["a/y"]);
        tally.forget("a");
        tally.forget("a");
        assert_eq!((tally.counts(), names(&tally).len()), ((3, 3, 0), 0));
    }

    #[test]
    fn the_last_errors_are_told_and_those_that_stay_do_not_move() {
        let mut tally = Tally::default();
        for at in 0..=MOST_ERRORS {
            let namespace = at.to_string();
            tally.note(&namespace, outcome(&namespace, 1, &["x"]));
        }
        let last = names(&tally);
        assert_eq!((last.len(), &*last[0], &*last[99]), (MOST_ERRORS, "1/x", "100/x"));
        tally.note("1", outcome("1", 1, &["x"]));
        tally.note("0", outcome("0", 1, &["x"]));
        assert_eq!(names(&tally), last, "what was told before is not told again");
        for healed in 90..=100 {
            tally.forget(&healed.to_string());
        }
        tally.note("0", outcome("0", 1, &["x"]));
        assert_eq!(
            names(&tally).last().map(String::as_str),
            Some("0/x"),
            "now there is room"
        );
        tally.note("1", outcome("1", 2, &["y"]));
        assert_eq!(names(&tally).last().map(String::as_str), Some("1/y"));
    }

    #[test]
    fn a_restart_tells_nothing_before_everything_is_known() {
        let mut before = Tally::default();
        before.note("a", outcome("a", 5, &["x"]));
        before.note("gone", outcome("gone", 5, &["x"]));
        before.note("b", outcome("b", 5, &["x"]));
        let last = status(&before, &[]);
        let mut tally = Tally::new(&last);
        let told = |tally: &Tally| after(tally, &last, &[]);
        tally.expect(["a", "b", "c"].map(Into::into));
        tally.note("b", outcome("b", 5, &["x"]));
        tally.note(
            "a",
            Outcome {
                is_early: true,
                ..outcome("a", 5, &["x"])
            },
        );
        tally.forget("c");
        assert_eq!(told(&tally), last);
        let broken = after(&tally, &last, &[Fault::of_folder("gone")]);
        assert_eq!(
            (&*broken.conditions[0].reason, broken.wanted),
            ("FolderFault", last.wanted)
        );
        tally.note_kind("Secret.v1");
        assert_eq!(
            told(&tally),
            ResourceSetStatus {
                kinds: vec!["Secret.v1".to_owned()],
                ..last.clone()
            }
        );
        tally.note("a", outcome("a", 5, &["x"]));
        assert_eq!(
            (told(&tally).namespaces, names(&tally)),
            (2, vec!["a/x".to_owned(), "b/x".to_owned()])
        );
    }

    #[test]
    fn readiness_says_what_is_in_the_way() {
        let mut tally = Tally::default();
        let ready = |tally: &Tally, faults: &[Fault]| {
            let condition = status(tally, faults).conditions.remove(0);
            (condition.status, condition.reason, condition.message)
        };
        let told =
            |status: &str, reason: &str, message: &str| (status.to_owned(), reason.to_owned(), message.to_owned());
        let applied = told("True", "Applied", "everything is as the folder wants it");
        assert_eq!(ready(&tally, &[]), applied);
        tally.note(
            "a",
            Outcome {
                wanted: 5,
                applied: 3,
                ..Outcome::default()
            },
        );
        assert_eq!(
            ready(&tally, &[]),
            told("False", "Applying", "2 of 5 objects are under way")
        );
        tally.note("a", outcome("a", 5, &[]));
        tally.note_refusal("Secret.v1", Some("no rights"));
        assert_eq!(ready(&tally, &[]), told("False", "Failed", "no rights"));
        assert_eq!(status(&tally, &[]).errors[0].kind, "Secret.v1");
        tally.note_refusal("Secret.v1", None);
        assert_eq!(ready(&tally, &[]), applied);
        tally.note("a", outcome("a", 5, &["x"]));
        assert_eq!(
            ready(&tally, &[]),
            told("False", "Failed", "1 failed, the last of them are in status.errors")
        );
        let message = "the folder of templates has a fault, the last good version stays in force: gone (and 1 more)";
        let faults = [Fault::of_folder("gone"), Fault::of_folder("bad")];
        assert_eq!(ready(&tally, &faults), told("False", "FolderFault", message));
    }
}
