//! The reconcile half of a process: which reconcilers it has, and when what they have to know first is known.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::in_cluster;
use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::Cluster;
use crate::reconcile::gateway_clients::Clients;
use crate::reconcile::gateways::PodGateways;
use crate::reconcile::namespaces::Resources;
use crate::reconcile::workers::Workers;
use crate::reconcile::{self, Dispatch, Metrics, Options, Shared};
use crate::serve::State;
use crate::serve::health::{Gate, Readiness};

/// The reconcilers, and the gates that open when they know enough.
pub(super) struct Reconcilers {
    shared: Shared,
    gates: Vec<(Gate, watch::Receiver<bool>)>,
}

impl Reconcilers {
    /// Nothing, where none is wanted.
    pub(super) fn of(
        args: &ServeArgs,
        state: &State,
        metrics: Metrics,
        (resources, clients, gateways, workers): (
            Option<Resources>,
            Option<Clients>,
            Option<PodGateways>,
            Option<Workers>,
        ),
    ) -> Option<Self> {
        let cluster = state.cluster.as_ref()?;
        let wanted = args.is_on(Component::Controllers);
        let dispatch = state.templates.as_ref().filter(|_| wanted).map(|templates| Dispatch {
            templates: templates.clone(),
            compiled: Arc::clone(&state.compiled),
            filled: watch::Sender::default(),
        });
        let others = resources.is_some() || clients.is_some() || gateways.is_some() || workers.is_some();
        if dispatch.is_none() && !others {
            return None;
        }
        let shared = Shared {
            cluster: cluster.clone(),
            metrics,
            options: options(args, cluster),
            dispatch,
            resources,
            clients,
            gateways,
            workers,
        };
        Some(Self {
            gates: gates(&shared, &state.readiness),
            shared,
        })
    }
}

fn options(args: &ServeArgs, cluster: &Cluster) -> Options {
    let namespace = || match &args.controllers.leader_election_namespace {
        Some(namespace) => namespace.clone(),
        None if in_cluster() => cluster.default_namespace().to_owned(),
        None => args.execute.default_namespace.clone(),
    };
    Options {
        concurrency: args.controllers.concurrency,
        lease_namespace: args.controllers.leader_elect.then(namespace),
    }
}

/// What has to be known first. Where replicas contend, the ones that follow have to be ready without.
fn gates(shared: &Shared, readiness: &Readiness) -> Vec<(Gate, watch::Receiver<bool>)> {
    if shared.options.lease_namespace.is_some() {
        return Vec::new();
    }
    let dispatch = shared.dispatch.as_ref().map(|own| ("executions and jobs", &own.filled));
    let resources = shared.resources.as_ref().map(|own| ("namespaces", &own.filled));
    let all = dispatch.into_iter().chain(resources);
    all.map(|(name, filled)| (readiness.gate(name), filled.subscribe()))
        .collect()
}

/// Runs the reconcile half, if it is wanted, until `stop`.
pub(super) async fn run(reconcilers: Option<Reconcilers>, stop: CancellationToken) {
    let Some(Reconcilers { shared, gates }) = reconcilers else {
        return;
    };
    // Waiting ends with the reconcilers at the latest: they hold the other end.
    let opened = gates.into_iter().map(|(gate, filled)| open_when(gate, filled));
    tokio::join!(reconcile::run(shared, stop), futures::future::join_all(opened));
}

async fn open_when(gate: Gate, mut filled: watch::Receiver<bool>) {
    if filled.wait_for(|filled| *filled).await.is_ok() {
        gate.open();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn shared(lease_namespace: Option<&str>) -> Shared {
        let never = tower::service_fn(|_: hyper::Request<kube::client::Body>| {
            pending::<Result<hyper::Response<kube::client::Body>, std::io::Error>>()
        });
        let cluster = Cluster::from(kube::Client::new(never, "default"));
        let (templates, _) = cluster.templates(CancellationToken::new());
        Shared {
            cluster,
            metrics: Metrics::default(),
            options: Options {
                concurrency: 1,
                lease_namespace: lease_namespace.map(Into::into),
            },
            dispatch: Some(Dispatch {
                templates,
                compiled: Arc::default(),
                filled: watch::Sender::default(),
            }),
            resources: None,
            clients: None,
            gateways: None,
            workers: None,
        }
    }

    #[tokio::test]
    async fn ready_when_the_controllers_know_all() {
        let (shared, readiness) = (shared(None), Readiness::default());
        let mut gates = gates(&shared, &readiness);
        assert_eq!(readiness.missing(), ["executions and jobs"]);
        shared.dispatch.expect("it is there").filled.send_replace(true);
        let (gate, filled) = gates.remove(0);
        open_when(gate, filled).await;
        assert!(readiness.missing().is_empty());
    }

    #[tokio::test]
    async fn followers_are_ready_without() {
        let readiness = Readiness::default();
        assert!(gates(&shared(Some("here")), &readiness).is_empty());
        assert!(readiness.missing().is_empty());
    }
}
