//! The gateways while the server runs: PodGateways as they are stored now, and their names, which are resolved again and
//! again, never by a request.

mod names;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::future::BoxFuture;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::in_cluster;
use super::served::{GATEWAYS, until_served};
use crate::api::gateway::{Gateway, PodGateway, SidecarMode};
use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, NamespaceMetadata, Watched};
use crate::clients::resolver;
use crate::gateway::{InForce, Names, Overlap, Resolv, Rules, Shared, Surroundings, in_order, shared};
use crate::reconcile::gateways::{Options, PodGateways};
use crate::serve::Gateways;
use crate::serve::health::{Gate, Readiness};

/// No webhook is asked about its pods: the cluster itself lives from them.
const KUBE_SYSTEM: &str = "kube-system";
/// How often it is asked which versions the nodes have, where a sidecar's mode depends on them.
const VERSIONS: Duration = Duration::from_secs(300);
/// The same after a failure, twice as long after each.
const UNKNOWN: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONG_UNKNOWN: Duration = Duration::from_secs(30);

/// Gateways, and everything that hangs on them.
pub(super) struct Followed {
    flags: Option<Gateway>,
    stored: Option<Stored>,
    resolv: Resolv,
    rules: Rules,
    in_force: Shared,
    names: watch::Sender<Arc<Names>>,
    /// A PodGateway leaves the mode of its sidecar to the versions of the cluster.
    asks_for_versions: watch::Sender<bool>,
    native_sidecars: watch::Sender<Option<bool>>,
    /// Opens with the first answers, whatever they are, or soon: who is asked before refuses pods without need.
    gate: Gate,
    unresolved: Gauge,
    failures: Counter,
}

/// What is read of the API server.
struct Stored {
    cluster: Cluster,
    gateways: Watched<PodGateway>,
    namespaces: Watched<NamespaceMetadata>,
}

impl Followed {
    /// Nothing, where neither flags nor PodGateways are wanted; with it the watches of `cluster`, which have to be run.
    pub(super) async fn of(
        args: &ServeArgs,
        cluster: Option<&Cluster>,
        readiness: &Readiness,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<(Self, BoxFuture<'static, ()>)>> {
        let flags = args.gateway.gateway().map_err(|fault| anyhow!(fault))?;
        let flags = flags.filter(|_| args.is_on(Component::Admission) || args.reads_gateways());
        let gate = readiness.gate("names of the gateway");
        let opened = cluster.filter(|_| args.reads_gateways());
        let opened = opened.map(|cluster| Stored::open(cluster, gate.clone()));
        let (stored, watches) = opened.map_or((None, None), |(stored, watches)| (Some(stored), Some(watches)));
        if flags.is_none() && stored.is_none() {
            gate.open();
            return Ok(None);
        }
        let resolv = resolv(args, flags.is_some()).await?;
        let followed = Self {
            flags,
            stored,
            resolv,
            rules: Rules {
                strict_marks: args.gateway.strict_labels,
                hooks: args.gateway.hooks.hooks(),
            },
            in_force: shared(InForce::default()),
            names: watch::Sender::default(),
            asks_for_versions: watch::Sender::default(),
            native_sidecars: watch::Sender::default(),
            gate,
            unresolved: Gauge::default(),
            failures: Counter::default(),
        };
        followed.put_in_force(followed.gateways(), &Names::default());
        followed.register(registry);
        let watches = watches.unwrap_or_else(|| Box::pin(pending()));
        Ok(Some((followed, watches)))
    }

    /// What pods are answered from.
    pub(super) fn answering(&self, registry: &mut Registry) -> Gateways {
        let namespaces = self.stored.as_ref().map(|stored| stored.namespaces.clone());
        Gateways::new(Arc::clone(&self.in_force), namespaces, self.gate.clone(), registry)
    }

    /// What is told of PodGateways, where they are read and this process reconciles.
    pub(super) fn audited(&self, args: &ServeArgs, cluster: Option<&Cluster>) -> Option<PodGateways> {
        let stored = self.stored.as_ref().filter(|_| args.is_on(Component::Controllers))?;
        let own = cluster
            .filter(|_| in_cluster())
            .map(|cluster| cluster.default_namespace().to_owned());
        let mut hooks = args.gateway.hooks.hooks();
        hooks.excluded.extend(own.into_iter().chain([KUBE_SYSTEM.to_owned()]));
        Some(PodGateways {
            stored: stored.gateways.clone(),
            namespaces: stored.namespaces.clone(),
            in_force: Arc::clone(&self.in_force),
            names: self.names.subscribe(),
            flags: self.flags.clone(),
            options: Options {
                hooks,
                evict: args.controllers.evict_uninjected,
            },
        })
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("stationmaster");
        let (unresolved, failures) = (self.unresolved.clone(), self.failures.clone());
        registry.register(
            "gateway_unresolved_names",
            "Names of gateways that did not resolve when they were last looked up",
            unresolved,
        );
        registry.register(
            "gateway_lookup_failures",
            "Lookups of names of gateways that failed",
            failures,
        );
    }

    /// Whether all gateways are known.
    fn is_complete(&self) -> bool {
        self.stored.as_ref().is_none_or(|stored| stored.gateways.is_ready())
    }

    /// The gateways that are in force now, and those that are not.
    fn gateways(&self) -> (Vec<Gateway>, Vec<Overlap>) {
        let stored = self.stored.as_ref().map(|stored| stored.gateways.all());
        in_order(self.flags.clone(), stored.unwrap_or_default())
    }

    /// What the status of a PodGateway tells of a name.
    fn recalled(&self, name: &str) -> Option<(IpAddr, Option<Timestamp>)> {
        let stored = self.stored.as_ref()?.gateways.all();
        let told = stored.iter().filter_map(|gateway| gateway.status.as_ref());
        let mut told = told
            .flat_map(|status| &status.addresses)
            .filter(|told| told.name == name);
        told.find_map(|told| {
            let address = told.address.as_ref()?.parse().ok()?;
            Some((address, told.last_resolved.as_ref().map(|at| at.0)))
        })
    }

    fn put_in_force(&self, (gateways, _): (Vec<Gateway>, Vec<Overlap>), names: &Names) {
        let is_auto = |gateway: &Gateway| {
            let sidecar = gateway.spec.sidecar.as_ref();
            sidecar.is_some_and(|sidecar| sidecar.mode == SidecarMode::Auto)
        };
        self.asks_for_versions.send_replace(gateways.iter().any(is_auto));
        let surroundings = Surroundings {
            resolv: self.resolv.clone(),
            native_sidecars: self.native_sidecars.borrow().unwrap_or_default(),
        };
        let known = (&surroundings, names.addresses());
        let in_force = InForce::new(gateways, known, self.rules.clone(), self.is_complete());
        self.in_force.store(Arc::new(in_force));
        self.tell(names);
    }

    fn tell(&self, names: &Names) {
        self.names.send_replace(Arc::new(names.clone()));
    }

    /// Whether the versions of the cluster are known, where they matter.
    fn knows_versions(&self) -> bool {
        !*self.asks_for_versions.borrow() || self.native_sidecars.borrow().is_some()
    }

    /// Asks again and again whether the API server and all nodes run sidecars as init containers.
    async fn follow_versions(&self) {
        let Some(Stored { cluster, .. }) = &self.stored else {
            return pending().await;
        };
        let (mut wanted, mut pause) = (self.asks_for_versions.subscribe(), UNKNOWN);
        while wanted.wait_for(|wanted| *wanted).await.is_ok() {
            match cluster.runs_native_sidecars().await {
                Ok(native) => {
                    let changed = |known: &mut Option<bool>| known.replace(native) != Some(native);
                    self.native_sidecars.send_if_modified(changed);
                    pause = VERSIONS;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot tell the versions of the nodes: sidecars stay as they are");
                    pause = if pause == VERSIONS {
                        UNKNOWN
                    } else {
                        LONG_UNKNOWN.min(pause * 2)
                    };
                }
            }
            sleep(pause).await;
        }
    }
}

impl Stored {
    fn open(cluster: &Cluster, gate: Gate) -> (Self, BoxFuture<'static, ()>) {
        let (gateways, first) = cluster.watched::<PodGateway>(CancellationToken::new());
        let (namespaces, second) = cluster.watched::<NamespaceMetadata>(CancellationToken::new());
        let stored = Self {
            cluster: cluster.clone(),
            gateways,
            namespaces,
        };
        let own = cluster.clone();
        let watches = async move {
            until_served::<PodGateway>(&own, &GATEWAYS, || gate.open()).await;
            tokio::select! {
                () = first => {}
                () = second => {}
            }
        };
        (stored, Box::pin(watches))
    }
}

/// Pods of a gateway that flags make get of it at once; for others it may come to nothing.
async fn resolv(args: &ServeArgs, needed: bool) -> anyhow::Result<Resolv> {
    let path = &args.gateway.resolv_conf;
    match resolver::configuration(path).await {
        Ok(text) => Ok(Resolv::parse(&text)),
        Err(error) if needed => {
            Err(error).with_context(|| format!("cannot read {}: pass --resolv-conf", path.display()))
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "pods get no search domains: pass --resolv-conf");
            Ok(Resolv::default())
        }
    }
}

/// Follows gateways if there are any; ends only when a watch has ended.
pub(super) async fn follow(followed: Option<(Followed, BoxFuture<'static, ()>)>) {
    let Some((followed, watches)) = followed else {
        return pending().await;
    };
    tokio::select! {
        () = watches => {}
        () = names::follow(&followed, resolver::lookup) => {}
        () = followed.follow_versions() => {}
    }
}
