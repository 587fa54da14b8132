//! Code that is fetched: from a real S3 server, and by http from servers in process, some of which mean no good.

#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

mod common;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use common::bucket::{S3, SECRET_ACCESS_KEY};
use futures::future::BoxFuture;
use futures::stream;
use stationmaster::api::download::Download;
use stationmaster::clients::allowance::{Allowance, FetchError};
use stationmaster::clients::bucket::Storage;
use stationmaster::clients::fetch::{Fetch, Names, SystemNames};
use stationmaster::workers::reach::is_public;

/// Stands in every body, and must stand in no error.
const SECRET: &str = "a body that is nobody's business";

fn plenty() -> Allowance {
    Allowance::default()
}

fn little(bytes: usize, objects: usize) -> Allowance {
    Allowance::new(bytes, objects, Duration::from_secs(30))
}

fn contents(downloads: &[Download]) -> Vec<(&str, &str)> {
    let texts = downloads.iter().map(|download| {
        let text = str::from_utf8(&download.content).unwrap();
        (download.path.as_deref().unwrap_or_default(), text)
    });
    texts.collect()
}

/// What an error says, which is neither the body nor the secret.
fn told<T: std::fmt::Debug>(outcome: Result<T, FetchError>) -> String {
    let told = outcome.unwrap_err().to_string();
    assert!(!told.contains(SECRET) && !told.contains(SECRET_ACCESS_KEY), "{told}");
    told
}

#[tokio::test]
async fn an_object_comes_with_its_type() {
    let s3 = S3::start(&["code"]);
    s3.put("code", "a/b c.js", "one").await;
    s3.put_as("code", "files2", "two", Some("application/wasm")).await;
    let storage = s3.storage(SECRET_ACCESS_KEY);
    let one = storage.get("s3://code/a/b c.js", &mut plenty()).await.unwrap();
    assert_eq!(contents(&one), [("", "one")]);
    let two = storage.get("s3://code/files2", &mut plenty()).await.unwrap();
    assert_eq!(two[0].content_type.as_deref(), Some("application/wasm"));
}

#[tokio::test]
async fn a_prefix_is_everything_below_it_in_order() {
    let s3 = S3::start(&["code"]);
    for key in [
        "v1/index.js",
        "v1/lib/b.js",
        "v1/lib/a.js",
        "v1/c.txt",
        "v10/x.js",
        "v1.js",
    ] {
        s3.put("code", key, key.to_owned()).await;
    }
    let storage = s3.storage(SECRET_ACCESS_KEY);
    let below = storage.get("s3://code/v1/", &mut plenty()).await.unwrap();
    let expected = [
        ("c.txt", "v1/c.txt"),
        ("index.js", "v1/index.js"),
        ("lib/a.js", "v1/lib/a.js"),
        ("lib/b.js", "v1/lib/b.js"),
    ];
    assert_eq!(contents(&below), expected);
    let all = storage.get("s3://code/", &mut plenty()).await.unwrap();
    assert_eq!((all.len(), all[0].path.as_deref()), (6, Some("v1.js")));
    let nothing = told(storage.get("s3://code/v2/", &mut plenty()).await);
    assert_eq!(nothing, "cannot fetch s3://code/v2/: there is nothing below it");
}

#[tokio::test]
async fn what_shows_a_folder_is_no_module() {
    let s3 = S3::start(&["code"]);
    s3.put("code", "v1/index.js", "one").await;
    s3.put("code", "v1/empty.txt", "").await;
    s3.put("code", "v1/lib", "").await;
    let below = s3.storage(SECRET_ACCESS_KEY).get("s3://code/v1/", &mut plenty()).await;
    assert_eq!(contents(&below.unwrap()), [("empty.txt", ""), ("index.js", "one")]);
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_told_so() {
    let s3 = S3::start(&["code"]);
    s3.put("code", "a.js", SECRET).await;
    let good = s3.storage(SECRET_ACCESS_KEY);
    for (storage, url, expected) in [
        (good.clone(), "s3://code/b.js", "there is no such object"),
        (good.clone(), "s3://other/b.js", "there is no such object"),
        (good.clone(), "s3://other/", "there is no such bucket"),
        (
            s3.storage("a wrong secret"),
            "s3://code/a.js",
            "the S3 server refuses the credentials (SignatureDoesNotMatch): look at accessKeyId and secretAccessKey",
        ),
        (
            s3.storage("a wrong secret"),
            "s3://code/",
            "the S3 server refuses the credentials (SignatureDoesNotMatch): look at accessKeyId and secretAccessKey",
        ),
        (
            Storage::new(&s3.endpoint(), None, None),
            "s3://code/a.js",
            "the S3 server allows no access (AccessDenied)",
        ),
        (
            Storage::new("ftp://u:p@a", None, None),
            "s3://code/a.js",
            "the S3 endpoint \"ftp://a\" must be https://HOST[:PORT], or http",
        ),
        (good, "s3://code//a.js", "a part of its key is empty, `.` or `..`"),
    ] {
        let told = told(storage.get(url, &mut plenty()).await);
        assert_eq!(told, format!("cannot fetch {url}: {expected}"));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let storage = Storage::new(&format!("http://{nobody}/"), None, None);
    let told = told(storage.get("s3://code/a.js", &mut plenty()).await);
    assert!(told.contains("does not answer") && told.contains("refused"), "{told}");
}

#[tokio::test]
async fn objects_have_limits_each_and_together() {
    let s3 = S3::start(&["code"]);
    for key in ["v1/a.js", "v1/b.js", "v1/c.js"] {
        s3.put("code", key, SECRET).await;
    }
    let storage = s3.storage(SECRET_ACCESS_KEY);
    let (size, too_large) = (SECRET.len(), "too large");
    for (url, bytes, objects, expected) in [
        ("s3://code/v1/a.js", size, 1, None),
        ("s3://code/v1/a.js", size - 1, 1, Some(too_large)),
        ("s3://code/v1/", size * 3, 3, None),
        ("s3://code/v1/", size * 3 - 1, 3, Some(too_large)),
        ("s3://code/v1/", size * 3, 2, Some("more than")),
    ] {
        let outcome = storage.get(url, &mut little(bytes, objects)).await;
        match expected {
            None => assert!(outcome.is_ok(), "{url}: {outcome:?}"),
            Some(expected) => assert!(told(outcome).contains(expected), "{url}"),
        }
    }
    let mut allowance = little(size + 1, 9);
    storage.get("s3://code/v1/a.js", &mut allowance).await.unwrap();
    told(storage.get("s3://code/v1/b.js", &mut allowance).await);
}

/// A server in process, at an address of loopback.
async fn serve(address: [u8; 4], router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::from(address), 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn answer(status: StatusCode, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// Answers every path so.
fn always(status: u16, headers: &'static [(&'static str, &'static str)]) -> Router {
    let status = StatusCode::from_u16(status).unwrap();
    Router::new().fallback(get(move || async move { answer(status, headers, SECRET) }))
}

/// Leads elsewhere.
fn redirect(location: String) -> Router {
    Router::new().fallback(get(move || async move {
        answer(StatusCode::FOUND, &[("location", location.as_str())], SECRET)
    }))
}

/// This machine's first loopback address stands for the Internet.
fn may_reach(address: IpAddr) -> bool {
    address == IpAddr::from(Ipv4Addr::LOCALHOST) || is_public(address)
}

fn fetch() -> Fetch {
    Fetch::new(Arc::new(SystemNames), may_reach)
}

#[tokio::test]
async fn a_url_gives_body_and_type() {
    let typed = &[("content-type", "application/wasm")];
    let address = serve([127, 0, 0, 1], always(200, typed)).await;
    let download = fetch()
        .get(&format!("http://{address}/a?b#c"), &mut plenty())
        .await
        .unwrap();
    let expected = Download {
        path: None,
        content_type: Some("application/wasm".to_owned()),
        content: SECRET.into(),
    };
    assert_eq!(download, expected);
}

#[tokio::test]
async fn redirects_are_followed_so_far() {
    let router = Router::new()
        .route("/0", get(|| async { answer(StatusCode::OK, &[], "here") }))
        .route(
            "/{left}",
            get(|path: axum::extract::Path<u32>| async move {
                let location = format!("{}?a", path.0 - 1);
                answer(StatusCode::TEMPORARY_REDIRECT, &[("location", &*location)], SECRET)
            }),
        );
    let address = serve([127, 0, 0, 1], router).await;
    let at = async |left: u32| fetch().get(&format!("http://{address}/{left}"), &mut plenty()).await;
    assert_eq!(at(5).await.unwrap().content, b"here");
    let told = told(at(6).await);
    assert_eq!(
        told,
        format!("cannot fetch http://{address}/6: it redirects more than 5 times")
    );
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let strict = Fetch::new(Arc::new(SystemNames), is_public);
    let address = serve([127, 0, 0, 1], always(200, &[])).await;
    let port = address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "100.64.0.1",
    ] {
        let told = told(
            strict
                .get(&format!("http://u:p@{host}:{port}/x?token=t"), &mut plenty())
                .await,
        );
        let reason = "its address is not one of the Internet but private, loopback, link-local or reserved";
        assert_eq!(told, format!("cannot fetch http://{host}:{port}/x?…: {reason}"));
    }
}

#[tokio::test]
async fn a_redirect_leads_to_no_address_that_is_refused() {
    let inside = serve([127, 0, 0, 2], always(200, &[])).await;
    for location in [
        format!("http://{inside}/token"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[::1]:1/".to_owned(),
        format!("//{inside}/"),
    ] {
        let outside = serve([127, 0, 0, 1], redirect(location)).await;
        let told = told(fetch().get(&format!("http://{outside}/"), &mut plenty()).await);
        assert!(
            told.contains(": it redirects to http://") && told.contains("not one of the Internet"),
            "{told}"
        );
    }
    for (location, expected) in [
        ("file:///etc/passwd", "neither http nor https"),
        ("http://", "redirects to nowhere"),
    ] {
        let outside = serve([127, 0, 0, 1], redirect(location.to_owned())).await;
        let told = told(fetch().get(&format!("http://{outside}/"), &mut plenty()).await);
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_good_answer_is_not_quoted() {
    for (router, expected) in [
        (always(404, &[]), "it answered 404 Not Found"),
        (always(500, &[]), "it answered 500 Internal Server Error"),
        (always(204, &[]), "it answered 204 No Content"),
        (always(302, &[]), "it redirects to nowhere"),
        (always(200, &[("content-encoding", "gzip")]), "it comes compressed"),
    ] {
        let address = serve([127, 0, 0, 1], router).await;
        let told = told(fetch().get(&format!("http://{address}/"), &mut plenty()).await);
        assert_eq!(told, format!("cannot fetch http://{address}/: {expected}"));
    }
}

/// A body without end, of which nobody says how long it is.
fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>(vec![b'x'; 1 << 10])))
}

#[tokio::test]
async fn what_is_too_large_is_not_read_to_its_end() {
    let router = Router::new()
        .route("/endless", get(|| async { answer(StatusCode::OK, &[], endless()) }))
        .route("/announced", get(|| async { answer(StatusCode::OK, &[], SECRET) }));
    let address = serve([127, 0, 0, 1], router).await;
    let at = async |path: &str, bytes: usize| {
        fetch()
            .get(&format!("http://{address}/{path}"), &mut little(bytes, 1))
            .await
    };
    assert!(told(at("endless", 10 << 20).await).contains("too large"));
    assert!(told(at("announced", SECRET.len() - 1).await).contains("too large"));
    assert!(at("announced", SECRET.len()).await.is_ok());
}

#[tokio::test]
async fn what_is_slow_is_given_up() {
    let drop_by_drop = || async {
        let body = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, io::Error>("x"), ()))
        });
        answer(StatusCode::OK, &[], Body::from_stream(body))
    };
    let router = Router::new()
        .route(
            "/silent/{*rest}",
            get(|| async { std::future::pending::<Response>().await }),
        )
        .route("/slow", get(drop_by_drop));
    let address = serve([127, 0, 0, 1], router).await;
    for path in ["silent/a", "slow"] {
        let (begin, mut allowance) = (Instant::now(), Allowance::new(1 << 20, 1, Duration::from_millis(300)));
        let told = told(fetch().get(&format!("http://{address}/{path}"), &mut allowance).await);
        assert!(told.contains("has not come within"), "{told}");
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
    let storage = Storage::new(&format!("http://{address}/silent"), None, None);
    let mut allowance = Allowance::new(1 << 20, 1, Duration::from_millis(300));
    assert!(told(storage.get("s3://a/slow", &mut allowance).await).contains("has not come within"));
}

/// A name that leads to another address each time that it is asked for.
struct Rebinding {
    addresses: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Names for Rebinding {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        assert_eq!(name, "rebinding.test");
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![self.addresses[turn % self.addresses.len()]]) })
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_that_address_is_reached() {
    let (good, bad) = (Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2));
    let outside = serve(good.octets(), always(200, &[])).await;
    let url = format!("http://rebinding.test:{}/", outside.port());
    for (first, second, is_good) in [(good, bad, true), (bad, good, false)] {
        let names = Arc::new(Rebinding {
            addresses: vec![first.into(), second.into()],
            asked: AtomicUsize::default(),
        });
        let outcome = Fetch::new(names.clone(), may_reach).get(&url, &mut plenty()).await;
        assert_eq!(outcome.is_ok(), is_good, "{outcome:?}");
        assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_name_that_rebinds_on_a_redirect_is_refused() {
    let router = redirect("/again".to_owned());
    let outside = serve([127, 0, 0, 1], router).await;
    let names = Arc::new(Rebinding {
        addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into()],
        asked: AtomicUsize::default(),
    });
    let fetch = Fetch::new(names.clone(), may_reach);
    let url = format!("http://rebinding.test:{}/", outside.port());
    let told = told(fetch.get(&url, &mut plenty()).await);
    assert!(told.contains("not one of the Internet"), "{told}");
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
}
