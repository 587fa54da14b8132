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

use super::guard::{Activity, Guarded, InFlight, Patience};
use super::health::Readiness;
use super::metrics::Metrics;

/// An HTTP/2 client that is silent for so long is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// HTTP/2 requests of one connection at a time.
const STREAMS: u32 = 32;
/// What an HTTP/2 client may send before it is read; no body counts it.
const WINDOW: u32 = 64 << 10;
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
    let io = TokioIo::new(Guarded::for_http1(stream, service.activity.clone(), shared.patience));
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
    let io = TokioIo::new(Guarded::for_http2(stream, service.activity.clone(), shared.patience));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
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
    drop(in_flight);
    Ok(response)
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
    use prometheus_client::registry::Registry;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn shared(router: Router) -> Arc<Shared> {
        let second = Duration::from_secs(1);
        Arc::new(Shared {
            router,
            tls: None,
            patience: Patience {
                head: second,
                idle: second,
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
}
