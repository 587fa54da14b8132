//! What stands before the names of a worker's secrets in the environment of its pod.

/// `WASM_WORKER_` of `wasm-worker`, as upstream has it. `a-b` and `a_b` have the same, which admission refuses.
#[must_use]
pub fn env_prefix(script: &str) -> String {
    let upper = script.chars().map(|character| {
        if character.is_ascii_alphanumeric() {
            character.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    upper.chain(['_']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_upstreams() {
        assert_eq!(env_prefix("wasm-worker"), "WASM_WORKER_");
        assert_eq!(env_prefix("a_b"), env_prefix("a-b"));
    }
}
