//! The webhook server on real sockets: TLS, both protocols, limits, certificates that change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on")]

mod common;

use std::time::Duration;

use common::serve::{Client, REVIEW, SOON, Webhooks, certificate, eventually, head, install};
use futures::FutureExt;
use reqwest::{Certificate, StatusCode, Version};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const ALLOWED: &str =
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u-1","allowed":true}}"#;

/// Nothing in here is faster than production.
fn as_always(_: &mut stationmaster::serve::Timing) {}

#[tokio::test]
async fn both_protocols_are_spoken() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let webhooks = Webhooks::start(&[], as_always).await;
    let authority = Certificate::from_pem(webhooks.bundle.authority.as_bytes()).unwrap();
    let url = format!("https://{}/validate?timeout=5s", webhooks.webhook);
    for (version, http1) in [(Version::HTTP_2, false), (Version::HTTP_11, true)] {
        let client = reqwest::Client::builder().tls_certs_only([authority.clone()]);
        let client = if http1 { client.http1_only() } else { client };
        let answer = client.build().unwrap().post(&url).body(REVIEW).send().await.unwrap();
        assert_eq!((answer.version(), answer.status()), (version, StatusCode::OK));
        assert_eq!(answer.text().await.unwrap(), ALLOWED);
    }
}

#[tokio::test]
async fn a_connection_is_kept_and_its_requests_are_counted() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let mut client = webhooks.connect().await;
    for path in ["/validate", "/mutate", "/validate"] {
        client.post(path, REVIEW).await;
        assert!(client.answer().await.ends_with(ALLOWED));
    }
    assert_eq!(
        webhooks.metric(r#"stationmaster_requests_total{route="/validate",decision="allow"}"#),
        2
    );
    assert_eq!(webhooks.metric(r#"stationmaster_connections{listener="webhook"}"#), 1);
    drop(client);
    eventually("the end of the connection", async || {
        (webhooks.metric(r#"stationmaster_connections{listener="webhook"}"#) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_served_and_no_connection_is_dropped() {
    let webhooks = Webhooks::start(&[], |timing| timing.reload = Duration::from_millis(10)).await;
    let mut old = webhooks.connect().await;
    let new = certificate();
    install(&new, webhooks.folder.path());
    eventually("the new certificate", async || {
        Client::connect(webhooks.webhook, &new.authority).await.ok()
    })
    .await;
    assert!(
        Client::connect(webhooks.webhook, &webhooks.bundle.authority)
            .await
            .is_err()
    );
    old.post("/validate", REVIEW).await;
    assert!(old.answer().await.ends_with(ALLOWED));
}

#[tokio::test]
async fn a_bad_certificate_is_counted_and_the_good_one_stays() {
    let webhooks = Webhooks::start(&[], |timing| timing.reload = Duration::from_millis(10)).await;
    let failures = "stationmaster_tls_certificate_reload_failures_total";
    // In one step: a file that is half written would be another one that is of no use.
    let key = webhooks.folder.path().join("tls.key");
    std::fs::write(key.with_extension("new"), certificate().key).unwrap();
    std::fs::rename(key.with_extension("new"), key).unwrap();
    eventually("a refused pair", async || {
        (webhooks.metric(failures) == 1).then_some(())
    })
    .await;
    std::fs::remove_file(webhooks.folder.path().join("tls.crt")).unwrap();
    eventually("a missing file", async || {
        (webhooks.metric(failures) == 2).then_some(())
    })
    .await;
    webhooks.connect().await;
    install(&webhooks.bundle, webhooks.folder.path());
    let new = certificate();
    install(&new, webhooks.folder.path());
    eventually("the next good pair", async || {
        Client::connect(webhooks.webhook, &new.authority).await.ok()
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_certificate_is_a_metric() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let expiry = eventually("the metric", async || {
        Some(webhooks.metric("stationmaster_tls_certificate_expiry_timestamp_seconds")).filter(|expiry| *expiry > 0)
    })
    .await;
    let wanted = time::OffsetDateTime::now_utc() + time::Duration::days(365);
    assert!((expiry - wanted.unix_timestamp()).abs() < 60, "{expiry}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    // The handshake has to fit in as well, on a busy machine.
    let webhooks = Webhooks::start(&[], |timing| timing.head = Duration::from_secs(5)).await;
    let mut client = webhooks.connect().await;
    client.send("POST /validate HTTP/1.1\r\nhost: ").await;
    assert_eq!(client.answer().await, "");
}

#[tokio::test]
async fn a_handshake_that_does_not_begin_is_cut() {
    let webhooks = Webhooks::start(&[], |timing| timing.head = Duration::from_millis(50)).await;
    let mut silent = TcpStream::connect(webhooks.webhook).await.unwrap();
    let read = timeout(SOON, silent.read(&mut [0])).await.expect("the server hangs up");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn an_idle_connection_is_cut() {
    let webhooks = Webhooks::start(&[], |timing| timing.idle = Duration::from_millis(50)).await;
    let mut client = webhooks.connect().await;
    assert_eq!(client.answer().await, "");
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up_when_the_caller_does() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let mut client = webhooks.connect().await;
    client.send(&head("/validate?timeout=50ms", 100)).await;
    assert!(client.answer().await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let mut client = webhooks.connect().await;
    client.send(&head("/validate", 100 << 20)).await;
    let answer = client.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with("the body is longer than 8388608 bytes"), "{answer}");
}

#[tokio::test]
async fn who_announces_large_bodies_and_sends_none_keeps_nobody_waiting() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        let mut client = webhooks.connect().await;
        client.begin("/convert?timeout=30s", 100 << 20).await;
        silent.push(client);
    }
    let mut client = webhooks.connect().await;
    client.post("/convert?timeout=30s", &"x".repeat(1 << 20)).await;
    let answer = client.answer().await;
    assert!(answer.contains("not a ConversionReview"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let webhooks = Webhooks::start(&["--max-connections=1"], as_always).await;
    let mut first = webhooks.connect().await;
    let mut second = Box::pin(webhooks.connect());
    for _ in 0..20 {
        first.post("/validate", REVIEW).await;
        assert!(first.answer().await.ends_with(ALLOWED));
        assert!(second.as_mut().now_or_never().is_none(), "served beyond the cap");
    }
    drop(first);
    let mut second = second.await;
    second.post("/validate", REVIEW).await;
    assert!(second.answer().await.ends_with(ALLOWED));
}

#[tokio::test]
async fn who_idles_makes_room_for_who_waits() {
    let crowded = |timing: &mut stationmaster::serve::Timing| timing.crowded = Duration::from_millis(50);
    let webhooks = Webhooks::start(&["--max-connections=1"], crowded).await;
    let mut idle = webhooks.connect().await;
    idle.post("/validate", REVIEW).await;
    assert!(idle.answer().await.ends_with(ALLOWED));
    let mut next = webhooks.connect().await;
    next.post("/validate", REVIEW).await;
    assert!(next.answer().await.ends_with(ALLOWED));
    assert_eq!(idle.answer().await, "");
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let mut client = webhooks.connect().await;
    // Plain surfaces are not to be reached through the webhook's address.
    for path in ["/", "/metrics", "/readyz", "/execute/default/a"] {
        client.post(path, "").await;
        assert!(client.answer().await.starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[tokio::test]
async fn the_end_waits_for_what_is_in_flight() {
    let webhooks = Webhooks::start(&[], as_always).await;
    let (mut idle, mut busy) = (webhooks.connect().await, webhooks.connect().await);
    busy.begin("/validate", REVIEW.len()).await;
    webhooks.stop.cancel();
    assert_eq!(idle.answer().await, "", "an idle connection is closed");
    eventually("the end of listening", async || {
        Client::connect(webhooks.webhook, &webhooks.bundle.authority)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    assert!(!webhooks.ended.is_finished());
    busy.send(REVIEW).await;
    let answer = busy.answer().await;
    assert!(
        answer.ends_with(ALLOWED) && answer.contains("connection: close"),
        "{answer}"
    );
    webhooks.ended.await.unwrap().unwrap();
}
