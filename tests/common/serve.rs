//! The serve half in process: its state without a cluster, and its listeners on free ports.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use prometheus_client::registry::Registry;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stationmaster::cli::{Cli, ServeArgs};
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{AppState, Server, State, Timing};
use stationmaster::trust::{self, Bundle};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// What is waited for comes as soon as the machine can, or never.
pub const SOON: Duration = Duration::from_secs(180);

/// A review that is allowed without a look at the object.
pub const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","operation":"DELETE","kind":{"group":"dispatcher.ivan.vc","version":"v1beta1","kind":"JobTemplate"}}}"#;

/// Flags of `serve`.
pub fn args(flags: &[&str]) -> ServeArgs {
    Cli::parse_from([&["stationmaster"], flags].concat()).serve
}

/// The state of a server that has no cluster.
pub fn state(args: &ServeArgs) -> AppState {
    Arc::new(State::new(
        Registry::default(),
        Readiness::default(),
        args.execute.clone(),
    ))
}

/// The three files of a new authority and its certificate.
pub fn certificate() -> Bundle {
    trust::bundle(&["127.0.0.1".to_owned()], OffsetDateTime::now_utc()).unwrap()
}

pub fn install(bundle: &Bundle, folder: &Path) {
    std::fs::write(folder.join("tls.crt"), &bundle.certificate).unwrap();
    std::fs::write(folder.join("tls.key"), &bundle.key).unwrap();
}

/// Webhooks, health and metrics, answering.
pub struct Webhooks {
    pub state: AppState,
    pub webhook: SocketAddr,
    pub health: SocketAddr,
    pub folder: TempDir,
    pub bundle: Bundle,
    pub stop: CancellationToken,
    pub ended: JoinHandle<Result<(), rustls::Error>>,
}

impl Webhooks {
    pub async fn start(flags: &[&str], timing: impl FnOnce(&mut Timing)) -> Self {
        let (folder, bundle) = (tempfile::tempdir().unwrap(), certificate());
        install(&bundle, folder.path());
        let chain = format!("--tls-cert-file-path={}", folder.path().join("tls.crt").display());
        let key = format!("--tls-key-file-path={}", folder.path().join("tls.key").display());
        let addresses = [
            "--webhook-listen-address=127.0.0.1:0",
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=0",
            "--components=admission,conversion",
            "--drain-seconds=0",
        ];
        let args = args(&[&addresses[..], &[chain.as_str(), &key], flags].concat());
        let state = state(&args);
        let mut server = Server::bind(&args, false, state.clone()).await.unwrap();
        timing(&mut server.timing);
        let [(_, webhook), (_, health)] = server.addresses()[..] else {
            panic!("two listeners")
        };
        let stop = CancellationToken::new();
        let ended = tokio::spawn(server.run(stop.clone()));
        Self {
            state,
            webhook,
            health,
            folder,
            bundle,
            stop,
            ended,
        }
    }

    /// A connection with HTTP/1.1 to the webhooks.
    pub async fn connect(&self) -> Client {
        Client::connect(self.webhook, &self.bundle.authority).await.unwrap()
    }

    /// A number of `/metrics`; 0 when it was not counted yet.
    pub fn metric(&self, name: &str) -> i64 {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &self.state.registry).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

/// One TLS connection, written to and read from by hand.
pub struct Client(pub TlsStream<TcpStream>);

impl Client {
    /// Fails when the server is not the one that `authority` vouches for.
    pub async fn connect(address: SocketAddr, authority: &str) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self(connector.connect(ServerName::from(address.ip()), socket).await?))
    }

    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Sends a review to a path.
    pub async fn post(&mut self, path: &str, body: &str) {
        self.send(&head(path, body.len())).await;
        self.send(body).await;
    }

    /// Sends the head of a request and waits until its handler wants the body.
    pub async fn begin(&mut self, path: &str, length: usize) {
        self.send(&head(path, length).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n"))
            .await;
        assert_eq!(self.answer().await, "HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Head and body of the next answer; empty when the server has hung up.
    pub async fn answer(&mut self) -> String {
        timeout(SOON, self.read_answer())
            .await
            .expect("the server answers or hangs up")
    }

    async fn read_answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            // A server that hangs up without closing TLS first is as gone as any.
            if matches!(self.0.read_buf(&mut answer).await, Ok(0) | Err(_)) || is_whole(&answer) {
                return String::from_utf8(answer).unwrap();
            }
        }
    }
}

pub fn head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n")
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

/// Polls until something is there.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, looking)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
