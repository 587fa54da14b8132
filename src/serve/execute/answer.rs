//! What callers of the execute endpoint are told: 201 with the execution's name, or why there is none.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::names::DISPATCH_GROUP;
use crate::clients::cluster::Failure;
use crate::dispatch::compiled;
use crate::serve::body;

/// The execution that the API server has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Created {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// Why there is no execution; the text goes to the caller.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("only PUT and POST execute a JobTemplate")]
    Method,
    #[error("a bearer token is needed")]
    Token,
    #[error("the path must be /execute/NAME or /execute/NAMESPACE/NAME")]
    Path,
    #[error("there is no JobTemplate {name} in namespace {namespace}")]
    Unknown { namespace: String, name: String },
    #[error("{0}")]
    Body(#[from] body::Error),
    #[error("the payload {0}")]
    TooLong(#[from] crate::dispatch::payload::Error),
    #[error("the payload must be UTF-8, and is not from byte {0} on")]
    NotText(usize),
    #[error("the JobTemplate cannot be rendered with this payload: {0}")]
    Unrenderable(#[from] compiled::Error),
    #[error("the API server refuses the execution: {0}")]
    Refused(String),
    #[error("the JobTemplates are not known yet, try again")]
    Unfilled,
    #[error("the API server does not take the execution now, try again: {message}")]
    Unavailable {
        message: String,
        retry_after: Option<Duration>,
    },
}

/// What to wait when nobody says for how long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Refusal {
    /// What an answer of the API server means to the caller.
    pub(super) fn of(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable {
                message, retry_after, ..
            } => Self::Unavailable { message, retry_after },
            failure => Self::Refused(failure.to_string()),
        }
    }

    /// One word for programs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Method => "MethodNotAllowed",
            Self::Token => "Unauthorized",
            Self::Path => "BadPath",
            Self::Unknown { .. } => "NotFound",
            Self::Body(body::Error::TooLarge(_)) | Self::TooLong(_) => "PayloadTooLarge",
            Self::Body(body::Error::Crowded) | Self::Unfilled | Self::Unavailable { .. } => "Unavailable",
            Self::Body(_) => "PayloadIncomplete",
            Self::NotText(_) => "PayloadNotText",
            Self::Unrenderable(_) => "RenderError",
            Self::Refused(_) => "Refused",
        }
    }

    /// The field that cannot be rendered. The rest of the text is the caller's: a template or the API server may have
    /// quoted the payload in it.
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Unrenderable(error) => Some(&error.field),
            _ => None,
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Path | Self::Refused(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::Body(error) => error.status(),
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotText(_) => StatusCode::BAD_REQUEST,
            Self::Unrenderable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unfilled | Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The header that HTTP asks for beside the status.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let retry_after = match self {
            Self::Method => return Some((header::ALLOW, HeaderValue::from_static("PUT, POST"))),
            Self::Token => return Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Unfilled | Self::Body(body::Error::Crowded) => RETRY_AFTER,
            Self::Unavailable { retry_after, .. } => retry_after.unwrap_or(RETRY_AFTER),
            _ => return None,
        };
        Some((header::RETRY_AFTER, retry_after.as_secs().max(1).into()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.to_string(), "reason": self.reason()});
        let mut response = written(self.status(), &body);
        response.headers_mut().extend(self.header());
        response
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let Self { namespace, name, uid } = self;
        let location = format!("/apis/{DISPATCH_GROUP}/v1beta1/namespaces/{namespace}/jobexecutions/{name}");
        let body = json!({"namespace": namespace, "name": name, "uid": uid});
        let mut response = written(StatusCode::CREATED, &body);
        let location = HeaderValue::try_from(location).ok();
        response
            .headers_mut()
            .extend(location.map(|location| (header::LOCATION, location)));
        response
    }
}

/// One line of JSON: a terminal's prompt then stands on the next.
fn written(status: StatusCode, body: &serde_json::Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}
