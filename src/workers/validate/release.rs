//! WorkerReleases, which do not change.

use super::super::view::View;
use super::Context;
use super::template::{self, Draft};
use crate::api::review::{Cause, Verdict};

/// Judges a WorkerRelease, which anybody may write as well as we do.
pub(super) fn judge(object: &View, context: &Context<'_>, verdict: &mut Verdict) -> Result<(), serde_json::Error> {
    let draft = Draft::of("spec", &object.spec, context.is_old)?;
    let accounts = object.account().and_then(|_| context.known.accounts(context.namespace));
    let mut accounts = accounts.iter().flatten();
    let account = accounts.find(|account| account.metadata.name.as_deref() == object.account());
    template::judge(&draft, account.map(|account| &**account), context, verdict);
    Ok(())
}

/// Refuses every change of a spec.
pub(super) fn changed(old: &View, new: &View, verdict: &mut Verdict) {
    let members = |view: &View| view.spec.as_object().cloned().unwrap_or_default();
    let (old, new) = (members(old), members(new));
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let message =
            "is immutable, as all of a WorkerRelease is: change its WorkerDeployment, which makes another release";
        verdict.causes.push(Cause::invalid(format!("spec.{name}"), message));
    }
}
