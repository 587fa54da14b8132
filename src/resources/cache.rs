//! What was rendered before, by everything that it was rendered from. A namespace is asked about again and again
//! without having changed.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::desired::Desired;
use super::generations::Generations;

/// Memory for all of it, in bytes: some five thousand namespaces of a dozen small objects.
const BOUND: usize = 32 << 20;

/// Rendered namespaces of one set.
#[derive(Debug)]
pub(super) struct Cache(Mutex<Generations<Key, Arc<Desired>>>);

/// Stands for all inputs of a rendering.
pub(super) type Key = [u8; 32];

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(Generations::new(BOUND)))
    }
}

impl Cache {
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Desired>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key)
    }

    pub(super) fn insert(&self, key: Key, desired: &Arc<Desired>) {
        let weight = desired.weight();
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(key, Arc::clone(desired), weight);
    }
}

/// Name, labels, annotations and related objects as they were sent.
pub(super) fn key(name: &str, raw: [Option<&RawValue>; 3]) -> Key {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        // The length keeps the borders between parts where they are.
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    };
    add(name.as_bytes());
    for part in raw {
        add(part.map_or(&[], |part| part.get().as_bytes()));
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_every_part() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let (a, b) = (raw("{\"a\":\"1\"}"), raw("{\"a\":\"2\"}"));
        let keys = [
            key("a", [Some(&a), None, None]),
            key("b", [Some(&a), None, None]),
            key("a", [Some(&b), None, None]),
            key("a", [None, Some(&a), None]),
            key("a", [None, None, Some(&a)]),
            key("a", [None, None, None]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
        assert_eq!(keys[0], key("a", [Some(&a), None, None]));
    }
}
