//! What names have resolved to: the last good answer stays, and an address that is still among the answers stays too,
//! so that a name with several does not change with each answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The last good address of each name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(BTreeMap<String, IpAddr>);

impl Addresses {
    /// Takes an answer; tells whether the address of the name is another now. No address is no answer.
    pub fn hear(&mut self, name: &str, answer: &[IpAddr]) -> bool {
        let known = self.0.get(name);
        if known.is_some_and(|known| answer.contains(known)) {
            return false;
        }
        let Some(first) = answer.first() else { return false };
        self.0.insert(name.to_owned(), *first);
        true
    }

    /// The address of a name, or the address that the name is.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<IpAddr> {
        name.parse().ok().or_else(|| self.0.get(name).copied())
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
        assert!(!addresses.hear("vpn", &[]));
        assert!(addresses.hear("vpn", &answer(&["192.0.2.1", "192.0.2.2"])));
        assert!(!addresses.hear("vpn", &[]));
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.1"])[0]));
    }

    #[test]
    fn the_order_of_the_answers_changes_nothing() {
        let mut addresses = Addresses::default();
        addresses.hear("vpn", &answer(&["192.0.2.1", "192.0.2.2"]));
        assert!(!addresses.hear("vpn", &answer(&["192.0.2.2", "192.0.2.1"])));
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.1"])[0]));
        assert!(addresses.hear("vpn", &answer(&["192.0.2.2"])));
        assert_eq!(addresses.of("vpn"), Some(answer(&["192.0.2.2"])[0]));
    }

    #[test]
    fn an_address_is_its_own() {
        let addresses = Addresses::default();
        assert_eq!(addresses.of("2001:db8::1"), Some(answer(&["2001:db8::1"])[0]));
    }
}
