//! The values that a rendering computes with. They keep apart what Go keeps apart (an `int` from an `int64`, a
//! `[]string` from a `[]interface {}`), because printing, comparing and passing arguments depend on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::semver::Version;
use super::time::Time;

/// Go strings are bytes; what leaves a rendering is made UTF-8 at the end.
pub(super) type Str = Arc<[u8]>;

/// Lists may be nested this deep, so that neither dropping nor printing one can exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// No value at all: a key that is not there, the result of a function that gave nil.
    Missing,
    /// An element that is there and nil.
    Nil,
    Bool(bool),
    Int(Signed, i64),
    Uint(Unsigned, u64),
    Float(f64),
    Str(Str),
    List(List),
    Map(Rc<Map>),
    Time(Rc<Time>),
    Version(Rc<Version>),
    /// The data of the template, a struct of strings.
    Data,
}

/// Go's signed integer types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Int,
    Int64,
    Duration,
    Month,
    Weekday,
}

/// Go's unsigned integer types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsigned {
    Uint8,
    Uint64,
}

/// What a list may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    Any,
    Str,
    Int,
    /// Lists of anything.
    Lists,
}

/// A slice; it never changes once made.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) of: Items,
    /// Go's nil slice, which JSON shows as null.
    pub(super) nil: bool,
    pub(super) depth: usize,
    pub(super) items: Rc<[Value]>,
}

/// A map; `set` changes it for everybody who holds it.
#[derive(Debug)]
pub(super) struct Map {
    /// Whether this is a `map[string]string` and not a `map[string]interface {}`.
    pub(super) of_strings: bool,
    entries: RefCell<BTreeMap<Str, Value>>,
}

impl Map {
    pub(super) fn new(of_strings: bool, entries: BTreeMap<Str, Value>) -> Self {
        Map {
            of_strings,
            entries: RefCell::new(entries),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(super) fn insert(&self, key: Str, value: Value) {
        self.entries.borrow_mut().insert(key, value);
    }

    pub(super) fn remove(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// The entries as they are now, sorted by key; a copy, so that a caller may change the map meanwhile.
    pub(super) fn entries(&self) -> Vec<(Str, Value)> {
        self.entries
            .borrow()
            .iter()
            .map(|(key, value)| (Arc::clone(key), value.clone()))
            .collect()
    }

    /// Empties the map, so that maps which contain one another are freed.
    pub(super) fn clear(&self) {
        self.entries.take();
    }
}

impl Value {
    /// A Go `int`.
    pub(super) fn int(value: i64) -> Self {
        Value::Int(Signed::Int, value)
    }

    /// A Go `int64`.
    pub(super) fn int64(value: i64) -> Self {
        Value::Int(Signed::Int64, value)
    }

    /// The length of something as a Go `int`.
    pub(super) fn length(length: usize) -> Self {
        Value::int(i64::try_from(length).unwrap_or(i64::MAX))
    }

    pub(super) fn str(text: impl AsRef<[u8]>) -> Self {
        Value::Str(text.as_ref().into())
    }

    /// Whether there is no value, of either kind.
    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Value::Missing | Value::Nil)
    }

    /// Go's truth: the zero value of every type is false, a struct always true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Missing | Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(_, value) => *value != 0,
            Value::Uint(_, value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Map(map) => map.len() > 0,
            Value::Time(_) | Value::Version(_) | Value::Data => true,
        }
    }

    /// The name of the value's Go type, as `%T` prints it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Missing | Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(Signed::Int, _) => "int",
            Value::Int(Signed::Int64, _) => "int64",
            Value::Int(Signed::Duration, _) => "time.Duration",
            Value::Int(Signed::Month, _) => "time.Month",
            Value::Int(Signed::Weekday, _) => "time.Weekday",
            Value::Uint(Unsigned::Uint8, _) => "uint8",
            Value::Uint(Unsigned::Uint64, _) => "uint64",
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::List(List { of: Items::Any, .. }) => "[]interface {}",
            Value::List(List { of: Items::Str, .. }) => "[]string",
            Value::List(List { of: Items::Int, .. }) => "[]int",
            Value::List(List { of: Items::Lists, .. }) => "[][]interface {}",
            Value::Map(map) if map.of_strings => "map[string]string",
            Value::Map(_) => "map[string]interface {}",
            Value::Time(_) => "time.Time",
            Value::Version(version) if version.detached => "semver.Version",
            Value::Version(_) => "*semver.Version",
            Value::Data => "dispatch.Data",
        }
    }

    /// The name of the value's Go kind.
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Value::Missing | Value::Nil => "invalid",
            Value::Int(Signed::Int | Signed::Month | Signed::Weekday, _) => "int",
            Value::Int(Signed::Int64 | Signed::Duration, _) => "int64",
            Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Time(_) | Value::Data => "struct",
            Value::Version(version) if version.detached => "struct",
            Value::Version(_) => "ptr",
            other => other.type_name(),
        }
    }

    /// What looking at every byte of the value is worth in steps; the parts of lists and maps are counted where they
    /// are visited.
    pub(super) fn weight(&self) -> usize {
        if let Value::Str(text) = self {
            text.len() / 256
        } else {
            0
        }
    }

    /// How deep lists are nested in this value; maps count nothing, since they are freed one by one.
    pub(super) fn depth(&self) -> usize {
        if let Value::List(list) = self { list.depth } else { 0 }
    }
}

/// How long the first character is; a byte that is no UTF-8 is one on its own.
pub(super) fn char_length(bytes: &[u8]) -> usize {
    let width = match bytes.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..) => 4,
        _ => 1,
    };
    let whole = bytes
        .get(..width)
        .is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
    if whole { width } else { 1 }
}

/// The text of Go bytes for functions that work on characters: each byte that is no UTF-8 becomes U+FFFD.
pub(super) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        out.push_str(part.valid());
        out.extend(part.invalid().iter().map(|_| '\u{fffd}'));
    }
    out.into()
}
