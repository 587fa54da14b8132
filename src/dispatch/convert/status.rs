//! The status of a JobExecution in the other version.

use super::Version;
use super::digest;
use super::kept;
use super::members::{Member, Object, Odd};
use super::phase::{Own, derived};
use super::splice::Edit;

/// The edits to a JobExecution besides its `apiVersion`; none can be made when it is odd.
pub(super) fn edits<'a>(object: &Object<'a>, to: Version) -> Result<Vec<Edit<'a>>, Odd> {
    match to {
        Version::V1alpha1 => down(object),
        Version::V1beta1 => up(object),
    }
}

/// To v1alpha1: its own fields leave the status, and unless they follow from the rest, an annotation carries them.
fn down<'a>(object: &Object<'a>) -> Result<Vec<Edit<'a>>, Odd> {
    let Some(status) = object.object("status")? else {
        return Ok(Vec::new());
    };
    if !status.members().iter().any(own) {
        return Ok(Vec::new());
    }
    let metadata = object.object("metadata")?.ok_or(Odd)?;
    let fields = Own::of(&status)?;
    let text = status.with(|member| !own(member));
    let annotation = if derived(&status, metadata.get("generation"))? == fields {
        kept::remove(object, &metadata)
    } else {
        let digest = digest::of(&metadata, Some(&status));
        kept::put(object, &metadata, &kept::annotation(&fields, &digest))?
    };
    Ok([Some(Edit::replace(object.text, status.text, text)), annotation]
        .into_iter()
        .flatten()
        .collect())
}

/// To v1beta1: from the annotation as long as it belongs to this status, else from conditions and Job.
fn up<'a>(object: &Object<'a>) -> Result<Vec<Edit<'a>>, Odd> {
    let metadata = object.object("metadata")?.ok_or(Odd)?;
    let status = object.object("status")?;
    // What already says more than v1alpha1 can is not ours to overrule.
    if status.iter().flat_map(Object::members).any(own) {
        return Ok(Vec::new());
    }
    let annotations = metadata.object("annotations")?;
    let annotation = annotations.as_ref().and_then(kept::found);
    let fields = annotation
        .as_ref()
        .and_then(|text| kept::fields(text, &digest::of(&metadata, status.as_ref())));
    let fields = match (fields, &status) {
        (Some(fields), _) => fields,
        (None, Some(status)) => derived(status, metadata.get("generation"))?,
        (None, None) => Own::default(),
    };
    let put = put(object, status.as_ref(), &fields.members());
    Ok([put, kept::remove(object, &metadata)].into_iter().flatten().collect())
}

/// The edit that gives the status further members.
fn put<'a>(object: &Object<'a>, status: Option<&Object<'a>>, members: &str) -> Option<Edit<'a>> {
    if members.is_empty() {
        return None;
    }
    Some(match (status, object.get("status")) {
        (Some(status), _) => status.first(object.text, members),
        (None, Some(null)) => Edit::replace(object.text, null, format!("{{{members}}}")),
        (None, None) => object.first(object.text, &format!(r#""status":{{{members}}}"#)),
    })
}

/// Whether a member of a status is one that v1alpha1 lacks.
pub(super) fn own(member: &Member<'_>) -> bool {
    Own::default().fields().iter().any(|(name, _)| member.is(name))
}
