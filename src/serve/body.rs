//! Reading a request's body: never more than a limit, never longer than a deadline, and never more of all bodies
//! together than there is memory set aside for them.

use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::memory::{Held, Memory, cost};

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// Longer than the limit.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The client sent it too slowly.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// Others have the memory.
    #[error("too many bodies are being read at a time, try again")]
    Crowded,
    /// The connection broke.
    #[error("the body ended early")]
    Broken,
}

/// A whole body, and the memory that was counted for it.
#[derive(Debug)]
pub(super) struct Whole {
    bytes: Bytes,
    memory: Held,
}

impl Whole {
    /// The answer to this body, which goes; the answer is counted until it has been sent.
    pub(super) fn answered(self, response: Response) -> Response {
        let Self { bytes, mut memory } = self;
        drop(bytes);
        let length = response.body().size_hint().exact().unwrap_or(u64::MAX);
        memory.shrink(usize::try_from(length).unwrap_or(usize::MAX));
        with(response, memory)
    }
}

impl Whole {
    /// What has been read out of this body, which goes; it is counted as long as the body was.
    pub(super) fn read(self) -> Held {
        let Self { bytes, mut memory } = self;
        memory.shrink(bytes.len());
        memory
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body. Memory is counted for what has arrived and never for what is only announced: who sends nothing keeps
/// nobody waiting.
pub(super) async fn read(memory: &Memory, body: Body, limit: usize, patience: Duration) -> Result<Whole, Error> {
    let limit = limit.min(memory.largest_body());
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // A client that says so beforehand need not send it.
    if announced > limit {
        return Err(Error::TooLarge(limit));
    }
    let deadline = Instant::now() + patience;
    let (mut body, mut held, mut all) = (body, Held::default(), Vec::new());
    while let Some(frame) = timeout_at(deadline, body.frame()).await.map_err(|_| Error::TooSlow)? {
        let Ok(data) = frame.map_err(|_| Error::Broken)?.into_data() else {
            continue;
        };
        let length = all.len() + data.len();
        if length > limit {
            return Err(Error::TooLarge(limit));
        }
        let grown = timeout_at(deadline, held.grow(memory, cost(length)));
        grown.await.map_err(|_| Error::Crowded)?;
        if all.is_empty() && body.is_end_stream() {
            return Ok(Whole {
                bytes: data,
                memory: held,
            });
        }
        make_room(&mut all, data.len(), announced);
        all.extend_from_slice(&data);
    }
    let bytes = all.into();
    Ok(Whole { bytes, memory: held })
}

/// At most to the length that was announced, so that a large body is held once; at most twice what has come, so that
/// an announcement alone reserves nothing.
fn make_room(all: &mut Vec<u8>, more: usize, announced: usize) {
    if all.capacity() - all.len() < more {
        let twice = (all.len() + more) * 2;
        all.reserve_exact(more.max(announced.min(twice).saturating_sub(all.len())));
    }
}

/// The response with something that lives until its body has been sent, or given up.
pub(super) fn with<T: Send + Unpin + 'static>(response: Response, kept: T) -> Response {
    response.map(|body| Body::new(With { body, _kept: kept }))
}

struct With<T> {
    body: Body,
    _kept: T,
}

impl<T: Unpin> HttpBody for With<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Error {
    /// The status that HTTP has for it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
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
    use std::convert::Infallible;

    use axum::body::Body;
    use futures::{StreamExt, stream};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MIB: usize = 1 << 20;

    async fn text(body: Body, limit: usize, patience: Duration) -> Result<String, Error> {
        let whole = read(&Memory::default(), body, limit, patience).await?;
        Ok(String::from_utf8(whole.to_vec()).unwrap())
    }

    fn frames<const N: usize>(frames: [Result<&'static str, std::io::Error>; N]) -> Body {
        Body::from_stream(stream::iter(frames.map(|frame| frame.map(Bytes::from))))
    }

    /// Two mebibytes in halves; others have their turn before each.
    fn halves() -> Body {
        let halves = stream::iter([vec![0; MIB], vec![0; MIB]]).then(async |half| {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Bytes::from(half))
        });
        Body::from_stream(halves)
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

    #[tokio::test]
    async fn what_can_never_fit_is_refused_at_once() {
        let memory = Memory::new(8 * MIB);
        let most = memory.largest_body();
        let refused = read(&memory, Body::from(vec![0; most + 1]), 64 * MIB, SECOND).await;
        assert_eq!(refused.unwrap_err(), Error::TooLarge(most));
        let taken = read(&memory, Body::from(vec![0; most]), 64 * MIB, SECOND).await;
        assert_eq!(taken.unwrap().len(), most);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_wait_for_memory_and_small_ones_have_their_own() {
        let memory = Memory::new(8 * MIB);
        let large = || read(&memory, Body::from(vec![0; 2 * MIB]), 4 * MIB, SECOND);
        let first = large().await.unwrap();
        assert_eq!(large().await.unwrap_err(), Error::Crowded);
        read(&memory, Body::from("small"), 4 * MIB, SECOND).await.unwrap();
        drop(first);
        assert_eq!(large().await.unwrap().len(), 2 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_are_counted_too() {
        let memory = Memory::new(8 * MIB);
        let small = || read(&memory, Body::from(vec![0; 64 << 10]), 4 * MIB, SECOND);
        let mut held = Vec::new();
        let full = loop {
            match small().await {
                Ok(whole) => held.push(whole),
                Err(error) => break error,
            }
        };
        assert_eq!(
            (full, held.len()),
            (Error::Crowded, 6),
            "a mebibyte at two and a half times 64 KiB"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_announces_much_and_sends_nothing_keeps_nobody_waiting() {
        let memory = Memory::new(8 * MIB);
        let silent = async |_| {
            let body = Body::new(http_body_util::Limited::new(Announced(2 * MIB as u64), 4 * MIB));
            read(&memory, body, 4 * MIB, 30 * SECOND).await
        };
        let silent = futures::future::join_all((0..100).map(silent));
        let working = async {
            let whole = read(&memory, Body::from(vec![0; 2 * MIB]), 4 * MIB, SECOND).await;
            whole.unwrap().len()
        };
        let (silent, working) = tokio::join!(silent, working);
        assert_eq!(working, 2 * MIB);
        assert!(silent.into_iter().all(|silent| silent.unwrap_err() == Error::TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn two_that_grow_block_each_other_until_the_first_has_no_time_left() {
        let memory = Memory::new(8 * MIB);
        let (first, second) = tokio::join!(
            read(&memory, halves(), 4 * MIB, SECOND),
            read(&memory, halves(), 4 * MIB, 2 * SECOND)
        );
        assert_eq!(first.unwrap_err(), Error::Crowded);
        assert_eq!(second.unwrap().len(), 2 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_counted_until_it_is_sent() {
        let memory = Memory::new(8 * MIB);
        let large = || read(&memory, Body::from(vec![0; 2 * MIB]), 4 * MIB, SECOND);
        let answer = large()
            .await
            .unwrap()
            .answered(Body::from(vec![0; 3 * MIB]).into_response());
        assert_eq!(large().await.unwrap_err(), Error::Crowded);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 3 * MIB);
        large().await.unwrap();
    }

    /// A body of which only the length is known.
    struct Announced(u64);

    impl HttpBody for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }
}
