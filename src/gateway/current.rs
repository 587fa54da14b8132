//! A gateway in force: what pods get of it now, as far as its names are known.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::injection::names;
use super::{Addresses, Injection, Missing, Surroundings};
use crate::api::gateway::Gateway;

/// Shared by those who answer and the one who resolves names.
#[derive(Debug)]
pub struct Current {
    /// What is wanted.
    pub gateway: Gateway,
    /// A mark that is neither true nor false refuses the pod, as upstream does.
    pub strict_marks: bool,
    surroundings: Surroundings,
    injection: ArcSwap<Result<Injection, Missing>>,
}

impl Current {
    /// A gateway of which no name has been resolved yet; addresses need not be.
    #[must_use]
    pub fn new(gateway: Gateway, surroundings: Surroundings, strict_marks: bool) -> Self {
        let injection = Injection::new(&gateway, &surroundings, &Addresses::default());
        Self {
            gateway,
            strict_marks,
            surroundings,
            injection: ArcSwap::from_pointee(injection),
        }
    }

    /// The names to resolve, without those that are addresses.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let known = Addresses::default();
        let names = names(&self.gateway.spec).filter(|name| known.of(name).is_none());
        names.map(str::to_owned).collect()
    }

    /// What pods get from now on.
    pub fn replace(&self, addresses: &Addresses) {
        let injection = Injection::new(&self.gateway, &self.surroundings, addresses);
        self.injection.store(Arc::new(injection));
    }

    /// What pods get now.
    #[must_use]
    pub fn injection(&self) -> Arc<Result<Injection, Missing>> {
        self.injection.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{addresses, gateway, surroundings};
    use super::*;

    #[test]
    fn names_come_into_force_and_addresses_are() {
        let current = Current::new(gateway(), surroundings(), false);
        assert_eq!(current.names(), ["vpn.example.org", "dns.example.org"]);
        assert!(current.injection().is_err());
        current.replace(&addresses());
        assert!(current.injection().is_ok());

        let mut known = gateway();
        known.spec.gateway = "192.0.2.1".to_owned();
        known.spec.dns = vec!["192.0.2.1".to_owned()];
        let current = Current::new(known, surroundings(), false);
        assert!(current.names().is_empty() && current.injection().is_ok());
    }
}
