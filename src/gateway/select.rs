//! Which pods get a gateway: an annotation decides before a label, a label before the default.

use super::{Error, Marks};
use crate::api::gateway::{Mark, Match};
use crate::api::review::Cause;
use crate::api::text::go_bool;

/// What is said of one pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// What says that it gets the gateway.
    pub(super) by: Rank,
    /// Marks that say neither yes nor no, and count as no.
    pub(super) unclear: Vec<Cause>,
}

/// What gives a pod a gateway; each comes before the ones above it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    #[default]
    Nothing,
    Default,
    Label,
    Annotation,
}

/// Reads the marks of a pod.
pub(super) fn select(rule: &Match, marks: &impl Marks) -> Result<Selected, Error> {
    let mut selected = Selected {
        by: if rule.default { Rank::Default } else { Rank::Nothing },
        unclear: Vec::new(),
    };
    let label = rule.label.as_ref().map(|mark| (mark, marks.label(&mark.key)));
    let annotation = rule.annotation.as_ref().map(|mark| (mark, marks.annotation(&mark.key)));
    for (place, rank, found) in [
        ("labels", Rank::Label, label),
        ("annotations", Rank::Annotation, annotation),
    ] {
        let Some((mark, value)) = found else { continue };
        let Some(value) = value? else { continue };
        selected.by = match says(mark, &value) {
            Some(true) => rank,
            Some(false) => Rank::Nothing,
            None => {
                selected.unclear.push(unclear(place, &mark.key));
                Rank::Nothing
            }
        };
    }
    Ok(selected)
}

/// Yes or no, if it is either.
fn says(mark: &Mark, found: &str) -> Option<bool> {
    match &mark.value {
        Some(value) => Some(value == found),
        None => go_bool(found),
    }
}

/// Names the key alone: the log repeats it, and a value can be a whole document.
fn unclear(place: &str, key: &str) -> Cause {
    Cause::invalid(format!("metadata.{place}[{key}]"), "is neither \"true\" nor \"false\"")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::pod::PodMetadata;

    fn mark(value: Option<&str>) -> Mark {
        Mark {
            key: "setGateway".to_owned(),
            value: value.map(str::to_owned),
        }
    }

    fn selected(rule: &Match, metadata: &Value) -> (bool, usize) {
        let text = metadata.to_string();
        let metadata: PodMetadata<'_> = serde_json::from_str(&text).unwrap();
        let selected = select(rule, &metadata).unwrap();
        (selected.by > Rank::Nothing, selected.unclear.len())
    }

    #[test]
    fn the_default_is_for_pods_without_a_mark() {
        for default in [false, true] {
            let rule = Match {
                label: Some(mark(None)),
                annotation: Some(mark(None)),
                default,
                ..Match::default()
            };
            for metadata in [json!({}), json!({"labels": {"other": "true"}, "annotations": null})] {
                assert_eq!(selected(&rule, &metadata), (default, 0));
            }
        }
    }

    #[test]
    fn bools_are_go_s() {
        let rule = Match {
            label: Some(mark(None)),
            ..Match::default()
        };
        for (texts, expected) in [
            (&["1", "t", "T", "TRUE", "true", "True"][..], (true, 0)),
            (&["0", "f", "F", "FALSE", "false", "False"], (false, 0)),
            (&["yes", "", "tRUE", " true", "2"], (false, 1)),
        ] {
            for text in texts {
                assert_eq!(
                    selected(&rule, &json!({"labels": {"setGateway": text}})),
                    expected,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_value_is_met_exactly() {
        let rule = Match {
            label: Some(mark(Some("foo"))),
            default: true,
            ..Match::default()
        };
        for (text, expected) in [("foo", true), ("bar", false), ("true", false), ("", false)] {
            assert_eq!(
                selected(&rule, &json!({"labels": {"setGateway": text}})),
                (expected, 0),
                "{text}"
            );
        }
    }

    #[test]
    fn the_annotation_wins() {
        let rule = Match {
            label: Some(mark(None)),
            annotation: Some(mark(None)),
            ..Match::default()
        };
        for (label, annotation, expected) in [
            ("true", "false", (false, 0)),
            ("false", "true", (true, 0)),
            ("yes", "true", (true, 1)),
            ("true", "yes", (false, 1)),
            ("no", "yes", (false, 2)),
        ] {
            let metadata = json!({"labels": {"setGateway": label}, "annotations": {"setGateway": annotation}});
            assert_eq!(selected(&rule, &metadata), expected, "{label} {annotation}");
        }
    }

    #[test]
    fn an_unclear_mark_is_named_without_its_value() {
        let cause = unclear("labels", "setGateway");
        assert_eq!(cause.field, "metadata.labels[setGateway]");
        assert_eq!(cause.message, "is neither \"true\" nor \"false\"");
    }
}
