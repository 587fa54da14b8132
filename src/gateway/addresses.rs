//! What names have resolved to: the last good answer stays, and an address that is still among the answers stays too,
//! so that a name with several does not change with each answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The last good address of each name, and which names fail now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    known: BTreeMap<String, IpAddr>,
    failing: BTreeSet<String>,
}

/// What an answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    Nothing,
    /// The name resolves again, to the address that stayed.
    Recovered,
    /// The address of the name is another, or its first.
    Moved,
}

impl Addresses {
    /// Takes an answer. No address is no answer. Of several the lowest is chosen, as each replica does that starts now.
    pub fn hear(&mut self, name: &str, answer: &[IpAddr]) -> News {
        let Some(lowest) = answer.iter().min() else {
            return News::Nothing;
        };
        let recovered = self.failing.remove(name);
        if self.known.get(name).is_some_and(|known| answer.contains(known)) {
            return if recovered { News::Recovered } else { News::Nothing };
        }
        self.known.insert(name.to_owned(), *lowest);
        News::Moved
    }

    /// Takes an address from before; tells whether none was known.
    pub(super) fn recall(&mut self, name: &str, address: IpAddr) -> bool {
        let is_new = !self.known.contains_key(name);
        self.known.entry(name.to_owned()).or_insert(address);
        is_new
    }

    /// Takes a failure; tells whether it begins now.
    pub fn fail(&mut self, name: &str) -> bool {
        self.failing.insert(name.to_owned())
    }

    /// How many names fail now.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.failing.len()
    }

    /// Whether the name fails now.
    #[must_use]
    pub fn is_failing(&self, name: &str) -> bool {
        self.failing.contains(name)
    }

    /// Forgets all names but those.
    pub fn keep(&mut self, is_kept: impl Fn(&String) -> bool) {
        self.known.retain(|name, _| is_kept(name));
        self.failing.retain(|name| is_kept(name));
    }

    /// The address of a name, or the address that the name is.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<IpAddr> {
        name.parse().ok().or_else(|| self.known.get(name).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn the_last_good_answer_stays() {
        let mut addresses = Addresses::default();
        assert_eq!(addresses.of("vpn"), None);
        assert_eq!(addresses.hear("vpn", &[]), News::Nothing);
        assert_eq!(addresses.hear("vpn", &answer(&["192.0.2.1", "192.0.2.2"])), News::Moved);
        assert_eq!(addresses.hear("vpn", &[]), News::Nothing);
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.1"])[0]));
    }

    #[test]
    fn the_order_of_the_answers_changes_nothing() {
        let mut addresses = Addresses::default();
        addresses.hear("vpn", &answer(&["192.0.2.1", "192.0.2.2"]));
        assert_eq!(
            addresses.hear("vpn", &answer(&["192.0.2.2", "192.0.2.1"])),
            News::Nothing
        );
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.1"])[0]));
        assert_eq!(addresses.hear("vpn", &answer(&["192.0.2.2"])), News::Moved);
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.2"])[0]));
    }

    #[test]
    fn replicas_choose_the_same_of_several() {
        for order in [
            ["2001:db8::1", "192.0.2.10", "192.0.2.9"],
            ["192.0.2.10", "192.0.2.9", "2001:db8::1"],
        ] {
            let mut addresses = Addresses::default();
            addresses.hear("vpn", &answer(&order));
            assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.9"])[0]), "{order:?}");
        }
    }

    #[test]
    fn each_name_fails_on_its_own() {
        let (mut addresses, good) = (Addresses::default(), answer(&["192.0.2.1"]));
        addresses.hear("vpn", &good);
        assert!(addresses.fail("dns") && !addresses.fail("dns"));
        assert!(addresses.fail("vpn"), "it is told though another fails already");
        assert_eq!(addresses.failing(), 2);
        assert_eq!(addresses.hear("vpn", &good), News::Recovered);
        assert_eq!(addresses.hear("vpn", &good), News::Nothing);
        assert_eq!(addresses.hear("dns", &good), News::Moved);
        assert_eq!(addresses.failing(), 0);
    }

    #[test]
    fn an_address_is_its_own() {
        let addresses = Addresses::default();
        assert_eq!(addresses.of("2001:db8::1"), Some(answer(&["2001:db8::1"])[0]));
    }
}
