//! The domain of pods behind gateways: decisions only. Nothing here awaits, reads a clock or reaches outside.

mod addresses;
mod audit;
pub mod client;
mod container;
mod current;
pub mod event;
mod eviction;
#[cfg(test)]
mod fixture;
mod hooks;
mod injection;
mod lists;
mod marked;
mod marks;
mod mentions;
mod mutate;
mod names;
mod namesakes;
mod overlap;
mod patch;
mod resolv;
mod select;
mod selector;
mod since;
mod spared;
pub mod status;
mod validate;

pub use addresses::{Addresses, News};
pub use audit::{Finding, Owner, Standing, finding, message, stamped_by, standing};
pub use current::{Choice, Current, InForce, Namespaces, Rules, Shared, shared, unresolved_names};
pub use eviction::{Evictions, is_remade, replacement, succeeds};
pub use hooks::Hooks;
pub use injection::{Injection, Missing, Surroundings};
pub use marked::is_marked_later;
pub use marks::Marks;
pub use mutate::{Decision, Outcome, mutate};
pub use names::Names;
pub use overlap::{Overlap, clash, in_order};
pub use resolv::{Resolv, ResolverOption};
pub use selector::{Labels, selects};
pub use since::{asked_since, matches_since};
pub use spared::Spared;
pub use validate::{faults, validate};

/// Why nothing can be decided about a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is not what its kind says.
    #[error("the pod cannot be decoded: {0}")]
    Undecodable(#[from] serde_json::Error),
    /// It has to get the gateway, and nobody knows all of that yet.
    #[error(
        "the pod cannot be put behind gateway {gateway:?} yet: {missing}; try again later, or correct the gateway's DNS \
         servers"
    )]
    Unresolved {
        /// Its name.
        gateway: String,
        /// What is not known.
        missing: Missing,
    },
    /// It has to get the gateway if the namespace is one of its own, and nobody knows that namespace yet.
    #[error("it is not known yet whether namespace {namespace:?} is one of gateway {gateway:?}: try again in a moment")]
    UnknownNamespace {
        /// Name of the gateway.
        gateway: String,
        /// Where the pod is created.
        namespace: String,
    },
    /// It is marked for a gateway, and nobody knows yet which there are.
    #[error(
        "the pod is marked for a gateway, and the PodGateways are not known yet: try again in a moment, or install \
         their CustomResourceDefinition"
    )]
    Unknown,
}

impl Error {
    /// Name of the gateway that it is about, if it is about one.
    #[must_use]
    pub fn gateway(&self) -> &str {
        match self {
            Self::Undecodable(_) | Self::Unknown => "",
            Self::Unresolved { gateway, .. } | Self::UnknownNamespace { gateway, .. } => gateway,
        }
    }

    /// What becomes of the pod, in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::Unresolved { .. } => "unresolved",
            Self::UnknownNamespace { .. } => "unknown namespace",
            Self::Unknown => "unknown gateways",
        }
    }
}
