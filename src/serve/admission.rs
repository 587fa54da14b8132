//! `/validate`, `/mutate` and `/mutate-pods`: decode the review, decide, encode the answer. What is decided lives in the domains.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, Refusal};
use super::body;
use super::decode::{decode, glance};
use super::metrics::micros;
use super::state::AppState;
use super::workers;
use crate::api::names::path::{MUTATE, MUTATE_PODS, SET_GATEWAY, VALIDATE};
use crate::api::names::{GATEWAY_GROUP, WORKER_GROUPS};
use crate::api::pod::PodObject;
use crate::api::review::{AdmissionRequest, Object, Reviewed, Verdict};
use crate::clients::cluster;
use crate::dispatch::{Error, Lookup, Templates, default, validate};

/// A review holds the object twice on UPDATE, and escaping can double each.
const BODY_LIMIT: usize = 8 << 20;
/// What a body may take, whatever the caller says that it will wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// `POST /validate`.
pub(super) async fn validate(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, VALIDATE, request).await
}

/// `POST /mutate`.
pub(super) async fn mutate(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, MUTATE, request).await
}

/// `POST /mutate-pods`.
pub(super) async fn mutate_pods(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, MUTATE_PODS, request).await
}

/// `POST /wh/mutating/setgateway`: the same, for who knows the original.
pub(super) async fn set_gateway(State(state): State<AppState>, request: Request) -> Response {
    respond(&state, SET_GATEWAY, request).await
}

async fn respond(state: &AppState, route: &'static str, request: Request) -> Response {
    let started = Instant::now();
    let patience = patience(request.uri().query(), PATIENCE);
    let body = match body::read(&state.memory, request.into_body(), BODY_LIMIT, patience).await {
        Ok(body) => body,
        Err(error) => {
            tracing::warn!(route, decision = "unread", %error, "request");
            state.metrics.observe(route, "unread", started);
            return error.into_response();
        }
    };
    let answer = answer(state, route, &body, started).await;
    body.answered(answer)
}

async fn answer(state: &AppState, route: &'static str, body: &[u8], started: Instant) -> Response {
    if matches!(route, MUTATE_PODS | SET_GATEWAY) {
        return answer_pod(state, route, body, started).await;
    }
    let review = decode::<Object<'_>>(body);
    let request = review.as_ref().map(|review| &review.request);
    let answer = match request {
        Ok(request) => Answer::to(request, decide(state, route, request)),
        Err(undecodable) => Answer::invalid(undecodable),
    };
    told(state, route, request.ok(), answer, started)
}

/// The same about pods, which are looked into no further than they have to be.
async fn answer_pod(state: &AppState, route: &'static str, body: &[u8], started: Instant) -> Response {
    // Without a gateway there is nothing that a pod could be given.
    let gateways = state.gateways.as_ref().filter(|gateways| gateways.may_concern(body));
    if gateways.is_none()
        && let Some(uid) = glance(body)
    {
        let unread = None::<&AdmissionRequest<'_, PodObject<'_>>>;
        return told(state, route, unread, Answer::allowed(&uid), started);
    }
    let review = decode::<PodObject<'_>>(body);
    let request = review.as_ref().map(|review| &review.request);
    let answer = match (request, gateways) {
        (Ok(request), Some(gateways)) => Answer::to(request, gateways.decide(request).await),
        (Ok(request), None) => Answer::to(request, Ok(Verdict::default())),
        (Err(undecodable), _) => Answer::invalid(undecodable),
    };
    told(state, route, request.ok(), answer, started)
}

/// Counts, logs and encodes an answer; of the request it tells what was read.
fn told<O: Reviewed>(
    state: &AppState,
    route: &'static str,
    request: Option<&AdmissionRequest<'_, O>>,
    answer: Answer<'_>,
    started: Instant,
) -> Response {
    state.metrics.observe(route, answer.decision(), started);
    log(route, request, &answer, started);
    answer.into_response()
}

/// One line a request that says anything, with nothing of the object but its name and its faults.
fn log<O: Reviewed>(
    route: &'static str,
    request: Option<&AdmissionRequest<'_, O>>,
    answer: &Answer<'_>,
    started: Instant,
) {
    let (uid, decision, duration_us) = (answer.uid(), answer.decision(), micros(started));
    // Pods of a whole cluster, about which there is nothing to say.
    if answer.is_plain() && matches!(route, MUTATE_PODS | SET_GATEWAY) {
        return tracing::debug!(uid, route, decision, duration_us, "request");
    }
    let Some(request) = request else {
        return tracing::warn!(uid, route, decision, duration_us, "request");
    };
    let (operation, kind) = (&*request.operation, &*request.kind.kind);
    let (namespace, name) = (&*request.namespace, &*request.name);
    // Looked for where something was decided: it costs a walk through the metadata.
    let object = request
        .object
        .as_ref()
        .filter(|_| name.is_empty() && !answer.is_plain());
    let generate_name = object.and_then(Reviewed::generate_name);
    let generate_name = generate_name.as_deref();
    let faults = answer.faults();
    tracing::info!(
        uid,
        route,
        decision,
        duration_us,
        operation,
        kind,
        namespace,
        name,
        generate_name,
        faults,
        "request"
    );
}

/// Asks the domain, which knows its kinds.
fn decide(state: &AppState, route: &'static str, request: &AdmissionRequest<'_>) -> Result<Verdict, Refusal> {
    let group = &*request.kind.group;
    if WORKER_GROUPS.contains(&group) {
        return workers::decide(state.workers.as_ref(), route, request);
    }
    let templates = Known(state.templates.as_ref());
    let decided = match route {
        MUTATE => default::mutate(request, &templates),
        _ if group == GATEWAY_GROUP => {
            let gateways = state.gateways.as_ref();
            return gateways.map_or(Ok(Verdict::default()), |gateways| gateways.validate(request));
        }
        _ => validate::validate(request, state.limits(), &templates),
    };
    decided.map_err(|error| match error {
        Error::UnknownKind { .. } => Refusal::Forbidden(error.to_string()),
        Error::Undecodable(_) => Refusal::Undecodable(error.to_string()),
    })
}

/// What the store of this process says about templates.
struct Known<'s>(Option<&'s cluster::Templates>);

impl Templates for Known<'_> {
    fn labels(&self, namespace: &str, name: &str) -> Lookup {
        let Some(templates) = self.0 else {
            return Lookup::Unfilled;
        };
        match templates.get(namespace, name) {
            Some(template) => Lookup::Found(template.metadata.labels.clone().unwrap_or_default()),
            None if templates.is_ready() => Lookup::Missing,
            None => Lookup::Unfilled,
        }
    }
}

/// How long a body may take: less than the caller waits, who says `timeout=5s`, so that our answer still finds him.
pub(super) fn patience(query: Option<&str>, most: Duration) -> Duration {
    timeout(query).map_or(most, |timeout| most.min(timeout / 10 * 9))
}

fn timeout(query: Option<&str>) -> Option<Duration> {
    let timeout = query?.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    let (number, unit) = timeout.split_at(timeout.find(|c: char| !c.is_ascii_digit())?);
    let number = number.parse().ok()?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "ms" => Some(Duration::from_millis(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_leaves_before_the_caller_has_gone() {
        assert_eq!(patience(Some("timeout=5s"), PATIENCE), Duration::from_millis(4500));
        assert_eq!(
            patience(Some("a=b&timeout=250ms"), PATIENCE),
            Duration::from_millis(225)
        );
        assert_eq!(patience(Some("timeout=0s"), PATIENCE), Duration::ZERO);
    }

    #[test]
    fn nobody_may_ask_for_more() {
        let longest = format!("timeout={}s", u64::MAX);
        for other in [
            None,
            Some(""),
            Some("timeout="),
            Some("timeout=5"),
            Some("timeout=1m0s"),
            Some("timeouts=5s"),
            Some("timeout=30s"),
            Some("timeout=99999999999999999999s"),
            Some(&longest),
        ] {
            assert_eq!(patience(other, PATIENCE), PATIENCE, "{other:?}");
        }
    }
}
