//! What can be wrong with a template: faults are found by reading it, errors by rendering it.

use std::borrow::Cow;

/// Something wrong with the source of a template, known before it is rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Fault {
    /// The line of the source, counted from 1.
    pub line: usize,
    /// What is wrong, in Go's words where Go finds it too.
    pub message: String,
}

impl Fault {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Fault {
            line,
            message: message.into(),
        }
    }
}

/// Why a template could not be rendered with this input.
///
/// A rendering fails where Go's fails, and besides when a limit is reached. The text has Go's words for what the
/// engine itself refuses (types, fields, numbers of arguments), without Go's prefix of template name and position.
/// A failing function is named with its reason; reasons are Go's where they do not quote a value, because values may
/// come from the payload and payloads are never logged. What `fail` says is kept to the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A function refused its arguments.
    #[error("{name}: {reason}")]
    Function {
        /// The function's name.
        name: &'static str,
        /// What it could not do.
        reason: Cow<'static, str>,
    },
    /// The template asks for what the values do not have.
    #[error("{0}")]
    Value(String),
    /// The rendering would take more than it may.
    #[error("the template takes too much: {0}")]
    Limit(&'static str),
}

/// Why a function gives no value; the engine adds which function it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Reason(Cow<'static, str>),
    Limit(&'static str),
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Failure::Reason(reason.into())
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::Reason(reason.into())
    }
}

impl Failure {
    /// The error of a rendering in which the function `name` failed.
    pub(super) fn of(self, name: &'static str) -> Error {
        match self {
            Failure::Reason(reason) => Error::Function { name, reason },
            Failure::Limit(what) => Error::Limit(what),
        }
    }
}
