//! The annotation in which a v1alpha1 object carries what only v1beta1 can say, for as long as the rest of its status
//! stays what it was then. Metadata holds it because the API server drops any other field that it does not know.

use serde_json::json;

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

/// The edit that puts the annotation in place; none when all annotations together would grow too large.
pub(super) fn put<'a>(object: &Object<'a>, metadata: &Object<'a>, annotation: &str) -> Result<Option<Edit<'a>>, Odd> {
    let json = json!(annotation).to_string();
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
