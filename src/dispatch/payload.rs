//! How large a payload may be: as text, and as the JSON that the API server stores.

use super::Limits;

/// Longest payload as the API server writes it into JSON, whatever the command line says: etcd takes 1.5 MiB in all.
pub const ESCAPED_BYTES: usize = 1024 * 1024;

/// No byte of text needs more than this many in JSON.
const LONGEST_ESCAPE: usize = 6;

/// Why a payload is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More text than the command line allows.
    #[error("must have at most {limit} bytes, and has {length}")]
    Text {
        /// Bytes of the text.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// More JSON than can be stored.
    #[error("must have at most {ESCAPED_BYTES} bytes when escaped as JSON, and has {length}")]
    Escaped {
        /// Bytes of the JSON.
        length: usize,
    },
}

impl Error {
    /// The bound that was passed.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self {
            Self::Text { limit, .. } => *limit,
            Self::Escaped { .. } => ESCAPED_BYTES,
        }
    }
}

/// Checks a payload against both bounds.
///
/// # Errors
/// Names the bound that is passed.
pub fn check(payload: &str, limits: Limits) -> Result<(), Error> {
    if payload.len() > limits.payload_bytes {
        return Err(Error::Text {
            length: payload.len(),
            limit: limits.payload_bytes,
        });
    }
    if payload.len() <= ESCAPED_BYTES / LONGEST_ESCAPE {
        return Ok(());
    }
    match escaped_length(payload) {
        length if length > ESCAPED_BYTES => Err(Error::Escaped { length }),
        _ => Ok(()),
    }
}

/// Whether a JSON string of `raw` bytes fits for certain, whatever it contains: text is never longer than its JSON.
#[must_use]
pub fn surely_fits(raw: usize, limits: Limits) -> bool {
    raw <= limits.payload_bytes && raw <= ESCAPED_BYTES / LONGEST_ESCAPE
}

/// Bytes of the text inside quotes as Go's `encoding/json` writes it, which is what the API server stores.
fn escaped_length(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            // Go escapes what HTML and JavaScript would misread.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{0}'..='\u{1f}' => 6,
            c => c.len_utf8(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_go_escapes() {
        let cases = [
            ("", 0),
            ("abc", 3),
            ("\"\\\n\r\t", 10),
            ("<>&", 18),
            ("\u{1}\u{1f}", 12),
            ("ä€", 5),
            ("\u{2028}", 6),
            ("\u{7f}", 1),
        ];
        for (text, length) in cases {
            assert_eq!(escaped_length(text), length, "{text:?}");
        }
    }

    #[test]
    fn takes_the_limit_and_not_a_byte_more() {
        let limits = Limits { payload_bytes: 4 };
        assert_eq!(check("1234", limits), Ok(()));
        assert_eq!(check("12345", limits), Err(Error::Text { length: 5, limit: 4 }));
        assert_eq!(check("äää", limits).map_err(|error| error.limit()), Err(4));
    }

    #[test]
    fn has_a_hard_limit_as_json() {
        let limits = Limits {
            payload_bytes: usize::MAX,
        };
        let just = "<".repeat(ESCAPED_BYTES / 6);
        assert_eq!(check(&just, limits), Ok(()));
        let over = format!("{just}<");
        assert_eq!(check(&over, limits), Err(Error::Escaped { length: 6 * over.len() }));
        assert_eq!(check(&"a".repeat(ESCAPED_BYTES), limits), Ok(()));
        assert_eq!(
            check(&"a".repeat(ESCAPED_BYTES + 1), limits).map_err(|error| error.limit()),
            Err(ESCAPED_BYTES)
        );
    }

    #[test]
    fn what_surely_fits_fits() {
        let limits = Limits::default();
        let raw = ESCAPED_BYTES / 6;
        assert!(surely_fits(raw, limits));
        assert_eq!(check(&"\u{1}".repeat(raw), limits), Ok(()));
        assert!(!surely_fits(raw + 1, limits));
        assert!(!surely_fits(5, Limits { payload_bytes: 4 }));
    }
}
