//! Reading a request's body: never more than a limit, never longer than a deadline.

use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};
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

/// Memory for all large bodies together, in KiB; more of them wait for their turn.
static LARGE_BODIES: Semaphore = Semaphore::const_new(512 << 10);
/// Up to this many bytes a body is not worth counting: there are only so many connections.
const SMALL: usize = 64 << 10;

/// A whole body, and the memory that it was given until it is dropped.
#[derive(Debug)]
pub(super) struct Whole {
    bytes: Bytes,
    _memory: Option<SemaphorePermit<'static>>,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body.
pub(super) async fn read(body: Body, limit: usize, patience: Duration) -> Result<Whole, Error> {
    read_within(&LARGE_BODIES, body, limit, patience).await
}

async fn read_within(memory: &'static Semaphore, body: Body, limit: usize, patience: Duration) -> Result<Whole, Error> {
    // A client that says so beforehand need not send it.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced > limit) {
        return Err(Error::TooLarge(limit));
    }
    let reading = async {
        let most = body
            .size_hint()
            .upper()
            .map_or(limit, |most| usize::try_from(most).unwrap_or(limit));
        let memory = match u32::try_from(most.min(limit) >> 10) {
            Ok(kib) if most > SMALL => Some(memory.acquire_many(kib).await?),
            _ => None,
        };
        let bytes = whole(body, limit).await?;
        Ok::<_, Fault>(Whole { bytes, _memory: memory })
    };
    match timeout(patience, reading).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::TooLarge(limit)),
        Ok(Err(_)) => Err(Error::Broken),
        Err(_) => Err(Error::TooSlow),
    }
}

/// Whatever stopped the reading.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Frame by frame into one piece of memory of the length that the client announced, so that a large body is held once.
async fn whole(body: Body, limit: usize) -> Result<Bytes, Fault> {
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

    const SECOND: Duration = Duration::from_secs(1);

    async fn text(body: Body, limit: usize, patience: Duration) -> Result<String, Error> {
        let whole = read(body, limit, patience).await?;
        Ok(String::from_utf8(whole.to_vec()).unwrap())
    }

    fn frames<const N: usize>(frames: [Result<&'static str, std::io::Error>; N]) -> Body {
        Body::from_stream(stream::iter(frames.map(|frame| frame.map(Bytes::from))))
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read() {
        assert_eq!(text(Body::from("12345"), 5, SECOND).await.unwrap(), "12345");
    }

    #[tokio::test]
    async fn frames_are_put_together() {
        let body = frames([Ok("12"), Ok(""), Ok("345")]);
        assert_eq!(text(body, 5, SECOND).await.unwrap(), "12345");
    }

    #[tokio::test]
    async fn a_longer_one_is_not() {
        assert_eq!(text(Body::from("123456"), 5, SECOND).await, Err(Error::TooLarge(5)));
        let unannounced = frames([Ok("123"), Ok("456")]);
        assert_eq!(text(unannounced, 5, SECOND).await, Err(Error::TooLarge(5)));
    }

    #[tokio::test]
    async fn one_that_never_comes_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(text(body, 5, Duration::from_millis(1)).await, Err(Error::TooSlow));
    }

    #[tokio::test]
    async fn a_broken_connection_is_told_apart() {
        let body = frames([Err(std::io::Error::other("reset"))]);
        assert_eq!(text(body, 5, SECOND).await, Err(Error::Broken));
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_memory_and_small_ones_do_not() {
        static MEMORY: Semaphore = Semaphore::const_new(100);
        let large = || read_within(&MEMORY, Body::from(vec![0; 100 << 10]), 1 << 20, SECOND);
        let first = large().await.unwrap();
        assert_eq!(large().await.unwrap_err(), Error::TooSlow);
        read_within(&MEMORY, Body::from("small"), 1 << 20, SECOND)
            .await
            .unwrap();
        drop(first);
        assert_eq!(large().await.unwrap().len(), 100 << 10);
    }
}
