//! How much the workers of an account may have together: what grows goes without, and then who came last.

use super::Choice;
use crate::api::names::reason;
use crate::api::workers::{WorkerAccount, WorkerRelease};

/// Takes back one release where all have more bytes than the quota; whether there was one. The choices are in the order in
/// which their workers came.
pub(super) fn withdraw_too_large(account: &WorkerAccount, choices: &mut [Choice<'_>]) -> bool {
    let limit = account.spec.quota.as_ref().and_then(|quota| quota.bundle_bytes);
    let total: i64 = choices.iter().map(|choice| bytes(choice.release)).sum();
    let Some(limit) = limit.filter(|limit| total > *limit) else {
        return false;
    };
    let grows = |choice: &Choice<'_>| bytes(choice.release) > bytes(choice.fallback);
    let youngest = |choices: &[Choice<'_>], is_it: &dyn Fn(&Choice<'_>) -> bool| choices.iter().rposition(is_it);
    let found = youngest(choices, &grows).or_else(|| youngest(choices, &|choice| bytes(choice.release) > 0));
    let Some(choice) = found.and_then(|found| choices.get_mut(found)) else {
        return false;
    };
    let text = format!(
        "the workers of the account would have {total} bytes, and may have {limit}: make one smaller, or have the quota \
         raised"
    );
    choice.withdraw((reason::QUOTA_EXCEEDED, text));
    true
}

/// Bytes of all modules of a release.
fn bytes(release: Option<&WorkerRelease>) -> i64 {
    release
        .and_then(|release| release.status.as_ref()?.size)
        .unwrap_or_default()
}
