//! CloudEvents 1.0 over HTTP: how an event is told apart, read and written. What it is about is not known here.

mod attribute;
mod encode;
mod read;
mod sparing;

use std::collections::BTreeMap;

pub use read::{batch, binary, structured};

/// The version of the specification that we speak.
pub const VERSION: &str = "1.0";
/// Longest value of an attribute, in bytes.
pub const LONGEST_ATTRIBUTE: usize = 4096;
/// Most attributes of an event in JSON, its data among them.
pub const MOST_ATTRIBUTES: usize = 64;
/// Most events of a batch.
pub const MOST_EVENTS: usize = 500;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudEvent {
    /// Unique together with the source: two events that have both alike are one.
    pub id: String,
    /// Where it happened.
    pub source: String,
    /// What happened.
    pub type_: String,
    /// When, as RFC 3339 has it.
    pub time: Option<String>,
    /// Media type of the data; without one it is JSON.
    pub content_type: Option<String>,
    /// All other attributes, by name.
    pub extensions: BTreeMap<String, String>,
    /// As its media type says; empty where there is none.
    pub data: Vec<u8>,
}

/// How a request carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Attributes are headers, the body is the data.
    Binary,
    /// The body is one event as JSON.
    Structured,
    /// The body is a list of them.
    Batched,
}

/// Why a request carries no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body is something else.
    #[error("the body is no {0} in JSON, of at most {MOST_ATTRIBUTES} attributes, each given once")]
    Body(&'static str),
    /// A batch is too long.
    #[error("a batch has at most {MOST_EVENTS} events")]
    Many,
    /// An attribute that every event has.
    #[error("the attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute that cannot be read.
    #[error("the attribute {name} {fault}")]
    Attribute {
        /// Its name.
        name: String,
        /// What is wrong with it, and what it should be.
        fault: &'static str,
    },
    /// Another specification.
    #[error("the attribute specversion must be 1.0")]
    Version,
}

impl Mode {
    /// From the media type of a request; none for a format or a character set that we do not read.
    #[must_use]
    pub fn of(content_type: Option<&str>) -> Option<Self> {
        let Some(text) = content_type else {
            return Some(Self::Binary);
        };
        let (essence, is_readable) = media_type(text);
        let mode = match essence.as_str() {
            "application/cloudevents+json" => Self::Structured,
            "application/cloudevents-batch+json" => Self::Batched,
            other if other.starts_with("application/cloudevents") => return None,
            _ => return Some(Self::Binary),
        };
        is_readable.then_some(mode)
    }
}

impl CloudEvent {
    /// Whether the data is JSON in a character set that JSON has; that is what it is where nothing is said.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.content_type.as_deref().is_none_or(is_json)
    }
}

fn is_json(content_type: &str) -> bool {
    let (essence, is_readable) = media_type(content_type);
    let is_json = matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json");
    is_json && is_readable
}

/// Type and subtype in lower case, and whether the character set is one that contains nothing but UTF-8.
fn media_type(text: &str) -> (String, bool) {
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    let is_readable = charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    (essence, is_readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_tells_the_mode() {
        let cases = [
            (None, Some(Mode::Binary)),
            (Some("application/json"), Some(Mode::Binary)),
            (Some("text/plain; charset=latin1"), Some(Mode::Binary)),
            (Some("application/cloudevents+json"), Some(Mode::Structured)),
            (
                Some("Application/CloudEvents+JSON; Charset=\"UTF-8\""),
                Some(Mode::Structured),
            ),
            (Some("application/cloudevents-batch+json"), Some(Mode::Batched)),
            (Some("application/cloudevents+json; charset=utf-16"), None),
            (Some("application/cloudevents+avro"), None),
            (Some("application/cloudevents-batch+protobuf"), None),
            (Some("application/cloudevents"), None),
        ];
        for (text, expected) in cases {
            assert_eq!(Mode::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn data_is_json_unless_it_says_otherwise() {
        let event = |content_type: Option<&str>| CloudEvent {
            content_type: content_type.map(Into::into),
            ..CloudEvent::default()
        };
        for json in [
            None,
            Some("application/json; charset=utf-8"),
            Some("application/a+json"),
        ] {
            assert!(event(json).is_json(), "{json:?}");
        }
        for other in ["text/plain", "application/xml", "application/json; charset=latin1", ""] {
            assert!(!event(Some(other)).is_json(), "{other}");
        }
    }
}
