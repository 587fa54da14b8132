//! What is to be done about one namespace: a function of what is wanted and what is there.

use super::applied::Stamp;
use super::observed::Known;
use crate::resources::Object;

/// What is to be done about one namespace.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// About each wanted object, in the order of the folder.
    pub steps: Vec<(&'a Object, Step<'a>)>,
    /// What nobody wants any more and only we have put there.
    pub prune: Vec<&'a Known>,
}

/// What is to be done about one wanted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing.
    Keep {
        /// That nothing is to be done was found out just now.
        news: Option<&'a Known>,
    },
    /// It is ours, and something else is wanted of it now.
    Update {
        /// It was there before we first applied it.
        found: bool,
    },
    /// It is ours, and is not as this process has left it: somebody else has changed it.
    Repair {
        /// It was there before we first applied it.
        found: bool,
    },
    /// Nothing is known of it: look first.
    Meet,
    /// It is being deleted; when it is gone it is made again.
    Wait,
    /// The folder has the same object in another version, before this one.
    Twice,
}

/// Decides what is to be done.
#[must_use]
pub fn plan<'a>(desired: &'a [Object], known: &'a [Known], stamp: &Stamp<'_>) -> Plan<'a> {
    let steps = desired.iter().enumerate().map(|(at, object)| {
        let twice = desired[..at]
            .iter()
            .any(|other| is_same(&other.group, &other.name, object));
        let known = || {
            known
                .iter()
                .find(|known| *known.kind == *object.group && *known.name == *object.name)
        };
        let step = match known() {
            _ if twice => Step::Twice,
            Some(known) => step(object, known, stamp),
            None => Step::Meet,
        };
        (object, step)
    });
    // One object is known once for each version of its kind in which it was ever applied.
    let is_wanted = |known: &&Known| desired.iter().any(|object| is_same(&known.kind, &known.name, object));
    let may_go = |known: &&Known| {
        let observed = &known.observed;
        observed.is_ours(stamp) && !observed.deleting && !observed.decorated
    };
    Plan {
        steps: steps.collect(),
        prune: known
            .iter()
            .filter(|known| !is_wanted(known) && may_go(known))
            .collect(),
    }
}

fn step<'a>(object: &Object, known: &'a Known, stamp: &Stamp<'_>) -> Step<'a> {
    let observed = &known.observed;
    if observed.deleting {
        return Step::Wait;
    }
    // Whose it is has to be decided before anything else.
    if observed.decorated {
        return Step::Meet;
    }
    let is_applied = known.applied == Some(object.digest(stamp));
    if is_applied && known.settled {
        return Step::Keep { news: None };
    }
    if observed.holds(object, stamp) {
        return Step::Keep { news: Some(known) };
    }
    let found = observed.found;
    match observed.is_ours(stamp) {
        true if is_applied => Step::Repair { found },
        true => Step::Update { found },
        false => Step::Meet,
    }
}

/// Whether both are one object, in whatever version of its kind.
fn is_same(kind: &str, name: &str, object: &Object) -> bool {
    name == object.name && without_version(kind) == without_version(&object.group)
}

/// `Role.rbac.authorization.k8s.io` of `Role.rbac.authorization.k8s.io/v1`, `ConfigMap` of `ConfigMap.v1`.
fn without_version(kind: &str) -> &str {
    let (group, _) = kind
        .rsplit_once('/')
        .or_else(|| kind.split_once('.'))
        .unwrap_or((kind, ""));
    group
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::super::applied::Digest;
    use super::super::observed::Observed;
    use super::*;

    const STAMP: Stamp<'_> = Stamp {
        set: "default",
        namespace_uid: "5f686e95-4fcd-645e-b78f-9f6fc9da898a",
    };

    fn object(api_version: &str, kind: &str, name: &str) -> Object {
        let manifest = json!({"metadata": {"name": name}, "data": {"a": "1"}});
        Object {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            group: format!("{kind}.{api_version}"),
            force_conflicts: false,
            manifest: to_raw_value(&manifest).expect("JSON"),
        }
    }

    /// As our apply leaves it, seen for the first time.
    fn known(object: &Object) -> Known {
        let digest = object.digest(&STAMP).to_string();
        let metadata = json!({
            "labels": {"resources.stationmaster.dev/namespace-uid": STAMP.namespace_uid},
            "annotations": {"resources.stationmaster.dev/digest": digest},
            "managedFields": [{"manager": "us", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:data": {"f:a": {}},
                "f:metadata": {
                    "f:labels": {"f:resources.stationmaster.dev/set": {}, "f:resources.stationmaster.dev/namespace-uid": {}},
                    "f:annotations": {"f:resources.stationmaster.dev/digest": {}},
                },
            }}],
        });
        let metadata = serde_json::from_value(metadata).expect("metadata");
        Known {
            kind: object.group.as_str().into(),
            name: object.name.as_str().into(),
            observed: Observed::of(&metadata, "us", Into::into),
            applied: None,
            settled: false,
        }
    }

    fn settled(object: &Object) -> Known {
        Known {
            applied: Some(object.digest(&STAMP)),
            settled: true,
            ..known(object)
        }
    }

    /// The one step about the first object, and how many objects go.
    fn planned(object: &Object, known: &[Known]) -> (String, usize) {
        let plan = plan(std::slice::from_ref(object), known, &STAMP);
        let step = format!("{:?}", plan.steps[0].1);
        (
            step.split_whitespace().next().unwrap_or_default().to_owned(),
            plan.prune.len(),
        )
    }

    #[test]
    fn what_is_as_it_was_applied_is_kept() {
        let object = object("v1", "ConfigMap", "a");
        let known = known(&object);
        let wanted = std::slice::from_ref(&object);
        let step =
            |known| plan(wanted, std::slice::from_ref(known), &STAMP).steps[0].1 == Step::Keep { news: Some(known) };
        assert!(step(&known));
        let settled = settled(&object);
        let settled = std::slice::from_ref(&settled);
        assert_eq!(plan(wanted, settled, &STAMP).steps[0].1, Step::Keep { news: None });
    }

    #[test]
    fn a_change_of_ours_is_an_update_and_a_change_of_others_a_repair() {
        let object = object("v1", "ConfigMap", "a");
        let mut drifted = Known {
            settled: false,
            ..settled(&object)
        };
        drifted.observed.fields = Some("{\"f:data\":{\"f:b\":{}}}".into());
        assert_eq!(planned(&object, &[drifted.clone()]).0, "Repair");
        drifted.applied = None;
        assert_eq!(
            planned(&object, &[drifted.clone()]).0,
            "Update",
            "nobody knows since when"
        );
        let mut older = settled(&object);
        older.applied = Some(Digest::default());
        older.observed.digest = older.applied;
        assert_eq!(planned(&object, &[older]).0, "Update");
        drifted.observed.fields = None;
        assert_eq!(planned(&object, &[drifted.clone()]).0, "Meet", "only the label is ours");
        let mut decorated = settled(&object);
        decorated.observed.decorated = true;
        assert_eq!(planned(&object, &[decorated]).0, "Meet", "metacontroller has come back");
        drifted.observed.deleting = true;
        assert_eq!(planned(&object, &[drifted]).0, "Wait");
    }

    #[test]
    fn what_is_not_wanted_goes_if_it_is_ours() {
        let (wanted, other) = (object("v1", "ConfigMap", "a"), object("v1", "ConfigMap", "b"));
        let known = settled(&other);
        assert_eq!(planned(&wanted, std::slice::from_ref(&known)), ("Meet".to_owned(), 1));
        let mut copied = known.clone();
        copied.observed.fields = None;
        let mut deleting = known.clone();
        deleting.observed.deleting = true;
        assert_eq!(planned(&wanted, &[copied, deleting]).1, 0);
        let elsewhere = Stamp {
            namespace_uid: "00000000-0000-0000-0000-000000000000",
            ..STAMP
        };
        assert_eq!(
            plan(&[], &[known], &elsewhere).prune.len(),
            0,
            "made for another namespace"
        );
    }

    #[test]
    fn another_version_of_a_kind_is_no_other_object() {
        let (new, old) = (
            object("autoscaling/v2", "HPA", "a"),
            object("autoscaling/v1", "HPA", "a"),
        );
        assert_eq!(planned(&new, &[settled(&old)]), ("Meet".to_owned(), 0));
        assert_eq!(planned(&new, &[settled(&old), settled(&new)]), ("Keep".to_owned(), 0));
        let both = [new, old];
        let steps: Vec<_> = plan(&both, &[], &STAMP).steps.iter().map(|(_, step)| *step).collect();
        assert_eq!(steps, [Step::Meet, Step::Twice]);
        let others = [object("v1", "HPA", "a"), object("example.com/v1", "HPA", "a")];
        assert_eq!(plan(&others, &[], &STAMP).steps[1].1, Step::Meet, "of another group");
    }
}
