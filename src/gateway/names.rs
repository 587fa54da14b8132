//! What is known of the names of gateways, and since when.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::jiff::Timestamp;

use super::{Addresses, News};

/// The last good answer for each name, and which names fail now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    addresses: Addresses,
    answered: BTreeMap<String, Timestamp>,
}

impl Names {
    /// Takes an answer that came `now`.
    pub fn hear(&mut self, name: &str, answer: &[IpAddr], now: Timestamp) -> News {
        if !answer.is_empty() {
            self.answered.insert(name.to_owned(), now);
        }
        self.addresses.hear(name, answer)
    }

    /// Takes what was in force before this process began: the last good answer outlives it, and is the same for all
    /// replicas. What is known already stays.
    pub fn recall(&mut self, name: &str, address: IpAddr, answered: Option<Timestamp>) {
        if self.addresses.recall(name, address)
            && let Some(answered) = answered
        {
            self.answered.insert(name.to_owned(), answered);
        }
    }

    /// Takes a failure; tells whether it begins now.
    pub fn fail(&mut self, name: &str) -> bool {
        self.addresses.fail(name)
    }

    /// Forgets all names but these.
    pub fn keep(&mut self, names: &[String]) {
        let is_kept = |name: &String| names.contains(name);
        self.answered.retain(|name, _| is_kept(name));
        self.addresses.keep(is_kept);
    }

    /// The addresses in force.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Whether the last look-up of the name failed.
    #[must_use]
    pub fn is_failing(&self, name: &str) -> bool {
        self.addresses.is_failing(name)
    }

    /// When there was a good answer last.
    #[must_use]
    pub fn last_answer(&self, name: &str) -> Option<Timestamp> {
        self.answered.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_answer_outlives_the_process() {
        let (old, new): (IpAddr, IpAddr) = ("192.0.2.9".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let mut names = Names::default();
        names.recall("a.b", old, Some(Timestamp::UNIX_EPOCH));
        assert!(names.fail("a.b"));
        assert_eq!(names.addresses().of("a.b"), Some(old));
        assert_eq!(names.last_answer("a.b"), Some(Timestamp::UNIX_EPOCH));
        // It stays while it is among the answers, which every replica sees alike.
        assert_eq!(names.hear("a.b", &[new, old], Timestamp::MAX), News::Recovered);
        assert_eq!(names.hear("a.b", &[new], Timestamp::MAX), News::Moved);
        names.recall("a.b", old, None);
        assert_eq!(names.addresses().of("a.b"), Some(new));
    }
}
