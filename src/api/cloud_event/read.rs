//! Events out of headers and bodies. What every event must have is asked for here, and nothing else.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::sparing::{List, Members};
use super::{CloudEvent, Error, LONGEST_ATTRIBUTE, MOST_EVENTS, VERSION, attribute, is_json};

/// Attributes by name, as texts.
type Attributes = BTreeMap<String, String>;

/// An event in binary mode.
///
/// # Errors
/// An attribute is missing, is there twice or cannot be read.
pub fn binary<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>, body: &[u8]) -> Result<CloudEvent, Error> {
    let (mut attributes, mut content_type) = (Attributes::new(), None);
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-type") {
            content_type = attribute::decoded(value);
        }
        let is_prefixed = name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce-"));
        let Some(name) = name.get(3..).filter(|_| is_prefixed) else {
            continue;
        };
        let text = attribute::decoded(value).ok_or_else(|| fault(name, "must be UTF-8"))?;
        if attributes.insert(name.to_ascii_lowercase(), text).is_some() {
            return Err(fault(name, "must be given once"));
        }
    }
    attributes.remove("datacontenttype");
    event(attributes, content_type, body.to_vec())
}

/// An event in structured mode.
///
/// # Errors
/// The body is no event, or an attribute is missing or cannot be read.
pub fn structured(body: &[u8]) -> Result<CloudEvent, Error> {
    let members: Members<'_> = serde_json::from_slice(body).map_err(|_| Error::Body("event"))?;
    whole(&members.0)
}

/// The events of a batch.
///
/// # Errors
/// The body is no list or a too long one, or one of them is no event.
pub fn batch(body: &[u8]) -> Result<Vec<CloudEvent>, Error> {
    let events: List<'_> = serde_json::from_slice(body).map_err(|_| Error::Body("list of events"))?;
    if events.0.len() > MOST_EVENTS {
        return Err(Error::Many);
    }
    let events = events.0.into_iter();
    events.map(|event| structured(event.get().as_bytes())).collect()
}

fn whole(members: &BTreeMap<String, &RawValue>) -> Result<CloudEvent, Error> {
    let mut attributes = Attributes::new();
    for (name, value) in members {
        if !matches!(name.as_str(), "data" | "data_base64") && value.get() != "null" {
            attributes.insert(name.clone(), scalar(name, value.get())?);
        }
    }
    let content_type = attributes.remove("datacontenttype");
    let data = data(members, content_type.as_deref())?;
    event(attributes, content_type, data)
}

/// A text, a number or a bool.
fn scalar(name: &str, value: &str) -> Result<String, Error> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).map_err(|_| fault(name, "must be a text")),
        Some(b'{' | b'[') => Err(fault(name, "must be a text, a number or a bool")),
        _ => Ok(value.to_owned()),
    }
}

/// JSON as it stands, a text that is no JSON without its quotes, and bytes from their base64.
fn data(members: &BTreeMap<String, &RawValue>, content_type: Option<&str>) -> Result<Vec<u8>, Error> {
    if let Some(encoded) = present(members, "data_base64") {
        let text: String =
            serde_json::from_str(encoded).map_err(|_| fault("data_base64", "must be a text in base64"))?;
        return STANDARD
            .decode(text)
            .map_err(|_| fault("data_base64", "must be a text in base64"));
    }
    let Some(data) = present(members, "data") else {
        return Ok(Vec::new());
    };
    let is_text = data.starts_with('"') && !content_type.is_none_or(is_json);
    let text = is_text.then(|| serde_json::from_str::<String>(data).ok()).flatten();
    Ok(text.map_or_else(|| data.as_bytes().to_vec(), String::into_bytes))
}

fn present<'m>(members: &BTreeMap<String, &'m RawValue>, name: &str) -> Option<&'m str> {
    members
        .get(name)
        .map(|value| value.get())
        .filter(|value| *value != "null")
}

fn event(mut attributes: Attributes, content_type: Option<String>, data: Vec<u8>) -> Result<CloudEvent, Error> {
    let long = attributes.iter().find(|(_, value)| value.len() > LONGEST_ATTRIBUTE);
    if let Some((name, _)) = long {
        return Err(fault(name, "is longer than 4096 bytes"));
    }
    let mut required = |name| {
        let value = attributes.remove(name).filter(|value| !value.is_empty());
        let value = value.ok_or(Error::Missing(name))?;
        if value.contains(char::is_control) {
            return Err(fault(name, "must have no control characters"));
        }
        Ok(value)
    };
    if required("specversion")? != VERSION {
        return Err(Error::Version);
    }
    Ok(CloudEvent {
        id: required("id")?,
        source: required("source")?,
        type_: required("type")?,
        time: attributes.remove("time"),
        content_type,
        extensions: attributes,
        data,
    })
}

fn fault(name: &str, fault: &'static str) -> Error {
    let name = name.chars().take(64).collect();
    Error::Attribute { name, fault }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> serde_json::Value {
        json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {"a": [1]}})
    }

    fn read(event: &serde_json::Value) -> Result<CloudEvent, Error> {
        structured(event.to_string().as_bytes())
    }

    fn with(name: &str, value: serde_json::Value) -> serde_json::Value {
        let mut event = sample();
        event[name] = value;
        event
    }

    #[test]
    fn both_modes_give_the_same_event() {
        let event = with("datacontenttype", "application/json".into());
        let headers: [(&str, &[u8]); 6] = [
            ("ce-specversion", b"1.0"),
            ("Ce-Id", b"1"),
            ("ce-source", b"%2Fs"),
            ("ce-type", b"t"),
            ("content-type", b"application/json"),
            ("host", b"localhost"),
        ];
        assert_eq!(
            read(&event).unwrap(),
            binary(headers.into_iter(), b"{\"a\":[1]}").unwrap()
        );
    }

    #[test]
    fn every_event_has_four_attributes() {
        for name in ["specversion", "id", "source", "type"] {
            let missing = Err(Error::Missing(name));
            for value in [json!(null), json!("")] {
                assert_eq!(read(&with(name, value)), missing);
            }
        }
        assert_eq!(read(&with("specversion", "0.3".into())), Err(Error::Version));
        assert_eq!(binary([].into_iter(), b"{}"), Err(Error::Missing("specversion")));
    }

    #[test]
    fn attributes_are_there_once_and_can_be_printed() {
        let headers = |more: (&'static str, &'static [u8])| {
            let all = [
                ("ce-specversion", &b"1.0"[..]),
                ("ce-id", b"1"),
                ("ce-source", b"/s"),
                ("ce-type", b"t"),
                more,
            ];
            binary(all.into_iter(), b"")
        };
        assert!(headers(("ce-other", b"1")).is_ok());
        assert_eq!(headers(("Ce-Id", b"2")), Err(fault("Id", "must be given once")));
        for control in ["\0", "\r", "\n", "\u{7f}", "\u{85}"] {
            for name in ["id", "source", "type"] {
                let expected = Err(fault(name, "must have no control characters"));
                assert_eq!(read(&with(name, format!("a{control}").into())), expected);
            }
        }
    }

    #[test]
    fn extensions_are_kept_as_texts() {
        let mut event = with("number", json!(7));
        event["bool"] = json!(true);
        event["text"] = json!("a");
        event["nothing"] = json!(null);
        let expected = [("bool", "true"), ("number", "7"), ("text", "a")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(&event).unwrap().extensions, expected.into());
        assert!(read(&with("object", json!({}))).is_err());
        assert!(read(&with("long", "a".repeat(LONGEST_ATTRIBUTE + 1).into())).is_err());
    }

    #[test]
    fn data_comes_as_its_bytes() {
        let data = |event: &serde_json::Value| String::from_utf8(read(event).unwrap().data).unwrap();
        assert_eq!(data(&with("data", "a \"b\"".into())), r#""a \"b\"""#);
        let mut text = with("data", "a \"b\"".into());
        text["datacontenttype"] = "text/plain".into();
        assert_eq!(data(&text), "a \"b\"");
        assert_eq!(data(&with("data", json!(null))), "");
        assert_eq!(data(&with("data_base64", "e30=".into())), "{}");
        assert!(read(&with("data_base64", "%".into())).is_err());
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for body in ["", "[]", "{", "null", "1", "\"a\""] {
            assert_eq!(structured(body.as_bytes()), Err(Error::Body("event")), "{body}");
        }
        for body in ["", "{}", "[1]"] {
            assert!(batch(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(batch(b"[]"), Ok(Vec::new()));
        let many = format!("[{}]", vec!["{}"; MOST_EVENTS + 1].join(","));
        assert_eq!(batch(many.as_bytes()), Err(Error::Many));
        let two = json!([sample(), sample()]).to_string();
        assert_eq!(batch(two.as_bytes()).unwrap().len(), 2);
    }
}
