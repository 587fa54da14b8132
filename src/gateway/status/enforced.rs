//! Whether pods are stopped from being created without their gateway.

use super::Said;
use crate::api::gateway::Match;
use crate::api::names::{condition_type, reason};
use crate::gateway::Hooks;

/// A hook with the failure policy Fail covers the gateway's label, or does not.
pub(super) fn claim(matches: &Match, hooks: &Hooks) -> Said {
    let gaps = hooks.gaps(matches);
    if !gaps.is_empty() {
        return said(false, reason::NO_FAIL_HOOK, gaps.join("; "));
    }
    let Some(label) = &matches.label else {
        let message = "pods are created without the gateway while no server answers; give spec.match.label";
        return said(false, reason::NO_LABEL, message.to_owned());
    };
    let mut message = format!("no pod with the label {} is created while no server answers", label.key);
    if matches.annotation.is_some() || matches.default {
        message.push_str("; those without it are, and without the gateway");
    }
    said(true, reason::FAIL_HOOK, message)
}

fn said(is_enforced: bool, reason: &'static str, message: String) -> Said {
    (condition_type::ENFORCED, is_enforced, reason, message)
}
