//! Which pods get a gateway: an annotation decides before a label, a label before the default.

use super::Error;
use crate::api::gateway::{Mark, Match};
use crate::api::pod::{PodMetadata, text};
use crate::api::review::{Cause, Members};
use crate::api::text::go_bool;

/// What is said of one pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// It gets the gateway.
    pub(super) chosen: bool,
    /// Marks that say neither yes nor no, and count as no.
    pub(super) unclear: Vec<Cause>,
}

/// Reads the marks of a pod.
pub(super) fn select(rule: &Match, metadata: &PodMetadata<'_>) -> Result<Selected, Error> {
    let marks = [
        ("labels", &rule.label, metadata.labels.as_ref()),
        ("annotations", &rule.annotation, metadata.annotations.as_ref()),
    ];
    let mut selected = Selected {
        chosen: rule.default,
        unclear: Vec::new(),
    };
    for (place, mark, members) in marks {
        let said = mark.as_ref().map(|mark| said(place, mark, members)).transpose()?;
        match said.flatten() {
            None => {}
            Some(Ok(said)) => selected.chosen = said,
            Some(Err(unclear)) => {
                selected.chosen = false;
                selected.unclear.push(unclear);
            }
        }
    }
    Ok(selected)
}

/// What one mark says, if the pod has it.
fn said(place: &str, mark: &Mark, members: Option<&Members<'_>>) -> Result<Option<Result<bool, Cause>>, Error> {
    let Some(found) = text(members, &mark.key)? else {
        return Ok(None);
    };
    Ok(Some(match &mark.value {
        Some(value) => Ok(*value == *found.0),
        None => go_bool(&found.0).ok_or_else(|| unclear(place, &mark.key)),
    }))
}

/// Names the key alone: the log repeats it, and a value can be a whole document.
fn unclear(place: &str, key: &str) -> Cause {
    Cause::invalid(format!("metadata.{place}[{key}]"), "is neither \"true\" nor \"false\"")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn mark(value: Option<&str>) -> Mark {
        Mark {
            key: "setGateway".to_owned(),
            value: value.map(str::to_owned),
        }
    }

    fn selected(rule: &Match, metadata: &Value) -> (bool, usize) {
        let text = metadata.to_string();
        let selected = select(rule, &serde_json::from_str(&text).unwrap()).unwrap();
        (selected.chosen, selected.unclear.len())
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
