//! What senders of events are told, by Knative's data-plane contract: 200 with an event, 202 without, 400 and the like
//! for what will never do, 409, 429 and 503 for what may do later.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::cloud_event::{self, CloudEvent};
use crate::clients::cluster::Failure;
use crate::gateway::event;
use crate::serve::body;

/// What to wait when nobody says for how long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What to wait where clients have to end first.
const RETRY_CROWDED: Duration = Duration::from_secs(10);

const REQUEST_ORIGIN: &str = "webhook-request-origin";
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// What an event came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// The event that answers it.
    Reply(Box<CloudEvent>),
    /// Nothing to say; in one word, why not.
    Accepted(&'static str),
    /// May events come? They may, from where this says.
    Handshake(Option<HeaderValue>),
}

impl Answer {
    pub(super) fn handshake(headers: &HeaderMap) -> Self {
        Self::Handshake(headers.get(REQUEST_ORIGIN).cloned())
    }

    /// One word for programs.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Reply(event) if event.type_ == crate::api::names::cloud_event::DONE => "Scheduled",
            Self::Reply(_) => "Failed",
            Self::Accepted(word) => word,
            Self::Handshake(_) => "Handshake",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Accepted(_) => StatusCode::ACCEPTED,
            Self::Reply(_) | Self::Handshake(_) => StatusCode::OK,
        }
    }
}

/// Why an event has not been taken; the text goes to its sender.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("events are not taken here: put events among --components")]
    Off,
    #[error("only POST delivers events")]
    Method,
    #[error("a bearer token is needed")]
    Token,
    #[error("{0}")]
    Body(#[from] body::Error),
    #[error(
        "the media type must be application/cloudevents+json or application/cloudevents-batch+json, in UTF-8, or that of the data of an event whose attributes are headers"
    )]
    Format,
    #[error("the header content-type must be given once")]
    Formats,
    #[error("the body may not have a content encoding")]
    Encoding,
    #[error("this is no event: {0}")]
    Event(#[from] cloud_event::Error),
    #[error("the event cannot be followed: {0}")]
    Data(#[from] event::Error),
    #[error("the event at index {0} of the batch cannot be followed: {1}")]
    Member(usize, event::Error),
    #[error("a batch is not answered, and there is no --sink for its answers: send each event by itself")]
    NoSink,
    #[error("the client has no pod yet: send the event again")]
    Unfinished,
    #[error("namespace {0} has as many unfinished clients as it may: send the event again later")]
    Crowded(String),
    #[error("gateways and clients are not known yet: send the event again")]
    Unfilled,
    #[error("the API server does not take the client now: send the event again")]
    Unavailable(Option<Duration>),
    #[error("not all of the batch is stored: send it again")]
    Partly,
    #[error("the API server refuses: {0}")]
    Refused(String),
}

impl Refusal {
    /// What a failed call means to the sender.
    pub(super) fn of(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable { retry_after, .. } => Self::Unavailable(retry_after),
            Failure::Conflict(_) | Failure::AlreadyExists(_) => Self::Unfinished,
            failure => Self::Refused(failure.to_string()),
        }
    }

    /// Whether the next event will fare no better.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Refused(_) | Self::Unfilled)
    }

    /// One word for programs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Off | Self::Unfilled | Self::Unavailable(_) | Self::Body(body::Error::Crowded) => "Unavailable",
            Self::Method => "MethodNotAllowed",
            Self::Token => "Unauthorized",
            Self::Body(body::Error::TooLarge(_)) | Self::Event(cloud_event::Error::Many) => "TooLarge",
            Self::Body(_) => "Incomplete",
            Self::Format | Self::Encoding | Self::Data(event::Error::Encoding) => "UnsupportedMediaType",
            Self::Event(_) | Self::Formats => "NoEvent",
            Self::Data(_) | Self::Member(..) => "BadData",
            Self::NoSink => "NoSink",
            Self::Unfinished => "Unfinished",
            Self::Crowded(_) => "TooManyClients",
            Self::Partly => "PartlyStored",
            Self::Refused(_) => "Refused",
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Body(error) => error.status(),
            Self::Event(cloud_event::Error::Many) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Format | Self::Encoding | Self::Data(event::Error::Encoding) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Formats | Self::Event(_) | Self::Data(_) | Self::Member(..) | Self::NoSink => StatusCode::BAD_REQUEST,
            Self::Unfinished => StatusCode::CONFLICT,
            // Who is asked to wait is one of many.
            Self::Crowded(_) | Self::Unavailable(Some(_)) => StatusCode::TOO_MANY_REQUESTS,
            // Rights may be granted: until then the event must not be lost.
            Self::Off | Self::Unfilled | Self::Unavailable(None) | Self::Partly | Self::Refused(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The header that HTTP asks for beside the status.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let retry_after = match self {
            Self::Method => return Some((header::ALLOW, HeaderValue::from_static("POST, OPTIONS"))),
            Self::Token => return Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Encoding => return Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            Self::Crowded(_) | Self::Refused(_) => RETRY_CROWDED,
            Self::Unavailable(retry_after) => retry_after.unwrap_or(RETRY_AFTER),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => RETRY_AFTER,
            _ => return None,
        };
        Some((header::RETRY_AFTER, retry_after.as_secs().max(1).into()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        response.headers_mut().extend(self.header());
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = self.status();
        match self {
            Self::Accepted(_) => status.into_response(),
            Self::Handshake(origin) => allowed(origin),
            Self::Reply(event) => {
                let mut response = (status, event.data.clone()).into_response();
                for (name, value) in event.headers() {
                    let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
                    if let Some((name, value)) = header {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
        }
    }
}

/// Events may come, as many as there are: places among connections and clients bound them.
fn allowed(origin: Option<HeaderValue>) -> Response {
    let mut response = (StatusCode::OK, [(header::ALLOW, "POST, OPTIONS")]).into_response();
    let every = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(ALLOWED_ORIGIN, origin.unwrap_or_else(|| every.clone()));
    headers.insert(ALLOWED_RATE, every);
    response
}
