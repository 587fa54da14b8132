//! Reading JSON of any depth: what is nested deeper than anybody needs is left behind, so that one odd object cannot
//! keep a whole list from being read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of objects and lists that `spec.jobTemplate` may have; the deepest field of a pod is at about fifteen.
pub const LEVELS: usize = 64;

/// Reads a tree of so many levels. An object or list below them comes out empty.
#[derive(Debug, Clone, Copy)]
pub struct Shallow(pub usize);

impl<'de> DeserializeSeed<'de> for Shallow {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shallow {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        match self.0.checked_sub(1) {
            Some(below) => {
                while let Some(item) = items.next_element_seed(Self(below))? {
                    list.push(item);
                }
            }
            None => while items.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        match self.0.checked_sub(1) {
            Some(below) => {
                while let Some(key) = members.next_key()? {
                    map.insert(key, members.next_value_seed(Self(below))?);
                }
            }
            None => while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {},
        }
        Ok(map.into())
    }
}

/// Reads an object without the members of that name, which may be nested as deep as they like.
pub(super) struct Without(pub(super) &'static str);

impl<'de> Visitor<'de> for Without {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<Cow<'_, str>>()? {
            if key == self.0 {
                members.next_value::<IgnoredAny>()?;
            } else {
                map.insert(key.into_owned(), members.next_value_seed(Shallow(LEVELS))?);
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, levels: usize) -> Value {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Shallow(levels).deserialize(&mut deserializer).expect("is JSON")
    }

    #[test]
    fn reads_what_is_not_too_deep_as_it_is() {
        let text = r#"{"a": [1, -2, 1.5, "b", "\n", true, null, {"c": {}}, 18446744073709551615]}"#;
        assert_eq!(read(text, 4), serde_json::from_str::<Value>(text).expect("is JSON"));
    }

    #[test]
    fn leaves_behind_what_is_below() {
        let text = r#"{"a": [1, [2]], "b": {"c": {"d": 1}}, "e": 2}"#;
        assert_eq!(read(text, 2), json!({"a": [1, []], "b": {"c": {}}, "e": 2}));
        assert_eq!(read(text, 0), json!({}));
    }

    #[test]
    fn reads_any_depth() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&text, LEVELS).is_array());
    }
}
