//! The set in force, and what is wrong with the folder now. They change apart: the last good set stays.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{Fault, Set};

/// Shared by all who render and the one who reads the folder.
#[derive(Debug)]
pub struct Current {
    set: ArcSwapOption<Set>,
    faults: ArcSwap<Vec<Fault>>,
}

impl Default for Current {
    fn default() -> Self {
        Self {
            set: ArcSwapOption::empty(),
            faults: ArcSwap::from_pointee(unread()),
        }
    }
}

fn unread() -> Vec<Fault> {
    vec![Fault::of_folder(
        "the folder of templates is being read: it has to stay unchanged for a moment",
    )]
}

impl Current {
    /// A set in force from the start.
    #[must_use]
    pub fn of(set: Set) -> Self {
        let current = Self::default();
        current.replace(set);
        current
    }

    /// The last good set.
    #[must_use]
    pub fn set(&self) -> Option<Arc<Set>> {
        self.set.load_full()
    }

    /// What is wrong with the folder as it is now; nothing, when it is the set in force.
    #[must_use]
    pub fn faults(&self) -> Arc<Vec<Fault>> {
        self.faults.load_full()
    }

    /// The same, but nothing while the folder has not been read for the first time.
    #[must_use]
    pub fn found_faults(&self) -> Arc<Vec<Fault>> {
        let faults = self.faults();
        if *faults == unread() { Arc::default() } else { faults }
    }

    /// A good set takes the place of the last one.
    pub fn replace(&self, set: Set) {
        self.set.store(Some(Arc::new(set)));
        self.faults.store(Arc::default());
    }

    /// The folder is no set now.
    pub fn fail(&self, faults: Vec<Fault>) {
        self.faults.store(Arc::new(faults));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Options;

    #[test]
    fn the_last_good_set_stays_in_force() {
        let current = Current::default();
        assert!(current.set().is_none() && !current.faults().is_empty());
        assert!(current.found_faults().is_empty());
        let options = Options {
            allow_empty: true,
            ..Options::default()
        };
        current.replace(Set::compile([], options).expect("a set"));
        assert!(current.set().is_some() && current.faults().is_empty());
        let fault = Fault::of_folder("gone");
        current.fail(vec![fault.clone()]);
        assert!(current.set().is_some());
        for faults in [current.faults(), current.found_faults()] {
            assert_eq!(*faults, std::slice::from_ref(&fault));
        }
    }
}
