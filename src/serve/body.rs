//! Reading a request's body: never more than a limit, never longer than a deadline.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// Longer than the limit.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The client sent it too slowly.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke.
    #[error("the body ended early")]
    Broken,
}

/// The whole body.
pub(super) async fn read(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Error> {
    // A client that says so beforehand need not send it.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced > limit) {
        return Err(Error::TooLarge(limit));
    }
    match timeout(patience, whole(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::TooLarge(limit)),
        Ok(Err(_)) => Err(Error::Broken),
        Err(_) => Err(Error::TooSlow),
    }
}

/// Frame by frame into one piece of memory of the length that the client announced, so that a large body is held once.
async fn whole(body: Body, limit: usize) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
    let mut body = Limited::new(body, limit);
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if all.is_empty() && data.len() >= announced && body.is_end_stream() {
            return Ok(data);
        }
        if all.is_empty() {
            all.reserve_exact(announced);
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

impl Error {
    /// The status that HTTP has for it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_at_the_limit_is_read() {
        assert_eq!(
            read(Body::from("12345"), 5, Duration::from_secs(1)).await.unwrap(),
            "12345"
        );
    }

    #[tokio::test]
    async fn frames_are_put_together() {
        let frames = ["12", "", "345"].map(|text| Ok::<_, std::io::Error>(Bytes::from(text)));
        let body = Body::from_stream(stream::iter(frames));
        assert_eq!(read(body, 5, Duration::from_secs(1)).await.unwrap(), "12345");
    }

    #[tokio::test]
    async fn a_longer_one_is_not() {
        let read = read(Body::from("123456"), 5, Duration::from_secs(1)).await;
        assert_eq!(read, Err(Error::TooLarge(5)));
    }

    #[tokio::test]
    async fn one_that_never_comes_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(body, 5, Duration::from_millis(1)).await, Err(Error::TooSlow));
    }

    #[tokio::test]
    async fn a_broken_connection_is_told_apart() {
        let body = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
        assert_eq!(read(body, 5, Duration::from_secs(1)).await, Err(Error::Broken));
    }
}
