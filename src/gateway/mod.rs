//! The domain of pods behind gateways: decisions only. Nothing here awaits, reads a clock or reaches outside.

mod addresses;
mod current;
#[cfg(test)]
mod fixture;
mod injection;
mod lists;
mod mutate;
mod namesakes;
mod patch;
mod resolv;
mod select;
mod spared;

pub use addresses::{Addresses, News};
pub use current::Current;
pub use injection::{Injection, Missing, Surroundings};
pub use mutate::{Decision, Outcome, mutate};
pub use resolv::{Resolv, ResolverOption};
pub use spared::Spared;

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
}

impl Error {
    /// What becomes of the pod, in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::Unresolved { .. } => "unresolved",
        }
    }
}
