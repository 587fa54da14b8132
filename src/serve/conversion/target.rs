//! Which domain converts the objects of a review: dispatch by edits to their text, which costs next to nothing, workers by
//! their trees.

use serde_json::value::RawValue;

use crate::api::names::{DISPATCH_GROUP, WORKER_GROUPS};
use crate::dispatch::convert::{self as dispatch, Members, Version, convert_within, text_within};
use crate::workers::convert as workers;

/// What objects are wanted as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Dispatch(Version),
    Workers(workers::Target),
}

/// An object in the version that is wanted.
#[derive(Debug)]
pub(super) enum Converted<'a> {
    /// Its text, with edits.
    Edited(dispatch::Converted<'a>),
    /// Written anew.
    Written(String),
    /// As it was.
    Unchanged(&'a str),
}

/// Why a review cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It is about what nobody here knows.
    #[error("no conversion from or to {0:?}: known are v1alpha1 and v1beta1 of {DISPATCH_GROUP}, {groups}", groups = WORKER_GROUPS.join(", "))]
    Version(String),
    /// An object of JobTemplates' group is of no kind of it.
    #[error(transparent)]
    Dispatch(dispatch::Error),
    /// An object is not what a review of workers is about.
    #[error(transparent)]
    Workers(#[from] workers::Error),
}

impl From<dispatch::Error> for Fault {
    fn from(error: dispatch::Error) -> Self {
        match error {
            dispatch::Error::Version(version) => Self::Version(version),
            error @ dispatch::Error::Kind(_) => Self::Dispatch(error),
        }
    }
}

impl Target {
    /// What an `apiVersion` names.
    pub(super) fn parse(api_version: &str) -> Result<Self, Fault> {
        match (Version::parse(api_version), workers::Target::parse(api_version)) {
            (Ok(version), _) => Ok(Self::Dispatch(version)),
            (_, Some(target)) => Ok(Self::Workers(target)),
            (Err(error), None) => Err(error.into()),
        }
    }
}

impl Converted<'_> {
    /// Adds the text to a buffer.
    pub(super) fn write_to(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Edited(object) => object
                .pieces()
                .for_each(|piece| buffer.extend_from_slice(piece.as_bytes())),
            Self::Written(text) => buffer.extend_from_slice(text.as_bytes()),
            Self::Unchanged(text) => buffer.extend_from_slice(text.as_bytes()),
        }
    }
}

/// An object whose members were split when the text around it was read.
pub(super) fn split<'a>(source: &'a str, object: Members<'a>, to: Target) -> Result<Converted<'a>, Fault> {
    match to {
        Target::Dispatch(version) => Ok(Converted::Edited(convert_within(source, object, version)?)),
        Target::Workers(target) => rewritten(text_within(source, object), target),
    }
}

/// An object as it stands there.
pub(super) fn raw(object: &RawValue, to: Target) -> Result<Converted<'_>, Fault> {
    match to {
        Target::Dispatch(version) => Ok(Converted::Edited(dispatch::convert(object, version)?)),
        Target::Workers(target) => rewritten(object.get(), target),
    }
}

fn rewritten(text: &str, to: workers::Target) -> Result<Converted<'_>, Fault> {
    Ok(match workers::convert(text, to)? {
        Some(written) => Converted::Written(written),
        None => Converted::Unchanged(text),
    })
}
