//! The gateway of the flags while the server runs: its names are resolved again and again, never by a request.

use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::sleep;

use crate::cli::{Component, ServeArgs};
use crate::clients::resolver;
use crate::gateway::{Addresses, Current, News, Resolv, Surroundings};
use crate::serve::Gateways;
use crate::serve::health::{Gate, Readiness};

/// Until the next look after something has changed or failed; twice as long after each look that brings nothing new.
const SOONEST: Duration = Duration::from_secs(5);
/// Nobody waits longer for the first answers: `unresolved` decides then, and addresses need no answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// No look is further away.
const LATEST: Duration = Duration::from_secs(60);

/// A gateway, and everything that hangs on it.
pub(super) struct Followed {
    current: Arc<Current>,
    /// Opens with the first answers, whatever they are, or soon: who is asked before refuses pods without need.
    gate: Gate,
    unresolved: Gauge,
    failures: Counter,
}

impl Followed {
    /// Nothing, where admission is off or the flags make no gateway.
    pub(super) async fn of(
        args: &ServeArgs,
        readiness: &Readiness,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<Self>> {
        let gateway = args.gateway.gateway().map_err(|fault| anyhow!(fault))?;
        let Some(gateway) = gateway.filter(|_| args.is_on(Component::Admission)) else {
            return Ok(None);
        };
        let path = &args.gateway.resolv_conf;
        let text = resolver::configuration(path).await;
        let text = text.with_context(|| format!("cannot read {}: pass --resolv-conf", path.display()))?;
        let surroundings = Surroundings {
            resolv: Resolv::parse(&text),
            native_sidecars: false,
        };
        let current = Current::new(gateway, surroundings, args.gateway.strict_labels);
        let followed = Self {
            current: Arc::new(current),
            gate: readiness.gate("names of the gateway"),
            unresolved: Gauge::default(),
            failures: Counter::default(),
        };
        followed.register(registry);
        Ok(Some(followed))
    }

    /// What pods are answered from.
    pub(super) fn gateways(&self, registry: &mut Registry) -> Gateways {
        Gateways::new(Arc::clone(&self.current), self.gate.clone(), registry)
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("stationmaster");
        let (unresolved, failures) = (self.unresolved.clone(), self.failures.clone());
        registry.register(
            "gateway_unresolved_names",
            "Names of the gateway that did not resolve when they were last looked up",
            unresolved,
        );
        registry.register(
            "gateway_lookup_failures",
            "Lookups of names of the gateway that failed",
            failures,
        );
    }
}

/// Follows a gateway if there is one; does not end either way.
pub(super) async fn follow(followed: Option<Followed>) {
    if let Some(followed) = followed {
        resolve(&followed, resolver::lookup).await;
    }
    pending::<()>().await;
}

async fn resolve(followed: &Followed, lookup: impl AsyncFn(&str) -> io::Result<Vec<IpAddr>>) {
    let names = followed.current.names();
    if names.is_empty() {
        return followed.gate.open();
    }
    let impatient = async {
        sleep(PATIENCE).await;
        followed.gate.open();
    };
    tokio::join!(look_up(followed, &names, lookup), impatient);
}

/// Looks all names up again and again. Each answer is in force as it comes: a slow one keeps no other from pods.
async fn look_up(followed: &Followed, names: &[String], lookup: impl AsyncFn(&str) -> io::Result<Vec<IpAddr>>) {
    let (mut addresses, mut pause, lookup) = (Addresses::default(), SOONEST, &lookup);
    loop {
        let asked = names.iter().map(|name| async move { (name, lookup(name).await) });
        let mut answers: FuturesUnordered<_> = asked.collect();
        let mut quiet = true;
        while let Some((name, answer)) = answers.next().await {
            quiet &= !heard(followed, &mut addresses, name, answer);
        }
        followed.gate.open();
        pause = if quiet { LATEST.min(pause * 2) } else { SOONEST };
        sleep(pause).await;
    }
}

/// Takes an answer; tells whether it asks for another look soon. A failure is told when it begins and when it ends.
fn heard(followed: &Followed, addresses: &mut Addresses, name: &str, answer: io::Result<Vec<IpAddr>>) -> bool {
    let soon = match answer {
        Ok(answer) => {
            let news = addresses.hear(name, &answer);
            let address = addresses.of(name).map(|address| address.to_string());
            if news != News::Nothing {
                tracing::info!(name, address, "a name of the gateway has resolved");
            }
            if news == News::Moved {
                followed.current.replace(addresses);
            }
            news == News::Moved
        }
        Err(error) => {
            followed.failures.inc();
            if addresses.fail(name) {
                let stays = addresses.of(name).map(|address| address.to_string());
                tracing::warn!(name, %error, last_address_stays = stays, "a name of the gateway does not resolve");
            }
            true
        }
    };
    let failing = i64::try_from(addresses.failing()).unwrap_or(i64::MAX);
    followed.unresolved.set(failing);
    soon
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use clap::Parser;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::cli::Cli;

    async fn followed(flags: &[&str]) -> anyhow::Result<Option<(Followed, Readiness)>> {
        let args = Cli::parse_from([&["stationmaster", "--components=admission"], flags].concat()).serve;
        let readiness = Readiness::default();
        let followed = Followed::of(&args, &readiness, &mut Registry::default()).await?;
        Ok(followed.map(|followed| (followed, readiness)))
    }

    fn stamp(followed: &Followed) -> Option<String> {
        let injection = followed.current.injection();
        injection
            .as_ref()
            .as_ref()
            .ok()
            .map(|injection| format!("{injection:?}"))
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
            timeout(Duration::from_secs(152), resolve(&followed, lookup))
                .await
                .is_err()
        );
        let seen = seen.lock().unwrap();
        let times: Vec<_> = seen.iter().map(|(time, _, _)| *time).collect();
        // Failed, resolved, the same four times, failed, another.
        assert_eq!(times, [0, 5, 10, 20, 40, 80, 140, 145, 150]);
        let states: Vec<_> = seen.iter().map(|(_, state, _)| state.clone()).collect();
        assert!(states[..2].iter().all(Option::is_none));
        assert!(
            states[2].as_ref().unwrap().contains("192.0.2.1") && states[2..8].iter().all(|state| *state == states[2])
        );
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
        let resolving = resolve(&followed, lookup);
        tokio::pin!(resolving);
        assert!(timeout(Duration::from_secs(9), &mut resolving).await.is_err());
        assert!(stamp(&followed).unwrap().contains("192.0.2.53"));
        assert_eq!(readiness.missing(), ["names of the gateway"]);
        assert!(timeout(Duration::from_secs(2), &mut resolving).await.is_err());
        assert!(readiness.missing().is_empty());
    }

    #[tokio::test]
    async fn addresses_are_in_force_at_once() {
        let flags = ["--gateway=192.0.2.1", "--DNS=192.0.2.53", "--resolv-conf=/dev/null"];
        let (followed, readiness) = followed(&flags).await.unwrap().unwrap();
        assert!(stamp(&followed).is_some());
        resolve(&followed, async |_: &str| Err(io::Error::other("nobody asks"))).await;
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
}
