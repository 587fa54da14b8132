//! Ports of a bundle's pods.

use crate::api::workers::Isolation;

/// Port of the first worker of a bundle, as upstream has it.
pub const FIRST: i32 = 8080;
/// Where the process that all workers share tells that it is alive.
const HEALTH: i32 = 8079;
/// The same of a process of one worker: so far behind the worker's own port.
const HEALTH_OFFSET: i32 = 10_000;

/// Where the process that runs this worker tells that it is alive; no port of a worker, and running no code of one.
#[must_use]
pub fn health(isolation: Isolation, worker_number: i32) -> i32 {
    match isolation {
        Isolation::Account => HEALTH,
        Isolation::Worker => worker_number + HEALTH_OFFSET,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_of_a_process_is_another_ones() {
        let workers = || FIRST..FIRST + 500;
        let apart: BTreeSet<_> = workers().map(|port| health(Isolation::Worker, port)).collect();
        assert_eq!(apart.len(), 500, "each process has its own");
        assert!(workers().all(|port| !apart.contains(&port)));
        let shared: BTreeSet<_> = workers().map(|port| health(Isolation::Account, port)).collect();
        assert_eq!(shared, BTreeSet::from([8079]));
    }
}
