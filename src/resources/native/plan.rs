//! What is to be done about one namespace: a function of what is wanted and what is there.

use super::applied::Stamp;
use super::observed::Known;
use crate::resources::Object;

/// What is to be done about one namespace.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// About each wanted object, in the order of the folder.
    pub steps: Vec<(&'a Object, Step<'a>)>,
    /// What nobody wants any more and only we have put there.
    pub prune: Vec<&'a Known>,
}

/// What is to be done about one wanted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing.
    Keep {
        /// That nothing is to be done was found out just now.
        news: Option<&'a Known>,
    },
    /// It is ours and is not as it is wanted: apply it again, over whoever has changed it.
    Repair {
        /// It was there before we first applied it.
        found: bool,
    },
    /// Nothing is known of it: look first.
    Meet,
    /// It is being deleted; when it is gone it is made again.
    Wait,
}

/// Decides what is to be done.
#[must_use]
pub fn plan<'a>(desired: &'a [Object], known: &'a [Known], stamp: &Stamp<'_>) -> Plan<'a> {
    let steps = desired.iter().map(|object| {
        let known = known.iter().find(|known| is(known, object));
        (object, known.map_or(Step::Meet, |known| step(object, known, stamp)))
    });
    let is_wanted = |known: &&Known| desired.iter().any(|object| is(known, object));
    let may_go = |known: &&Known| known.observed.is_ours(stamp) && !known.observed.deleting;
    Plan {
        steps: steps.collect(),
        prune: known
            .iter()
            .filter(|known| !is_wanted(known) && may_go(known))
            .collect(),
    }
}

fn step<'a>(object: &Object, known: &'a Known, stamp: &Stamp<'_>) -> Step<'a> {
    let observed = &known.observed;
    if observed.deleting {
        return Step::Wait;
    }
    // Found out before, and nothing has changed since.
    if known.settled == Some(object.digest(stamp)) {
        return Step::Keep { news: None };
    }
    if observed.holds(object, stamp) {
        return Step::Keep { news: Some(known) };
    }
    if observed.is_ours(stamp) {
        return Step::Repair { found: observed.found };
    }
    Step::Meet
}

fn is(known: &Known, object: &Object) -> bool {
    *known.kind == *object.group && *known.name == *object.name
}
