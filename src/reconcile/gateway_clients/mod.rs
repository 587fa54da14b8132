//! The controller of GatewayClients: exactly one pod for each, behind its gateway, until it ends.

mod context;
mod create;
mod gateway_client;
mod memory;
mod observe;
mod term;

use std::time::Duration;

use crate::api::gateway::GatewayClient;
use crate::clients::cluster::{NamespaceMetadata, Watched};
use crate::gateway::{self, client::Defaults};

pub(super) use term::run;

/// What the controller of GatewayClients works with.
pub struct Clients {
    /// All GatewayClients: the process's one watch of them.
    pub clients: Watched<GatewayClient>,
    /// The gateways in force.
    pub gateways: gateway::Shared,
    /// All namespaces; without them none is known to be selected by a gateway.
    pub namespaces: Option<Watched<NamespaceMetadata>>,
    /// What a client's container is when the client does not say.
    pub defaults: Defaults,
    /// How long a client stays after its end.
    pub retention: Duration,
}
