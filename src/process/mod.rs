//! The life of a serving process: telemetry, the cluster, both halves under one token, the signal that ends them.

mod advice;
mod clients;
mod events;
mod folder;
mod gateway;
mod idle;
mod reconcilers;
mod served;
mod signals;
mod workers;

use std::future::pending;
use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::ring;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use crate::cli::{Component, ServeArgs};
use crate::clients::cluster::{Cluster, Templates};
use crate::reconcile;
use crate::serve::execute::Token;
use crate::serve::health::Readiness;
use crate::serve::{Gateways, Memory, Server, State};
use crate::telemetry::Telemetry;
use folder::Followed;
use reconcilers::Reconcilers;
use signals::Signals;

/// Runs until a signal or the first failure of either half.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    // Some clients look for a process-wide provider and panic without one. A second call changes nothing.
    let _ = ring::default_provider().install_default();
    let telemetry = Telemetry::start(&args.observe)?;
    idle::refuse(args)?;
    advice::warn(args);
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let ended = runtime.block_on(compose(args, &telemetry));
    // Looking up a name can take the system a minute, and nobody waits for it any more.
    runtime.shutdown_background();
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
    // The other parts read nothing but what they are asked about, and the folder.
    let dispatches = args.is_on(Component::Execute) || args.is_on(Component::Controllers);
    let cluster = cluster(args, dispatches).await?;
    // The watches outlive the drain: until its end executes are answered.
    let (templates, watches) = watches(cluster.as_ref().filter(|_| dispatches), &readiness);
    let followed = Followed::of(args, &readiness, &mut registry);
    let hooks = followed.as_ref().filter(|_| !args.is_native());
    let hooks = hooks.map(|followed| followed.hooks(args, &mut registry));
    let resources = followed.as_ref().and_then(|followed| followed.resources(args));
    let behind = gateway::Followed::of(args, cluster.as_ref(), &readiness, &mut registry).await?;
    let gateways = behind.as_ref().map(|(behind, _)| behind.answering(&mut registry));
    let (clients, clients_watch) = clients::watch(args, cluster.as_ref());
    let (workers, workers_watch) = workers::watch(args, cluster.as_ref());
    let in_force = gateways.as_ref().map(Gateways::in_force);
    let namespaces = gateways.as_ref().and_then(Gateways::namespaces);
    let controlled = clients::controlled(args, clients.as_ref(), (in_force, namespaces));
    let known = (cluster.as_ref(), clients, gateways.as_ref());
    let (events, filled) = events::events(args, known, &readiness, &mut registry).await?;
    let state = State {
        events,
        workers: workers::admitting(args, workers.as_ref(), cluster.as_ref()).await,
        cluster,
        templates,
        hooks,
        gateways,
        token: token(args).await?,
        memory: Memory::new(args.limits.body_memory()),
        ..State::new(registry, readiness, args.execute.clone())
    };
    let audited = behind
        .as_ref()
        .and_then(|(behind, _)| behind.audited(args, state.cluster.as_ref()));
    let workers = workers.and_then(|known| known.controlled(args));
    let reconcilers = Reconcilers::of(args, &state, reconciled, (resources, controlled, audited, workers));
    let follow = folder::follow(followed, args.resources.folder.options());
    let state = Arc::new(state);
    let answers = events::follow(filled, Arc::clone(&state));
    let server = Server::bind(args, in_cluster(), state).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), components = ?args.components(), "serving");
    // The reconcilers stop at the first signal, while requests are still being answered.
    let halves = async {
        let (outcome, ()) = tokio::join!(server.run(stop.clone()), reconcilers::run(reconcilers, stop.clone()));
        outcome.context("the server failed")
    };
    let names = gateway::follow(behind);
    tokio::select! {
        ended = halves => ended,
        again = signals.twice(&stop) => again,
        () = watches => anyhow::bail!("the watch of job templates has ended"),
        () = clients_watch => anyhow::bail!("the watch of gateway clients has ended"),
        () = workers_watch => anyhow::bail!("the watches of workers have ended"),
        () = answers => anyhow::bail!("late answers to events are not sent any more"),
        () = names => anyhow::bail!("the gateways are not followed any more"),
        () = follow => anyhow::bail!("the folder of templates is not followed any more"),
    }
}

/// The API server, where anything that is on needs it.
async fn cluster(args: &ServeArgs, dispatches: bool) -> anyhow::Result<Option<Cluster>> {
    let wanted = dispatches || args.is_native() || args.reads_gateways() || args.is_on(Component::Workers);
    if !wanted {
        return Ok(None);
    }
    Ok(Some(Cluster::connect(args.controllers.kubeconfig.as_deref()).await?))
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

/// Every pod is told where the API server is.
fn in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}
