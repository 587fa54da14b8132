//! A map that forgets what was not asked for: full, its younger half becomes the older one, and that is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Values with a weight, up to a bound of all weights together.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    /// Of the young.
    weight: usize,
    bound: usize,
}

impl<K: Eq + Hash, V: Clone> Generations<K, V> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            bound,
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        self.insert(key, value.clone(), weight);
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight > self.bound / 2 {
            self.old = mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
            self.weight -= replaced;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut generations = Generations::new(20);
        generations.insert(0, "used", 1);
        for key in 1..100 {
            generations.insert(key, "passing", 1);
            assert_eq!(generations.get(&0), Some("used"));
            assert!(generations.young.len() + generations.old.len() <= 20);
        }
        assert_eq!(generations.get(&1), None);
        assert_eq!(generations.get(&99), Some("passing"));
    }

    #[test]
    fn a_value_that_is_replaced_weighs_once() {
        let mut generations = Generations::new(20);
        for _ in 0..100 {
            generations.insert(0, "same", 5);
        }
        generations.insert(1, "other", 5);
        assert_eq!(generations.get(&0), Some("same"));
        assert!(generations.old.is_empty());
    }
}
