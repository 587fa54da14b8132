//! The annotation in which a v1alpha1 object carries what only v1beta1 can say, for as long as the rest of its status
//! stays what it was then. Metadata holds it because the API server drops any other field that it does not know.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::members::{Object, Odd, text};
use super::phase::Own;
use super::splice::Edit;
use crate::api::names::annotation::CONVERSION;

/// All annotations of an object together, keys included: the API server's limit.
const ANNOTATIONS: usize = 256 * 1024;

/// The annotation's text: the fields, under a digest of what they belong to.
pub(super) fn annotation(own: &Own<'_>, digest: &str) -> String {
    let members = own.members();
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"digest":"{digest}"{comma}{members}}}"#)
}

/// The annotation of an object, decoded.
pub(super) fn found(annotations: &Object<'_>) -> Option<String> {
    annotations.text(CONVERSION).map(std::borrow::Cow::into_owned)
}

/// The fields of an annotation, unless they belong to another status or are no such fields.
pub(super) fn fields<'a>(annotation: &'a str, digest: &str) -> Option<Own<'a>> {
    let object = Object::parse(annotation)?;
    if object.text("digest")? != digest {
        return None;
    }
    Own::of(&object).ok()
}

/// Identifies an object and the part of its status that both versions have. Zero values count as absent ones and keys
/// have no order, for a client may decode, encode and leave out what is empty.
pub(super) fn digest(metadata: &Object<'_>, status: Option<&Object<'_>>) -> String {
    let mut shared = match status.map(|status| serde_json::from_str(status.text)) {
        Some(Ok(Value::Object(shared))) => shared,
        _ => serde_json::Map::new(),
    };
    shared.retain(|key, _| !Own::has(key));
    let mut hash = Sha256::new();
    hash.update(metadata.text("uid").unwrap_or_default().as_bytes());
    hash.update([0]);
    hash.update(significant(Value::Object(shared)).unwrap_or_default().to_string());
    hash.finalize().iter().take(12).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A value without its zero values, as Go's `omitempty` leaves it.
fn significant(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) => (number.as_f64() != Some(0.0)).then_some(Value::Number(number)),
        Value::String(text) => (!text.is_empty()).then_some(Value::String(text)),
        Value::Array(items) => {
            let items: Vec<_> = items
                .into_iter()
                .map(|item| significant(item).unwrap_or_default())
                .collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(members) => {
            let members: serde_json::Map<_, _> = members
                .into_iter()
                .filter_map(|(key, value)| Some((key, significant(value)?)))
                .collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        other @ Value::Bool(true) => Some(other),
    }
}

/// The edit that puts the annotation in place; none when all annotations together would grow too large.
pub(super) fn put<'a>(object: &Object<'a>, metadata: &Object<'a>, annotation: &str) -> Result<Option<Edit<'a>>, Odd> {
    let json = Value::from(annotation).to_string();
    let Some(annotations) = metadata.object("annotations")? else {
        let annotations = format!(r#"{{"{CONVERSION}":{json}}}"#);
        return Ok(Some(match metadata.get("annotations") {
            Some(null) => Edit::replace(object.text, null, annotations),
            None => metadata.first(object.text, &format!(r#""annotations":{annotations}"#)),
        }));
    };
    let mut size = CONVERSION.len() + annotation.len();
    for member in annotations.members().iter().filter(|member| !member.is(CONVERSION)) {
        size += text(member.key).ok_or(Odd)?.len() + text(member.value).ok_or(Odd)?.len();
    }
    if size > ANNOTATIONS {
        return Ok(remove(object, metadata));
    }
    Ok(Some(match annotations.get(CONVERSION) {
        Some(stale) => Edit::replace(object.text, stale, json),
        None => annotations.first(object.text, &format!(r#""{CONVERSION}":{json}"#)),
    }))
}

/// The edit that takes the annotation away, if there is one, with the last annotation their map.
pub(super) fn remove<'a>(object: &Object<'a>, metadata: &Object<'a>) -> Option<Edit<'a>> {
    let annotations = metadata.object("annotations").ok()??;
    annotations.get(CONVERSION)?;
    let alone = annotations.members().iter().all(|member| member.is(CONVERSION));
    let (inner, key) = if alone {
        (metadata, "annotations")
    } else {
        (&annotations, CONVERSION)
    };
    Some(Edit::replace(
        object.text,
        inner.text,
        inner.with(|member| !member.is(key)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Object::parse(text).expect("an object")
    }

    fn digest_of(status: &str) -> String {
        digest(&object(r#"{"uid":"u"}"#), Some(&object(status)))
    }

    #[test]
    fn what_a_client_may_leave_out_or_reorder_does_not_change_the_digest() {
        let sent =
            r#"{"job":{"name":"x","uid":""},"conditions":[{"a":"1","observedGeneration":0},{}],"phase":"Running"}"#;
        let returned = r#"{ "conditions": [{"a":"\u0031"}, null], "job": {"name": "x"} }"#;
        assert_eq!(digest_of(sent), digest_of(returned));
        assert_eq!(digest_of(r#"{"job":{}}"#), digest(&object(r#"{"uid":"u"}"#), None));
    }

    #[test]
    fn what_is_said_changes_the_digest() {
        let base = digest_of(r#"{"conditions":[{"a":"1"}]}"#);
        for other in [
            r#"{"conditions":[{"a":"2"}]}"#,
            r#"{"conditions":[{},{"a":"1"}]}"#,
            r#"{"job":{"a":"1"}}"#,
            "{}",
        ] {
            assert_ne!(base, digest_of(other), "{other}");
        }
        let (one, two) = (object(r#"{"uid":"1"}"#), object(r#"{"uid":"2"}"#));
        assert_ne!(digest(&one, None), digest(&two, None), "copied to another object");
    }

    #[test]
    fn an_annotation_that_is_no_such_text_says_nothing() {
        for odd in [
            "",
            "5",
            "{}",
            r#"{"digest":5}"#,
            r#"{"digest":"d","phase":"Done"}"#,
            r#"{"digest":"e"}"#,
        ] {
            assert_eq!(fields(odd, "d"), None, "{odd}");
        }
        assert_eq!(
            fields(r#"{"digest":"d","phase":"Failed","x":1}"#, "d").and_then(|own| own.phase),
            Some("\"Failed\"")
        );
    }
}
