//! Whether pods are stopped from being created without their gateway.

use super::Said;
use crate::api::gateway::Match;
use crate::api::names::{condition_type, reason};

/// A hook with the failure policy Fail covers the gateway's label, or does not.
pub(super) fn claim(matches: &Match, covered: &[String]) -> Said {
    let Some(label) = &matches.label else {
        let message = "pods are created without the gateway while no server answers; give spec.match.label";
        return said(false, reason::NO_LABEL, message.to_owned());
    };
    let key = &label.key;
    if !covered.contains(key) {
        let message = format!(
            "pods with the label {key} are created without the gateway while no server answers; pass --gateway-label \
             {key} to `stationmaster manifests` and to `stationmaster serve`"
        );
        return said(false, reason::NO_FAIL_HOOK, message);
    }
    let mut message = format!("no pod with the label {key} is created while no server answers");
    if matches.annotation.is_some() || matches.default {
        message.push_str("; those without it are, and without the gateway");
    }
    said(true, reason::FAIL_HOOK, message)
}

fn said(is_enforced: bool, reason: &'static str, message: String) -> Said {
    (condition_type::ENFORCED, is_enforced, reason, message)
}
