//! What metacontroller is answered: the objects that a namespace shall have, or that it shall have none.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::desired::Desired;
use super::{Error, Namespace, Rules, Set, cache, ready};
use crate::api::hook::{CustomizeAnswer, Group, Groups, HookAnswer, HookRequest, HookStatus, Parent};
use crate::template::folder::{Pairs, Related};

/// While something is missing.
const RESYNC_SECONDS: u32 = 10;

/// An answer of sync or finalize, in the shape that was asked.
#[derive(Debug)]
pub struct Answer {
    is_composite: bool,
    status: Option<HookStatus>,
    desired: Arc<Desired>,
    /// Whether everything wanted is there.
    pub is_ready: bool,
    finalized: Option<bool>,
    /// Wanted kinds that the controller does not declare.
    pub undeclared: BTreeSet<String>,
}

impl Answer {
    /// How many objects are wanted.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.desired.objects.len()
    }

    /// As it is sent.
    ///
    /// # Panics
    /// Never: texts and raw JSON become JSON.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let objects = self.desired.objects.iter();
        let list: Vec<&RawValue> = objects.map(|object| &*object.manifest).collect();
        let (attachments, children) = if self.is_composite {
            (None, Some(list))
        } else {
            (Some(list), None)
        };
        let answer = HookAnswer {
            status: self.status,
            attachments,
            children,
            resync_after_seconds: (!self.is_ready).then_some(RESYNC_SECONDS),
            finalized: self.finalized,
        };
        #[expect(clippy::expect_used, reason = "texts and raw JSON become JSON")]
        serde_json::to_vec(&answer).expect("an answer is JSON")
    }
}

/// Answers the sync hook, and what is sent to it for want of a finalize hook.
///
/// # Errors
/// The request does not say what is needed, or a template cannot be rendered for this namespace.
pub fn sync(request: &HookRequest<'_>, set: &Set, rules: &Rules) -> Result<Answer, Error> {
    if request.finalizing == Some(true) {
        return finalize(request);
    }
    let (parent, groups) = (parent(request)?, groups(request)?);
    let has_status = rules.always_status || !is_namespace(parent);
    let status = |resources_ready| has_status.then_some(HookStatus { resources_ready });
    let labels = labels(parent)?;
    if !rules.want(|name| labels.get(name).map(|value| &**value)) {
        return Ok(Answer {
            is_composite: is_composite(request),
            status: status(None),
            desired: Arc::default(),
            is_ready: true,
            finalized: None,
            undeclared: BTreeSet::new(),
        });
    }
    let desired = desired(request, parent, set)?;
    let found = ready::readiness(&desired, groups, &parent.metadata.name);
    Ok(Answer {
        is_composite: is_composite(request),
        status: status(Some(if found.is_ready { "True" } else { "False" })),
        desired,
        is_ready: found.is_ready,
        finalized: None,
        undeclared: found.undeclared,
    })
}

/// Answers the finalize hook: nothing is wanted any more, and it is over when nothing is left.
///
/// # Errors
/// The request does not say what is left.
pub fn finalize(request: &HookRequest<'_>) -> Result<Answer, Error> {
    parent(request)?;
    let is_over = groups(request)?.values().all(Group::is_empty);
    Ok(Answer {
        is_composite: is_composite(request),
        status: None,
        desired: Arc::default(),
        is_ready: true,
        finalized: Some(is_over),
        undeclared: BTreeSet::new(),
    })
}

/// Answers the customize hook, unless that takes a set and there is none. A parent that is being deleted needs no other
/// objects: metacontroller asks before finalize too, which has to end whatever the folder says.
#[must_use]
pub fn customize(request: &HookRequest<'_>, set: Option<&Set>) -> Option<CustomizeAnswer> {
    let parent = request.parent.as_ref();
    if parent.is_some_and(|parent| parent.metadata.deletion_timestamp.is_some()) {
        return Some(CustomizeAnswer::default());
    }
    set.map(Set::customize)
}

type Labels<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

fn parent<'r, 'a>(request: &'r HookRequest<'a>) -> Result<&'r Parent<'a>, Error> {
    let parent = request.object.as_ref().or(request.parent.as_ref());
    let parent = parent.ok_or(Error::Missing("object and no parent"))?;
    if parent.metadata.name.is_empty() {
        return Err(Error::Missing("name of its object"));
    }
    Ok(parent)
}

fn groups<'r, 'a>(request: &'r HookRequest<'a>) -> Result<&'r Groups<'a>, Error> {
    let groups = request.attachments.as_ref().or(request.children.as_ref());
    groups.ok_or(Error::Missing("attachments and no children"))
}

/// By who asks: a DecoratorController may send `children`, and refuses them in an answer.
fn is_composite(request: &HookRequest<'_>) -> bool {
    let kind = request.controller.as_ref().map(|controller| &*controller.kind);
    match kind {
        Some("DecoratorController") => false,
        Some("CompositeController") => true,
        _ => request.attachments.is_none(),
    }
}

/// A Namespace has no field for our status: the API server would drop it, and metacontroller write it again, for ever.
fn is_namespace(parent: &Parent<'_>) -> bool {
    parent.api_version == "v1" && parent.kind == "Namespace"
}

fn labels<'a>(parent: &Parent<'a>) -> Result<Labels<'a>, Error> {
    let raw = parent.metadata.labels.map(RawValue::get);
    Ok(raw.map_or(Ok(Labels::new()), serde_json::from_str)?)
}

/// Rendered, unless this very namespace was rendered before.
fn desired(request: &HookRequest<'_>, parent: &Parent<'_>, set: &Set) -> Result<Arc<Desired>, Error> {
    let metadata = &parent.metadata;
    let related = request.related.filter(|_| !set.references().is_empty());
    let key = cache::key(&metadata.name, [metadata.labels, metadata.annotations, related]);
    if let Some(desired) = set.cache.get(&key) {
        return Ok(desired);
    }
    let pairs = |raw: Option<&RawValue>| raw.map_or(Ok(Pairs::new()), |raw| serde_json::from_str(raw.get()));
    let namespace = Namespace {
        name: metadata.name.clone().into_owned(),
        labels: pairs(metadata.labels)?,
        annotations: pairs(metadata.annotations)?,
        related: Arc::new(decoded(related)?),
    };
    let desired = Arc::new(set.desired(&namespace)?);
    set.cache.insert(key, &desired);
    Ok(desired)
}

fn decoded(related: Option<&RawValue>) -> Result<Related, Error> {
    type Group = Option<BTreeMap<String, Value>>;
    let Some(raw) = related else {
        return Ok(Related::default());
    };
    let groups: BTreeMap<String, Group> = serde_json::from_str(raw.get())?;
    let groups = groups.into_iter().map(|(key, group)| (key, group.unwrap_or_default()));
    Ok(Related::new(groups.collect()))
}

#[cfg(test)]
mod tests;
