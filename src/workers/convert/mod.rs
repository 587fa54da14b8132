//! Conversion between v1alpha1 and v1beta1 of the kinds of workers. What both can say is said in the words of the other;
//! what neither knows stays where it is; what the other cannot say is kept in an annotation and comes back, unless it was
//! edited there. Inline code is carried along as it is, because no annotation has room for it.

mod forms;
mod kept;
mod merge;
mod project;

use serde_json::{Map, Value};

use super::subject::Kind;
use crate::api::names::WORKER_GROUPS;
use crate::api::names::annotation::{WORKERS_V1ALPHA1, WORKERS_V1BETA1};
use forms::Forms;
use kept::Kept;
use merge::merged;

/// A kind in the version that it is wanted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    kind: Kind,
    version: Version,
}

/// A served version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1alpha1,
    V1beta1,
}

impl Target {
    /// What an `apiVersion` names; nothing for one that is not of these groups.
    #[must_use]
    pub fn parse(api_version: &str) -> Option<Self> {
        let (group, version) = api_version.split_once('/')?;
        let version = match version {
            "v1alpha1" => Version::V1alpha1,
            "v1beta1" => Version::V1beta1,
            _ => return None,
        };
        let kind = Kind::of(group)?;
        Some(Self { kind, version })
    }
}

/// Why an object cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Of another group or version than the one that is asked for.
    #[error("no conversion from {from:?} to {group}: known are v1alpha1 and v1beta1 of {groups}", groups = WORKER_GROUPS.join(", "))]
    Version {
        /// Its `apiVersion`.
        from: String,
        /// The group that is wanted.
        group: &'static str,
    },
    /// Of the group, and of a kind that it does not have.
    #[error("no conversion for kind {kind:?} of {group}: known is {known}")]
    Kind {
        /// Its kind.
        kind: String,
        /// The group.
        group: &'static str,
        /// The one kind of the group.
        known: &'static str,
    },
}

/// The text of an object in the other version; none where it is in that version already, or names none.
///
/// # Errors
/// For an object of a group, version or kind that is not the one that is asked for.
pub fn convert(text: &str, to: Target) -> Result<Option<String>, Error> {
    let Ok(Value::Object(mut object)) = serde_json::from_str(text) else {
        return Ok(None);
    };
    let Some(from) = object.get("apiVersion").and_then(Value::as_str) else {
        return Ok(None);
    };
    let group = to.kind.group();
    let is_other = |from: &Target| from.kind == to.kind;
    let version = Target::parse(from).filter(is_other).map(|from| from.version);
    let Some(version) = version else {
        let from = from.to_owned();
        return Err(Error::Version { from, group });
    };
    let (kind, known) = (object.get("kind").and_then(Value::as_str), to.kind.name());
    if let Some(kind) = kind.filter(|kind| *kind != known) {
        let kind = kind.to_owned();
        return Err(Error::Kind { kind, group, known });
    }
    if version == to.version {
        return Ok(None);
    }
    let name = match to.version {
        Version::V1alpha1 => {
            down(to.kind, &mut object);
            "v1alpha1"
        }
        Version::V1beta1 => {
            up(to.kind, &mut object);
            "v1beta1"
        }
    };
    object.insert("apiVersion".to_owned(), format!("{group}/{name}").into());
    // The API server sends parts of objects without, and takes none back without.
    object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    Ok(Some(Value::Object(object).to_string()))
}

/// To v1alpha1.
fn down(kind: Kind, object: &mut Map<String, Value>) {
    let forms = kept::take(object, WORKERS_V1ALPHA1).and_then(|text| serde_json::from_str::<Forms>(&text).ok());
    kept::take(object, WORKERS_V1BETA1);
    let mut lost = Kept::default();
    if let Some(spec) = object.get_mut("spec") {
        be_object(spec);
        let whole = spec.clone();
        project::down(kind, spec);
        forms.unwrap_or_default().restore(kind, spec);
        let mut back = spec.clone();
        project::up(kind, &mut back);
        lost.spec = (back != whole).then(|| project::without_code(kind, whole));
    }
    if let Some(status) = object.get_mut("status") {
        let whole = status.clone();
        project::status_down(status);
        lost.status = (*status != whole).then_some(whole);
    }
    if let Some(text) = lost.text(object) {
        kept::put(object, WORKERS_V1BETA1, text);
    }
}

/// To v1beta1.
fn up(kind: Kind, object: &mut Map<String, Value>) {
    let kept = kept::take(object, WORKERS_V1BETA1).and_then(|text| Kept::read(&text, object));
    kept::take(object, WORKERS_V1ALPHA1);
    let kept = kept.unwrap_or_default();
    let mut forms = Forms::default();
    if let Some(spec) = object.get_mut("spec") {
        be_object(spec);
        forms = Forms::of(kind, spec);
        project::up(kind, spec);
        if let Some(kept) = &kept.spec {
            let mut base = kept.clone();
            project::down(kind, &mut base);
            project::up(kind, &mut base);
            *spec = merged(&base, spec, kept);
        }
    }
    if let Some(kept) = kept.status {
        let mut base = kept.clone();
        project::status_down(&mut base);
        let status = object.get("status").cloned();
        let status = status.unwrap_or_else(|| Value::Object(Map::new()));
        object.insert("status".to_owned(), merged(&base, &status, &kept));
    }
    if let Some(text) = forms.text() {
        kept::put(object, WORKERS_V1ALPHA1, text);
    }
}

/// A server-side apply that takes the last field of a version's away leaves null, which no schema takes.
fn be_object(spec: &mut Value) {
    if spec.is_null() {
        *spec = Value::Object(Map::new());
    }
}

#[cfg(test)]
mod tests;
