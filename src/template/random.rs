//! Randomness that repeats: the same execution and field path always draw the same numbers, so that a Job rendered
//! twice is the same Job. SHA-256 over a counter; not for secrets.

use sha2::{Digest, Sha256};

/// A stream of bytes that its seed determines.
pub(super) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    pub(super) fn new(uid: &str, field_path: &str) -> Self {
        let mut seed = Sha256::new();
        seed.update(uid.as_bytes());
        seed.update([0]);
        seed.update(field_path.as_bytes());
        Random {
            seed: seed.finalize().into(),
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub(super) fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut block = Sha256::new();
            block.update(self.seed);
            block.update(self.counter.to_be_bytes());
            self.block = block.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// A number below `bound`, every one equally likely; zero when the bound is zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Numbers past the last whole multiple would make the small ones likelier.
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let drawn = (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()));
            if drawn < fair {
                return drawn % bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_for_the_same_seed_only() {
        let draw = |uid, path| {
            let mut random = Random::new(uid, path);
            (0..40).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw("u", "spec.a"), draw("u", "spec.a"));
        assert_ne!(draw("u", "spec.a"), draw("u", "spec.b"));
        assert_ne!(draw("u", "spec.a"), draw("v", "spec.a"));
        assert!(draw("u", "p").iter().any(|n| *n >= 500) && draw("u", "p").iter().any(|n| *n < 500));
    }
}
