//! All Jobs of the cluster that an execution controls, by the UID of that execution, kept current by one watch.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;

use crate::api::dispatch::view::{Job, JobExecution};
use crate::api::names::{DISPATCH_GROUP, annotation};

/// Jobs by the UID of the execution that controls them; upstream could make two for one execution.
type ByOwner = HashMap<String, Vec<Arc<Job>>>;

/// The index. Full once the first list is complete.
#[derive(Default)]
pub(super) struct Jobs {
    by_owner: RwLock<ByOwner>,
}

/// What a change of Jobs means to executions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// This execution's Job is new, different or gone.
    Owned(ObjectRef<JobExecution>),
    /// A Job of this name is gone, whoever owned it.
    Freed {
        /// Where.
        namespace: String,
        /// The name that can be used again.
        name: String,
    },
    /// The list is complete, again: any Job may have changed or gone in between.
    Listed,
}

impl Jobs {
    /// The Job that this execution controls: the recorded one if there are several, else the oldest.
    pub(super) fn of(&self, owner: &str, recorded: Option<&str>) -> Option<Arc<Job>> {
        let by_owner = self.by_owner.read().unwrap_or_else(PoisonError::into_inner);
        let jobs = by_owner.get(owner)?;
        let named = jobs
            .iter()
            .find(|job| recorded.is_some() && job.metadata.uid.as_deref() == recorded);
        named.or_else(|| jobs.iter().min_by_key(|job| age(job))).cloned()
    }

    fn insert(&self, owner: &str, job: Job) {
        let mut by_owner = self.by_owner.write().unwrap_or_else(PoisonError::into_inner);
        insert(&mut by_owner, owner, job);
    }

    fn remove(&self, owner: &str, job: &Job) {
        let mut by_owner = self.by_owner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = by_owner.get_mut(owner) else { return };
        jobs.retain(|kept| kept.metadata.uid != job.metadata.uid);
        if jobs.is_empty() {
            by_owner.remove(owner);
        }
    }

    fn replace(&self, full: ByOwner) {
        *self.by_owner.write().unwrap_or_else(PoisonError::into_inner) = full;
    }
}

/// Keeps the index as the watch's events say.
#[derive(Default)]
pub(super) struct Writer {
    listing: ByOwner,
}

impl Writer {
    /// Applies one event and tells what it means to executions.
    pub(super) fn apply(&mut self, jobs: &Jobs, event: Event<Job>) -> Vec<Change> {
        match event {
            Event::Init => self.listing = ByOwner::new(),
            Event::InitApply(job) => {
                if let Some(owner) = controller(&job.metadata) {
                    let uid = owner.uid.clone();
                    insert(&mut self.listing, &uid, job);
                }
            }
            Event::InitDone => {
                jobs.replace(std::mem::take(&mut self.listing));
                return vec![Change::Listed];
            }
            Event::Apply(job) => {
                if let Some(owner) = controller(&job.metadata) {
                    let (uid, change) = (owner.uid.clone(), Change::Owned(execution(&job, owner)));
                    jobs.insert(&uid, job);
                    return vec![change];
                }
            }
            Event::Delete(job) => return deleted(jobs, &job),
        }
        Vec::new()
    }
}

fn deleted(jobs: &Jobs, job: &Job) -> Vec<Change> {
    let mut changes = vec![Change::Freed {
        namespace: job.metadata.namespace.clone().unwrap_or_default(),
        name: job.metadata.name.clone().unwrap_or_default(),
    }];
    if let Some(owner) = controller(&job.metadata) {
        jobs.remove(&owner.uid, job);
        changes.push(Change::Owned(execution(job, owner)));
    }
    changes
}

fn insert(by_owner: &mut ByOwner, owner: &str, mut job: Job) {
    job.metadata = trimmed(job.metadata);
    let job = Arc::new(job);
    let Some(jobs) = by_owner.get_mut(owner) else {
        by_owner.insert(owner.to_owned(), vec![job]);
        return;
    };
    match jobs.iter_mut().find(|kept| kept.metadata.uid == job.metadata.uid) {
        Some(kept) => *kept = job,
        None => jobs.push(job),
    }
}

/// Thousands of Jobs are kept: only what identifies one stays, and whether it is held.
fn trimmed(metadata: ObjectMeta) -> ObjectMeta {
    let mut annotations = metadata.annotations.unwrap_or_default();
    let held = annotations.remove_entry(annotation::HELD);
    ObjectMeta {
        annotations: held.map(|held| [held].into()),
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        creation_timestamp: metadata.creation_timestamp,
        ..ObjectMeta::default()
    }
}

/// The execution that controls an object, in whichever version it was named.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
    let group = controller.api_version.split('/').next();
    (controller.kind == "JobExecution" && group == Some(DISPATCH_GROUP)).then_some(controller)
}

fn execution(job: &Job, owner: &OwnerReference) -> ObjectRef<JobExecution> {
    ObjectRef::new(&owner.name).within(job.metadata.namespace.as_deref().unwrap_or_default())
}

fn age(job: &Job) -> (Option<k8s_openapi::jiff::Timestamp>, Option<&str>) {
    (
        job.metadata.creation_timestamp.as_ref().map(|time| time.0),
        job.metadata.name.as_deref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(uid: &str, owner: &str, created: &str) -> Job {
        serde_json::from_value(json!({"metadata": {
            "name": format!("job-{uid}"), "namespace": "here", "uid": uid, "creationTimestamp": created,
            "labels": {"many": "labels"},
            "ownerReferences": [{
                "apiVersion": "dispatcher.ivan.vc/v1alpha1", "kind": "JobExecution", "name": "run", "uid": owner,
                "controller": true,
            }],
        }}))
        .expect("a Job")
    }

    fn foreign(uid: &str) -> Job {
        let mut job = job(uid, "x", "2026-01-01T00:00:01Z");
        job.metadata.owner_references = None;
        job
    }

    fn uid(job: Option<Arc<Job>>) -> Option<String> {
        job.and_then(|job| job.metadata.uid.clone())
    }

    fn run() -> Change {
        Change::Owned(ObjectRef::new("run").within("here"))
    }

    #[test]
    fn finds_the_recorded_job_or_the_oldest() {
        let (jobs, mut writer) = (Jobs::default(), Writer::default());
        writer.apply(&jobs, Event::Apply(job("young", "u", "2026-01-01T00:00:02Z")));
        assert_eq!(
            writer.apply(&jobs, Event::Apply(job("old", "u", "2026-01-01T00:00:01Z"))),
            [run()]
        );
        assert_eq!(uid(jobs.of("u", None)).as_deref(), Some("old"));
        assert_eq!(uid(jobs.of("u", Some("young"))).as_deref(), Some("young"));
        assert_eq!(uid(jobs.of("u", Some("gone"))).as_deref(), Some("old"));
        assert_eq!(uid(jobs.of("v", None)), None);
        assert_eq!(jobs.of("u", None).and_then(|job| job.metadata.labels.clone()), None);
    }

    #[test]
    fn a_deleted_job_frees_its_name() {
        let (jobs, mut writer) = (Jobs::default(), Writer::default());
        writer.apply(&jobs, Event::Apply(job("a", "u", "2026-01-01T00:00:02Z")));
        let freed = |uid: &str| Change::Freed {
            namespace: "here".into(),
            name: format!("job-{uid}"),
        };
        assert_eq!(
            writer.apply(&jobs, Event::Delete(job("a", "u", "2026-01-01T00:00:02Z"))),
            [freed("a"), run()]
        );
        assert_eq!(uid(jobs.of("u", None)), None);
        assert_eq!(writer.apply(&jobs, Event::Apply(foreign("b"))), []);
        assert_eq!(writer.apply(&jobs, Event::Delete(foreign("b"))), [freed("b")]);
    }

    #[test]
    fn a_new_list_forgets_what_went_in_between() {
        let (jobs, mut writer) = (Jobs::default(), Writer::default());
        writer.apply(&jobs, Event::Apply(job("a", "u", "2026-01-01T00:00:02Z")));
        writer.apply(&jobs, Event::Init);
        writer.apply(&jobs, Event::InitApply(job("b", "v", "2026-01-01T00:00:02Z")));
        assert_eq!(
            uid(jobs.of("u", None)).as_deref(),
            Some("a"),
            "the old list serves until the new one is complete"
        );
        assert_eq!(writer.apply(&jobs, Event::InitDone), [Change::Listed]);
        assert_eq!(uid(jobs.of("u", None)), None);
        assert_eq!(uid(jobs.of("v", None)).as_deref(), Some("b"));
    }
}
