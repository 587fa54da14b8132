//! AdmissionReview with borrowed, undecoded objects, as `admission.k8s.io/v1` defines it. Objects stay raw so that no field is lost and none is decoded without need.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::Text;

/// The one version of AdmissionReview that we speak.
pub const ADMISSION_API_VERSION: &str = "admission.k8s.io/v1";
/// The one version of ConversionReview that we speak.
pub const CONVERSION_API_VERSION: &str = "apiextensions.k8s.io/v1";

/// An admission review as the API server sends it, with as much of its objects as `O` reads.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a, O: Deserialize<'de>"))]
pub struct AdmissionReview<'a, O = Object<'a>> {
    /// `admission.k8s.io/v1`.
    #[serde(borrow)]
    pub api_version: Cow<'a, str>,
    /// The question.
    #[serde(borrow)]
    pub request: AdmissionRequest<'a, O>,
}

/// What is asked: may this object be written?
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a, O: Deserialize<'de>"))]
pub struct AdmissionRequest<'a, O = Object<'a>> {
    /// Identifies this call; the answer repeats it.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// Kind of the object as it is sent, after the API server's own conversion (`matchPolicy: Equivalent`).
    #[serde(borrow)]
    pub kind: GroupVersionKind<'a>,
    /// Empty for the main resource.
    #[serde(borrow, default)]
    pub sub_resource: Cow<'a, str>,
    /// Empty when the API server has yet to draw a name.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// Empty for cluster-scoped objects.
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    #[serde(borrow)]
    pub operation: Cow<'a, str>,
    /// Who asks.
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// The object as it would be written; absent on DELETE.
    #[serde(default)]
    pub object: Option<O>,
    /// The object as it is stored; absent on CREATE.
    #[serde(default)]
    pub old_object: Option<O>,
    /// Nothing will be stored.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// An object as far as every decision reads it, in one pass over a text that may be large; what is in the members is
/// decoded by whoever needs it.
#[derive(Debug, Default, Deserialize)]
pub struct Object<'a> {
    /// Raw.
    #[serde(borrow, default)]
    pub metadata: Option<&'a RawValue>,
    /// Its members, raw; none when the object has no spec.
    #[serde(borrow, default)]
    pub spec: Option<Members<'a>>,
}

/// What is told of any object, however much was read of it.
pub trait Reviewed {
    /// What a review of such an object is called where it is none.
    const REVIEW: &'static str;

    /// What the API server draws its name from, if it has to.
    fn generate_name(&self) -> Option<Cow<'_, str>>;
}

impl Reviewed for Object<'_> {
    const REVIEW: &'static str = "AdmissionReview";

    fn generate_name(&self) -> Option<Cow<'_, str>> {
        let metadata: Generated<'_> = serde_json::from_str(self.metadata?.get()).ok()?;
        metadata.generate_name.map(|name| name.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated<'a> {
    #[serde(borrow, default)]
    generate_name: Option<Text<'a>>,
}

/// The members of a JSON object in their order, undecoded.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The member of that name; `null` counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().rev().find(|(known, _)| known == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(2);
        while let Some(Text(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

/// Group, version and kind of an object.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupVersionKind<'a> {
    /// Empty for the core group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// `v1beta1`.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// `JobTemplate`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

/// The part of the user that decisions read.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    /// The authenticated name.
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
}

/// One step of a JSON patch (RFC 6902).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// Sets a member or inserts an element.
    Add {
        /// JSON pointer (RFC 6901).
        path: String,
        /// The new value.
        value: serde_json::Value,
    },
    /// The same with a value that is shared by many patches.
    #[serde(rename = "add")]
    AddFragment {
        /// JSON pointer (RFC 6901).
        path: String,
        /// The new value.
        value: Fragment,
    },
    /// Replaces a value that is there.
    Replace {
        /// JSON pointer (RFC 6901).
        path: String,
        /// The new value.
        value: serde_json::Value,
    },
    /// Removes a value that is there.
    Remove {
        /// JSON pointer (RFC 6901).
        path: String,
    },
}

/// A value that was written as JSON once and goes into many patches.
#[derive(Debug, Clone, Serialize)]
pub struct Fragment(Arc<RawValue>);

impl Fragment {
    /// Writes it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "a tree of JSON can be written"
    )]
    pub fn of(value: &serde_json::Value) -> Self {
        let written = serde_json::value::to_raw_value(value).expect("a tree is JSON");
        Self(written.into())
    }

    /// Takes it as it is written.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn written(text: String) -> Result<Self, serde_json::Error> {
        Ok(Self(RawValue::from_string(text)?.into()))
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Fragment {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// The fault of one field, as a `Status` lists its causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, … of `metav1.CauseType`.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// `spec.jobTemplate.spec.template.spec.containers[0].command[1]`.
    pub field: String,
}

impl Cause {
    /// A value that is wrong.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: message.into(),
            field: field.into(),
        }
    }

    /// A value that is missing.
    #[must_use]
    pub fn required(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: "FieldValueRequired",
            message: message.into(),
            field: field.into(),
        }
    }

    /// A value that is longer than allowed.
    #[must_use]
    pub fn too_long(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: "FieldValueTooLong",
            message: message.into(),
            field: field.into(),
        }
    }
}

/// What was decided about one admission request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Faults that refuse the object; none allows it.
    pub causes: Vec<Cause>,
    /// Shown by kubectl, whether allowed or not.
    pub warnings: Vec<String>,
    /// Changes to the object; empty when it is refused.
    pub patch: Vec<PatchOperation>,
}

impl Verdict {
    /// Refused for one reason.
    #[must_use]
    pub fn denied(cause: Cause) -> Self {
        Self {
            causes: vec![cause],
            ..Self::default()
        }
    }

    /// Whether the object may be written.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.causes.is_empty()
    }
}
