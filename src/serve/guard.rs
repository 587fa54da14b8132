//! A connection that is cut when its client keeps it without using it: a head that does not end, or nothing at all.
//! Time spent in our own handlers does not count; they have deadlines of their own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may keep a connection without using it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a TLS handshake, and from the first byte of an HTTP/1 request's head to its last.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// What the handlers of one connection are doing.
#[derive(Debug, Default)]
pub(super) struct Activity {
    in_flight: AtomicUsize,
    begun: AtomicUsize,
}

/// One request in its handler; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reads and writes fail with `TimedOut` once its client has used up our patience.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    activity: Arc<Activity>,
    patience: Patience,
    times_heads: bool,
    /// Rings at the earliest possible deadline and is then set to the real one, so that a busy connection never
    /// touches a timer.
    alarm: Pin<Box<Sleep>>,
    last_bytes: Instant,
    /// When a head began, and how many requests had begun before it.
    head: Option<(Instant, usize)>,
}

impl<S> Guarded<S> {
    pub(super) fn for_http1(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        Self::new(stream, activity, patience, true)
    }

    /// Between two requests HTTP/2 sends frames of its own: bytes without a request are no head that drips.
    pub(super) fn for_http2(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        Self::new(stream, activity, patience, false)
    }

    fn new(stream: S, activity: Arc<Activity>, patience: Patience, times_heads: bool) -> Self {
        let alarm = Box::pin(sleep(patience.idle));
        Self {
            stream,
            activity,
            patience,
            times_heads,
            alarm,
            last_bytes: Instant::now(),
            head: None,
        }
    }

    fn bytes_came(&mut self) {
        self.last_bytes = Instant::now();
        let begun = self.activity.begun();
        let new = self.head.is_none_or(|(_, before)| before != begun);
        if self.times_heads && new && self.activity.is_idle() {
            self.head = Some((self.last_bytes, begun));
        }
    }

    /// When the head that is being received has to be complete.
    fn head_due(&self) -> Option<Instant> {
        let (since, before) = self.head?;
        let open = self.activity.is_idle() && before == self.activity.begun();
        open.then_some(since + self.patience.head)
    }

    fn due(&self, now: Instant) -> Instant {
        let since = if self.activity.is_idle() { self.last_bytes } else { now };
        let idle = since + self.patience.idle;
        self.head_due().map_or(idle, |head| head.min(idle))
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(head) = self.head_due().filter(|head| *head < self.alarm.deadline()) {
            self.alarm.as_mut().reset(head);
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            let due = self.due(now);
            if due <= now {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                self.bytes_came();
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_alarm(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.last_bytes = Instant::now();
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_alarm(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.poll_alarm(cx).map(Err),
            flushed @ Poll::Ready(_) => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.poll_alarm(cx).map(Err),
            shut @ Poll::Ready(_) => shut,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{advance, timeout};

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(120);

    fn pair() -> (DuplexStream, Guarded<DuplexStream>, Arc<Activity>) {
        let (client, server) = duplex(64);
        let activity = Arc::new(Activity::default());
        let patience = Patience { head: HEAD, idle: IDLE };
        let guarded = Guarded::for_http1(server, activity.clone(), patience);
        (client, guarded, activity)
    }

    /// How long a read waits before it fails.
    async fn cut_after(guarded: &mut Guarded<DuplexStream>) -> Duration {
        let began = Instant::now();
        let error = guarded.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // The runtime's timer counts whole milliseconds and rounds up.
        Duration::from_secs(began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_cut() {
        let (_client, mut guarded, _) = pair();
        assert_eq!(cut_after(&mut guarded).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_however_often_it_drips() {
        let (mut client, mut guarded, _) = pair();
        for byte in b"GET /" {
            client.write_u8(*byte).await.unwrap();
            assert_eq!(guarded.read_u8().await.unwrap(), *byte);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(cut_after(&mut guarded).await, Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_may_take_its_time_and_idling_begins_after_it() {
        let (mut client, mut guarded, activity) = pair();
        client.write_u8(1).await.unwrap();
        guarded.read_u8().await.unwrap();
        let request = activity.begin();
        timeout(IDLE * 10, guarded.read_u8())
            .await
            .expect_err("no cut while a handler runs");
        drop(request);
        guarded.write_u8(2).await.unwrap();
        client.read_u8().await.unwrap();
        assert_eq!(cut_after(&mut guarded).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_cut() {
        let (_client, mut guarded, _) = pair();
        let error = guarded.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
