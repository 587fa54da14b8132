//! A connection that is cut when its client keeps it without using it: a head that does not end, nothing at all, or an
//! answer that is not read. Only requests count as use: with HTTP/2, bytes also come of our own PINGs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::crowd::Crowd;

/// How long a client may keep a connection without using it.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// For a TLS handshake, and from the first byte of an HTTP/1 request's head to its last.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Between requests while others wait for a place.
    pub crowded: Duration,
    /// Whether they do.
    pub crowd: Crowd,
    /// For one request, from its head to the last byte of its answer that was taken.
    pub request: Duration,
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
        let alarm = Box::pin(sleep(patience.shortest()));
        Self {
            stream,
            activity,
            patience,
            times_heads,
            alarm,
            head: None,
        }
    }

    fn bytes_came(&mut self) {
        if !self.times_heads {
            return;
        }
        let (begun, idle) = (self.activity.begun(), self.activity.is_idle());
        if idle && self.head.is_none_or(|(_, before)| before != begun) {
            self.head = Some((Instant::now(), begun));
        }
    }

    /// When the head that is being received has to be complete.
    fn head_due(&self) -> Option<Instant> {
        let (since, before) = self.head?;
        let open = self.activity.is_idle() && before == self.activity.begun();
        open.then_some(since + self.patience.head)
    }

    fn due(&self) -> Instant {
        let due = match self.activity.oldest() {
            Some(begun) => begun + self.patience.request,
            None if self.patience.crowd.waits() => self.activity.last_use() + self.patience.crowded,
            None => self.activity.last_use() + self.patience.idle,
        };
        self.head_due().map_or(due, |head| head.min(due))
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(head) = self.head_due().filter(|head| *head < self.alarm.deadline()) {
            self.alarm.as_mut().reset(head);
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let (now, due) = (Instant::now(), self.due());
            if due <= now {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            // A request that begins in the meantime may be due before.
            self.alarm.as_mut().reset(due.min(now + self.patience.shortest()));
        }
    }
}

impl Patience {
    fn shortest(&self) -> Duration {
        self.idle.min(self.request).min(self.crowded)
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
            Poll::Pending => self.poll_alarm(cx).map(Err),
            written @ Poll::Ready(_) => written,
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
    const REQUEST: Duration = Duration::from_secs(90);
    const CROWDED: Duration = Duration::from_secs(5);

    fn patience() -> Patience {
        Patience {
            head: HEAD,
            idle: IDLE,
            crowded: CROWDED,
            crowd: Crowd::default(),
            request: REQUEST,
        }
    }

    fn pair() -> (DuplexStream, Guarded<DuplexStream>, Arc<Activity>) {
        let (client, server) = duplex(64);
        let activity = Arc::new(Activity::default());
        let guarded = Guarded::for_http1(server, activity.clone(), patience());
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
    async fn a_request_has_its_own_time_and_idling_begins_after_it() {
        let (mut client, mut guarded, activity) = pair();
        client.write_u8(1).await.unwrap();
        guarded.read_u8().await.unwrap();
        let request = activity.begin();
        timeout(HEAD * 8, guarded.read_u8())
            .await
            .expect_err("no cut while a handler runs");
        drop(request);
        assert_eq!(cut_after(&mut guarded).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_cut_however_late_it_began_and_whatever_came_after() {
        let (_client, mut guarded, activity) = pair();
        let shortly_before_the_end = timeout(HEAD * 11, guarded.read_u8());
        shortly_before_the_end.await.expect_err("idle");
        let _stuck = activity.begin();
        for _ in 0..8 {
            let _other = activity.begin();
            timeout(HEAD, guarded.read_u8()).await.expect_err("in time");
        }
        assert_eq!(cut_after(&mut guarded).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_no_use_of_an_http2_connection() {
        let (mut client, server) = duplex(64);
        let activity = Arc::new(Activity::default());
        let mut guarded = Guarded::for_http2(server, activity, patience());
        for ping in 0..11 {
            client.write_u8(ping).await.unwrap();
            guarded.read_u8().await.unwrap();
            guarded.write_u8(ping).await.unwrap();
            client.read_u8().await.unwrap();
            advance(HEAD).await;
        }
        assert_eq!(cut_after(&mut guarded).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_cut() {
        let (_client, mut guarded, _) = pair();
        let error = guarded.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
