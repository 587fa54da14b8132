//! What a v1beta1 status says beyond a v1alpha1 one, and how it follows from conditions and Job.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::members::{Object, Odd};
use crate::api::dispatch::v1beta1::Phase;
use crate::api::names::{condition_type, reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The fields of a v1beta1 status that v1alpha1 lacks, as JSON texts. A field added to v1beta1 is added here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Own<'a> {
    pub(super) phase: Option<&'a str>,
    pub(super) observed_generation: Option<&'a str>,
    pub(super) start_time: Option<&'a str>,
    pub(super) completion_time: Option<&'a str>,
}

impl<'a> Own<'a> {
    /// Reads the fields of a status or of the annotation, unless one of them is odd.
    pub(super) fn of(object: &Object<'a>) -> Result<Self, Odd> {
        Ok(Self {
            phase: field::<Phase>(object, "phase")?,
            observed_generation: field::<i64>(object, "observedGeneration")?,
            start_time: field::<Time>(object, "startTime")?,
            completion_time: field::<Time>(object, "completionTime")?,
        })
    }

    /// Names and values.
    pub(super) fn fields(&self) -> [(&'static str, Option<&'a str>); 4] {
        [
            ("phase", self.phase),
            ("observedGeneration", self.observed_generation),
            ("startTime", self.start_time),
            ("completionTime", self.completion_time),
        ]
    }

    /// The fields as members of an object, `"phase":"Running","startTime":…`.
    pub(super) fn members(&self) -> String {
        let members = self
            .fields()
            .into_iter()
            .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
        members.collect::<Vec<_>>().join(",")
    }
}

/// A field as it is written, when it can be decoded as what it should be.
fn field<'a, T: DeserializeOwned>(object: &Object<'a>, name: &str) -> Result<Option<&'a str>, Odd> {
    let text = object.get(name);
    match text.map(serde_json::from_str::<Option<T>>) {
        Some(Err(_)) => Err(Odd),
        Some(Ok(_)) | None => Ok(text),
    }
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
    #[serde(rename = "lastTransitionTime", borrow)]
    since: Option<&'a RawValue>,
}

/// The fields as far as they follow from a v1alpha1 status; unless its conditions are odd.
pub(super) fn derived<'a>(status: &Object<'a>, generation: Option<&'a str>) -> Result<Own<'a>, Odd> {
    let conditions: Vec<Condition<'a>> = match status.get("conditions") {
        None | Some("null") => Vec::new(),
        Some(conditions) => serde_json::from_str(conditions).map_err(|_| Odd)?,
    };
    let job = status.get("job").is_some_and(|job| !["null", "{}"].contains(&job));
    if conditions.is_empty() && !job {
        return Ok(Own::default());
    }
    let find = |type_: &str| conditions.iter().find(|condition| condition.type_ == type_);
    let succeeded = find(condition_type::SUCCEEDED).filter(|condition| condition.status != "Unknown");
    let running = find(condition_type::RUNNING).filter(|condition| condition.status == "True");
    // A Job that has started no longer waits, and that does not change again when it ends.
    let started = find(condition_type::WAITING).filter(|condition| condition.reason == reason::JOB_RUNNING);
    let phase = match (succeeded, running) {
        (Some(condition), _) if condition.status == "True" => r#""Succeeded""#,
        (Some(_), _) => r#""Failed""#,
        (None, Some(_)) => r#""Running""#,
        (None, None) => r#""Pending""#,
    };
    let time = |condition: Option<&Condition<'a>>| condition.and_then(|condition| condition.since).map(RawValue::get);
    Ok(Own {
        phase: Some(phase),
        observed_generation: generation,
        start_time: time(started.or(running)),
        completion_time: time(succeeded),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(status: &str) -> String {
        let status = Object::parse(status).expect("an object");
        derived(&status, Some("1")).expect("readable conditions").members()
    }

    fn condition(type_: &str, status: &str, reason: &str, second: u8) -> String {
        format!(r#"{{"type":"{type_}","status":"{status}","reason":"{reason}","lastTransitionTime":"{second}"}}"#)
    }

    fn conditions(conditions: &[String]) -> String {
        format!(r#"{{"conditions":[{}]}}"#, conditions.join(","))
    }

    #[test]
    fn nothing_follows_from_nothing() {
        for status in ["{}", r#"{"conditions":null,"job":{}}"#, r#"{"conditions":[]}"#] {
            assert_eq!(own(status), "", "{status}");
        }
    }

    #[test]
    fn a_recorded_job_is_pending_at_least() {
        assert_eq!(
            own(r#"{"job":{"name":"x"}}"#),
            r#""phase":"Pending","observedGeneration":1"#
        );
    }

    #[test]
    fn phase_and_times_follow_from_the_conditions() {
        let waiting = condition("Waiting", "True", "JobCreated", 1);
        let started = condition("Waiting", "False", "JobRunning", 2);
        let running = condition("Running", "True", "JobRunning", 3);
        let ended = condition("Running", "False", "JobCompleted", 4);
        let unknown = condition("Succeeded", "Unknown", "JobRunning", 5);
        let succeeded = condition("Succeeded", "True", "JobSucceeded", 6);
        let failed = condition("Succeeded", "False", "JobFailed", 7);
        let deleted = condition("Waiting", "False", "JobDeleted", 8);
        for (given, phase, start, end) in [
            (vec![&waiting], "Pending", None, None),
            (vec![&started, &running], "Running", Some(2), None),
            (vec![&running], "Running", Some(3), None),
            (vec![&started, &running, &unknown], "Running", Some(2), None),
            (vec![&started, &ended, &succeeded], "Succeeded", Some(2), Some(6)),
            (vec![&started, &ended, &failed], "Failed", Some(2), Some(7)),
            (vec![&deleted, &failed], "Failed", None, Some(7)),
        ] {
            let given: Vec<_> = given.into_iter().cloned().collect();
            let time =
                |name: &str, second: Option<u8>| second.map(|s| format!(r#","{name}":"{s}""#)).unwrap_or_default();
            let (start, end) = (time("startTime", start), time("completionTime", end));
            let expected = format!(r#""phase":"{phase}","observedGeneration":1{start}{end}"#);
            assert_eq!(own(&conditions(&given)), expected, "{given:?}");
        }
    }

    #[test]
    fn odd_conditions_say_nothing() {
        for odd in ["5", r#"[{"type":1}]"#, r#"[{"status":"True"}]"#, r#"{"a":1}"#] {
            let status = format!(r#"{{"conditions":{odd}}}"#);
            assert_eq!(
                derived(&Object::parse(&status).expect("an object"), None),
                Err(Odd),
                "{odd}"
            );
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_makes_the_status_odd() {
        for odd in [
            r#""phase":"Done""#,
            r#""observedGeneration":"1""#,
            r#""startTime":"today""#,
            r#""completionTime":0"#,
        ] {
            assert_eq!(
                Own::of(&Object::parse(&format!("{{{odd}}}")).expect("an object")),
                Err(Odd),
                "{odd}"
            );
        }
    }
}
