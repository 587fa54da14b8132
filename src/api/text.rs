//! A string of a JSON text, borrowed where that has no escapes.

use std::borrow::{Borrow, Cow};

use serde::Deserialize;

/// A string, or the name of a member; serde borrows a bare `Cow` nowhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Text<'_> {
    /// The text, empty when there is none.
    #[must_use]
    pub fn of<'t>(text: Option<&'t Text<'_>>) -> &'t str {
        text.map_or("", |text| &text.0)
    }
}
