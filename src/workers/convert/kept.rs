//! What v1alpha1 cannot say of an object, in an annotation of it: metadata holds it because the API server drops any other
//! field that it does not know.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// All annotations of an object together, keys included: the API server's limit.
const ANNOTATIONS: usize = 256 * 1024;

/// Spec and status as v1beta1 has them, where v1alpha1 says less.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Value>,
    /// Whose status it is: that of one object is no other's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
}

impl Kept {
    /// As an annotation of this object has it; none where nothing is lost.
    pub(super) fn text(mut self, object: &Map<String, Value>) -> Option<String> {
        if self == Self::default() {
            return None;
        }
        self.uid = self.status.as_ref().and_then(|_| uid(object));
        serde_json::to_string(&self).ok()
    }

    /// What an annotation of this object says, without a status that is not its own.
    pub(super) fn read(text: &str, object: &Map<String, Value>) -> Option<Self> {
        let mut kept: Self = serde_json::from_str(text).ok()?;
        kept.status = kept
            .status
            .filter(|status| status.is_object() && kept.uid == uid(object));
        kept.spec = kept.spec.filter(Value::is_object);
        Some(kept)
    }
}

/// Takes an annotation away, with the last one their map.
pub(super) fn take(object: &mut Map<String, Value>, key: &str) -> Option<String> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let taken = annotations.remove(key)?;
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    taken.as_str().map(str::to_owned)
}

/// Puts an annotation in place, unless all of them together would grow too large.
pub(super) fn put(object: &mut Map<String, Value>, key: &str, text: String) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let annotations = metadata.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = Value::Object(Map::new());
    }
    let Some(annotations) = annotations.as_object_mut() else {
        return;
    };
    let sizes = annotations
        .iter()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len));
    if sizes.sum::<usize>() + key.len() + text.len() <= ANNOTATIONS {
        annotations.insert(key.to_owned(), text.into());
    } else if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

fn uid(object: &Map<String, Value>) -> Option<String> {
    let metadata = object.get("metadata")?;
    metadata.get("uid")?.as_str().map(str::to_owned)
}
