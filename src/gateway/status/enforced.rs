//! Whether pods are stopped from being created without their gateway.

use super::Said;
use crate::api::gateway::Match;
use crate::api::names::{condition_type, reason, webhook};
use crate::gateway::Hooks;

/// A hook with the failure policy Fail covers the gateway's label, or does not. Where our own configuration is not there,
/// another one may do so, which nobody here knows; nothing is said before it was looked for.
pub(super) fn claim(matches: &Match, hooks: &Hooks, is_registered: Option<bool>) -> Option<Said> {
    if !is_registered? {
        return Some(said(None, reason::NOT_REGISTERED, unregistered()));
    }
    let gaps = hooks.gaps(matches);
    if !gaps.is_empty() {
        return Some(said(Some(false), reason::NO_FAIL_HOOK, gaps.join("; ")));
    }
    let Some(label) = &matches.label else {
        let message = "pods are created without the gateway while no server answers; give spec.match.label";
        return Some(said(Some(false), reason::NO_LABEL, message.to_owned()));
    };
    let mut message = format!("no pod with the label {} is created while no server answers", label.key);
    if matches.annotation.is_some() || matches.default {
        message.push_str("; those without it are, and without the gateway");
    }
    Some(said(Some(true), reason::FAIL_HOOK, message))
}

fn unregistered() -> String {
    format!(
        "no MutatingWebhookConfiguration {} can be read: apply what `stationmaster manifests` prints, or pods get no gateway; \
         where another one names this server, its failurePolicy decides",
        webhook::CONFIGURATION
    )
}

fn said(is_enforced: Option<bool>, reason: &'static str, message: String) -> Said {
    (condition_type::ENFORCED, is_enforced, reason, message)
}
