//! The life of a serving process: telemetry, the cluster, both halves under one token, the signal that ends them.

mod advice;
mod folder;
mod signals;

use std::future::pending;
use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::ring;
use tokio::runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, Templates};
use crate::reconcile;
use crate::serve::execute::Token;
use crate::serve::health::Readiness;
use crate::serve::{Memory, Server, State};
use crate::telemetry::Telemetry;
use folder::Followed;
use signals::Signals;

/// Runs until a signal or the first failure of either half.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    // Some clients look for a process-wide provider and panic without one. A second call changes nothing.
    let _ = ring::default_provider().install_default();
    let telemetry = Telemetry::start(&args.observe)?;
    advice::warn(args);
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let ended = runtime.block_on(compose(args, &telemetry));
    if let Err(error) = &ended {
        tracing::error!(error = format!("{error:#}"), "stopping");
    }
    ended
}

async fn compose(args: &ServeArgs, telemetry: &Telemetry) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut signals = Signals::new()?;
    let mut registry = telemetry.registry();
    let reconciled = reconcile::Metrics::register(&mut registry);
    let readiness = Readiness::default();
    let cluster = if needs_cluster(&args.components) {
        Some(Cluster::connect(args.controllers.kubeconfig.as_deref()).await?)
    } else {
        None
    };
    // The watches outlive the drain: until its end executes are answered.
    let (templates, watches) = watches(cluster.as_ref(), &readiness);
    let followed = Followed::of(args, &readiness, &mut registry);
    let hooks = followed.as_ref().map(|followed| followed.hooks(args, &mut registry));
    let state = State {
        cluster,
        templates,
        hooks,
        token: token(args).await?,
        memory: Memory::new(args.limits.body_memory()),
        ..State::new(registry, readiness, args.execute.clone())
    };
    let controllers = controllers(args, &state, reconciled).map(|shared| {
        let filled = opened_when_filled(&shared, &state.readiness);
        (shared, filled)
    });
    let follow = folder::follow(followed, args.resources.folder.options());
    let server = Server::bind(args, in_cluster(), Arc::new(state)).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), components = ?args.components, "serving");
    // The reconcilers stop at the first signal, while requests are still being answered.
    let halves = async {
        let (outcome, ()) = tokio::join!(server.run(stop.clone()), reconcile_with(controllers, stop.clone()));
        outcome.context("the server failed")
    };
    tokio::select! {
        ended = halves => ended,
        again = signals.twice(&stop) => again,
        () = watches => anyhow::bail!("the watch of job templates has ended"),
        () = follow => anyhow::bail!("the folder of templates is not followed any more"),
    }
}

/// The others read nothing but what they are asked about, and the folder.
fn needs_cluster(components: &[Component]) -> bool {
    components.contains(&Component::Execute) || components.contains(&Component::Controllers)
}

/// Read once: a missing or empty file must not leave the endpoint open.
async fn token(args: &ServeArgs) -> anyhow::Result<Option<Token>> {
    match &args.execute.execute_token_file {
        Some(path) => Ok(Some(Token::load(path).await?)),
        None => Ok(None),
    }
}

/// The shared watches and the future that runs them, which does not end.
fn watches(cluster: Option<&Cluster>, readiness: &Readiness) -> (Option<Templates>, impl Future<Output = ()> + use<>) {
    let opened = cluster.map(|cluster| {
        (
            cluster.templates(CancellationToken::new()),
            readiness.gate("job templates"),
        )
    });
    let templates = opened.as_ref().map(|((templates, _), _)| templates.clone());
    let run = async move {
        let Some(((templates, watch), gate)) = opened else {
            return pending().await;
        };
        let fill = async {
            if templates.wait_until_ready().await {
                gate.open();
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = watch => {}
            () = fill => {}
        }
    };
    (templates, run)
}

/// The reconcile half, if it is wanted.
fn controllers(args: &ServeArgs, state: &State, metrics: reconcile::Metrics) -> Option<reconcile::Shared> {
    let wanted = args.components.contains(&Component::Controllers);
    let (Some(cluster), Some(templates), true) = (&state.cluster, &state.templates, wanted) else {
        return None;
    };
    let namespace = || match &args.controllers.leader_election_namespace {
        Some(namespace) => namespace.clone(),
        None if in_cluster() => cluster.default_namespace().to_owned(),
        None => args.execute.default_namespace.clone(),
    };
    let options = reconcile::Options {
        concurrency: args.controllers.concurrency,
        lease_namespace: args.controllers.leader_elect.then(namespace),
    };
    Some(reconcile::Shared {
        cluster: cluster.clone(),
        templates: templates.clone(),
        compiled: Arc::clone(&state.compiled),
        metrics,
        options,
        filled: watch::Sender::default(),
    })
}

/// Runs the reconcile half, if it is wanted.
async fn reconcile_with(controllers: Option<(reconcile::Shared, impl Future<Output = ()>)>, stop: CancellationToken) {
    if let Some((shared, filled)) = controllers {
        // Waiting ends with the controllers at the latest: they hold the other end.
        tokio::join!(reconcile::run(shared, stop), filled);
    }
}

/// A gate for what the controllers have to know first. Where replicas contend, the ones that follow have to be ready
/// without.
fn opened_when_filled(shared: &reconcile::Shared, readiness: &Readiness) -> impl Future<Output = ()> + use<> {
    let gate = (shared.options.lease_namespace.is_none()).then(|| readiness.gate("executions and jobs"));
    let mut filled = shared.filled.subscribe();
    async move {
        if let Some(gate) = gate
            && filled.wait_for(|filled| *filled).await.is_ok()
        {
            gate.open();
        }
    }
}

/// Every pod is told where the API server is.
fn in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(lease_namespace: Option<&str>) -> reconcile::Shared {
        let never = tower::service_fn(|_: hyper::Request<kube::client::Body>| {
            pending::<Result<hyper::Response<kube::client::Body>, std::io::Error>>()
        });
        let cluster = Cluster::from(kube::Client::new(never, "default"));
        let (templates, _) = cluster.templates(CancellationToken::new());
        reconcile::Shared {
            cluster,
            templates,
            compiled: Arc::default(),
            metrics: reconcile::Metrics::default(),
            options: reconcile::Options {
                concurrency: 1,
                lease_namespace: lease_namespace.map(Into::into),
            },
            filled: watch::Sender::default(),
        }
    }

    #[tokio::test]
    async fn ready_when_the_controllers_know_all() {
        let (shared, readiness) = (shared(None), Readiness::default());
        let opened = opened_when_filled(&shared, &readiness);
        assert_eq!(readiness.missing(), ["executions and jobs"]);
        shared.filled.send_replace(true);
        opened.await;
        assert!(readiness.missing().is_empty());
    }

    #[tokio::test]
    async fn followers_are_ready_without() {
        let readiness = Readiness::default();
        opened_when_filled(&shared(Some("here")), &readiness).await;
        assert!(readiness.missing().is_empty());
    }
}
