//! AdmissionReview on the wire: the question. Objects stay raw, and the uid is found even where the rest is broken.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::api::review::{ADMISSION_API_VERSION, AdmissionReview, Reviewed};

/// A review that cannot be answered by looking at its object.
#[derive(Debug)]
pub(super) struct Undecodable {
    /// Empty when even that could not be read.
    pub(super) uid: String,
    pub(super) fault: String,
}

/// Reads a review, and of its objects what `O` reads.
pub(super) fn decode<'a, O: Deserialize<'a> + Reviewed>(body: &'a [u8]) -> Result<AdmissionReview<'a, O>, Undecodable> {
    // Once for the whole, and not for each raw value again.
    let read = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str::<AdmissionReview<'_, O>>(text),
        Err(_) => serde_json::from_slice(body),
    };
    let fault = match read {
        Ok(review) if review.api_version == ADMISSION_API_VERSION => return Ok(review),
        Ok(review) => format!("apiVersion is {:?}, not {ADMISSION_API_VERSION:?}", review.api_version),
        Err(error) => format!("not an {}: {error}", O::REVIEW),
    };
    Err(Undecodable { uid: uid(body), fault })
}

/// The uid of a review of which nothing else has to be known; the rest is not read where it comes first.
pub(super) fn glance(body: &[u8]) -> Option<String> {
    let is_review = find(body, &["apiVersion"]) == ADMISSION_API_VERSION;
    is_review.then(|| uid(body)).filter(|uid| !uid.is_empty())
}

/// The uid of something that is not quite a review, even when what follows it cannot be read.
pub(super) fn uid(body: &[u8]) -> String {
    find(body, &["request", "uid"])
}

/// A string in a text of which no more is read than has to be; empty when it is not there.
fn find(body: &[u8], path: &[&str]) -> String {
    let found = RefCell::new(String::new());
    let mut json = serde_json::Deserializer::from_slice(body);
    // That it was found ends the reading like an error.
    let _ = Find { path, found: &found }.deserialize(&mut json);
    found.into_inner()
}

/// Follows a path of members to a string.
struct Find<'a> {
    path: &'a [&'a str],
    found: &'a RefCell<String>,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a uid")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !self.path.is_empty() {
            return Ok(());
        }
        text.clone_into(&mut self.found.borrow_mut());
        Err(E::custom("found"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match self.path {
                [first, rest @ ..] if name == *first => {
                    members.next_value_seed(Find {
                        path: rest,
                        found: self.found,
                    })?;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::pod::PodObject;
    use crate::api::review::Object;

    const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",
        "kind":{"group":"dispatcher.ivan.vc","version":"v1beta1","kind":"JobTemplate"},"name":"a","operation":"CREATE"}}"#;

    #[test]
    fn the_uid_comes_back_whenever_it_can_be_read() {
        for (body, uid) in [
            (r#"{"request":{"uid":"u-2"}}"#, "u-2"),
            (r#"{"request":{"uid":"u-3","object":{"a":"#, "u-3"),
            (
                r#"{"kind":[{"uid":"no"}],"request":{"object":{"uid":"no"},"uid":"u-\u0034"}}"#,
                "u-4",
            ),
            (r#"{"request":{"uid":5}}"#, ""),
            ("[]", ""),
            ("", ""),
        ] {
            let undecodable = decode::<Object<'_>>(body.as_bytes()).unwrap_err();
            assert_eq!(undecodable.uid, uid, "{body}");
        }
    }

    #[test]
    fn at_a_glance_only_the_uid_is_read() {
        assert_eq!(glance(REVIEW.as_bytes()).as_deref(), Some("u-1"));
        let rest_is_not_read = REVIEW.replace("\"operation\"", "operation");
        assert_eq!(glance(rest_is_not_read.as_bytes()).as_deref(), Some("u-1"));
        let other_version = REVIEW.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
        let no_uid = REVIEW.replace("\"uid\"", "\"id\"");
        for body in [&other_version, &no_uid, "", "[]"] {
            assert_eq!(glance(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn another_version_of_the_review_is_not_guessed_at() {
        let body = REVIEW.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
        let undecodable = decode::<Object<'_>>(body.as_bytes()).unwrap_err();
        assert_eq!(undecodable.uid, "u-1");
        assert_eq!(
            undecodable.fault,
            "apiVersion is \"admission.k8s.io/v1beta1\", not \"admission.k8s.io/v1\""
        );
    }

    #[test]
    fn the_metadata_of_a_pod_is_read_with_its_review() {
        let body = REVIEW.replace("\"operation\"", r#""object":{"metadata":1},"operation""#);
        assert!(decode::<Object<'_>>(body.as_bytes()).is_ok());
        let undecodable = decode::<PodObject<'_>>(body.as_bytes()).unwrap_err();
        assert_eq!(undecodable.uid, "u-1");
    }
}
