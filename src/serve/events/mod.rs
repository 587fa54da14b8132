//! `POST /` and `/events`: CloudEvents that ask for clients behind gateways, or end them. An event becomes a
//! GatewayClient, and the answer is written from that, so that it is the same however often it is asked for.

mod answer;
mod attempt;
mod batch;
mod counters;
mod create;
mod deliver;
mod end;
mod fresh;
mod later;
mod letter;
mod provision;
mod queue;
mod replies;
mod request;
mod wait;

use std::time::{Duration, Instant};

use axum::extract::{Request, State as Extracted};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use super::gateway::Known;
use super::metrics::micros;
use super::state::AppState;
use super::token::Token;
use crate::api::cloud_event::{CloudEvent, Mode};
use crate::api::gateway::GatewayClient;
use crate::api::names::cloud_event;
use crate::api::names::path::EVENTS;
use crate::cli::{ClientArgs, EventArgs};
use crate::clients::cluster::{Cluster, NamespaceMetadata, Watched};
use crate::clients::sink::SinkError;
use crate::gateway::Shared;
use crate::gateway::event::{self, Decision, Rules};
use answer::{Answer, Refusal};
use counters::Counters;
use fresh::Fresh;
use replies::Replies;

pub use deliver::deliver;
pub use replies::OverridesError;

/// Events that wait at a time: other requests need the other connections of the listener that they share.
const MOST_WAITING: usize = 256;

/// What events are answered from.
pub struct Events {
    cluster: Cluster,
    clients: Watched<GatewayClient>,
    gateways: Shared,
    namespaces: Known,
    rules: Rules,
    most_clients: usize,
    /// Those that this process has made and not seen yet.
    fresh: Fresh,
    /// The same of ends that came first.
    fresh_ends: Fresh,
    patience: Duration,
    /// Places for events that wait for what becomes of them.
    places: Semaphore,
    replies: Option<Replies>,
    counters: Counters,
    /// What senders of events must send, if anything.
    pub token: Option<Token>,
}

/// Why events cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sink that cannot be one.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A flag that means nothing without a sink.
    #[error("{0} needs a sink, and there is none: say --sink URL or set K_SINK, which may be empty, or leave {0} out")]
    NoSink(&'static str),
    /// What to add to events is unreadable.
    #[error(transparent)]
    Overrides(#[from] OverridesError),
}

impl Events {
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// What the flags say of sinks is of no use.
    pub fn new(
        cluster: Cluster,
        (clients, gateways, namespaces): (Watched<GatewayClient>, Shared, Option<Watched<NamespaceMetadata>>),
        (client_args, args): (&ClientArgs, &EventArgs),
        registry: &mut Registry,
    ) -> Result<Self, Error> {
        let counters = Counters::register(registry);
        Ok(Self {
            cluster,
            clients,
            gateways,
            namespaces: Known(namespaces),
            rules: Rules {
                namespace: client_args.client_namespace.clone(),
                listed: client_args.namespaces(),
            },
            most_clients: usize::try_from(client_args.max_clients).unwrap_or(usize::MAX),
            fresh: Fresh::default(),
            fresh_ends: Fresh::default(),
            patience: args.patience(),
            places: Semaphore::new(MOST_WAITING),
            replies: Replies::of(args, counters.clone())?,
            counters,
            token: None,
        })
    }
}

/// What is known of a request, for its log line.
#[derive(Debug)]
struct Seen {
    type_: &'static str,
    client: String,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            type_: "none",
            client: String::new(),
        }
    }
}

/// Every method.
pub(super) async fn events(Extracted(state): Extracted<AppState>, request: Request) -> Response {
    let (started, mut seen) = (Instant::now(), Seen::default());
    let outcome = answer(&state, request, &mut seen).await;
    let decision = outcome.as_ref().map_or_else(Refusal::reason, Answer::word);
    state.metrics.observe(EVENTS, decision, started);
    let status = outcome.as_ref().map_or_else(Refusal::status, Answer::status).as_u16();
    let (duration_us, Seen { type_, client }) = (micros(started), seen);
    let client = (!client.is_empty()).then_some(client);
    tracing::info!(
        route = EVENTS,
        decision,
        status,
        event.type = type_,
        gateway_client.name = client,
        duration_us,
        "request"
    );
    outcome.map_or_else(Refusal::into_response, Answer::into_response)
}

async fn answer(state: &AppState, request: Request, seen: &mut Seen) -> Result<Answer, Refusal> {
    let events = state.events.as_ref().ok_or(Refusal::Off)?;
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return Ok(Answer::handshake(request.headers())),
        _ => return Err(Refusal::Method),
    }
    if !events.token.as_ref().is_none_or(|token| token.is_in(request.headers())) {
        return Err(Refusal::Token);
    }
    // What is counted stays so until the answer is known.
    let (mode, mut all, _held) = request::read(&state.memory, request, events.replies.is_some()).await?;
    let outcome = match (mode, all.pop()) {
        (Mode::Binary | Mode::Structured, Some(event)) => one(events, &event, seen).await,
        (_, last) => batch::store(events, all.into_iter().chain(last)).await,
    };
    let word = outcome.as_ref().map_or_else(Refusal::reason, Answer::word);
    if seen.type_ != "none" {
        events.counters.event(seen.type_, word);
    }
    outcome
}

async fn one(events: &Events, event: &CloudEvent, seen: &mut Seen) -> Result<Answer, Refusal> {
    seen.type_ = known_type(event);
    match event::decide(event, &events.rules)? {
        Decision::Provision(wanted) => {
            seen.client = wanted.name();
            provision::provision(events, &wanted).await
        }
        Decision::End(end) => {
            let (word, client) = end::end(events, &end).await?;
            seen.client = client.unwrap_or_default();
            Ok(Answer::Accepted(word))
        }
        Decision::Ours => Ok(Answer::Accepted("OwnEvent")),
        Decision::Unknown => Ok(Answer::Accepted("UnknownType")),
    }
}

/// Anybody may invent types: those that mean nothing here are counted as one.
fn known_type(event: &CloudEvent) -> &'static str {
    match &*event.type_ {
        cloud_event::PENDING => cloud_event::PENDING,
        cloud_event::ENDED => cloud_event::ENDED,
        cloud_event::DONE => cloud_event::DONE,
        cloud_event::FAILED => cloud_event::FAILED,
        cloud_event::CLIENT_READY => cloud_event::CLIENT_READY,
        cloud_event::CLIENT_FAILED => cloud_event::CLIENT_FAILED,
        _ => "other",
    }
}
