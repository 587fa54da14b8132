//! Names that resolve, fail and move, without waiting for any.

use std::io;
use std::sync::Mutex;

use clap::Parser;
use tokio::time::{Instant, timeout};

use super::*;
use crate::cli::Cli;

async fn followed(flags: &[&str]) -> anyhow::Result<Option<(Followed, Readiness)>> {
    let args = Cli::parse_from([&["stationmaster", "--components=admission"], flags].concat()).serve;
    let readiness = Readiness::default();
    let followed = Followed::of(&args, None, &readiness, &mut Registry::default()).await?;
    Ok(followed.map(|(followed, _)| (followed, readiness)))
}

fn stamp(followed: &Followed) -> Option<String> {
    let in_force = followed.in_force.load();
    let injection = in_force.all()[0].injection.as_ref();
    injection.ok().map(|injection| format!("{injection:?}"))
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_stays_and_lookups_slow_down() {
    let flags = [
        "--gateway=vpn.example.org",
        "--DNS=vpn.example.org",
        "--resolv-conf=/dev/null",
    ];
    let (followed, readiness) = followed(&flags).await.unwrap().unwrap();
    assert_eq!(readiness.missing(), ["names of the gateway"]);
    let (start, seen) = (Instant::now(), Mutex::new(Vec::new()));
    let lookup = async |name: &str| {
        assert_eq!(name, "vpn.example.org");
        let mut seen = seen.lock().unwrap();
        seen.push((start.elapsed().as_secs(), stamp(&followed), followed.unresolved.get()));
        match seen.len() {
            2 => Ok(vec!["192.0.2.1".parse().unwrap()]),
            1 | 7 => Err(io::Error::other("no such host")),
            8 => Ok(vec!["192.0.2.9".parse().unwrap()]),
            _ => Ok(vec!["192.0.2.2".parse().unwrap(), "192.0.2.1".parse().unwrap()]),
        }
    };
    // It goes on for ever.
    assert!(
        timeout(Duration::from_secs(152), names::follow(&followed, lookup))
            .await
            .is_err()
    );
    let seen = seen.lock().unwrap();
    let times: Vec<_> = seen.iter().map(|(time, _, _)| *time).collect();
    // Failed, resolved, the same four times, failed, another.
    assert_eq!(times, [0, 5, 10, 20, 40, 80, 140, 145, 150]);
    let states: Vec<_> = seen.iter().map(|(_, state, _)| state.clone()).collect();
    assert!(states[..2].iter().all(Option::is_none));
    assert!(states[2].as_ref().unwrap().contains("192.0.2.1") && states[2..8].iter().all(|state| *state == states[2]));
    assert!(states[8].as_ref().unwrap().contains("192.0.2.9"));
    let unresolved: Vec<_> = seen.iter().map(|(_, _, unresolved)| *unresolved).collect();
    assert_eq!(unresolved, [0, 1, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(followed.failures.get(), 2);
    assert!(readiness.missing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_name_keeps_neither_pods_nor_the_server_waiting() {
    let flags = [
        "--gateway=slow.example.org",
        "--DNS=dns.example.org",
        "--resolv-conf=/dev/null",
    ];
    let (followed, readiness) = followed(&flags).await.unwrap().unwrap();
    let lookup = async |name: &str| match name {
        "dns.example.org" => Ok(vec!["192.0.2.53".parse().unwrap()]),
        _ => std::future::pending().await,
    };
    let resolving = names::follow(&followed, lookup);
    tokio::pin!(resolving);
    assert!(timeout(Duration::from_secs(9), &mut resolving).await.is_err());
    assert!(stamp(&followed).unwrap().contains("192.0.2.53"));
    assert_eq!(readiness.missing(), ["names of the gateway"]);
    assert!(timeout(Duration::from_secs(2), &mut resolving).await.is_err());
    assert!(readiness.missing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn addresses_are_in_force_at_once() {
    let flags = ["--gateway=192.0.2.1", "--DNS=192.0.2.53", "--resolv-conf=/dev/null"];
    let (followed, readiness) = followed(&flags).await.unwrap().unwrap();
    assert!(stamp(&followed).is_some());
    let nobody = async |_: &str| Err(io::Error::other("nobody asks"));
    assert!(
        timeout(Duration::from_secs(1), names::follow(&followed, nobody))
            .await
            .is_err()
    );
    assert!(readiness.missing().is_empty());
}

#[tokio::test]
async fn what_cannot_work_is_told_at_start() {
    assert!(followed(&["--setGatewayDefault"]).await.unwrap().is_none());
    let error = followed(&["--gateway=a.b", "--resolv-conf=/nonexistent"])
        .await
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "cannot read /nonexistent: pass --resolv-conf");
    let error = followed(&["--initImage=a", "--initMountPoint=/b"]).await.err().unwrap();
    assert!(error.to_string().ends_with("pass --configmapName too"), "{error}");
}
