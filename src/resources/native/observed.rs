//! What is remembered of an object that carries our label: a hundred bytes of its metadata.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::applied::{Digest, Stamp};
use super::ownership;
use crate::api::names::{annotation, label};
use crate::resources::Object;

/// An object as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What was wanted of it when it was last applied.
    pub digest: Option<Digest>,
    /// What our field manager owns of it, as `fieldsV1`; nothing, when it has never applied it.
    pub fields: Option<Arc<str>>,
    /// It was there before we first applied it.
    pub found: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// Metacontroller keeps it, or has kept it.
    pub decorated: bool,
    /// UID of the namespace that its label names.
    namespace_uid: Option<u128>,
}

impl Observed {
    /// From the metadata of an object; `share` keeps one copy of equal fields.
    pub fn of(metadata: &ObjectMeta, manager: &str, share: impl FnOnce(String) -> Arc<str>) -> Self {
        let pair = |pairs: &Option<std::collections::BTreeMap<String, String>>, name| {
            pairs.as_ref().and_then(|pairs| pairs.get(name)).cloned()
        };
        let digest = pair(&metadata.annotations, annotation::DIGEST);
        let applied = applied_fields(metadata, manager);
        let namespace_uid = pair(&metadata.labels, label::NAMESPACE_UID);
        Self {
            digest: digest.and_then(|digest| digest.parse().ok()),
            found: applied.is_some_and(is_found),
            fields: applied.map(|fields| share(fields.to_string())),
            deleting: metadata.deletion_timestamp.is_some(),
            decorated: pair(&metadata.annotations, annotation::DECORATOR_CONTROLLER).is_some(),
            namespace_uid: namespace_uid.and_then(|uid| compact(&uid)),
        }
    }

    /// Whether we have applied it, for the namespace in which it is.
    #[must_use]
    pub fn is_ours(&self, stamp: &Stamp<'_>) -> bool {
        self.fields.is_some() && self.namespace_uid == compact(stamp.namespace_uid)
    }

    /// Whether everything that is wanted is as we have applied it.
    #[must_use]
    pub fn holds(&self, object: &Object, stamp: &Stamp<'_>) -> bool {
        let owned = || {
            let fields = serde_json::from_str(self.fields.as_deref()?).ok()?;
            Some(ownership::owns(&fields, &object.stamped(stamp, self.found)))
        };
        self.digest == Some(object.digest(stamp)) && self.is_ours(stamp) && owned() == Some(true)
    }
}

/// Whether we have noted that the object was there before. That somebody else says so does not count: it would take
/// the object out of our hands.
pub(super) fn is_found(applied: &Value) -> bool {
    let own = format!("f:{}", annotation::FOUND);
    !applied["f:metadata"]["f:annotations"][own].is_null()
}

/// What a field manager owns by having applied it.
pub(super) fn applied_fields<'m>(metadata: &'m ObjectMeta, manager: &str) -> Option<&'m Value> {
    let entries = metadata.managed_fields.iter().flatten();
    let mut applied = entries.filter(|entry| {
        entry.manager.as_deref() == Some(manager)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    Some(&applied.next()?.fields_v1.as_ref()?.0)
}

/// A UID in a third of its letters; nothing, when it is none of the usual form.
fn compact(uid: &str) -> Option<u128> {
    let digits: String = uid.split('-').collect();
    (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok())?
}

/// An object that carries the label of our set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// `ConfigMap.v1`.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Box<str>,
    /// As it was last seen.
    pub observed: Observed,
    /// What this process has applied, or has found to hold.
    pub applied: Option<Digest>,
    /// Nothing has changed since.
    pub settled: bool,
}
