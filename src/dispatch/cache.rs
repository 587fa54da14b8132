//! Templates that are parsed already: once for each version, whoever renders it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::compiled::Compiled;
use crate::api::dispatch::view::JobTemplate;
use crate::api::review::Cause;

/// Outcome of parsing one version of a template; shared by all who render it.
pub type Outcome = Arc<Result<Compiled, Vec<Cause>>>;

/// Every template version that somebody holds, parsed once. An entry lives as long as the store's object: what the
/// store has replaced or dropped is forgotten when the next version comes in.
#[derive(Debug, Default)]
pub struct Cache {
    entries: Mutex<HashMap<Key, (Weak<JobTemplate>, Outcome)>>,
}

/// Namespace and name.
type Key = (String, String);

impl Cache {
    /// The parsed template, from memory if this very object was asked for before.
    #[must_use]
    pub fn compiled(&self, template: &Arc<JobTemplate>) -> Outcome {
        let metadata = &template.metadata;
        let key = (
            metadata.namespace.clone().unwrap_or_default(),
            metadata.name.clone().unwrap_or_default(),
        );
        let held = |weak: &Weak<JobTemplate>| std::ptr::eq(weak.as_ptr(), Arc::as_ptr(template));
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((weak, outcome)) = entries.get(&key)
            && held(weak)
        {
            return Arc::clone(outcome);
        }
        let outcome = Arc::new(Compiled::parse(template.job_template()));
        entries.retain(|_, (weak, _)| weak.strong_count() > 0);
        entries.insert(key, (Arc::downgrade(template), Arc::clone(&outcome)));
        outcome
    }

    /// How many versions are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    use super::*;
    fn template(name: &str, text: &str) -> Arc<JobTemplate> {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            namespace: Some("default".into()),
            ..ObjectMeta::default()
        };
        Arc::new(JobTemplate {
            metadata,
            spec: json!({"jobTemplate": [text]}),
        })
    }

    #[test]
    fn parses_one_version_once() {
        let cache = Cache::default();
        let one = template("one", "{{ .Name }}");
        assert!(Arc::ptr_eq(&cache.compiled(&one), &cache.compiled(&Arc::clone(&one))));
        let next = template("one", "{{ nofunc }}");
        assert!(cache.compiled(&next).is_err());
        assert!(cache.compiled(&one).is_ok());
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn forgets_what_nobody_holds() {
        let cache = Cache::default();
        let held = template("held", "");
        let _ = cache.compiled(&held);
        for number in 0..10 {
            let _ = cache.compiled(&template(&format!("passing-{number}"), ""));
            assert!(cache.len() <= 3, "{}", cache.len());
        }
        let _ = cache.compiled(&held);
        assert!(!cache.is_empty());
    }
}
