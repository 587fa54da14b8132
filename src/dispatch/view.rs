//! Borrowed, partial views of our objects: the fields that admission reads, in both versions alike; the rest is skipped
//! and never lost, because nothing is written back from here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::dispatch::shallow::{LEVELS, Shallow};
use crate::api::review::{Members, Object};
pub(super) use crate::api::text::Text;

/// What validation reads of an object's metadata.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) deletion_timestamp: Option<Text<'a>>,
}

/// What defaulting reads of an object's metadata.
#[derive(Default, Deserialize)]
pub(super) struct Marks<'a> {
    #[serde(borrow, default)]
    pub(super) annotations: Strings<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Strings<'a>,
}

/// Labels or annotations; `None` when the object has no such member and a patch must create it first.
pub(super) type Strings<'a> = Option<BTreeMap<Text<'a>, Text<'a>>>;

/// The fields of a spec, as both kinds name them.
pub(super) mod field {
    pub(in super::super) const JOB_TEMPLATE_NAME: &str = "jobTemplateName";
    pub(in super::super) const PAYLOAD: &str = "payload";
    pub(in super::super) const JOB_TEMPLATE: &str = "jobTemplate";
}

/// What a decision reads of an object's metadata.
pub(super) fn metadata<'a, M: Deserialize<'a> + Default>(object: &Object<'a>) -> Result<M, serde_json::Error> {
    Ok(object.metadata.map(of).transpose()?.unwrap_or_default())
}

/// The spec's member of that name.
pub(super) fn member<'a>(object: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    object.spec.as_ref()?.get(name)
}

/// The spec's member of that name, empty when it is absent.
pub(super) fn text<'a>(object: &Object<'a>, name: &str) -> Result<Text<'a>, serde_json::Error> {
    let text = member(object, name).map(of).transpose()?;
    Ok(text.unwrap_or(Text(Cow::Borrowed(""))))
}

/// Whether both specs say the same; the order of members does not count.
pub(super) fn same_spec(one: &Object<'_>, other: &Object<'_>) -> bool {
    let names = |object| Option::iter(object).flat_map(Members::names);
    one.spec.is_some() == other.spec.is_some()
        && names(&one.spec)
            .chain(names(&other.spec))
            .all(|name| same(member(one, name), member(other, name)))
}

/// Decodes one view.
pub(super) fn of<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(raw.get())
}

/// Decodes a Job template of any depth, down to where it is too deep.
pub(super) fn tree(job_template: &RawValue) -> Result<Value, serde_json::Error> {
    Shallow(LEVELS).deserialize(&mut serde_json::Deserializer::from_str(job_template.get()))
}

/// Whether two raw values say the same; the order of members does not count.
pub(super) fn same(one: Option<&RawValue>, other: Option<&RawValue>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let tree = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    one.get() == other.get() || tree(one).is_some_and(|tree_of_one| tree(other) == Some(tree_of_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).expect("the fixture is JSON")
    }

    #[test]
    fn compares_what_json_means() {
        let cases = [
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#, true),
            (r#"{"a":1,"b":2}"#, r#"{ "b":2, "a":1 }"#, true),
            (r#""<""#, r#""\u003c""#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            (r"[1,2]", r"[2,1]", false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(same(Some(raw(one)), Some(raw(other))), expected, "{one} {other}");
        }
        assert!(same(None, None));
        assert!(!same(Some(raw("1")), None));
    }
}
