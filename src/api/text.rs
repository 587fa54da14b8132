//! A string of a JSON text, borrowed where that has no escapes, and what Go reads in one.

use std::borrow::{Borrow, Cow};
use std::fmt::Write as _;

use serde::Deserialize;

/// A string, or the name of a member; serde borrows a bare `Cow` nowhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Two hexadecimals for each byte.
#[must_use]
pub fn hexadecimals(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Go's `strconv.ParseBool`; nothing for any other text.
#[must_use]
pub fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl Text<'_> {
    /// The text, empty when there is none.
    #[must_use]
    pub fn of<'t>(text: Option<&'t Text<'_>>) -> &'t str {
        text.map_or("", |text| &text.0)
    }
}
