//! Whether an object still is as it was applied: whatever is wanted of it is there. What others added stays.

use serde_json::Value;

use super::resources::quantity;

/// Lists whose items have keys of their own, so that others may add theirs, by the field that they stand in; every other
/// list is one value.
const MERGED: [(&str, &str); 8] = [
    ("metadata", "ownerReferences"),
    ("spec", "containers"),
    ("spec", "imagePullSecrets"),
    ("spec", "ports"),
    ("spec", "volumes"),
    ("containers", "env"),
    ("containers", "ports"),
    ("containers", "volumeMounts"),
];

/// Whether what is stored has everything that is wanted.
#[must_use]
pub fn covers(stored: &Value, wanted: &Value) -> bool {
    has(("", ""), stored, wanted)
}

/// The place is a field and the one around it; an item of a list is in the place of its list.
fn has(place: (&str, &str), stored: &Value, wanted: &Value) -> bool {
    match (stored, wanted) {
        (Value::Object(stored), Value::Object(wanted)) => wanted.iter().all(|(name, value)| {
            // The API server leaves out what is empty.
            let place = (place.1, name.as_str());
            stored
                .get(name)
                .map_or_else(|| is_empty(value), |stored| has(place, stored, value))
        }),
        (Value::Array(stored), Value::Array(wanted)) if MERGED.contains(&place) => wanted
            .iter()
            .all(|item| stored.iter().any(|stored| has(place, stored, item))),
        (Value::Array(stored), Value::Array(wanted)) => {
            let is_same = |(stored, item)| has(place, stored, item);
            stored.len() == wanted.len() && stored.iter().zip(wanted).all(is_same)
        }
        // The API server writes `0.5` as `500m`.
        _ if ["limits", "requests"].contains(&place.0) => {
            stored == wanted || quantity(stored).is_some_and(|stored| Some(stored) == quantity(wanted))
        }
        _ => stored == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        // Go's `omitempty` leaves it out.
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_server_and_others_add_is_no_difference() {
        let wanted = json!({
            "metadata": {"labels": {"a": "1"}, "annotations": {}},
            "spec": {
                "minReadySeconds": 0, "volumes": [],
                "containers": [{
                    "name": "workers", "env": [], "image": "a:1",
                    "resources": {"limits": {"cpu": "0.5", "memory": 1024}},
                }],
            },
        });
        let stored = json!({
            "metadata": {"labels": {"a": "1", "b": "2"}, "uid": "u"},
            "spec": {
                "replicas": 4,
                "containers": [
                    {"name": "sidecar"},
                    {
                        "name": "workers", "image": "a:1", "terminationMessagePath": "/dev/termination-log",
                        "resources": {"limits": {"cpu": "500m", "memory": "1Ki"}},
                    },
                ],
            },
        });
        assert!(covers(&stored, &wanted));
    }

    #[test]
    fn everything_else_is() {
        let wanted = json!({
            "metadata": {"labels": {"a": "1"}},
            "spec": {
                "containers": [{"name": "workers", "image": "1"}], "rules": [{"host": "a", "ports": [1]}],
                "limits": {"memory": "64Mi"},
            },
        });
        assert!(covers(&wanted, &wanted));
        for (place, value) in [
            ("/metadata/labels", json!({})),
            ("/metadata/labels/a", json!("2")),
            ("/spec/containers", json!([])),
            ("/spec/containers/0/image", json!("1000m")),
            ("/spec/rules", json!([{"host": "a"}, {"host": "b"}])),
            ("/spec/rules/0/host", json!("b")),
            ("/spec/rules/0/ports", json!([1, 2])),
            ("/spec/limits/memory", json!("65Mi")),
            ("/spec", json!(null)),
        ] {
            let mut stored = wanted.clone();
            *stored.pointer_mut(place).expect("a place") = value;
            assert!(!covers(&stored, &wanted), "{place}");
        }
    }
}
