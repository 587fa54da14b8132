//! The door to http(s) URLs that users name: to addresses that may be reached alone, within limits. A name is looked up once
//! on each hop, and connected is to what was found then: a name that leads elsewhere a moment later leads nowhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hyper::http::{HeaderMap, StatusCode, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use super::allowance::{Allowance, FetchError, in_time};
use super::authorities::{chain, trusting};
use super::resolver;
use crate::api::download::{Download, shown};

/// So often may a server say that it is elsewhere.
const REDIRECTS: usize = 5;
/// An address that does not answer by then leaves time for the next.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// What is told of an address that may not be reached; not which one it is, as the cluster's names are not everybody's.
const OUT_OF_REACH: &str = "its address is not one of the Internet but private, loopback, link-local or reserved";

/// What looks names up.
pub trait Names: Send + Sync {
    /// The addresses of a name.
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of this system.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

impl Names for SystemNames {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(resolver::lookup(name))
    }
}

/// Fetches by http and https; cheap to clone.
#[derive(Clone)]
pub struct Fetch {
    names: Arc<dyn Names>,
    may_reach: fn(IpAddr) -> bool,
}

impl Fetch {
    /// Looks names up so, and connects to those of their addresses that may be reached.
    #[must_use]
    pub fn new(names: Arc<dyn Names>, may_reach: fn(IpAddr) -> bool) -> Self {
        Self { names, may_reach }
    }

    /// What is at a URL.
    ///
    /// # Errors
    /// It cannot be had, or not within the limits.
    pub async fn get(&self, url: &str, allowance: &mut Allowance) -> Result<Download, FetchError> {
        in_time(url, allowance.until(), self.follow(url, allowance)).await
    }

    /// From hop to hop.
    async fn follow(&self, url: &str, allowance: &mut Allowance) -> Result<Download, String> {
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        allowance.object()?;
        for hop in 0..=REDIRECTS {
            let named = |reason| match hop {
                0 => reason,
                _ => format!("it redirects to {}: {reason}", shown(url.as_str())),
            };
            let response = self.ask(&url).await.map_err(named)?;
            match next(&url, &response).map_err(named)? {
                Some(elsewhere) => url = elsewhere,
                None => return body(response, allowance).await.map_err(named),
            }
        }
        Err(format!("it redirects more than {REDIRECTS} times"))
    }

    /// The head of one server's answer.
    async fn ask(&self, url: &Url) -> Result<Response, String> {
        let addresses = self.addresses(url.host_str().unwrap_or_default()).await?;
        let client = Client::builder()
            .tls_backend_preconfigured(trusting(url.scheme() == "https")?)
            .dns_resolver(Pinned(addresses))
            .redirect(Policy::none())
            // Whatever the environment says: a proxy would look names up again, and could be reached where we may not.
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_PATIENCE)
            .user_agent(concat!("stationmaster/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| chain(&error))?;
        let answer = client.get(url.clone()).send().await;
        answer.map_err(|error| chain(&error.without_url()))
    }

    /// Those addresses of a host that may be reached.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let mut addresses = if let Ok(address) = literal {
            vec![address]
        } else {
            let found = self.names.lookup(host).await;
            found.map_err(|error| format!("its host has no address: {error}"))?
        };
        addresses.retain(|address| (self.may_reach)(*address));
        if addresses.is_empty() {
            return Err(OUT_OF_REACH.to_owned());
        }
        Ok(addresses)
    }
}

/// Tells the client of the addresses that were found, whatever it asks.
struct Pinned(Vec<IpAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        // Port 0 is that of the URL.
        let addresses: Vec<_> = self.0.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        let addresses: Addrs = Box::new(addresses.into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Where the answer says that it is, or nothing when it is here.
fn next(url: &Url, response: &Response) -> Result<Option<Url>, String> {
    match response.status() {
        StatusCode::OK => Ok(None),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {
            let location = text(response.headers(), &header::LOCATION);
            let next = location.and_then(|location| url.join(location).ok());
            let next = next.ok_or("it redirects to nowhere")?;
            match (url.scheme(), next.scheme()) {
                (_, "https") | ("http", "http") => Ok(Some(next)),
                (_, "http") => Err("it redirects to what is not encrypted".to_owned()),
                _ => Err("it redirects to what is neither http nor https".to_owned()),
            }
        }
        status => Err(format!("it answered {status}")),
    }
}

/// The whole answer, as far as it is within the limits.
async fn body(mut response: Response, allowance: &mut Allowance) -> Result<Download, String> {
    let headers = response.headers();
    // Nobody asked for one.
    if text(headers, &header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err("it comes compressed".to_owned());
    }
    let content_type = text(headers, &header::CONTENT_TYPE).map(str::to_owned);
    allowance.expect(response.content_length().unwrap_or_default())?;
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error.without_url()))? {
        allowance.bytes(chunk.len())?;
        content.extend_from_slice(&chunk);
    }
    Ok(Download {
        path: None,
        content_type,
        content,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
