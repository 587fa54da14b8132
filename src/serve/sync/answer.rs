//! What a hook's caller is told: the answer with its ETag, that it has not changed, or why there is none.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::api::hook::HookRequest;
use crate::resources::{Error, Fault};
use crate::serve::body;

/// What metacontroller waits when it is sent away.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What is logged of an answer.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) namespace: String,
    pub(super) wanted: usize,
    pub(super) is_ready: bool,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Written {
    json: Vec<u8>,
    etag: String,
    is_known: bool,
    pub(super) found: Found,
}

impl Written {
    pub(super) fn new(route: &'static str, json: Vec<u8>, found: Found) -> Self {
        let digest = Sha256::new().chain_update(route).chain_update(&json).finalize();
        let mut etag = String::from("\"");
        for byte in &digest[..16] {
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        Self {
            json,
            etag,
            is_known: false,
            found,
        }
    }

    /// Leaves the answer out where the caller has it.
    pub(super) fn unless_known(mut self, known: Option<&HeaderValue>) -> Self {
        let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
        let mut tags = known.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        self.is_known = tags.any(|tag| tag == self.etag);
        self
    }

    pub(super) fn decision(&self) -> &'static str {
        if self.is_known { "unchanged" } else { "answered" }
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let etag = [(header::ETAG, self.etag)];
        if self.is_known {
            return (StatusCode::NOT_MODIFIED, etag).into_response();
        }
        (etag, [(header::CONTENT_TYPE, "application/json")], self.json).into_response()
    }
}

/// Why there is no answer; the text goes to the caller, and metacontroller keeps what is there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no folder of templates: pass --templates-folder")]
    Off,
    #[error("too many requests at a time, try again")]
    Busy,
    #[error("there are no templates: {}", listed(.0))]
    NoSet(Arc<Vec<Fault>>),
    #[error("{0}")]
    Body(#[from] body::Error),
    #[error("{0}")]
    Undecodable(Error),
    #[error("namespace {namespace:?}: {error}")]
    Undecided { namespace: String, error: Error },
}

impl Refusal {
    /// The error of one namespace.
    pub(super) fn of(request: &HookRequest<'_>, error: Error) -> Self {
        Self::Undecided {
            namespace: namespace(request),
            error,
        }
    }

    /// One word for programs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Off | Self::NoSet(_) => "NoTemplates",
            Self::Busy | Self::Body(body::Error::Crowded) => "TooManyRequests",
            Self::Body(body::Error::TooLarge(_)) => "RequestTooLarge",
            Self::Body(_) => "RequestIncomplete",
            Self::Undecodable(_) => "InvalidRequest",
            Self::Undecided { error, .. } => match error {
                Error::Template(_) => "RenderError",
                Error::Undecodable { .. } | Error::Missing(_) => "InvalidRequest",
            },
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Off | Self::NoSet(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Busy | Self::Body(body::Error::Crowded) => StatusCode::TOO_MANY_REQUESTS,
            Self::Body(error) => error.status(),
            // Whoever sent it, we have no answer, and the caller has to keep what is there.
            Self::Undecodable(_) | Self::Undecided { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn faults(&self) -> &[Fault] {
        match self {
            Self::NoSet(faults) => faults,
            Self::Undecided {
                error: Error::Template(fault),
                ..
            } => std::slice::from_ref(fault),
            _ => &[],
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let again = self.status() == StatusCode::TOO_MANY_REQUESTS || matches!(self, Self::NoSet(_));
        again.then_some((header::RETRY_AFTER, RETRY_AFTER))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.to_string(), "reason": self.reason()});
        let faults = self.faults().iter();
        let faults: Vec<_> = faults
            .map(|fault| json!({"file": fault.file, "line": fault.line, "reason": fault.reason}))
            .collect();
        if !faults.is_empty() {
            body["faults"] = faults.into();
        }
        let content_type = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status(), content_type, format!("{body}\n")).into_response();
        response.headers_mut().extend(self.header());
        response
    }
}

/// The name of the parent, for logs and errors.
pub(super) fn namespace(request: &HookRequest<'_>) -> String {
    let parent = request.object.as_ref().or(request.parent.as_ref());
    parent.map_or_else(String::new, |parent| parent.metadata.name.clone().into_owned())
}

fn listed(faults: &[Fault]) -> String {
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(route: &'static str, json: &str) -> Written {
        Written::new(route, json.into(), Found::default())
    }

    #[test]
    fn a_tag_stands_for_hook_and_bytes() {
        let tag = written("/sync", "{}").etag;
        assert_eq!((tag.len(), &tag[..1]), (34, "\""));
        assert_eq!(tag, written("/sync", "{}").etag);
        assert_ne!(tag, written("/finalize", "{}").etag);
        assert_ne!(tag, written("/sync", "{ }").etag);
    }

    #[test]
    fn what_the_caller_has_is_left_out() {
        let tag = written("/sync", "{}").etag;
        for (known, is_known) in [
            (tag.clone(), true),
            (format!("\"other\", {tag}"), true),
            (format!("W/{tag}"), true),
            ("*".to_owned(), false),
            (tag.trim_matches('"').to_owned(), false),
            ("\"other\"".to_owned(), false),
            (String::new(), false),
        ] {
            let value = HeaderValue::try_from(&known).expect("a value");
            assert_eq!(
                written("/sync", "{}").unless_known(Some(&value)).is_known,
                is_known,
                "{known}"
            );
        }
        assert!(!written("/sync", "{}").unless_known(None).is_known);
    }
}
