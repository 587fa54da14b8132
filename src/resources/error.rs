//! Why a hook has no answer. No text here holds a value of the request.

use super::Fault;

/// Why a hook has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No JSON, or of another shape.
    #[error("the request cannot be read: {category} at line {line} column {column}")]
    Undecodable {
        /// What kind of fault it is.
        category: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A part of the request does not serve.
    #[error("the request has no {0}")]
    Missing(&'static str),
    /// A template cannot be rendered for this namespace.
    #[error("{0}")]
    Template(#[from] Fault),
}

/// The text of a serde error may quote what it found.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            serde_json::error::Category::Eof => "it ends early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
            serde_json::error::Category::Data => "a value of another type",
        };
        Self::Undecodable {
            category,
            line: error.line(),
            column: error.column(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_the_request_is_told() {
        for (text, told) in [
            (
                "\"hunter2\"",
                "the request cannot be read: a value of another type at line 1 column 9",
            ),
            (
                "{\"a\": hunter2",
                "the request cannot be read: it is no JSON at line 1 column 7",
            ),
            ("", "the request cannot be read: it ends early at line 1 column 0"),
        ] {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, u8>>(text).expect_err(text);
            assert_eq!(Error::from(error).to_string(), told);
        }
    }
}
