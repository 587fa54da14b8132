//! A ConversionReview, read once: each object is converted as it comes and nothing but its new text stays, so that a
//! list of whatever costs no more than its length.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use super::target::{Converted, Fault, Target};
use crate::api::review::CONVERSION_API_VERSION;

/// What was asked, and the objects of the answer.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) api_version: String,
    pub(super) uid: Option<String>,
    /// The answer up to its last object.
    pub(super) answer: Vec<u8>,
    /// How many objects that has.
    pub(super) objects: usize,
    /// Why one could not be converted.
    pub(super) fault: Option<Fault>,
}

/// Reads a review with `O` for each object.
pub(super) fn read<'a, O: Deserialize<'a>>(
    text: &'a str,
    convert: impl Fn(O, Target) -> Result<Converted<'a>, Fault>,
) -> Result<Question, serde_json::Error> {
    let mut reading = Reading {
        text,
        convert,
        to: None,
        late: None,
        question: Question::default(),
        object: PhantomData,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    Part::Review.of(&mut reading).deserialize(&mut json)?;
    json.end()?;
    if let Some(late) = reading.late.take() {
        Part::Objects
            .of(&mut reading)
            .deserialize(&mut serde_json::Deserializer::from_str(late.get()))?;
    }
    Ok(reading.question)
}

struct Reading<'a, O, F> {
    text: &'a str,
    convert: F,
    to: Option<Result<Target, Fault>>,
    /// Objects that came before the uid or the version that they are wanted in: the API server sends them last.
    late: Option<&'a RawValue>,
    question: Question,
    object: PhantomData<O>,
}

#[derive(Clone, Copy)]
enum Part {
    Review,
    Request,
    Objects,
}

struct Seed<'r, 'a, O, F> {
    part: Part,
    reading: &'r mut Reading<'a, O, F>,
}

#[derive(Deserialize)]
enum Key {
    #[serde(rename = "apiVersion")]
    ApiVersion,
    #[serde(rename = "request")]
    Request,
    #[serde(rename = "uid")]
    Uid,
    #[serde(rename = "desiredAPIVersion")]
    DesiredApiVersion,
    #[serde(rename = "objects")]
    Objects,
    #[serde(other)]
    Other,
}

impl Part {
    fn of<'r, 'a, O, F>(self, reading: &'r mut Reading<'a, O, F>) -> Seed<'r, 'a, O, F> {
        Seed { part: self, reading }
    }

    /// What it cannot do without.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Review => &["apiVersion", "request"],
            Self::Request => &["uid", "desiredAPIVersion", "objects"],
            Self::Objects => &[],
        }
    }
}

impl<'a, O, F> DeserializeSeed<'a> for Seed<'_, 'a, O, F>
where
    O: Deserialize<'a>,
    F: Fn(O, Target) -> Result<Converted<'a>, Fault>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        match self.part {
            Part::Review | Part::Request => json.deserialize_map(self),
            Part::Objects => json.deserialize_seq(self),
        }
    }
}

impl<'a, O, F> Visitor<'a> for Seed<'_, 'a, O, F>
where
    O: Deserialize<'a>,
    F: Fn(O, Target) -> Result<Converted<'a>, Fault>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Review => "struct ConversionReview",
            Part::Request => "struct ConversionRequest",
            Part::Objects => "a sequence",
        })
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { part, reading } = self;
        let mut missing = part.members().to_vec();
        while let Some(key) = members.next_key::<Key>()? {
            let found = match (part, key) {
                (Part::Review, Key::ApiVersion) => {
                    reading.question.api_version = members.next_value()?;
                    "apiVersion"
                }
                (Part::Review, Key::Request) => {
                    members.next_value_seed(Part::Request.of(reading))?;
                    "request"
                }
                (Part::Request, Key::Uid) => {
                    reading.question.uid = Some(members.next_value()?);
                    "uid"
                }
                (Part::Request, Key::DesiredApiVersion) => {
                    reading.to = Some(Target::parse(&members.next_value::<String>()?));
                    "desiredAPIVersion"
                }
                (Part::Request, Key::Objects) => {
                    match (&reading.to, &reading.question.uid) {
                        (Some(_), Some(_)) => members.next_value_seed(Part::Objects.of(reading))?,
                        _ => reading.late = Some(members.next_value()?),
                    }
                    "objects"
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            missing.retain(|member| *member != found);
        }
        missing
            .first()
            .map_or(Ok(()), |member| Err(A::Error::missing_field(member)))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut objects: A) -> Result<(), A::Error> {
        let Reading {
            text,
            convert,
            to,
            question,
            ..
        } = self.reading;
        question.begin(text.len());
        while let Some(object) = objects.next_element::<O>()? {
            let converted = match to {
                Some(Ok(to)) if question.fault.is_none() => convert(object, *to),
                Some(Err(error)) => Err(error.clone()),
                _ => continue,
            };
            match converted {
                Ok(object) => question.write(&object),
                Err(error) => question.fault = Some(error),
            }
        }
        if let Some(Err(error)) = to {
            question.fault = Some(error.clone());
        }
        Ok(())
    }
}

impl Question {
    /// With room for as many bytes as were read and a sixteenth: objects keep their length or grow a little.
    fn begin(&mut self, read: usize) {
        let head = format!(
            r#"{{"apiVersion":"{CONVERSION_API_VERSION}","kind":"ConversionReview","response":{{"uid":{},"result":{{"status":"Success"}},"convertedObjects":["#,
            json!(self.uid)
        );
        self.objects = 0;
        self.answer = Vec::with_capacity(head.len() + read + read / 16);
        self.answer.extend_from_slice(head.as_bytes());
    }

    fn write(&mut self, object: &Converted<'_>) {
        if self.objects > 0 {
            self.answer.push(b',');
        }
        self.objects += 1;
        object.write_to(&mut self.answer);
    }
}
