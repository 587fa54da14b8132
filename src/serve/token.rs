//! The bearer token that callers must send when one is configured.

use std::fmt;
use std::path::Path;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret, kept as its digest: digests have one length, and comparing them takes one time.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the token file {path}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing but white space: everybody would know it.
    #[error("the token is empty")]
    Empty,
}

impl Token {
    /// Takes the text as it stands in a file; white space around it does not count.
    ///
    /// # Errors
    /// When nothing is left.
    pub fn new(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "" => Err(Error::Empty),
            secret => Ok(Self(Sha256::digest(secret).into())),
        }
    }

    /// Reads the file once, at start.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub async fn load(path: &Path) -> Result<Self, Error> {
        let text = tokio::fs::read_to_string(path).await;
        Self::new(&text.map_err(|source| Error::Read {
            path: path.display().to_string(),
            source,
        })?)
    }

    /// Whether the request brings this token.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let sent = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()));
        sent.is_some_and(|sent| self.0.ct_eq(Sha256::digest(sent).as_slice()).into())
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Not even the digest is for logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(value: &str) -> bool {
        let token = Token::new(" secret\n").expect("the fixture is not empty");
        let value = value.parse().expect("the fixture is a header");
        token.is_in(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    #[test]
    fn takes_the_token_and_nothing_else() {
        for value in ["Bearer secret", "bearer secret", "BEARER  secret"] {
            assert!(taken(value), "{value}");
        }
        for value in [
            "Bearer secre",
            "Bearer secrets",
            "Bearer ",
            "Bearer",
            "secret",
            "Basic secret",
            "",
            "Bearersecret",
        ] {
            assert!(!taken(value), "{value}");
        }
        assert!(!Token::new("x").expect("not empty").is_in(&HeaderMap::new()));
    }

    #[test]
    fn refuses_an_empty_token() {
        assert!(matches!(Token::new(" \n"), Err(Error::Empty)));
    }

    #[tokio::test]
    async fn names_the_file_that_it_cannot_read() {
        let error = Token::load(Path::new("/nonexistent/token"))
            .await
            .expect_err("there is no such file");
        assert_eq!(error.to_string(), "cannot read the token file /nonexistent/token");
    }
}
