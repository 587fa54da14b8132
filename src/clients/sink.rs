//! The door to a sink: one CloudEvent by one POST. What becomes of one that is not taken is decided elsewhere.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::http::uri::Scheme;
use hyper::http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::authorities::{chain, trusting};
use crate::api::cloud_event::CloudEvent;

/// A sink that has not answered by then has not taken the event.
const PATIENCE: Duration = Duration::from_secs(15);
/// An answer says nothing beyond its status; so much is read that the connection can be used again.
const ANSWER_BYTES: usize = 64 << 10;
/// And for so long: what has not come by then is not waited for, whatever the status.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// A place that takes events; cheap to clone.
#[derive(Clone)]
pub struct Sink {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Uri,
}

/// Why there can be no such sink.
#[derive(Debug, thiserror::Error)]
#[error("the sink {address:?} {fault}")]
pub struct SinkError {
    /// As it was given.
    pub address: String,
    /// What is wrong with it, and what it should be.
    pub fault: String,
}

/// Why a sink has not taken an event.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It says so.
    #[error("it answered {0}")]
    Answer(StatusCode),
    /// It does not answer.
    #[error("{0}")]
    Unreachable(String),
}

impl Refusal {
    /// Whether the same event may be taken later; as Knative's senders see it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Answer(status) => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::NOT_FOUND
                            | StatusCode::REQUEST_TIMEOUT
                            | StatusCode::CONFLICT
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
        }
    }
}

impl Sink {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// The address is none of HTTP, or it is of HTTPS and this system knows no authority.
    pub fn new(address: &str) -> Result<Self, SinkError> {
        let fault = |fault: String| SinkError {
            address: address.to_owned(),
            fault,
        };
        let wrong = || fault("must be http://HOST[:PORT][/PATH], or https".to_owned());
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        if uri.authority().is_none() || !(is_secure || uri.scheme() == Some(&Scheme::HTTP)) {
            return Err(wrong());
        }
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(PATIENCE));
        let config = trusting(is_secure).map_err(fault)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        let connector = connector.https_or_http().enable_http1().wrap_connector(plain);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            address: uri,
        })
    }

    /// Sends one event; `Ok` only when the sink has it.
    ///
    /// # Errors
    /// It has not, as far as one can know.
    pub async fn send(&self, event: &CloudEvent) -> Result<(), Refusal> {
        let answer = match timeout(PATIENCE, self.post(event)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) => return Err(Refusal::Unreachable(fault)),
            Err(_) => return Err(Refusal::Unreachable(format!("no answer within {PATIENCE:?}"))),
        };
        let status = answer.status();
        // The head has said all: a body that hangs or breaks off does not take it back.
        let rest = Limited::new(answer.into_body(), ANSWER_BYTES).collect();
        let _ = timeout(ANSWER_PATIENCE, rest).await;
        status.is_success().then_some(()).ok_or(Refusal::Answer(status))
    }

    /// The head of the sink's answer.
    async fn post(&self, event: &CloudEvent) -> Result<Response<Incoming>, String> {
        let mut request = Request::post(self.address.clone())
            .body(Full::from(event.data.clone()))
            .map_err(|error| error.to_string())?;
        for (name, value) in event.headers() {
            // What is no header, an extension of a strange name, stays behind.
            let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            request
                .headers_mut()
                .extend(header.map(|(name, value)| (Some(name), value)));
        }
        self.client.request(request).await.map_err(|error| chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_sink_has_an_address_of_http() {
        for address in ["", "sink", "/path", "ftp://a", "http://", "http:///a"] {
            assert!(Sink::new(address).is_err(), "{address}");
        }
        for address in [
            "http://sink",
            "http://broker.ns.svc.cluster.local:80/a/b",
            "http://[::1]:1",
        ] {
            assert!(Sink::new(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn refusals_pass_as_knative_says() {
        for (status, passes) in [
            (400, false),
            (401, false),
            (404, true),
            (408, true),
            (409, true),
            (413, false),
            (429, true),
            (500, true),
            (503, true),
            (301, false),
        ] {
            let refusal = Refusal::Answer(StatusCode::from_u16(status).unwrap());
            assert_eq!(refusal.is_passing(), passes, "{status}");
        }
        assert!(Refusal::Unreachable(String::new()).is_passing());
    }

    #[tokio::test]
    async fn nobody_there_is_a_refusal() {
        // From the first ports none is ever drawn for a listener of another test.
        let sink = Sink::new("http://127.0.0.1:1/").unwrap();
        let refused = sink.send(&CloudEvent::default()).await;
        assert!(matches!(refused, Err(Refusal::Unreachable(_))), "{refused:?}");
    }

    /// Sends to a sink whose answer begins like this, and whose body does not end.
    async fn told_without_end(head: &'static str) -> Result<(), Refusal> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            stream.write_all(head.as_bytes()).await.unwrap();
            // Until the other side has had enough.
            while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {}
        });
        let outcome = Sink::new(&address).unwrap().send(&CloudEvent::default()).await;
        server.abort();
        outcome
    }

    #[tokio::test]
    async fn the_head_of_an_answer_says_all() {
        let (taken, refused) = tokio::join!(
            told_without_end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it"),
            told_without_end("HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n"),
        );
        assert!(taken.is_ok(), "{taken:?}");
        assert!(
            matches!(refused, Err(Refusal::Answer(status)) if status == 503),
            "{refused:?}"
        );
    }
}
