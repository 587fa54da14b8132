//! An object as it is applied: what its template says, whose it is, and a digest of both.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::api::names::{annotation, label};
use crate::resources::Object;

/// Whose an applied object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// Name of the ResourceSet.
    pub set: &'a str,
    /// UID of the namespace.
    pub namespace_uid: &'a str,
}

/// Stands for everything that is wanted of one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl Object {
    /// The digest of this object in that namespace. The UID keeps equal Secrets of two namespaces apart.
    #[must_use]
    pub fn digest(&self, stamp: &Stamp<'_>) -> Digest {
        let mut digest = Sha256::new();
        for part in [stamp.set, stamp.namespace_uid, self.manifest.get()] {
            // The length keeps the borders between parts where they are.
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        let bytes: [u8; 32] = digest.finalize().into();
        let (half, _) = bytes.split_at(16);
        Digest(half.iter().fold(0, |digest, byte| digest << 8 | u128::from(*byte)))
    }

    /// The object to apply; `found` when it was there before we first applied it.
    ///
    /// # Panics
    /// Never: a manifest is JSON.
    #[must_use]
    pub fn stamped(&self, stamp: &Stamp<'_>, found: bool) -> Value {
        #[expect(clippy::expect_used, reason = "raw JSON is JSON")]
        let mut object: Value = serde_json::from_str(self.manifest.get()).expect("a manifest is JSON");
        let metadata = &mut object["metadata"];
        let digest = self.digest(stamp).to_string();
        add(metadata, "labels", label::RESOURCE_SET, stamp.set);
        add(metadata, "labels", label::NAMESPACE_UID, stamp.namespace_uid);
        add(metadata, "annotations", annotation::DIGEST, &digest);
        if found {
            add(metadata, "annotations", annotation::FOUND, "true");
        }
        object
    }
}

/// Something that is no map is for the API server to refuse.
fn add(metadata: &mut Value, pairs: &str, name: &str, value: &str) {
    let pairs = &mut metadata[pairs];
    if pairs.is_null() {
        *pairs = Value::Object(Map::new());
    }
    if let Some(pairs) = pairs.as_object_mut() {
        pairs.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    const STAMP: Stamp<'_> = Stamp {
        set: "default",
        namespace_uid: "u",
    };

    fn object(manifest: &Value) -> Object {
        Object {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            name: "a".to_owned(),
            group: "ConfigMap.v1".to_owned(),
            force_conflicts: false,
            manifest: to_raw_value(manifest).expect("JSON"),
        }
    }

    #[test]
    fn a_digest_stands_for_object_set_and_namespace() {
        let (one, other) = (
            object(&json!({"data": {"a": "1"}})),
            object(&json!({"data": {"a": "2"}})),
        );
        let digests = [
            one.digest(&STAMP),
            other.digest(&STAMP),
            one.digest(&Stamp { set: "x", ..STAMP }),
            one.digest(&Stamp {
                namespace_uid: "v",
                ..STAMP
            }),
        ];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
            assert_eq!(digest.to_string().parse(), Ok(*digest));
        }
        assert_eq!(digests[0], one.digest(&STAMP));
    }

    #[test]
    fn a_stamp_is_added_to_what_is_there() {
        let object = object(&json!({"metadata": {"name": "a", "labels": {"own": "1"}}}));
        let digest = object.digest(&STAMP).to_string();
        let expected = json!({"metadata": {
            "name": "a",
            "labels": {
                "own": "1",
                "resources.stationmaster.dev/set": "default",
                "resources.stationmaster.dev/namespace-uid": "u",
            },
            "annotations": {
                "resources.stationmaster.dev/digest": digest,
                "resources.stationmaster.dev/found": "true",
            },
        }});
        assert_eq!(object.stamped(&STAMP, true), expected);
        let annotations = &object.stamped(&STAMP, false)["metadata"]["annotations"];
        assert_eq!(*annotations, json!({"resources.stationmaster.dev/digest": digest}));
    }

    #[test]
    fn labels_that_are_none_stay_for_the_api_server_to_refuse() {
        let object = object(&json!({"metadata": {"name": "a", "labels": "none"}}));
        assert_eq!(object.stamped(&STAMP, false)["metadata"]["labels"], "none");
    }
}
