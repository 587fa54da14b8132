//! Which objects of the kinds of workers are refused, and which are warned about. On UPDATE only faults count that the
//! stored object does not have already, so that objects older than this server can be edited.

mod account;
mod bindings;
mod bundle;
mod date;
mod deployment;
mod flags;
mod modules;
mod names;
mod release;
mod routes;
mod size;
mod template;
mod urls;

use super::day::Day;
use super::known::Known;
pub use super::subject::Error;
use super::subject::{Kind, Subject};
use super::view::View;
use crate::api::review::{AdmissionRequest, Verdict};

/// Faults that are listed of one object; the rest is counted.
const LISTED_CAUSES: usize = 100;

/// Where an object stands, and what is known around it.
struct Context<'c> {
    namespace: &'c str,
    /// Empty when the API server has yet to draw one.
    name: &'c str,
    known: &'c dyn Known,
    today: Day,
    is_old: bool,
}

/// Decides whether an object may be written.
///
/// # Errors
/// When the request is not about an object of ours, or that cannot be decoded.
pub fn validate(request: &AdmissionRequest<'_>, known: &dyn Known, today: Day) -> Result<Verdict, Error> {
    let (Some(subject), Some(object)) = (Subject::of(request)?, &request.object) else {
        return Ok(Verdict::default());
    };
    let object = View::of(object)?;
    let old = request.old_object.as_ref().map(View::of).transpose()?;
    if object.is_dying() || old.as_ref().is_some_and(|old| is_same(&object, old)) {
        return Ok(Verdict::default());
    }
    let context = Context {
        namespace: &request.namespace,
        name: object.metadata.name.as_deref().unwrap_or(&request.name),
        known,
        today,
        is_old: subject.is_old,
    };
    let mut verdict = judged(subject.kind, &object, &context)?;
    if let Some(old) = &old {
        let before = judged(subject.kind, old, &context).unwrap_or_default();
        verdict.causes.retain(|cause| !before.causes.contains(cause));
        changed(subject.kind, (old, &object), request, known, &mut verdict);
    }
    if !verdict.allowed() {
        verdict.warnings.clear();
    }
    listed(&mut verdict);
    Ok(verdict)
}

/// Whether nothing changes that any rule looks at.
fn is_same(object: &View, old: &View) -> bool {
    object.spec == old.spec && object.account() == old.account()
}

fn judged(kind: Kind, object: &View, context: &Context<'_>) -> Result<Verdict, serde_json::Error> {
    let mut verdict = Verdict::default();
    match kind {
        Kind::Deployment => deployment::judge(object, context, &mut verdict)?,
        Kind::Release => release::judge(object, context, &mut verdict)?,
        Kind::Bundle => bundle::judge(object, context, &mut verdict)?,
        Kind::Account => account::judge(object, context, &mut verdict)?,
    }
    Ok(verdict)
}

/// What may not be changed, or not by everybody.
fn changed(
    kind: Kind,
    (old, new): (&View, &View),
    request: &AdmissionRequest<'_>,
    known: &dyn Known,
    verdict: &mut Verdict,
) {
    match kind {
        Kind::Release => release::changed(old, new, verdict),
        Kind::Bundle => bundle::changed((old, new), &request.user_info.username, known.own_user(), verdict),
        Kind::Deployment | Kind::Account => {}
    }
}

fn listed(verdict: &mut Verdict) {
    let more = verdict.causes.len().saturating_sub(LISTED_CAUSES);
    verdict.causes.truncate(LISTED_CAUSES);
    if more > 0 {
        let message = format!("and {more} faults more");
        verdict.causes.push(crate::api::review::Cause::invalid("spec", message));
    }
}

#[cfg(test)]
mod tests;
