//! The gateway of the flags while the server runs: its names are resolved again and again, never by a request.

use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::future::join_all;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::sleep;

use crate::cli::{Component, ServeArgs};
use crate::clients::resolver;
use crate::gateway::{Addresses, Current, Resolv};
use crate::serve::Gateways;
use crate::serve::health::{Gate, Readiness};

/// Until the next look after something has changed or failed; twice as long after each look that brings nothing new.
const SOONEST: Duration = Duration::from_secs(5);
/// No look is further away.
const LATEST: Duration = Duration::from_secs(60);

/// A gateway, and everything that hangs on it.
pub(super) struct Followed {
    current: Arc<Current>,
    /// Opens with the first answers, whatever they are: who is asked before refuses pods without need.
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
        let Some(gateway) = gateway.filter(|_| args.components.contains(&Component::Admission)) else {
            return Ok(None);
        };
        let path = &args.gateway.resolv_conf;
        let text = resolver::configuration(path).await;
        let text = text.with_context(|| format!("cannot read {}: pass --resolv-conf", path.display()))?;
        let current = Current::new(gateway, Resolv::parse(&text), args.gateway.strict_labels);
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
    let (mut addresses, mut failed, mut pause) = (Addresses::default(), 0, SOONEST);
    while !names.is_empty() {
        let answers = join_all(names.iter().map(|name| lookup(name))).await;
        let before = failed;
        failed = answers.iter().filter(|answer| answer.is_err()).count();
        let changed = heard(followed, &mut addresses, names.iter().zip(answers), before == 0);
        if changed {
            followed.current.replace(&addresses);
        }
        followed.unresolved.set(i64::try_from(failed).unwrap_or(i64::MAX));
        followed.gate.open();
        let quiet = !changed && failed == 0;
        pause = if quiet { LATEST.min(pause * 2) } else { SOONEST };
        sleep(pause).await;
    }
    followed.gate.open();
}

/// Takes the answers; tells whether an address is another now. A failure that goes on is told once.
fn heard<'n>(
    followed: &Followed,
    addresses: &mut Addresses,
    answers: impl Iterator<Item = (&'n String, io::Result<Vec<IpAddr>>)>,
    news: bool,
) -> bool {
    let mut changed = false;
    for (name, answer) in answers {
        let known = addresses.of(name);
        match answer {
            Ok(answer) if addresses.hear(name, &answer) => {
                changed = true;
                let address = addresses.of(name).map(|address| address.to_string());
                tracing::info!(name, address, "a name of the gateway has resolved");
            }
            Ok(_) => {}
            Err(error) => {
                followed.failures.inc();
                let stays = known.map(|address| address.to_string());
                if news {
                    tracing::warn!(name, %error, last_address_stays = stays, "a name of the gateway does not resolve");
                }
            }
        }
    }
    changed
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
