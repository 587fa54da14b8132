//! WorkerBundle to everything that runs it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::controller::Action;
use serde_json::Value;

use super::apply::Brought;
use super::context::{Context, key};
use super::memory::UNSEEN;
use crate::api::names::{label, reason};
use crate::api::workers::WorkerBundle;
use crate::api::workers::pod::BundlePod;
use crate::reconcile::error::{Error, guarded};
use crate::workers::runtime::{
    Observed, Part, Problem, Routing, Seen, Wanted, deployment_name, image, is_rolled_out, label_value, refusal, wanted,
};

/// What no watch tells of is looked at again.
const PAUSE: Duration = Duration::from_secs(30);
/// The same for what is over soon.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// Brings one bundle to what it asks for. Harmless to repeat, whatever was done before.
pub(super) async fn reconcile(stored: Arc<WorkerBundle>, ctx: Arc<Context>) -> Result<Action, Error> {
    let bundle = ctx.memory.current(&stored);
    if bundle.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let pause = guarded(step(&bundle, &ctx)).await?;
    ctx.memory.succeeded(&bundle);
    Ok(pause.map_or_else(Action::await_change, Action::requeue))
}

/// When a bundle whose reconcile failed is tried again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands it in like this")]
pub(super) fn error_policy(bundle: Arc<WorkerBundle>, error: &Error, ctx: Arc<Context>) -> Action {
    Action::requeue(error.retry(ctx.memory.failed(&bundle)))
}

/// What has come of a bundle's objects.
#[derive(Default)]
struct Outcome {
    deployment: Option<Deployment>,
    /// The Deployment is what is wanted.
    is_current: bool,
    problem: Option<Problem>,
    routing: Option<Routing>,
    pause: Option<Duration>,
}

async fn step(bundle: &WorkerBundle, ctx: &Context) -> Result<Option<Duration>, Error> {
    let secrets = ctx.secrets(bundle).await?;
    let observed = Observed {
        secrets: secrets.as_ref().ok().and_then(Option::as_deref),
        runtime: &ctx.runtime,
        allowed: &ctx.allowed,
    };
    let wanted = wanted(bundle, &observed);
    let mut outcome = Outcome::default();
    if let Err(problem) = &secrets {
        outcome.problem = Some(problem.clone());
    }
    bring_all(bundle, &wanted, &mut outcome, ctx).await?;
    let image = image(bundle, observed.runtime);
    if image.is_none() && !bundle.spec.workers.is_empty() {
        outcome.problem.get_or_insert_with(no_runtime);
    }
    prune(bundle, &wanted, &outcome, ctx).await?;
    let pods = pods(bundle, ctx);
    let seen = Seen {
        deployment: outcome.deployment.as_ref(),
        is_current: outcome.is_current,
        pods: &pods,
        image,
        problem: outcome.problem.as_ref(),
        routing: outcome.routing.as_ref(),
    };
    ctx.record(bundle, &seen).await?;
    Ok(outcome.pause)
}

/// Brings one object after the other. What one fails at does not keep the others; with a Secret missing, the pods stay as
/// they are.
async fn bring_all(
    bundle: &WorkerBundle,
    wanted: &[Wanted],
    outcome: &mut Outcome,
    ctx: &Context,
) -> Result<(), Error> {
    let is_held = outcome.problem.is_some();
    let has_routes = *ctx.has_routes.borrow() == Some(true);
    for wanted in wanted {
        let brought = match wanted.part {
            Part::Deployment if is_held => continue,
            Part::HttpRoute if !has_routes => Brought::Not(no_routes()),
            _ => ctx.bring(bundle, wanted).await?,
        };
        outcome.note(wanted.part, brought);
    }
    // Without workers it is on its way out.
    if !outcome.is_current && !wanted.is_empty() {
        let place = (Part::Deployment, deployment_name(bundle));
        let (own, _) = ctx.own(bundle, &ctx.stores.deployments, place);
        outcome.deployment = own.and_then(deployment);
    }
    Ok(())
}

impl Outcome {
    fn note(&mut self, part: Part, brought: Brought) {
        let is_route = matches!(part, Part::Ingress | Part::HttpRoute);
        match brought {
            Brought::There { object, is_unseen } => {
                let refused = (part == Part::HttpRoute).then(|| refusal(&object)).flatten();
                if is_unseen {
                    self.come_back(UNSEEN);
                }
                if part == Part::Deployment {
                    self.deployment = deployment(object);
                    self.is_current = true;
                }
                if let Some(problem) = refused {
                    // What leads to the workers stays: whoever refuses it now may take it later.
                    self.routing = Some(Err(problem));
                } else if is_route {
                    self.routing.get_or_insert(Ok(()));
                }
            }
            Brought::Not(problem) => {
                let is_short = problem.reason == reason::DELETING;
                self.come_back(if is_short { SHORT_PAUSE } else { PAUSE });
                if is_route && !matches!(self.routing, Some(Err(_))) {
                    self.routing = Some(Err(problem));
                } else if !is_route {
                    self.problem.get_or_insert(problem);
                }
            }
        }
    }

    fn come_back(&mut self, pause: Duration) {
        self.pause = Some(self.pause.map_or(pause, |before| before.min(pause)));
    }
}

/// Old pods stay until the new ones answer, and what leads to them until something else does.
async fn prune(bundle: &WorkerBundle, wanted: &[Wanted], outcome: &Outcome, ctx: &Context) -> Result<(), Error> {
    let has_pods = outcome.is_current && outcome.deployment.as_ref().is_some_and(is_rolled_out);
    let keeps_pods = !wanted.is_empty() && !has_pods;
    let keeps_routes = matches!(outcome.routing, Some(Err(_)));
    // A Gateway that refuses one route is no reason to leave those of workers that have gone.
    let is_refused = matches!(&outcome.routing, Some(Err(problem)) if problem.reason == reason::ROUTE_REFUSED);
    let keep = |part: Part| match part {
        Part::Deployment => keeps_pods,
        Part::Ingress => keeps_routes,
        Part::HttpRoute => keeps_routes && !is_refused,
        _ => false,
    };
    ctx.prune(bundle, wanted, keep).await
}

/// Those that the bundle's label selects.
fn pods(bundle: &WorkerBundle, ctx: &Context) -> Vec<Arc<BundlePod>> {
    let (namespace, name) = key(bundle);
    let value = label_value(name);
    let mut pods = ctx.stores.pods.all();
    pods.retain(|pod| {
        let labels = pod.metadata.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(label::BUNDLE));
        pod.metadata.namespace.as_deref() == Some(namespace) && label == Some(&value)
    });
    pods
}

fn deployment(object: Value) -> Option<Deployment> {
    serde_json::from_value(object).ok()
}

fn no_routes() -> Problem {
    Problem {
        reason: reason::KIND_UNUSABLE,
        message: "HTTPRoute of gateway.networking.k8s.io/v1 cannot be read: install the Gateway API and the role \
                  stationmaster-workers, or leave out spec.gateway for an Ingress"
            .to_owned(),
    }
}

fn no_runtime() -> Problem {
    Problem {
        reason: reason::NO_RUNTIME,
        message:
            "nothing says which image runs workers: set podTemplate.image, or --worker-runtime-image of the server"
                .to_owned(),
    }
}
