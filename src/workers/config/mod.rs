//! What the runtime is told of workers: its configuration as text.

mod binding;
mod service;
mod text;

use std::collections::BTreeMap;

use crate::api::workers::{ContentModule, Isolation, WorkerTemplate};
use service::{Outbound, Services};

use super::port;

/// The file of the process that all workers of an account share, and of the proof of one release.
pub const FILE: &str = "config.capnp";

/// One worker as the runtime is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Configured<'a> {
    /// The worker; its code is not looked at.
    pub template: &'a WorkerTemplate,
    /// Its modules, the main one first: module N is the file N of its folder.
    pub modules: &'a [ContentModule],
    /// The folder of its modules.
    pub folder: &'a str,
    /// Port that it answers on.
    pub port: i32,
    /// What stands before the names of its secrets in the environment.
    pub prefix: &'a str,
    /// Keys of its `secretRef`.
    pub secret_keys: &'a [String],
}

impl Configured<'_> {
    fn name(&self) -> &str {
        &self.template.script_name
    }
}

/// Files of the configuration by name: [`FILE`] for one process, `SCRIPT.capnp` for each process of one worker.
#[must_use]
pub fn files(workers: &[Configured<'_>], isolation: Isolation) -> BTreeMap<String, String> {
    let mut workers: Vec<_> = workers.iter().collect();
    workers.sort_by_key(|worker| worker.name());
    match isolation {
        Isolation::Account => BTreeMap::from([(FILE.to_owned(), shared(&workers))]),
        Isolation::Worker => workers
            .iter()
            .map(|worker| (format!("{}.capnp", worker.name()), single(worker, &workers)))
            .collect(),
    }
}

/// The configuration that proves one release: bindings to other workers lead to a stand-in, and nothing leads outside.
#[must_use]
pub fn alone(worker: &Configured<'_>) -> BTreeMap<String, String> {
    let mut services = Services::new(Outbound::Nothing);
    services.worker(worker, &binding::stand_in);
    BTreeMap::from([(FILE.to_owned(), services.text(&[]))])
}

/// One process for all.
fn shared(workers: &[&Configured<'_>]) -> String {
    let mut services = Services::new(Outbound::Public);
    for worker in workers {
        services.worker(worker, &binding::named);
    }
    let mut sockets = vec![service::health_socket(port::health(Isolation::Account, port::FIRST))];
    sockets.extend(workers.iter().map(|worker| service::socket(worker)));
    services.text(&sockets)
}

/// The process of one worker, to which the others are on ports of the same pod.
fn single(worker: &Configured<'_>, all: &[&Configured<'_>]) -> String {
    let mut services = Services::new(Outbound::Public);
    services.worker(worker, &binding::named);
    for other in all {
        if other.name() != worker.name() && is_bound_to(worker, other.name()) {
            services.external(other);
        }
    }
    let health = port::health(Isolation::Worker, worker.port);
    services.text(&[service::health_socket(health), service::socket(worker)])
}

fn is_bound_to(worker: &Configured<'_>, script: &str) -> bool {
    let mut targets = worker.template.bindings.iter().filter_map(|one| one.service.as_ref());
    targets.any(|target| target.script_name == script)
}

#[cfg(test)]
mod tests;
