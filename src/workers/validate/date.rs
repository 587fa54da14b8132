//! The day as of which the runtime behaves.

use super::super::day::Day;
use crate::api::review::Cause;

/// The runtime that a worker would run on, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuntimeDay<'r> {
    pub(super) text: &'r str,
    /// Who says so.
    pub(super) source: &'static str,
}

/// Refuses a day that is none, that has not come, or that the runtime does not know yet.
pub(super) fn fault(field: &str, text: &str, today: Day, runtime: Option<RuntimeDay<'_>>) -> Option<Cause> {
    let Some(day) = Day::parse(text) else {
        let message = format!("{text:?} is no day: say it as YYYY-MM-DD, for example {today}");
        return Some(Cause::invalid(field, message));
    };
    if day > today {
        let message = format!("{day} has not come yet, and the runtime refuses it: the latest is today, {today} (UTC)");
        return Some(Cause::invalid(field, message));
    }
    let runtime = runtime?;
    let latest = Day::iso(runtime.text)?;
    (day > latest).then(|| {
        let message = format!(
            "{day} is later than the runtime, which is of {latest} as {} says: take {latest} or earlier, or a newer runtime",
            runtime.source
        );
        Cause::invalid(field, message)
    })
}
