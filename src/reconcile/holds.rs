//! Executions that cannot have a Job now, by what they wait for: a change of their template, a Job's name, or time.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use super::context::uid;
use crate::api::dispatch::view::JobExecution;

/// Namespace and name.
type Key = (String, String);

/// The last try to make a Job, and when another one makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    /// UID of the execution: another one of its name has not tried anything.
    pub(super) uid: String,
    /// Version of the template that was tried; none when there was no template.
    pub(super) template_version: Option<String>,
    /// Another try makes sense from then on, even if nothing changes.
    pub(super) until: Option<Instant>,
    /// Tries so far.
    pub(super) tries: u32,
    /// The name that is needed and that another Job has.
    pub(super) job: Option<String>,
}

/// Whether to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing speaks against it; so many tries have failed.
    Try {
        /// Tries so far.
        tries: u32,
    },
    /// Only a change helps.
    Wait,
    /// Not before this time has passed.
    WaitFor(Duration),
}

#[derive(Default)]
struct State {
    /// By template, then by name of the execution: a changed template releases all of its own at once.
    by_template: HashMap<Key, HashMap<String, Hold>>,
    /// Executions by the taken name that they need.
    by_job: HashMap<Key, HashSet<Key>>,
}

/// What is waited for. Lost at a restart, which costs one more try for each.
#[derive(Default)]
pub(super) struct Holds {
    state: Mutex<State>,
}

impl Holds {
    /// Whether to try to make a Job from that version of the template now.
    pub(super) fn verdict(&self, execution: &JobExecution, template_version: Option<&str>) -> Verdict {
        let (template, name) = keys(execution);
        let state = self.lock();
        let Some(hold) = state.by_template.get(&template).and_then(|held| held.get(&name)) else {
            return Verdict::Try { tries: 0 };
        };
        if hold.uid != uid(execution) || hold.template_version.as_deref() != template_version {
            return Verdict::Try { tries: 0 };
        }
        match hold.until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => Verdict::Wait,
            Some(Duration::ZERO) => Verdict::Try { tries: hold.tries },
            Some(left) => Verdict::WaitFor(left),
        }
    }

    /// Notes that there is no use in trying before something changes.
    pub(super) fn hold(&self, execution: &JobExecution, hold: Hold) {
        let (template, name) = keys(execution);
        let mut state = self.lock();
        state.release(&template, &name);
        if let Some(job) = &hold.job {
            let waiting = state.by_job.entry((template.0.clone(), job.clone())).or_default();
            waiting.insert((template.1.clone(), name.clone()));
        }
        state.by_template.entry(template).or_default().insert(name, hold);
    }

    /// Forgets an execution that has its Job, or is gone.
    pub(super) fn forget(&self, execution: &JobExecution) {
        let (template, name) = keys(execution);
        self.lock().release(&template, &name);
    }

    /// Forgets executions that are gone.
    pub(super) fn retain(&self, exists: impl Fn(&str) -> bool) {
        let mut state = self.lock();
        let all = state.by_template.iter();
        let held = all.flat_map(|(template, held)| held.iter().map(move |(name, hold)| (template, name, hold)));
        let gone = held.filter(|(.., hold)| !exists(&hold.uid));
        let gone: Vec<_> = gone
            .map(|(template, name, _)| (template.clone(), name.clone()))
            .collect();
        for (template, name) in gone {
            state.release(&template, &name);
        }
    }

    /// Releases the executions of a template that has changed.
    pub(super) fn template_changed(&self, namespace: &str, template: &str) -> Vec<ObjectRef<JobExecution>> {
        let template = (namespace.to_owned(), template.to_owned());
        let mut state = self.lock();
        let held = state.by_template.get(&template).into_iter();
        let names: Vec<_> = held.flat_map(|held| held.keys().cloned()).collect();
        names.iter().map(|name| state.release(&template, name)).collect()
    }

    /// Releases the executions that needed the name of a Job that is gone.
    pub(super) fn name_freed(&self, namespace: &str, job: &str) -> Vec<ObjectRef<JobExecution>> {
        let mut state = self.lock();
        let waiting = state.by_job.remove(&(namespace.to_owned(), job.to_owned()));
        let waiting = waiting.into_iter().flatten();
        waiting
            .map(|(template, name)| state.release(&(namespace.to_owned(), template), &name))
            .collect()
    }

    /// Releases every execution that needs a name: any of them may be free by now.
    pub(super) fn any_name_freed(&self) -> Vec<ObjectRef<JobExecution>> {
        let names: Vec<Key> = self.lock().by_job.keys().cloned().collect();
        names
            .iter()
            .flat_map(|(namespace, job)| self.name_freed(namespace, job))
            .collect()
    }

    /// Every execution that waits for a template, for when it is unknown which have changed.
    pub(super) fn any_template_changed(&self) -> Vec<ObjectRef<JobExecution>> {
        let templates: Vec<Key> = self.lock().by_template.keys().cloned().collect();
        templates
            .iter()
            .flat_map(|(namespace, template)| self.template_changed(namespace, template))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets one hold wherever it is noted.
    fn release(&mut self, template: &Key, name: &str) -> ObjectRef<JobExecution> {
        let namespace = &template.0;
        let hold = self.by_template.get_mut(template).and_then(|held| held.remove(name));
        if self.by_template.get(template).is_some_and(HashMap::is_empty) {
            self.by_template.remove(template);
        }
        if let Some(job) = hold.and_then(|hold| hold.job) {
            let job = (namespace.clone(), job);
            let waiting = self.by_job.get_mut(&job);
            if waiting
                .is_some_and(|waiting| waiting.remove(&(template.1.clone(), name.to_owned())) && waiting.is_empty())
            {
                self.by_job.remove(&job);
            }
        }
        ObjectRef::new(name).within(namespace)
    }
}

fn keys(execution: &JobExecution) -> (Key, String) {
    let namespace = execution.metadata.namespace.clone().unwrap_or_default();
    let name = execution.metadata.name.clone().unwrap_or_default();
    ((namespace, execution.spec.job_template_name.clone()), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn execution() -> JobExecution {
        let metadata = json!({"name": "run", "namespace": "here", "uid": "u"});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"jobTemplateName": "t"}})).expect("an execution")
    }

    fn hold(version: Option<&str>, until: Option<Instant>) -> Hold {
        Hold {
            uid: "u".into(),
            template_version: version.map(Into::into),
            until,
            tries: 3,
            job: None,
        }
    }

    fn named(job: &str) -> Hold {
        Hold {
            job: Some(job.into()),
            ..hold(Some("1"), None)
        }
    }

    fn run() -> ObjectRef<JobExecution> {
        ObjectRef::new("run").within("here")
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_change_of_the_template_or_for_time() {
        let holds = Holds::default();
        assert_eq!(holds.verdict(&execution(), Some("1")), Verdict::Try { tries: 0 });
        holds.hold(&execution(), hold(Some("1"), None));
        assert_eq!(holds.verdict(&execution(), Some("1")), Verdict::Wait);
        assert_eq!(holds.verdict(&execution(), Some("2")), Verdict::Try { tries: 0 });
        holds.hold(
            &execution(),
            hold(Some("1"), Some(Instant::now() + Duration::from_secs(9))),
        );
        assert_eq!(
            holds.verdict(&execution(), Some("1")),
            Verdict::WaitFor(Duration::from_secs(9))
        );
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(holds.verdict(&execution(), Some("1")), Verdict::Try { tries: 3 });
    }

    #[test]
    fn a_changed_template_releases_its_executions_and_no_others() {
        let holds = Holds::default();
        holds.hold(&execution(), hold(None, None));
        assert_eq!(holds.template_changed("there", "t"), []);
        assert_eq!(holds.template_changed("here", "t"), [run()]);
        assert_eq!(holds.template_changed("here", "t"), []);
        assert_eq!(holds.verdict(&execution(), None), Verdict::Try { tries: 0 });
    }

    #[test]
    fn a_freed_name_releases_who_needs_it() {
        let holds = Holds::default();
        holds.hold(&execution(), named("job"));
        assert_eq!(holds.name_freed("here", "other"), []);
        assert_eq!(holds.name_freed("here", "job"), [run()]);
        assert_eq!(holds.verdict(&execution(), Some("1")), Verdict::Try { tries: 0 });
        holds.hold(&execution(), named("job"));
        assert_eq!(holds.any_name_freed(), [run()]);
        assert_eq!(holds.any_name_freed(), []);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let holds = Holds::default();
        holds.hold(&execution(), named("job"));
        holds.forget(&execution());
        assert_eq!((holds.any_template_changed(), holds.any_name_freed()), (vec![], vec![]));
        holds.hold(&execution(), named("job"));
        holds.retain(|uid| uid == "u");
        assert_eq!(holds.verdict(&execution(), Some("1")), Verdict::Wait);
        holds.retain(|_| false);
        assert_eq!((holds.any_template_changed(), holds.any_name_freed()), (vec![], vec![]));
    }

    #[test]
    fn another_execution_of_the_name_has_tried_nothing() {
        let holds = Holds::default();
        holds.hold(&execution(), hold(Some("1"), None));
        let mut other = execution();
        other.metadata.uid = Some("v".into());
        assert_eq!(holds.verdict(&other, Some("1")), Verdict::Try { tries: 0 });
    }
}
