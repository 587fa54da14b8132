//! One connection: handshake, HTTP/1.1 or HTTP/2, and every request guarded against panics.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::activity::{Activity, InFlight};
use super::body;
use super::guard::{Guarded, Patience};
use super::health::Readiness;
use super::metrics::Metrics;

/// An HTTP/2 client that is silent for so long is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// HTTP/2 requests of one connection at a time.
const STREAMS: u32 = 32;
/// What an HTTP/2 client may send before it is read; no body counts it.
const WINDOW: u32 = 64 << 10;
/// What waits in an HTTP/2 stream until its client takes it.
pub(super) const SEND_BYTES: usize = 64 << 10;
/// Largest head of a request, and most that is read at once.
const HEAD_BYTES: usize = 64 << 10;

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) patience: Patience,
    pub(super) metrics: Metrics,
    pub(super) readiness: Readiness,
    /// HTTP/2 connections are told to go elsewhere; HTTP/1 answers say so themselves.
    pub(super) draining: CancellationToken,
    /// Every connection ends after the request that it is at.
    pub(super) closing: CancellationToken,
}

/// Serves one client to the end. Its failures are the client's and only worth a debug line.
pub(super) async fn serve(socket: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Without it an answer in two writes waits for the client's delayed acknowledgement.
    let _ = socket.set_nodelay(true);
    let Some(acceptor) = &shared.tls else {
        return http1(socket, &shared).await;
    };
    match timeout(shared.patience.head, acceptor.accept(socket)).await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => http2(stream, &shared).await,
        Ok(Ok(stream)) => http1(stream, &shared).await,
        // Worth telling: an API server that was told of another authority ends here. Probes just hang up.
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::info!(%peer, %error, "handshake failed");
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "handshake failed"),
        Err(_) => tracing::debug!(%peer, "handshake timed out"),
    }
}

async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<Shared>) {
    let service = Service::new(shared);
    let io = TokioIo::new(Guarded::for_http1(
        stream,
        service.activity.clone(),
        shared.patience.clone(),
    ));
    let mut builder = http1::Builder::new();
    // One write for head and body; the guard has the time limits.
    builder.writev(false).header_read_timeout(None).max_buf_size(HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shared.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    report(ended);
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: &Arc<Shared>) {
    let service = Service::new(shared);
    let io = TokioIo::new(Guarded::for_http2(
        stream,
        service.activity.clone(),
        shared.patience.clone(),
    ));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BYTES);
    builder.max_header_list_size(HEAD_BYTES.try_into().unwrap_or(u32::MAX));
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shared.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    report(ended);
}

fn report(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

/// The router as hyper calls it.
#[derive(Clone)]
struct Service {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
}

impl Service {
    fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: shared.clone(),
            activity: Arc::default(),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = self.activity.begin();
        Box::pin(respond(self.shared.clone(), request, in_flight))
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    in_flight: InFlight,
) -> Result<Response<Body>, Infallible> {
    let version = request.version();
    let mut router = shared.router.clone();
    let answer = AssertUnwindSafe(async move { router.call(request.map(Body::new)).await });
    let mut response = match answer.catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => panicked(&shared.metrics),
    };
    if version < Version::HTTP_2 && shared.readiness.is_closing() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(body::with(response, in_flight))
}

/// The panic itself was printed where it happened.
fn panicked(metrics: &Metrics) -> Response<Body> {
    metrics.panics.inc();
    tracing::error!("a handler panicked; its request is answered with 500");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use hyper::client::conn::http2::{SendRequest, handshake};
    use prometheus_client::registry::Registry;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::serve::crowd::Crowd;

    fn shared(router: Router) -> Arc<Shared> {
        let second = Duration::from_secs(1);
        Arc::new(Shared {
            router,
            tls: None,
            patience: Patience {
                head: second * 10,
                idle: second * 120,
                crowded: second * 5,
                crowd: Crowd::default(),
                request: second * 90,
            },
            metrics: Metrics::register(&mut Registry::default()),
            readiness: Readiness::default(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_one_request_and_not_the_connection() {
        let router = Router::new()
            .route("/panic", get(async || -> &str { panic!("on purpose") }))
            .route("/", get(async || "fine"));
        let shared = shared(router);
        let (mut client, server) = duplex(1024);
        let requests = b"GET /panic HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nconnection: close\r\n\r\n";
        client.write_all(requests).await.unwrap();
        http1(server, &shared).await;
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
        assert!(answers.ends_with("\r\n\r\nfine"), "{answers}");
        assert_eq!(shared.metrics.panics.get(), 1);
    }

    /// How many minutes a connection lasts; not more than ten.
    async fn minutes(connection: impl Future<Output = ()>) -> u64 {
        let began = Instant::now();
        let most = Duration::from_secs(600);
        timeout(most, connection).await.expect("it is cut");
        began.elapsed().as_secs() / 60
    }

    /// A client that keeps its side of HTTP/2 going.
    async fn http2_client(stream: DuplexStream) -> SendRequest<Body> {
        let client = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = client.unwrap();
        tokio::spawn(connection);
        sender
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_client_that_only_answers_pings_is_cut() {
        let shared = shared(Router::new().route("/", get(async || "fine")));
        let (client, server) = duplex(64 << 10);
        let server = tokio::spawn(async move { minutes(http2(server, &shared)).await });
        let mut sender = http2_client(client).await;
        let request = Request::get("http://localhost/").body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
        assert_eq!(server.await.unwrap(), 2, "idle since the request");
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_client_that_does_not_read_its_answer_is_cut() {
        let chunks = || futures::stream::iter(vec![Ok::<_, Infallible>(vec![0; 64 << 10]); 128]);
        let large = async move || Body::from_stream(chunks());
        let shared = shared(Router::new().route("/", get(large)));
        let (client, server) = duplex(64 << 10);
        let server = tokio::spawn(async move { minutes(http2(server, &shared)).await });
        let mut sender = http2_client(client).await;
        let unread = Request::get("http://localhost/").body(Body::empty()).unwrap();
        let _unread = sender.send_request(unread).await.unwrap();
        assert_eq!(server.await.unwrap(), 1, "a minute and a half after it began");
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_head_that_drips_is_cut() {
        let shared = shared(Router::new());
        let (mut client, server) = duplex(64 << 10);
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        // 16 KiB of HEADERS for stream 1, not the last.
        let headers = [0, 64, 0, 1, 0, 0, 0, 0, 1];
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        client.write_all(&[settings, headers].concat()).await.unwrap();
        let drip = async {
            while client.write_u8(0).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let (lasted, ()) = tokio::join!(minutes(async { http2(server, &shared).await }), drip);
        assert!(lasted <= 2, "{lasted} minutes");
    }
}
