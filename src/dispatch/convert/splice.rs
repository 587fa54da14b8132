//! Edits to a text, and the edited text as something that can be measured and written without being built.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A stretch of the source and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    at: Range<usize>,
    text: Cow<'a, str>,
}

impl<'a> Edit<'a> {
    /// Another text for a part of the source, which has to be a slice of it.
    pub(super) fn replace(source: &str, part: &str, text: impl Into<Cow<'a, str>>) -> Self {
        let start = offset(source, part);
        Self {
            at: start..start + part.len(),
            text: text.into(),
        }
    }

    /// A text in front of the part of the source that begins here.
    pub(super) fn insert(source: &str, before: &str, text: impl Into<Cow<'a, str>>) -> Self {
        let start = offset(source, before);
        Self {
            at: start..start,
            text: text.into(),
        }
    }
}

/// Where a slice begins in the text that it was taken from.
pub(super) fn offset(source: &str, part: &str) -> usize {
    let start = (part.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
    debug_assert!(start <= source.len(), "not a part of this text");
    start
}

/// An object in another version: its source, with edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted<'a> {
    source: &'a str,
    edits: Vec<Edit<'a>>,
}

impl<'a> Converted<'a> {
    pub(super) fn new(source: &'a str, mut edits: Vec<Edit<'a>>) -> Self {
        edits.sort_by_key(|edit| edit.at.start);
        Self { source, edits }
    }

    /// The text, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        let mut done = 0;
        let pieces = self.edits.iter().flat_map(move |edit| {
            let untouched = &self.source[done..edit.at.start];
            done = edit.at.end;
            [untouched, edit.text.as_ref()]
        });
        let rest = self.edits.last().map_or(0, |edit| edit.at.end);
        pieces.chain([&self.source[rest..]])
    }
}

impl fmt::Display for Converted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| formatter.write_str(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_the_order_of_the_text() {
        let source = "one two three";
        let (one, three) = (&source[..3], &source[8..]);
        let edits = vec![Edit::insert(source, three, "and "), Edit::replace(source, one, "eins")];
        let converted = Converted::new(source, edits);
        let text = converted.to_string();
        assert_eq!(text, "eins two and three");
    }
}
