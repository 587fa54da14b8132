//! The pods that gateways are about, kept current by one watch of metadata; of all others it is only kept that they were
//! there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
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

/// By hashes of UIDs, which are small: these are most pods of a cluster.
type Others = HashSet<u64>;

/// By hashes of UIDs.
type Ending = HashMap<u64, u64>;

/// The index. Full once the first list is complete.
#[derive(Default)]
pub(super) struct Roll {
    pods: Pods,
    listing: Pods,
    /// No gateway was for them when they were seen last.
    others: Others,
    other_listing: Others,
    /// Pods of controllers that are on their way out, with the hashes of the controllers' UIDs.
    ending: Ending,
    ending_listing: Ending,
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
    /// Hash of its controller's UID.
    pub(super) controller: Option<u64>,
    pub(super) state: State,
}

/// What is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// It carries the gateway, with this stamp.
    Injected(String),
    /// It has to be looked at.
    Candidate {
        due: Instant,
        tries: u32,
        /// The gateway that is for it, if there is one: a stamp can name another.
        wanted: Option<String>,
        /// It was seen before that gateway was for it.
        is_late: bool,
    },
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
                self.other_listing.clear();
                self.ending_listing.clear();
                false
            }
            Event::InitApply(pod) => {
                self.take(&pod.metadata, standing(&pod.metadata), true);
                false
            }
            Event::Apply(pod) => self.take(&pod.metadata, standing(&pod.metadata), false),
            Event::Delete(pod) => {
                let uid = pod.metadata.uid.unwrap_or_default();
                self.others.remove(&hash(&uid));
                self.ending.remove(&hash(&uid));
                self.forget(&uid)
            }
            Event::InitDone => {
                self.pods = std::mem::take(&mut self.listing);
                self.others = std::mem::take(&mut self.other_listing);
                self.ending = std::mem::take(&mut self.ending_listing);
                self.is_listed = true;
                true
            }
        }
    }

    fn take(&mut self, metadata: &ObjectMeta, standing: Standing, is_listing: bool) -> bool {
        let uid = metadata.uid.clone().unwrap_or_default();
        self.note_end(metadata, hash(&uid), is_listing);
        let (gateway, state) = match standing {
            Standing::Injected(stamp) => (stamped_by(&stamp).to_owned(), State::Injected(stamp)),
            Standing::Claimed { stamp, wanted } => self.claimed(&uid, &stamp, wanted),
            Standing::Candidate(gateway) => {
                let state = self.known(&uid, &gateway, Some(gateway.clone()));
                (gateway, state)
            }
            Standing::Unconcerned => {
                let others = if is_listing {
                    &mut self.other_listing
                } else {
                    &mut self.others
                };
                others.insert(hash(&uid));
                return !is_listing && self.forget(&uid);
            }
            Standing::Unclear => {
                self.is_unclear = true;
                if !is_listing {
                    self.forget(&uid);
                }
                return true;
            }
        };
        let kept = Kept {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            gateway,
            controller: controller(metadata),
            state,
        };
        let pods = if is_listing { &mut self.listing } else { &mut self.pods };
        let is_news = pods.get(&uid) != Some(&kept);
        pods.insert(uid, kept);
        is_news
    }

    fn note_end(&mut self, metadata: &ObjectMeta, uid: u64, is_listing: bool) {
        let ending = if is_listing {
            &mut self.ending_listing
        } else {
            &mut self.ending
        };
        if let Some(controller) = controller(metadata).filter(|_| metadata.deletion_timestamp.is_some()) {
            ending.insert(uid, controller);
        }
    }

    /// What was found out about a pod holds on: its containers cannot be changed.
    fn known(&self, uid: &str, gateway: &str, wanted: Option<String>) -> State {
        let known = self.pods.get(uid);
        let same = known.filter(|kept| kept.gateway == gateway);
        same.map_or_else(
            || State::Candidate {
                due: Instant::now() + GRACE,
                tries: 0,
                wanted,
                is_late: known.is_some() || self.others.contains(&hash(uid)),
            },
            |kept| kept.state.clone(),
        )
    }

    /// A stamp is believed once the pod was looked at; until then it is about the gateway that is for it.
    fn claimed(&self, uid: &str, stamp: &str, wanted: Option<String>) -> (String, State) {
        let by = stamped_by(stamp);
        if let Some(Kept { state, gateway, .. }) = self.pods.get(uid)
            && matches!(state, State::Injected(known) if known == stamp)
        {
            return (gateway.clone(), state.clone());
        }
        let gateway = wanted.clone().unwrap_or_else(|| by.to_owned());
        let state = self.known(uid, &gateway, wanted);
        (gateway, state)
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
        let is_due = |kept: &Kept| kept.due().is_some_and(|due| due <= now);
        let due = self.pods.iter().filter(|(_, kept)| is_due(kept));
        due.map(|(uid, kept)| (uid.clone(), kept.clone())).collect()
    }

    /// When the next candidate's time comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pods.values().filter_map(Kept::due).min()
    }

    /// A candidate was looked at. What was found is about `looked` alone: another gateway may be for it by now.
    pub(super) fn settle(&mut self, uid: &str, looked: &Kept, state: State) {
        let kept = self.pods.get_mut(uid);
        if let Some(kept) = kept.filter(|kept| kept.gateway == looked.gateway && kept.state == looked.state) {
            if let State::Injected(stamp) = &state {
                stamped_by(stamp).clone_into(&mut kept.gateway);
            }
            kept.state = state;
        }
    }

    /// A candidate could not be looked at.
    pub(super) fn postpone(&mut self, uid: &str) {
        if let Some(Kept {
            state: State::Candidate { due, tries, .. },
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

    /// The pods of the controller with this UID that a gateway is for, by their own UIDs.
    pub(super) fn pods_of(&self, controller: &str) -> impl Iterator<Item = (&String, &Kept)> + use<'_> {
        let controller = Some(hash(controller));
        self.pods.iter().filter(move |(_, kept)| kept.controller == controller)
    }

    /// Whether any pod of the controller with this UID is on its way out.
    pub(super) fn is_ending(&self, controller: &str) -> bool {
        let controller = hash(controller);
        self.ending.values().any(|of| *of == controller)
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

fn hash(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

fn controller(metadata: &ObjectMeta) -> Option<u64> {
    let mut owners = metadata.owner_references.iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true))?;
    Some(hash(&controller.uid))
}

impl Kept {
    /// Whether it is known to carry a gateway.
    pub(super) fn carries(&self) -> bool {
        matches!(self.state, State::Injected(_) | State::Settled { carries: true })
    }

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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

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
            Some("claimed") => Standing::Claimed {
                stamp: "foo@0".to_owned(),
                wanted: None,
            },
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

    fn settle(roll: &mut Roll, uid: &str, state: State) {
        let looked = roll.pods[uid].clone();
        roll.settle(uid, &looked, state);
    }

    fn is_late(roll: &Roll, uid: &str) -> bool {
        matches!(roll.pods[uid].state, State::Candidate { is_late: true, .. })
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
        settle(&mut roll, "candidate-1", uninjected());
        // Neither another event nor another list asks again.
        roll.apply(Event::Apply(pod("candidate-1")), standing);
        relist(&mut roll, &["candidate-1"]);
        assert_eq!((roll.next_due(), tally(&roll).counts.uninjected), (None, 1));
        assert_eq!(roll.uninjected()[0].0, "candidate-1");
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_has_injected_counts() {
        let mut roll = listed(&["candidate-1", "candidate-2"]);
        settle(&mut roll, "candidate-1", State::Settled { carries: true });
        settle(&mut roll, "candidate-2", State::Settled { carries: false });
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

    #[tokio::test(start_paused = true)]
    async fn what_was_there_before_its_gateway_was_for_it_is_late() {
        let mut roll = listed(&["other-1", "other-2", "candidate-1"]);
        let marked = |_: &ObjectMeta| Standing::Candidate("foo".to_owned());
        let bar = |_: &ObjectMeta| Standing::Candidate("bar".to_owned());
        roll.apply(Event::Apply(pod("other-1")), marked);
        roll.apply(Event::Apply(pod("new-1")), marked);
        // The same in another list, which a change of the gateway brings.
        roll.apply(Event::Init, marked);
        for name in ["other-1", "other-2", "candidate-1", "new-1", "new-2"] {
            roll.apply(Event::InitApply(pod(name)), marked);
        }
        roll.apply(Event::InitDone, marked);
        for (name, expected) in [
            ("other-1", true),
            ("other-2", true),
            ("candidate-1", false),
            ("new-1", false),
            ("new-2", false),
        ] {
            assert_eq!(is_late(&roll, name), expected, "{name}");
        }
        roll.apply(Event::Apply(pod("candidate-1")), bar);
        assert!(is_late(&roll, "candidate-1"));
        assert!(roll.others.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stamp_is_believed_once_the_pod_was_looked_at() {
        let mut roll = listed(&["claimed-1"]);
        assert_eq!((tally(&roll).counts.injected, tally(&roll).open), (0, 1));
        settle(&mut roll, "claimed-1", State::Injected("foo@0".to_owned()));
        assert!(!roll.apply(Event::Apply(pod("claimed-1")), standing));
        relist(&mut roll, &["claimed-1"]);
        assert_eq!((tally(&roll).counts.injected, tally(&roll).stale), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn pods_of_a_controller_are_told_from_others() {
        let mut roll = listed(&["injected-bare"]);
        let owned = |name: &str, uid: &str, is_controller: bool| {
            let mut pod = pod(name);
            pod.metadata.owner_references = Some(vec![OwnerReference {
                uid: uid.to_owned(),
                controller: Some(is_controller),
                ..OwnerReference::default()
            }]);
            pod
        };
        for pod in [
            owned("injected-web", "web", true),
            owned("candidate-web", "web", true),
            owned("injected-other", "other", true),
            owned("injected-kept", "web", false),
        ] {
            roll.apply(Event::Apply(pod), standing);
        }
        let carries = |uid: &str| {
            roll.pods_of("web")
                .find(|(own, _)| *own == uid)
                .map(|(_, kept)| kept.carries())
        };
        assert_eq!(roll.pods_of("web").count(), 2);
        assert_eq!(
            (carries("injected-web"), carries("candidate-web")),
            (Some(true), Some(false))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_ends_is_known_until_it_has_ended() {
        let mut pod = pod("other-1");
        pod.metadata.deletion_timestamp = serde_json::from_str("\"2026-01-01T00:00:00Z\"").unwrap();
        let mut roll = listed(&[]);
        roll.apply(Event::Apply(pod.clone()), standing);
        assert!(!roll.is_ending("web"), "it has no controller");
        pod.metadata.owner_references = Some(vec![OwnerReference {
            uid: "web".to_owned(),
            controller: Some(true),
            ..OwnerReference::default()
        }]);
        for (event, expected) in [
            (Event::Apply(pod.clone()), true),
            (Event::Delete(pod.clone()), false),
            (Event::Init, false),
            (Event::InitApply(pod.clone()), false),
            (Event::InitDone, true),
            (Event::Init, true),
            (Event::InitDone, false),
        ] {
            roll.apply(event, standing);
            assert_eq!(roll.is_ending("web"), expected);
            assert!(!roll.is_ending("other"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_for_one_gateway_says_nothing_of_another() {
        let mut roll = listed(&["candidate-1"]);
        let looked = roll.pods["candidate-1"].clone();
        let bar = |_: &ObjectMeta| Standing::Candidate("bar".to_owned());
        roll.apply(Event::Apply(pod("candidate-1")), bar);
        roll.settle("candidate-1", &looked, uninjected());
        assert!(matches!(roll.pods["candidate-1"].state, State::Candidate { .. }));
    }
}
