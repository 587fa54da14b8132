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
    let fields = Own::of(&status)?;
    let text = status.with(|member| !own(member));
    let annotation = match metadata(object)? {
        None => None,
        Some(metadata) if derived(&status, metadata.get("generation"))? == fields => kept::remove(object, &metadata),
        Some(metadata) => {
            let digest = digest::of(&metadata, Some(&status));
            kept::put(object, &metadata, &kept::annotation(&fields, &digest))?
        }
    };
    Ok([Some(Edit::replace(object.text, status.text, text)), annotation]
        .into_iter()
        .flatten()
        .collect())
}

/// To v1beta1: from the annotation as long as it belongs to this status, else from conditions and Job.
fn up<'a>(object: &Object<'a>) -> Result<Vec<Edit<'a>>, Odd> {
    let status = object.object("status")?;
    // What already says more than v1alpha1 can is not ours to overrule.
    if status.iter().flat_map(Object::members).any(own) {
        return Ok(Vec::new());
    }
    let metadata = metadata(object)?;
    let annotation = match &metadata {
        Some(metadata) => metadata.object("annotations")?.as_ref().and_then(kept::found),
        None => None,
    };
    let kept = annotation.as_deref().zip(metadata.as_ref());
    let kept = kept.and_then(|(text, metadata)| kept::fields(text, &digest::of(metadata, status.as_ref())));
    let generation = metadata.as_ref().and_then(|metadata| metadata.get("generation"));
    let fields = match (kept, &status) {
        (Some(fields), _) => fields,
        (None, Some(status)) => derived(status, generation)?,
        (None, None) => Own::default(),
    };
    let put = put(object, status.as_ref(), &fields.members());
    let removed = metadata.and_then(|metadata| kept::remove(object, &metadata));
    Ok([put, removed].into_iter().flatten().collect())
}

/// The metadata; none in the part of an object that server-side apply has converted to see what a manager owns.
fn metadata<'a>(object: &Object<'a>) -> Result<Option<Object<'a>>, Odd> {
    object
        .get("metadata")
        .map(|text| Object::parse(text).ok_or(Odd))
        .transpose()
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
