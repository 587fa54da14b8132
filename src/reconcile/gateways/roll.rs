//! The pods that gateways are about, kept current by one watch of metadata; of all others nothing is kept.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::runtime::watcher::Event;
use tokio::time::Instant;

use super::super::error::backoff;
use super::pods::PodMetadata;
use crate::gateway::status::Counts;
use crate::gateway::{Owner, Standing, stamped_by};

/// What has just been created is looked at then: what this process knows may be older than what the webhook knew.
const GRACE: Duration = Duration::from_secs(2);

/// By UID.
type Pods = HashMap<String, Kept>;

/// The index. Full once the first list is complete.
#[derive(Default)]
pub(super) struct Roll {
    pods: Pods,
    listing: Pods,
    /// The first list is complete.
    pub(super) is_listed: bool,
    /// Of some pods it could not be told whether a gateway is for them.
    pub(super) is_unclear: bool,
}

/// A pod that a gateway is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) gateway: String,
    pub(super) state: State,
}

/// What is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// It carries the gateway, with this stamp.
    Injected(String),
    /// It has to be looked at.
    Candidate { due: Instant, tries: u32 },
    /// It was looked at and is as it should be; it may carry what another has put there.
    Settled { carries: bool },
    /// It should carry the gateway and does not.
    Uninjected { owner: Option<Owner>, born: Option<Time> },
}

/// Pods of one gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    /// They carry another state of it than the one in force.
    pub(super) stale: u32,
    /// They were never looked at.
    pub(super) open: u32,
}

impl Roll {
    /// Applies one event of the watch; tells whether that changes anything.
    pub(super) fn apply(&mut self, event: Event<PodMetadata>, standing: impl Fn(&ObjectMeta) -> Standing) -> bool {
        match event {
            Event::Init => {
                self.listing.clear();
                false
            }
            Event::InitApply(pod) => {
                self.take(&pod.metadata, standing(&pod.metadata), true);
                false
            }
            Event::Apply(pod) => self.take(&pod.metadata, standing(&pod.metadata), false),
            Event::Delete(pod) => self.forget(pod.metadata.uid.as_deref().unwrap_or_default()),
            Event::InitDone => {
                self.pods = std::mem::take(&mut self.listing);
                self.is_listed = true;
                true
            }
        }
    }

    fn take(&mut self, metadata: &ObjectMeta, standing: Standing, is_listing: bool) -> bool {
        let uid = metadata.uid.clone().unwrap_or_default();
        let (gateway, state) = match standing {
            Standing::Injected(stamp) => (stamped_by(&stamp).to_owned(), State::Injected(stamp)),
            Standing::Candidate(gateway) => {
                let state = self.known(&uid, &gateway);
                (gateway, state)
            }
            Standing::Unclear | Standing::Unconcerned => {
                let is_unclear = standing == Standing::Unclear;
                self.is_unclear |= is_unclear;
                return !is_listing && self.forget(&uid) || is_unclear;
            }
        };
        let kept = Kept {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            gateway,
            state,
        };
        let pods = if is_listing { &mut self.listing } else { &mut self.pods };
        let is_news = pods.get(&uid) != Some(&kept);
        pods.insert(uid, kept);
        is_news
    }

    /// What was found out about a pod holds on: its containers cannot be changed.
    fn known(&self, uid: &str, gateway: &str) -> State {
        let known = self.pods.get(uid).filter(|kept| kept.gateway == gateway);
        let state = known.map(|kept| kept.state.clone());
        state.unwrap_or_else(|| State::Candidate {
            due: Instant::now() + GRACE,
            tries: 0,
        })
    }

    /// A pod is gone; tells whether it was known.
    pub(super) fn forget(&mut self, uid: &str) -> bool {
        self.pods.remove(uid).is_some()
    }

    /// No gateway is there any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Candidates whose time has come.
    pub(super) fn due(&self, now: Instant) -> Vec<(String, Kept)> {
        let due = self
            .pods
            .iter()
            .filter(|(_, kept)| kept.due().is_some_and(|due| due <= now));
        due.map(|(uid, kept)| (uid.clone(), kept.clone())).collect()
    }

    /// When the next candidate's time comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pods.values().filter_map(Kept::due).min()
    }

    /// A candidate was looked at.
    pub(super) fn settle(&mut self, uid: &str, state: State) {
        if let Some(kept) = self.pods.get_mut(uid) {
            kept.state = state;
        }
    }

    /// A candidate could not be looked at.
    pub(super) fn postpone(&mut self, uid: &str) {
        if let Some(Kept {
            state: State::Candidate { due, tries },
            ..
        }) = self.pods.get_mut(uid)
        {
            *due = Instant::now() + backoff(GRACE, *tries);
            *tries = tries.saturating_add(1);
        }
    }

    /// The pods that should carry a gateway and do not, in the order of their names.
    pub(super) fn uninjected(&self) -> Vec<(String, Kept)> {
        let is_uninjected = |kept: &Kept| matches!(kept.state, State::Uninjected { .. });
        let found = self.pods.iter().filter(|(_, kept)| is_uninjected(kept));
        let mut found: Vec<_> = found.map(|(uid, kept)| (uid.clone(), kept.clone())).collect();
        found.sort_by(|(_, one), (_, other)| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        found
    }

    /// All pods, by gateway; `stamp` is what the pods of a gateway get now.
    pub(super) fn tallies(&self, stamp: impl Fn(&str) -> Option<String>) -> BTreeMap<String, Tally> {
        let mut all: BTreeMap<String, (Option<String>, Tally)> = BTreeMap::new();
        for kept in self.pods.values() {
            if !all.contains_key(&kept.gateway) {
                all.insert(kept.gateway.clone(), (stamp(&kept.gateway), Tally::default()));
            }
            if let Some((stamp, tally)) = all.get_mut(&kept.gateway) {
                tally.add(&kept.state, stamp.as_deref());
            }
        }
        all.into_iter().map(|(gateway, (_, tally))| (gateway, tally)).collect()
    }
}

impl Kept {
    fn due(&self) -> Option<Instant> {
        match self.state {
            State::Candidate { due, .. } => Some(due),
            _ => None,
        }
    }
}

impl Tally {
    fn add(&mut self, state: &State, current: Option<&str>) {
        match state {
            State::Injected(stamp) => {
                self.counts.injected += 1;
                self.stale += u32::from(current.is_some_and(|current| current != stamp));
            }
            State::Settled { carries } => self.counts.injected += u32::from(*carries),
            State::Uninjected { .. } => self.counts.uninjected += 1,
            State::Candidate { tries, .. } => self.open += u32::from(*tries == 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str) -> PodMetadata {
        PodMetadata {
            metadata: ObjectMeta {
                uid: Some(uid.to_owned()),
                name: Some(uid.to_owned()),
                namespace: Some("media".to_owned()),
                ..ObjectMeta::default()
            },
            ..PodMetadata::default()
        }
    }

    /// Pods are what their names begin with.
    fn standing(metadata: &ObjectMeta) -> Standing {
        let name = metadata.name.as_deref().unwrap_or_default();
        match name.split('-').next() {
            Some("injected") => Standing::Injected("foo@1".to_owned()),
            Some("candidate") => Standing::Candidate("foo".to_owned()),
            Some("unclear") => Standing::Unclear,
            _ => Standing::Unconcerned,
        }
    }

    fn listed(names: &[&str]) -> Roll {
        let mut roll = Roll::default();
        relist(&mut roll, names);
        roll
    }

    fn relist(roll: &mut Roll, names: &[&str]) {
        roll.apply(Event::Init, standing);
        for name in names {
            roll.apply(Event::InitApply(pod(name)), standing);
        }
        roll.apply(Event::InitDone, standing);
    }

    fn tally(roll: &Roll) -> Tally {
        let all = roll.tallies(|_| Some("foo@2".to_owned()));
        all.get("foo").copied().unwrap_or_default()
    }

    fn uninjected() -> State {
        State::Uninjected {
            owner: None,
            born: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_only_what_gateways_are_about() {
        let mut roll = listed(&["injected-1", "candidate-1", "other-1", "other-2"]);
        assert_eq!((roll.pods.len(), roll.is_unclear, roll.is_listed), (2, false, true));
        let expected = Tally {
            counts: Counts {
                injected: 1,
                uninjected: 0,
            },
            stale: 1,
            open: 1,
        };
        assert_eq!(tally(&roll), expected);
        assert!(listed(&["unclear-1"]).is_unclear);
        for (event, changes) in [
            (Event::Apply(pod("other-3")), false),
            (Event::Delete(pod("other-1")), false),
            (Event::Apply(pod("injected-1")), false),
            (Event::Apply(pod("injected-2")), true),
            (Event::Delete(pod("injected-2")), true),
        ] {
            assert_eq!(roll.apply(event, standing), changes);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_candidate_is_looked_at_once() {
        let mut roll = listed(&["candidate-1"]);
        assert!(roll.due(Instant::now()).is_empty());
        tokio::time::advance(GRACE).await;
        assert_eq!(roll.due(Instant::now()).len(), 1);
        roll.postpone("candidate-1");
        assert_eq!((roll.due(Instant::now()).len(), tally(&roll).open), (0, 0));
        assert_eq!(roll.next_due(), Some(Instant::now() + GRACE));
        roll.settle("candidate-1", uninjected());
        // Neither another event nor another list asks again.
        roll.apply(Event::Apply(pod("candidate-1")), standing);
        relist(&mut roll, &["candidate-1"]);
        assert_eq!((roll.next_due(), tally(&roll).counts.uninjected), (None, 1));
        assert_eq!(roll.uninjected()[0].0, "candidate-1");
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_has_injected_counts() {
        let mut roll = listed(&["candidate-1", "candidate-2"]);
        roll.settle("candidate-1", State::Settled { carries: true });
        roll.settle("candidate-2", State::Settled { carries: false });
        let counts = Counts {
            injected: 1,
            uninjected: 0,
        };
        assert_eq!((tally(&roll).counts, tally(&roll).stale), (counts, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_list_serves_until_the_new_one_is_complete() {
        let mut roll = listed(&["injected-1"]);
        roll.apply(Event::Init, standing);
        assert_eq!(tally(&roll).counts.injected, 1);
        roll.apply(Event::InitDone, standing);
        assert_eq!(tally(&roll), Tally::default());
        relist(&mut roll, &["injected-1", "injected-2"]);
        roll.apply(Event::Delete(pod("injected-1")), standing);
        assert_eq!(tally(&roll).counts.injected, 1);
        roll.clear();
        assert!(!roll.is_listed);
    }
}
