//! One object from one version to the other, as a list of edits to its text: whatever no edit touches is copied as it
//! is, so that nothing is lost that neither version knows, and no payload or pod template is ever decoded.

mod digest;
mod kept;
mod members;
mod phase;
mod splice;
mod status;

use serde_json::value::RawValue;

use crate::api::names::DISPATCH_GROUP;
pub use members::Members;
use members::Object;
pub use splice::Converted;
use splice::Edit;

/// A version that objects of our group are converted from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Without phase and times in the status.
    V1alpha1,
    /// As stored.
    V1beta1,
}

impl Version {
    /// The version that an `apiVersion` names.
    ///
    /// # Errors
    /// For another group and for a version that we do not serve.
    pub fn parse(api_version: &str) -> Result<Self, Error> {
        [Self::V1alpha1, Self::V1beta1]
            .into_iter()
            .find(|version| version.json().trim_matches('"') == api_version)
            .ok_or_else(|| Error::Version(api_version.to_owned()))
    }

    /// The `apiVersion` of an object of this version, as JSON.
    const fn json(self) -> &'static str {
        match self {
            Self::V1alpha1 => r#""dispatcher.ivan.vc/v1alpha1""#,
            Self::V1beta1 => r#""dispatcher.ivan.vc/v1beta1""#,
        }
    }
}

/// Why a review cannot be answered: it asks for what nobody here knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Of a group or version that is not ours.
    #[error("no conversion from or to {0:?}: known are v1alpha1 and v1beta1 of {DISPATCH_GROUP}")]
    Version(String),
    /// Of our group, and of a kind that it does not have.
    #[error("no conversion for kind {0:?}: known are JobTemplate and JobExecution")]
    Kind(String),
}

/// The object in the other version.
///
/// An object that is odd in itself (a status that is no object, annotations that are no text) keeps its content and
/// gets the other `apiVersion`: all objects of a review stand and fall together, and one must not take the others with it.
///
/// # Errors
/// For an object of a group, version or kind that is not ours.
pub fn convert(object: &RawValue, to: Version) -> Result<Converted<'_>, Error> {
    match Object::parse(object.get()) {
        Some(object) => converted(&object, to),
        None => Ok(Converted::new(object.get(), Vec::new())),
    }
}

/// The same for an object whose members were split when the text around it was read, which saves reading it twice.
///
/// # Errors
/// For an object of a group, version or kind that is not ours.
pub fn convert_within<'a>(source: &'a str, object: Members<'a>, to: Version) -> Result<Converted<'a>, Error> {
    converted(&object.within(source), to)
}

/// The text of an object whose members were split when the text around it was read.
#[must_use]
pub fn text_within<'a>(source: &'a str, object: Members<'a>) -> &'a str {
    object.within(source).text
}

fn converted<'a>(object: &Object<'a>, to: Version) -> Result<Converted<'a>, Error> {
    let unchanged = || Ok(Converted::new(object.text, Vec::new()));
    let Some(api_version) = object.get("apiVersion") else {
        return unchanged();
    };
    let Some(from) = members::text(api_version) else {
        return unchanged();
    };
    if Version::parse(&from)? == to {
        return unchanged();
    }
    let mut edits = match object.text("kind").as_deref() {
        Some("JobExecution") => status::edits(object, to).unwrap_or_default(),
        Some("JobTemplate") | None => Vec::new(),
        Some(kind) => return Err(Error::Kind(kind.to_owned())),
    };
    if object.get("metadata").is_none() {
        // The API server sends objects without, and takes none back without.
        edits.push(object.first(object.text, r#""metadata":{}"#));
    }
    edits.push(Edit::replace(object.text, api_version, to.json()));
    Ok(Converted::new(object.text, edits))
}

#[cfg(test)]
mod tests;
