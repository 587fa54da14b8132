//! The door to the system's resolver, which looks where every program of the container looks: its hosts file, then its
//! nameservers with their search domains. It tells no time to live, so that answers are asked for again and again.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

/// A first nameserver that is silent costs 5 s for each search domain before the second is asked. What is given up ends
/// by itself: the system's own limits are near.
const PATIENCE: Duration = Duration::from_secs(60);

/// The addresses of a name, at least one.
///
/// # Errors
/// The name has none, or nobody answers.
pub async fn lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    let answer = timeout(PATIENCE, lookup_host((name, 0)));
    let answer = answer.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let addresses: Vec<_> = answer.map(|address| address.ip()).collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    }
    Ok(addresses)
}

/// The text of a `resolv.conf`.
///
/// # Errors
/// It cannot be read.
pub async fn configuration(path: &Path) -> io::Result<String> {
    tokio::fs::read_to_string(path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own_and_an_empty_name_has_none() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(lookup("192.0.2.1").await.unwrap(), [address]);
        assert!(lookup("").await.is_err());
    }
}
