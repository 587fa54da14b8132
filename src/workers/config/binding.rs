//! What a worker finds in its environment.

use std::collections::BTreeSet;

use super::Configured;
use super::text::quoted;
use crate::api::names::runtime_service;
use crate::api::workers::{Binding, ServiceTarget};

/// Where a binding to another worker leads.
pub(super) type Lead = dyn Fn(&ServiceTarget) -> String;

/// To the service of the worker's name.
pub(super) fn named(target: &ServiceTarget) -> String {
    let name = quoted(&target.script_name);
    match &target.entrypoint {
        None => name,
        Some(entrypoint) => format!("(name = {name}, entrypoint = {})", quoted(entrypoint)),
    }
}

/// To what is always there.
pub(super) fn stand_in(_: &ServiceTarget) -> String {
    quoted(runtime_service::HEALTH)
}

/// All bindings of a worker: its own in their order, then the keys of its Secret that none of them names.
pub(super) fn all(worker: &Configured<'_>, lead: &Lead) -> Vec<String> {
    let own = &worker.template.bindings;
    let taken: BTreeSet<_> = own.iter().map(|binding| &*binding.name).collect();
    let keys: BTreeSet<_> = worker.secret_keys.iter().map(|key| &**key).collect();
    let explicit = own.iter().filter_map(|binding| explicit(binding, worker.prefix, lead));
    let of_keys = keys.difference(&taken).map(|key| from_environment(key, worker.prefix));
    explicit.chain(of_keys).collect()
}

/// One that says nothing is none; admission refuses it.
fn explicit(binding: &Binding, prefix: &str, lead: &Lead) -> Option<String> {
    if binding.secret.is_some() {
        return Some(from_environment(&binding.name, prefix));
    }
    let value = match binding {
        Binding { text: Some(text), .. } => format!("text = {}", quoted(text)),
        Binding { json: Some(json), .. } => format!("json = {}", quoted(&json.to_string())),
        Binding {
            service: Some(target), ..
        } => format!("service = {}", lead(target)),
        _ => return None,
    };
    Some(format!("(name = {}, {value})", quoted(&binding.name)))
}

/// A variable that is not set gives `null`.
fn from_environment(name: &str, prefix: &str) -> String {
    let variable = quoted(&format!("{prefix}{name}"));
    format!("(name = {}, fromEnvironment = {variable})", quoted(name))
}
