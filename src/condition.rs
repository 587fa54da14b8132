//! Setting a condition in a list of conditions, as `metav1` defines them. The time is a parameter.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What a condition says, apart from when it began to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// `Waiting`, `Running`, …
    pub type_: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One PascalCase word.
    pub reason: &'a str,
    /// A sentence for people.
    pub message: &'a str,
}

/// Sets one condition of the list; the transition time moves only when its status does.
pub fn set(conditions: &mut Vec<Condition>, claim: Claim<'_>, generation: Option<i64>, now: Time) {
    let found = conditions.iter_mut().find(|condition| condition.type_ == claim.type_);
    let since = match &found {
        Some(condition) if condition.status == claim.status => condition.last_transition_time.clone(),
        _ => now,
    };
    let condition = Condition {
        type_: claim.type_.into(),
        status: claim.status.into(),
        reason: claim.reason.into(),
        message: claim.message.into(),
        observed_generation: generation,
        last_transition_time: since,
    };
    match found {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

/// Removes a condition that nothing can be said about any more.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The condition of that type.
#[must_use]
pub fn find<'c>(conditions: &'c [Condition], type_: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(second).expect("a second of our age"))
    }

    fn claim<'a>(status: &'a str, message: &'a str) -> Claim<'a> {
        Claim {
            type_: "Running",
            status,
            reason: "JobRunning",
            message,
        }
    }

    #[test]
    fn the_transition_time_moves_with_the_status_alone() {
        let mut conditions = Vec::new();
        set(&mut conditions, claim("True", "one"), Some(1), at(1));
        set(&mut conditions, claim("True", "two"), Some(1), at(2));
        assert_eq!(conditions[0].last_transition_time, at(1));
        assert_eq!(conditions[0].message, "two");
        set(&mut conditions, claim("False", "two"), Some(1), at(3));
        assert_eq!(conditions[0].last_transition_time, at(3));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn leaves_other_conditions_alone() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            Claim {
                type_: "Foreign",
                ..claim("True", "")
            },
            None,
            at(1),
        );
        set(&mut conditions, claim("True", ""), None, at(2));
        remove(&mut conditions, "Running");
        assert!(find(&conditions, "Running").is_none());
        assert_eq!(
            find(&conditions, "Foreign").map(|condition| condition.status.as_str()),
            Some("True")
        );
    }
}
