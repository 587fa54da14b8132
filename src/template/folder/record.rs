//! What is printed while a template is rendered. Neither engine hands its printer anything of ours, so the record of
//! the rendering that is going on stands in the thread.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::reference::Reference;
use super::related::Related;

thread_local! {
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

/// The first of the characters that have no meaning to anybody, in YAML either.
const FIRST: char = '\u{E000}';

/// One printed value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Print {
    pub(super) text: String,
    /// What it stands for where nothing else stands beside it.
    pub(super) typed: Option<Value>,
}

/// Everything that one rendering printed.
#[derive(Debug)]
pub(super) struct Record {
    /// Stands on both sides of a placeholder's number, and nowhere else.
    pub(super) mark: char,
    pub(super) prints: Vec<Print>,
    /// Nothing is rendered for anybody: what is missing is made up.
    pub(super) probing: bool,
    /// What was wrong, where an engine's own error says less or more.
    pub(super) fault: Option<String>,
    related: Arc<Related>,
}

impl Record {
    pub(super) fn new(mark: char, probing: bool, related: Arc<Related>) -> Self {
        Self {
            mark,
            prints: Vec::new(),
            probing,
            fault: None,
            related,
        }
    }

    /// Runs an engine; what it prints goes into this record.
    pub(super) fn during<T>(self, run: impl FnOnce() -> T) -> (T, Self) {
        let outer = RECORD.replace(Some(self));
        let result = run();
        let record = RECORD.replace(outer);
        (
            result,
            record.unwrap_or_else(|| Self::new(FIRST, false, Arc::default())),
        )
    }
}

/// Takes a value and gives the placeholder that is printed in its stead.
pub(super) fn print(text: &str, typed: Option<Value>) -> String {
    with(|record| {
        let number = record.prints.len();
        let text = if record.probing { "probe" } else { text };
        record.prints.push(Print {
            text: text.to_owned(),
            typed,
        });
        format!("{0}{number}{0}", record.mark)
    })
    .unwrap_or_default()
}

/// Whether nothing is rendered for anybody.
pub(super) fn probing() -> bool {
    with(|record| record.probing).unwrap_or_default()
}

/// Notes what is wrong, and gives the text back for the engine's own error.
pub(super) fn fail(reason: String) -> String {
    with(|record| record.fault = Some(reason.clone()));
    reason
}

/// An object that the template refers to.
pub(super) fn related(kind: &str, key: &str) -> Result<Value, String> {
    let reference = Reference::parse(kind, key).map_err(fail)?;
    let found = with(|record| match record.related.get(&reference) {
        None if record.probing => Some(Value::Object(serde_json::Map::new())),
        found => found.cloned(),
    });
    found
        .flatten()
        .ok_or_else(|| fail(format!("{reference} is not among the related objects")))
}

fn with<T>(run: impl FnOnce(&mut Record) -> T) -> Option<T> {
    RECORD.with_borrow_mut(|record| record.as_mut().map(run))
}

/// Whether a character is used as a mark.
pub(super) fn is_mark(letter: char) -> bool {
    matches!(letter, FIRST..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}')
}

/// A mark that is in none of the texts.
pub(super) fn mark<'t>(texts: impl Iterator<Item = &'t str>) -> char {
    let mut taken = BTreeSet::new();
    // All marks begin with a byte that no text in use has: looking for it is faster than decoding.
    for text in texts.filter(|text| text.bytes().any(|byte| byte >= 0xEE)) {
        taken.extend(text.chars().filter(|letter| *letter >= FIRST));
    }
    let mut marks = (FIRST..='\u{F8FF}').chain('\u{F0000}'..='\u{FFFFD}');
    marks.find(|mark| !taken.contains(mark)).unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new(FIRST, false, Arc::default())
    }

    #[test]
    fn prints_are_numbered_in_their_order() {
        let ((one, two), record) = record().during(|| (print("a", None), print("b", Some(1.into()))));
        assert_eq!((&*one, &*two), ("\u{E000}0\u{E000}", "\u{E000}1\u{E000}"));
        let texts: Vec<_> = record.prints.iter().map(|print| &*print.text).collect();
        assert_eq!(texts, ["a", "b"]);
    }

    #[test]
    fn a_record_ends_with_its_rendering() {
        let ((), outer) = record().during(|| {
            let ((), inner) = record().during(|| drop(print("inner", None)));
            assert_eq!(inner.prints.len(), 1);
            print("outer", None);
        });
        assert_eq!(outer.prints[0].text, "outer");
        assert_eq!(print("nobody", None), "");
    }

    #[test]
    fn the_mark_is_in_none_of_the_texts() {
        assert_eq!(mark(["a", "é", "日本"].into_iter()), FIRST);
        assert_eq!(mark(["\u{E000}", "x\u{E001}y"].into_iter()), '\u{E002}');
        let all: String = (FIRST..='\u{F8FF}').collect();
        assert_eq!(mark([&*all].into_iter()), '\u{F0000}');
    }
}
