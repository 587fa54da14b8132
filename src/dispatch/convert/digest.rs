//! Identifies an object and the part of its status that both versions have. Zero values count as absent ones and keys
//! have no order, for a client may decode, encode and leave out what is empty. It tells apart, it does not protect.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::members::Object;
use super::status::own;

/// The digest of an object with this metadata and status, as the annotation has it.
pub(super) fn of(metadata: &Object<'_>, status: Option<&Object<'_>>) -> String {
    let shared = status
        .iter()
        .flat_map(|status| status.members())
        .filter(|member| !own(member));
    let hash = shared.fold(text(&metadata.text("uid").unwrap_or_default()), |hash, member| {
        let mut json = serde_json::Deserializer::from_str(member.value);
        let value = Significant.deserialize(&mut json).ok().flatten();
        let key = super::members::text(member.key).unwrap_or_default();
        hash.wrapping_add(value.map_or(0, |value| pair(&key, value)))
    });
    format!("{hash:016x}")
}

/// Hash of a value; none for one that Go's `omitempty` leaves out.
struct Significant;

impl<'de> DeserializeSeed<'de> for Significant {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Significant {
    type Value = Option<u64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(value.then(|| mixed(1)))
    }

    #[expect(clippy::cast_precision_loss, reason = "as a client decodes numbers")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "as a client decodes numbers")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok((number.abs() > 0.0).then(|| mixed(number.to_bits())))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok((!value.is_empty()).then(|| text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut hash = None;
        while let Some(item) = items.next_element_seed(Significant)? {
            // An empty element keeps the place of those behind it.
            hash = Some(mixed(hash.unwrap_or(2) ^ item.unwrap_or_default()));
        }
        Ok(hash)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut hash: Option<u64> = None;
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            if let Some(value) = members.next_value_seed(Significant)? {
                hash = Some(hash.unwrap_or(3).wrapping_add(pair(&key, value)));
            }
        }
        Ok(hash)
    }
}

fn pair(key: &str, value: u64) -> u64 {
    mixed(text(key) ^ value.rotate_left(1))
}

/// FNV-1a, and mixed so that sums of hashes do not cancel out.
fn text(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed(hash)
}

/// Every bit of the result depends on every bit given (the finaliser of SplitMix64).
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Object::parse(text).expect("an object")
    }

    fn digest_of(status: &str) -> String {
        of(&object(r#"{"uid":"u"}"#), Some(&object(status)))
    }

    #[test]
    fn what_a_client_may_leave_out_or_reorder_does_not_change_it() {
        let sent = r#"{"job":{"name":"x","uid":"","n":2},"conditions":[{"a":"1","observedGeneration":0},{}],"phase":"Running"}"#;
        let returned = r#"{ "conditions": [{"a":"\u0031"}, null], "x": false, "job": {"n": 2.0, "name": "x"} }"#;
        assert_eq!(digest_of(sent), digest_of(returned));
        assert_eq!(digest_of(r#"{"job":{}}"#), of(&object(r#"{"uid":"u"}"#), None));
    }

    #[test]
    fn what_is_said_changes_it() {
        let said = [
            "{}",
            r#"{"conditions":[{"a":"1"}]}"#,
            r#"{"conditions":[{"a":"2"}]}"#,
            r#"{"conditions":[{},{"a":"1"}]}"#,
            r#"{"conditions":[{"a":"1"},{}]}"#,
            r#"{"conditions":[{"a":1}]}"#,
            r#"{"conditions":[{"a":true}]}"#,
            r#"{"conditions":{"a":"1"}}"#,
            r#"{"job":{"a":"1"}}"#,
            r#"{"job":{"a":"1","b":"1"}}"#,
            r#"{"job":{"a":"b","b":"a"}}"#,
            r#"{"job":{"a":"a","b":"b"}}"#,
        ];
        let digests: std::collections::BTreeSet<_> = said.iter().map(|status| digest_of(status)).collect();
        assert_eq!(digests.len(), said.len());
        let (one, two) = (object(r#"{"uid":"1"}"#), object(r#"{"uid":"2"}"#));
        assert_ne!(of(&one, None), of(&two, None), "copied to another object");
    }
}
