//! The members of a JSON object as they are written, keys and values undecoded, with their places in the text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::splice::{Edit, offset};

/// A JSON object, one level deep.
#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    /// From brace to brace.
    pub(super) text: &'a str,
    members: Vec<Member<'a>>,
}

/// A key and its value, as they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// With quotes and escapes.
    pub(super) key: &'a str,
    /// Without space around it.
    pub(super) value: &'a str,
}

/// Something in an object is not what its schema says, so that only its version can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Odd;

impl<'a> Object<'a> {
    /// Splits an object; none for any other value.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let members = deserializer.deserialize_map(Pairs).ok()?;
        deserializer.end().ok()?;
        Some(Self {
            text: text.trim(),
            members,
        })
    }

    /// The members in their order.
    pub(super) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The value of a key; the last one, as Go decodes it, where a key stands twice.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.members
            .iter()
            .rfind(|member| member.is(key))
            .map(|member| member.value)
    }

    /// The text of a key whose value is a string.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).and_then(text)
    }

    /// The object below a key, unless that is absent or null.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, Odd> {
        match self.get(key) {
            None | Some("null") => Ok(None),
            Some(value) => Self::parse(value).map(Some).ok_or(Odd),
        }
    }

    /// The object with the members that are wanted, as they are written.
    pub(super) fn with(&self, wanted: impl Fn(&Member<'_>) -> bool) -> String {
        let mut text = String::with_capacity(self.text.len());
        text.push('{');
        for Member { key, value } in self.members.iter().filter(|member| wanted(member)) {
            let comma = if text.len() > 1 { "," } else { "" };
            text.extend([comma, key, ":", value]);
        }
        text.push('}');
        text
    }

    /// The edit to a text around this object that puts members in front of its own.
    pub(super) fn first(&self, around: &str, members: &str) -> Edit<'a> {
        let comma = if self.members.is_empty() { "" } else { "," };
        Edit::insert(around, &self.text[1..], format!("{members}{comma}"))
    }
}

impl Member<'_> {
    /// Whether the key, decoded, is this one.
    pub(super) fn is(&self, key: &str) -> bool {
        match self.key.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => plain == key,
            _ => text(self.key).is_some_and(|decoded| decoded == key),
        }
    }
}

/// A JSON string, decoded; none for any other value.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"')?.strip_suffix('"') {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The members of an object that has any.
#[derive(Debug, Clone)]
pub struct Members<'a>(Vec<Member<'a>>);

impl<'a> Members<'a> {
    /// The object in the text that it was read from: from the brace before the first key to the one behind the last value.
    pub(super) fn within(self, source: &'a str) -> Object<'a> {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else {
            return Object {
                text: "{}",
                members: self.0,
            };
        };
        let begin = source[..offset(source, first.key)].rfind('{').unwrap_or_default();
        let end = offset(source, last.value) + last.value.len();
        let end = source[end..].find('}').map_or(source.len(), |brace| end + brace + 1);
        Object {
            text: &source[begin..end],
            members: self.0,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = deserializer.deserialize_map(Pairs)?;
        if members.is_empty() {
            return Err(D::Error::custom("an object without members"));
        }
        Ok(Self(members))
    }
}

/// The places of members take more memory than the shortest of them: an object that the API server can store has fewer.
const MOST: usize = 100_000;

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(5);
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if members.len() == MOST {
                return Err(A::Error::custom(format!("more than {MOST} members")));
            }
            members.push(Member {
                key: key.get(),
                value: value.get(),
            });
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::splice::Converted;
    use super::*;

    #[test]
    fn members_beyond_all_measure_are_not_split() {
        let object = |members: usize| format!("{{{}}}", vec![r#""a":0"#; members].join(","));
        assert!(Object::parse(&object(MOST)).is_some());
        assert!(Object::parse(&object(MOST + 1)).is_none());
    }

    #[test]
    fn keys_and_values_stay_as_they_are_written() {
        let object = Object::parse(r#" { "a" : 1.0 , "\u0062":{ "c":[1, 2] } } "#).expect("an object");
        let members: Vec<_> = object
            .members()
            .iter()
            .map(|member| (member.key, member.value))
            .collect();
        assert_eq!(members, [("\"a\"", "1.0"), ("\"\\u0062\"", "{ \"c\":[1, 2] }")]);
    }

    #[test]
    fn members_are_left_out_and_put_in_front() {
        let text = r#"{"a" : 1, "b":{"c": 2}, "d":3 }"#;
        let object = Object::parse(text).expect("an object");
        assert_eq!(object.with(|member| !member.is("b")), r#"{"a":1,"d":3}"#);
        assert_eq!(object.with(|_| false), "{}");
        let inner = object.object("b").ok().flatten().expect("an object");
        let edited = Converted::new(text, vec![inner.first(text, "\"e\":4")]);
        assert_eq!(edited.to_string(), r#"{"a" : 1, "b":{"e":4,"c": 2}, "d":3 }"#);
    }

    #[test]
    fn a_key_is_found_however_it_is_escaped() {
        let object = Object::parse(r#"{"st\u0061tus": 1, "x": 2}"#).expect("an object");
        assert_eq!(object.get("status"), Some("1"));
        assert_eq!(object.get("stat"), None);
    }

    #[test]
    fn an_object_is_found_in_the_text_around_it() {
        let source = r#"[{"x":{}}, { "a" : {"b":"}{"} } ,3]"#;
        let all: (Members<'_>, Members<'_>, u8) = serde_json::from_str(source).expect("two objects");
        let texts = [all.0, all.1].map(|members| members.within(source).text);
        assert_eq!(texts, [r#"{"x":{}}"#, r#"{ "a" : {"b":"}{"} }"#]);
        assert!(
            serde_json::from_str::<Members<'_>>("{}").is_err(),
            "nothing says where it is"
        );
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let object = Object::parse(r#"{"a": 1, "a": 2}"#).expect("an object");
        assert_eq!(object.get("a"), Some("2"));
    }

    #[test]
    fn other_values_are_no_objects() {
        for text in ["1", "[]", "null", "\"{}\"", "{\"a\":}", "{} {}", "{"] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn absent_and_null_are_alike_and_a_number_is_odd() {
        let object = Object::parse(r#"{"a": null, "b": 1, "c": {}}"#).expect("an object");
        let kinds = ["a", "b", "c", "d"].map(|key| object.object(key).map(|inner| inner.is_some()));
        assert_eq!(kinds, [Ok(false), Err(Odd), Ok(true), Ok(false)]);
    }
}
