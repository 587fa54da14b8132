//! The serve half: every route in one list, the listeners they are answered on, and the way down at shutdown.

mod activity;
mod admission;
mod answer;
mod body;
mod certificate_files;
mod connection;
pub mod conversion;
mod crowd;
mod decode;
pub mod error;
pub mod events;
pub mod execute;
mod gateway;
mod guard;
pub mod health;
pub mod listener;
mod memory;
pub mod metrics;
pub(crate) mod plan;
mod server;
pub mod state;
mod sync;
pub mod tls;
mod token;
mod workers;

use axum::Router;
use axum::routing::{MethodFilter, any, get, on, post};

use crate::api::names::path::{
    CONVERT, CUSTOMIZE, EVENTS, FINALIZE, MUTATE, MUTATE_PODS, SET_GATEWAY, SET_GATEWAY_HEALTH, SYNC, VALIDATE,
};

pub use error::Error;
pub use events::Events;
pub use gateway::Gateways;
pub use memory::Memory;
pub use server::{Server, Timing};
pub use state::{AppState, State};
pub use sync::Hooks;
pub use workers::Workers;

/// A group of routes that is switched on and bound as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Validate and default, and pods behind gateways.
    Admission,
    /// Between served versions.
    Conversion,
    /// Payloads in, executions out.
    Execute,
    /// CloudEvents in.
    Events,
    /// The same on the root.
    EventsAtRoot,
    /// Metacontroller's hooks.
    Sync,
    /// Its sync hook on every path, as the resource dispatcher had it.
    SyncEverywhere,
    /// Is the process alive, is it ready.
    Health,
    /// What Prometheus reads.
    Metrics,
}

impl Surface {
    /// Every surface with paths of its own.
    pub const ALL: [Self; 8] = [
        Self::Admission,
        Self::Conversion,
        Self::Execute,
        Self::Events,
        Self::EventsAtRoot,
        Self::Sync,
        Self::Health,
        Self::Metrics,
    ];

    /// The list of routes; whoever adds one adds it here.
    fn routes(self) -> Router<AppState> {
        let routes = Router::new();
        match self {
            Self::Admission => routes
                .route(VALIDATE, post(admission::validate))
                .route(MUTATE, post(admission::mutate))
                .route(MUTATE_PODS, post(admission::mutate_pods))
                .route(SET_GATEWAY, post(admission::set_gateway))
                .route(SET_GATEWAY_HEALTH, any(gateway::health)),
            Self::Conversion => routes.route(CONVERT, post(conversion::respond)),
            Self::Execute => routes
                .route("/execute", any(execute::execute))
                .route("/execute/", any(execute::execute))
                .route("/execute/{*path}", any(execute::execute)),
            Self::Events => routes.route(EVENTS, any(events::events)),
            Self::EventsAtRoot => routes.route("/", any(events::events)),
            Self::Sync => routes
                // The resource dispatcher's README has GET, with a body.
                .route(SYNC, on(MethodFilter::POST.or(MethodFilter::GET), sync::sync))
                .route(FINALIZE, post(sync::finalize))
                .route(CUSTOMIZE, post(sync::customize)),
            Self::SyncEverywhere => routes.route("/", post(sync::sync)).route("/{*path}", post(sync::sync)),
            Self::Health => routes
                .route("/livez", get(health::live))
                .route("/readyz", get(health::ready))
                .route("/healthz", get(health::live)),
            Self::Metrics => routes.route("/metrics", get(metrics::page)),
        }
    }
}

/// Answers the routes of all surfaces, as tests want it.
pub fn router(state: AppState) -> Router {
    surfaces(&Surface::ALL, state)
}

/// Answers the routes of some surfaces.
fn surfaces(surfaces: &[Surface], state: AppState) -> Router {
    let routes = surfaces
        .iter()
        .fold(Router::new(), |routes, surface| routes.merge(surface.routes()));
    routes.fallback(health::nothing_here).with_state(state)
}

/// Works on a thread of its own, so that the threads which serve connections go on.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
