//! JSON that is kept only as far as events need it: many short values take far more memory apart than in a row.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{MOST_ATTRIBUTES, MOST_EVENTS};

/// Attributes of one event, none of them twice.
pub(super) struct Members<'d>(pub(super) BTreeMap<String, &'d RawValue>);

/// The events of a batch, or one more than it may have.
pub(super) struct List<'d>(pub(super) Vec<&'d RawValue>);

struct OfMembers;
struct OfList;

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMembers)
    }
}

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OfList)
    }
}

impl<'de> Visitor<'de> for OfMembers {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.insert(name, value).is_some() || members.len() > MOST_ATTRIBUTES {
                return Err(A::Error::custom("an attribute too many"));
            }
        }
        Ok(Members(members))
    }
}

impl<'de> Visitor<'de> for OfList {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<'de>, A::Error> {
        let mut events = Vec::new();
        while events.len() <= MOST_EVENTS {
            match list.next_element()? {
                Some(event) => events.push(event),
                None => return Ok(List(events)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(number: usize) -> Option<usize> {
        let members: Vec<_> = (0..number).map(|number| format!("\"a{number}\":1")).collect();
        let text = format!("{{{}}}", members.join(","));
        serde_json::from_str::<Members<'_>>(&text)
            .ok()
            .map(|members| members.0.len())
    }

    #[test]
    fn attributes_are_few_and_there_once() {
        assert_eq!(members(MOST_ATTRIBUTES), Some(MOST_ATTRIBUTES));
        assert_eq!(members(MOST_ATTRIBUTES + 1), None);
        assert!(serde_json::from_str::<Members<'_>>(r#"{"a": 1, "a": 1}"#).is_err());
    }

    #[test]
    fn of_a_long_list_only_its_beginning_is_kept() {
        for (number, kept) in [(0, 0), (MOST_EVENTS, MOST_EVENTS), (1 << 19, MOST_EVENTS + 1)] {
            let text = format!("[{}]", vec!["1"; number].join(","));
            let list: List<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(list.0.len(), kept);
        }
        let broken = format!("[{}]", vec!["1"; 1000].join(",") + ",");
        assert!(serde_json::from_str::<List<'_>>(&broken).is_err());
    }
}
