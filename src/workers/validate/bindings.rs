//! What a worker finds in its environment.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::review::{Cause, Verdict};
use crate::api::workers::{Binding, WorkerTemplate};

/// What a binding may be.
const KINDS: [&str; 4] = ["text", "json", "secret", "service"];

/// Refuses bindings that nothing stands behind. `raw` is the list as it was written, with what no type of ours has.
pub(super) fn judge(field: &str, template: &WorkerTemplate, raw: &Value, verdict: &mut Verdict) {
    let mut seen = BTreeSet::new();
    for (index, binding) in template.bindings.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !is_identifier(&binding.name) {
            let message = format!(
                "{:?} cannot be the name of a binding: letters, digits and '_', and no digit first, for example \"API_KEY\"",
                binding.name
            );
            verdict.causes.push(Cause::invalid(format!("{field}.name"), message));
        }
        if !seen.insert(&binding.name) {
            let message = format!(
                "another binding is called {:?} too: each has a name of its own",
                binding.name
            );
            verdict.causes.push(Cause::invalid(format!("{field}.name"), message));
        }
        let strangers = strangers(&field, &raw[index]);
        if strangers.is_empty() {
            verdict.causes.extend(one_kind(&field, binding));
        }
        verdict.causes.extend(strangers);
        verdict.causes.extend(target(&field, binding, template));
    }
}

/// What only other platforms bind workers to.
fn strangers(field: &str, raw: &Value) -> Vec<Cause> {
    let members = raw.as_object().into_iter().flatten();
    let strange = members.filter(|(name, _)| *name != "name" && !KINDS.contains(&&***name));
    let causes = strange.map(|(name, _)| {
        let message = format!(
            "there is no binding of the kind {name:?} here: a worker can be bound to {}; KV, R2, D1, Durable Objects, \
             queues and the like have nothing that could stand behind them",
            KINDS.join(", ")
        );
        Cause::invalid(format!("{field}.{name}"), message)
    });
    causes.collect()
}

fn one_kind(field: &str, binding: &Binding) -> Option<Cause> {
    let said = [
        binding.text.is_some(),
        binding.json.is_some(),
        binding.secret.is_some(),
        binding.service.is_some(),
    ];
    let said: Vec<_> = KINDS
        .iter()
        .zip(said)
        .filter(|(_, said)| *said)
        .map(|(kind, _)| *kind)
        .collect();
    match &said[..] {
        [_] => None,
        [] => Some(Cause::required(
            field,
            format!("says nothing: say one of {}", KINDS.join(", ")),
        )),
        several => Some(Cause::invalid(
            field,
            format!("says {}: say one of them", several.join(" and ")),
        )),
    }
}

fn target(field: &str, binding: &Binding, template: &WorkerTemplate) -> Option<Cause> {
    if let Some(secret) = &binding.secret
        && secret.name.is_none()
        && template.secret_ref.is_none()
    {
        let message = "names no Secret, and the worker has no `secretRef` that it could be of: say which";
        return Some(Cause::required(format!("{field}.secret.name"), message));
    }
    let service = binding.service.as_ref()?;
    super::names::script(&format!("{field}.service.scriptName"), &service.script_name)
}

/// Also a variable of every Kubernetes.
fn is_identifier(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_letter) && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}
