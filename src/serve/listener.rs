//! A bound address and its accept loop: as many connections as allowed; one waits for a place, the others in the
//! system's queue.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::connection::{self, Shared};
use crate::cli::ListenAddress;

/// Pause after a failed accept: the process may be out of file descriptors, and a loop would only make it worse.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    /// For logs and metrics: `webhook`.
    pub name: &'static str,
    socket: TcpListener,
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// The system refuses, or the host name has no address.
    pub async fn bind(name: &'static str, address: &ListenAddress) -> io::Result<Option<Self>> {
        let socket = match address {
            ListenAddress::Off => return Ok(None),
            ListenAddress::At { host, port } if host.is_empty() => bind_all(*port).await?,
            ListenAddress::At { host, port } => bind_one(host, *port).await?,
        };
        Ok(Some(Self { name, socket }))
    }

    /// Where it listens; the port is the real one.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until closing; the connections go on in `tasks`.
    pub(super) async fn accept(self, shared: Shared, connections: usize, tasks: TaskTracker) {
        let slots = Arc::new(Semaphore::new(connections));
        let open = shared.metrics.connections(self.name);
        let shared = Arc::new(shared);
        loop {
            // Accepted first: only then is it known that somebody waits for a place.
            let next = async {
                let accepted = accept(&self.socket).await;
                (shared.patience.crowd.place(&slots).await, accepted)
            };
            let (slot, (client, peer)) = tokio::select! {
                next = next => next,
                () = shared.closing.cancelled() => return,
            };
            let (shared, counted) = (shared.clone(), Counted::new(&open));
            tasks.spawn(async move {
                connection::serve(client, peer, shared).await;
                drop((slot, counted));
            });
        }
    }
}

/// An address, or the first that a name has; as with Go, that is one of IPv4 where there is any.
async fn bind_one(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    TcpListener::bind(addresses.as_slice()).await
}

/// Every address, of both families where the system has both.
async fn bind_all(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        bound => bound,
    }
}

async fn accept(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Counts a connection while it lives.
struct Counted(Gauge);

impl Counted {
    fn new(open: &Gauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bound(address: &str) -> Listener {
        Listener::bind("test", &address.parse().unwrap())
            .await
            .unwrap()
            .unwrap()
    }

    #[tokio::test]
    async fn a_name_is_bound_where_everyone_looks_first() {
        assert_eq!(bound("localhost:0").await.address().unwrap().ip(), Ipv4Addr::LOCALHOST);
    }

    #[tokio::test]
    async fn no_host_is_every_address() {
        let listener = bound(":0").await;
        let port = listener.address().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    }

    #[tokio::test]
    async fn off_is_off() {
        assert!(Listener::bind("test", &ListenAddress::Off).await.unwrap().is_none());
    }
}
