//! The client: requests that were written beforehand, sent over connections that are kept, answers counted by length.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a client saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub elapsed: Duration,
    /// One time for each answer, sorted.
    pub latencies: Vec<Duration>,
}

impl Seen {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    /// The latency that this share of all answers did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies
            .get(index.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// An HTTP/1.1 request, ready to be sent again and again.
pub fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path}?timeout=5s HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: kube-apiserver-admission\r\naccept: application/json, \
         */*\r\ncontent-type: application/json\r\naccept-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends the requests over and over on each of `connections` until the time is over.
pub async fn drive(
    address: SocketAddr,
    authority: &Path,
    requests: Vec<Vec<u8>>,
    connections: usize,
    time: Duration,
) -> Seen {
    let connector = connector(authority);
    let requests = Arc::new(requests);
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut stream = connect(&connector, address).await;
        // The first request pays for caches and buffers on both sides.
        exchange(&mut stream, &requests[0], &mut Vec::new()).await;
        open.push(stream);
    }
    let began = Instant::now();
    let tasks: Vec<_> = open
        .into_iter()
        .zip((0..).step_by(requests.len() / connections + 1))
        .map(|(stream, first)| tokio::spawn(repeat(stream, requests.clone(), first, began + time)))
        .collect();
    let mut seen = Seen::default();
    for task in tasks {
        seen.latencies.extend(task.await.expect("the client does not panic"));
    }
    seen.elapsed = began.elapsed();
    seen.latencies.sort_unstable();
    seen
}

pub fn connector(authority: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("an authority");
    roots.add(authority).expect("it is one");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions are compiled in")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

pub async fn connect(connector: &TlsConnector, address: SocketAddr) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.expect("the server listens");
    socket.set_nodelay(true).expect("TCP can do that");
    connector
        .connect(ServerName::from(address.ip()), socket)
        .await
        .expect("the server has our certificate")
}

async fn repeat(
    mut stream: TlsStream<TcpStream>,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    until: Instant,
) -> Vec<Duration> {
    let mut turns = requests.iter().cycle().skip(first % requests.len());
    let (mut latencies, mut answer) = (Vec::with_capacity(1 << 17), Vec::new());
    let mut sent = Instant::now();
    while let Some(request) = turns.next().filter(|_| sent < until) {
        exchange(&mut stream, request, &mut answer).await;
        let now = Instant::now();
        latencies.push(now - sent);
        sent = now;
    }
    latencies
}

/// One request and its whole answer, which has to be a good one.
pub async fn exchange(stream: &mut TlsStream<TcpStream>, request: &[u8], answer: &mut Vec<u8>) {
    ask(stream, request, answer).await;
    let is_good = [NOT_MODIFIED, b"HTTP/1.1 200"]
        .iter()
        .any(|good| answer.starts_with(good));
    assert!(is_good, "{}", String::from_utf8_lossy(answer));
}

/// The one good answer without a body.
const NOT_MODIFIED: &[u8] = b"HTTP/1.1 304";

/// One request and its whole answer, whatever it is.
pub async fn ask(stream: &mut TlsStream<TcpStream>, request: &[u8], answer: &mut Vec<u8>) {
    stream.write_all(request).await.expect("the server reads");
    stream.flush().await.expect("the server reads");
    answer.clear();
    let mut whole = usize::MAX;
    while answer.len() < whole {
        assert_ne!(
            stream.read_buf(answer).await.expect("the server answers"),
            0,
            "the server hung up"
        );
        if whole == usize::MAX {
            whole = length(answer).unwrap_or(usize::MAX);
        }
    }
}

/// Length of head and body, once the head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    if answer.starts_with(NOT_MODIFIED) {
        return Some(end);
    }
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let name = "content-length: ";
    let from = head.find(name)? + name.len();
    let digits = head[from..].split('\r').next()?;
    Some(end + digits.parse::<usize>().ok()?)
}
