//! URLs that users let us fetch code from, as far as their text tells, and what comes from there.

/// What a URL gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Download {
    /// Path below the URL, where that is a prefix.
    pub path: Option<String>,
    /// As the server says it.
    pub content_type: Option<String>,
    /// The bytes.
    pub content: Vec<u8>,
}

/// How something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// From the storage of the account.
    S3,
    /// From anywhere, encrypted.
    Https,
    /// From anywhere.
    Http,
}

/// The parts of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// How it is fetched.
    pub scheme: Scheme,
    /// The bucket, or the host with what stands beside it.
    pub authority: &'a str,
    /// The key as it is, or the path without query, percent-encoded; neither begins with `/`.
    pub path: &'a str,
}

impl<'a> Location<'a> {
    /// The parts of `s3://BUCKET/KEY`, `https://HOST/PATH` and `http://HOST/PATH`.
    ///
    /// # Errors
    /// It is none of these; the text completes "the URL …".
    pub fn of(url: &'a str) -> Result<Self, &'static str> {
        if url.chars().any(char::is_control) {
            return Err("has control characters in it");
        }
        let (scheme, rest) = url.split_once("://").ok_or(NO_SCHEME)?;
        let scheme = match scheme {
            "s3" => Scheme::S3,
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(NO_SCHEME),
        };
        let rest = if scheme == Scheme::S3 {
            rest
        } else {
            without_query(rest)
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        match scheme {
            Scheme::S3 if !is_bucket(authority) => Err("names no bucket: say s3://BUCKET/KEY"),
            Scheme::S3 if !rest.contains('/') => {
                Err("names no object: say s3://BUCKET/KEY, or s3://BUCKET/ for everything")
            }
            Scheme::Https | Scheme::Http if host(authority).is_empty() => Err("names no host"),
            _ => Ok(Self {
                scheme,
                authority,
                path,
            }),
        }
    }

    /// Whether everything below it is meant.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.scheme == Scheme::S3 && (self.path.is_empty() || self.path.ends_with('/'))
    }
}

const NO_SCHEME: &str = "must begin with s3://, https:// or http://";

/// A URL without what may be secret in it: user, password and query, which has the signature of a presigned URL.
#[must_use]
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let bare = if scheme == "s3" { rest } else { without_query(rest) };
    let (authority, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let arrow = if scheme.is_empty() { "" } else { "://" };
    let query = if bare.len() < rest.len() { "?…" } else { "" };
    format!("{scheme}{arrow}{}{path}{query}", host(authority))
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn host(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

fn is_bucket(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    // `..` would leave the bucket.
    name.len() <= 255 && name.bytes().all(is_allowed) && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_parts() {
        for (url, scheme, authority, path, is_prefix) in [
            ("s3://a/b c?d#e", Scheme::S3, "a", "b c?d#e", false),
            ("s3://a.b-c_1/d/e/", Scheme::S3, "a.b-c_1", "d/e/", true),
            ("s3://a/", Scheme::S3, "a", "", true),
            (
                "https://u:p@a:1/b/c.js?d=/e#f",
                Scheme::Https,
                "u:p@a:1",
                "b/c.js",
                false,
            ),
            ("http://[::1]/a/", Scheme::Http, "[::1]", "a/", false),
            ("http://a", Scheme::Http, "a", "", false),
        ] {
            let location = Location::of(url).unwrap();
            assert_eq!(
                location,
                Location {
                    scheme,
                    authority,
                    path
                },
                "{url}"
            );
            assert_eq!(location.is_prefix(), is_prefix, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "a",
            "ftp://a/b",
            "file:///etc/passwd",
            "s3:///b",
            "s3://a",
            "s3://../b",
            "s3://a@b/c",
            "https://",
            "https:///a",
            "http://u@/a",
            "http://a/b\nc",
            "S3://a/b",
        ] {
            assert!(Location::of(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (url, expected) in [
            ("https://u:p@a:1/b?X-Amz-Signature=c", "https://a:1/b?…"),
            ("http://a/b#c", "http://a/b?…"),
            ("http://a", "http://a"),
            ("s3://a/b?c", "s3://a/b?c"),
            ("s3://key:secret@a/b", "s3://a/b"),
            ("u:p@a/b?c", "a/b?…"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
