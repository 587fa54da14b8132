//! The listeners as one: bound together, and taken down in the order that loses no request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Shared;
use super::crowd::Crowd;
use super::error::Error;
use super::guard::Patience;
use super::listener::Listener;
use super::plan::{Bind, plan};
use super::state::AppState;
use super::surfaces;
use super::tls::Certificate;
use crate::cli::ServeArgs;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For a TLS handshake, and from the first byte of an HTTP/1 request's head to its last.
    pub head: Duration,
    /// Between requests of one connection.
    pub idle: Duration,
    /// The same while every place is taken and somebody waits for one.
    pub crowded: Duration,
    /// For one request, from its head to the last byte of its answer that was taken.
    pub request: Duration,
    /// What is in flight when the listeners close may take so long to end.
    pub finish: Duration,
    /// Between two looks at the certificate files. Mounted Secrets change by a symlink that is swapped, which no watch
    /// on a file sees.
    pub reload: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            // Longer than the 90 s after which Go's clients drop an idle connection themselves: who closes first while
            // the other begins a request costs that request.
            idle: Duration::from_secs(120),
            crowded: Duration::from_secs(5),
            // Longer than all deadlines of one handler together, and nobody waits so long for an answer.
            request: Duration::from_secs(90),
            finish: Duration::from_secs(20),
            reload: Duration::from_secs(5),
        }
    }
}

/// All listeners, bound.
pub struct Server {
    state: AppState,
    listeners: Vec<(Bind, Listener)>,
    certificate: Option<Arc<Certificate>>,
    connections: usize,
    drain: Duration,
    /// As in production, unless a test has less time.
    pub timing: Timing,
}

impl Server {
    /// Reads the certificate and binds every address.
    ///
    /// # Errors
    /// A certificate file or an address cannot be used.
    pub async fn bind(args: &ServeArgs, in_cluster: bool, state: AppState) -> Result<Self, Error> {
        let files = args
            .webhook
            .tls_cert_file_path
            .clone()
            .zip(args.webhook.tls_key_file_path.clone());
        let certificate = match files {
            Some((chain, key)) => Some(Certificate::load(chain, key).await?),
            None => None,
        };
        let mut listeners = Vec::new();
        for bind in plan(args, in_cluster) {
            let wrap = |source| Error::Bind {
                address: bind.address.clone(),
                source,
            };
            if let Some(listener) = Listener::bind(bind.name, &bind.address).await.map_err(wrap)? {
                listeners.push((bind, listener));
            }
        }
        let connections = usize::try_from(args.limits.max_connections).unwrap_or(usize::MAX);
        Ok(Self {
            state,
            listeners,
            certificate,
            connections,
            drain: args.limits.drain(),
            timing: Timing::default(),
        })
    }

    /// Where each listener is reached, by name.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        self.listeners
            .iter()
            .filter_map(|(_, listener)| Some((listener.name, listener.address().ok()?)))
            .collect()
    }

    /// Answers until `stop`, then drains: not ready, still answering for a while, then the end of each connection.
    ///
    /// # Errors
    /// TLS cannot be configured.
    pub async fn run(self, stop: CancellationToken) -> Result<(), rustls::Error> {
        let (draining, closing, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let (state, drain, timing, certificate) =
            (self.state.clone(), self.drain, self.timing, self.certificate.clone());
        self.start(&draining, &closing, &tasks)?;
        let follow = async {
            match &certificate {
                Some(certificate) => certificate.follow(timing.reload, &state.metrics).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = follow => {}
            () = stop.cancelled() => {}
        }
        tracing::info!(seconds = drain.as_secs(), "shutting down: not ready, still answering");
        state.readiness.close();
        draining.cancel();
        sleep(drain).await;
        closing.cancel();
        tasks.close();
        if timeout(timing.finish, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "some connections did not end in time");
        }
        Ok(())
    }

    fn start(
        self,
        draining: &CancellationToken,
        closing: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<(), rustls::Error> {
        let tls = self
            .certificate
            .map(|certificate| certificate.server_config())
            .transpose()?
            .map(TlsAcceptor::from);
        let timing = self.timing;
        for (bind, listener) in self.listeners {
            if let Ok(address) = listener.address() {
                tracing::info!(listener = bind.name, %address, tls = bind.tls, "listening");
            }
            let shared = Shared {
                router: surfaces(&bind.surfaces, self.state.clone()),
                tls: tls.clone().filter(|_| bind.tls),
                patience: Patience {
                    head: timing.head,
                    idle: timing.idle,
                    crowded: timing.crowded,
                    crowd: Crowd::default(),
                    request: timing.request,
                },
                metrics: self.state.metrics.clone(),
                readiness: self.state.readiness.clone(),
                draining: draining.clone(),
                closing: closing.clone(),
            };
            tasks.spawn(listener.accept(shared, self.connections, tasks.clone()));
        }
        Ok(())
    }
}
