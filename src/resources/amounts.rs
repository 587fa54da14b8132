//! Amounts in quotas and limits as the API server stores them: text, in the largest unit in which they are whole, and
//! the defaults that follow from other limits.

use serde_json::{Map, Value};

const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The members of a limit that hold amounts.
const LIMITS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// The amounts of a ResourceQuota.
pub(super) fn of_quota(manifest: &mut Map<String, Value>) {
    if let Some(hard) = manifest.get_mut("spec").and_then(|spec| spec.get_mut("hard")) {
        rewrite(hard);
    }
}

/// The amounts of a LimitRange.
pub(super) fn of_limits(manifest: &mut Map<String, Value>) {
    let limits = manifest.get_mut("spec").and_then(|spec| spec.get_mut("limits"));
    let limits = limits.and_then(Value::as_array_mut).into_iter().flatten();
    for limit in limits.filter_map(Value::as_object_mut) {
        for name in LIMITS {
            if let Some(amounts) = limit.get_mut(name) {
                rewrite(amounts);
            }
        }
        if limit.get("type") == Some(&"Container".into()) {
            fill(limit, "max", "default");
            fill(limit, "default", "defaultRequest");
            fill(limit, "min", "defaultRequest");
        }
    }
}

fn rewrite(amounts: &mut Value) {
    for amount in amounts.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(text) = canonical(amount) {
            *amount = text.into();
        }
    }
}

/// Fractions and exponents are left as they are.
fn canonical(amount: &Value) -> Option<String> {
    let text = match amount {
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let mut number: u64 = number.parse().ok()?;
    let (units, step) = if BINARY.contains(&unit) {
        (&BINARY[..], 1024)
    } else {
        (&DECIMAL[..], 1000)
    };
    let mut units = units.iter().skip_while(|other| **other != unit).peekable();
    let mut unit = units.next()?;
    if number == 0 {
        return Some("0".to_owned());
    }
    while number.is_multiple_of(step) && units.peek().is_some() {
        number /= step;
        unit = units.next()?;
    }
    Some(format!("{number}{unit}"))
}

/// What one member says of a resource of which the other says nothing.
fn fill(limit: &mut Map<String, Value>, from: &str, to: &str) {
    let Some(Value::Object(given)) = limit.get(from).cloned() else {
        return;
    };
    if given.is_empty() {
        return;
    }
    let filled = limit.entry(to).or_insert_with(|| Map::new().into());
    if let Value::Object(filled) = filled {
        for (resource, amount) in given {
            filled.entry(resource).or_insert(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_is_said_in_the_largest_unit_in_which_it_is_whole() {
        for (amount, expected) in [
            (json!(50), "50"),
            (json!("50"), "50"),
            (json!(1000), "1k"),
            (json!("1000m"), "1"),
            (json!("1500m"), "1500m"),
            (json!("2000000u"), "2"),
            (json!("1024Mi"), "1Gi"),
            (json!("1000Mi"), "1000Mi"),
            (json!("1000000Ei"), "1000000Ei"),
            (json!("1000E"), "1000E"),
            (json!("0Mi"), "0"),
            (json!(0), "0"),
        ] {
            assert_eq!(canonical(&amount).as_deref(), Some(expected), "{amount}");
        }
        for other in [
            json!("0.5"),
            json!(0.5),
            json!("1e3"),
            json!(-1),
            json!("1K"),
            json!("Mi"),
            json!(""),
            json!(true),
            json!("99999999999999999999"),
        ] {
            assert_eq!(canonical(&other), None, "{other}");
        }
    }

    #[test]
    fn quotas_are_amounts() {
        let mut quota = json!({"spec": {"hard": {"pods": 50, "limits.cpu": "1000m"}, "scopes": ["BestEffort"]}});
        of_quota(quota.as_object_mut().expect("a mapping"));
        let expected = json!({"spec": {"hard": {"pods": "50", "limits.cpu": "1"}, "scopes": ["BestEffort"]}});
        assert_eq!(quota, expected);
    }

    #[test]
    fn limits_of_containers_have_their_defaults() {
        let mut limits = json!({"spec": {"limits": [
            {"type": "Container", "default": {"cpu": 1}, "max": {"cpu": 4, "memory": "1024Mi"}, "min": {"a": "1m"}},
            {"type": "Container", "maxLimitRequestRatio": {"cpu": 4}, "max": {}},
            {"type": "Container", "min": {"cpu": "10m"}, "defaultRequest": {"cpu": "20m"}},
            {"type": "Pod", "max": {"cpu": 8}},
        ]}});
        of_limits(limits.as_object_mut().expect("a mapping"));
        let expected = json!({"spec": {"limits": [
            {
                "type": "Container", "max": {"cpu": "4", "memory": "1Gi"}, "default": {"cpu": "1", "memory": "1Gi"},
                "min": {"a": "1m"}, "defaultRequest": {"cpu": "1", "memory": "1Gi", "a": "1m"},
            },
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "4"}, "max": {}},
            {"type": "Container", "min": {"cpu": "10m"}, "defaultRequest": {"cpu": "20m"}},
            {"type": "Pod", "max": {"cpu": "8"}},
        ]}});
        assert_eq!(limits, expected);
    }

    #[test]
    fn what_is_no_amount_is_left() {
        for manifest in [
            json!({}),
            json!({"spec": []}),
            json!({"spec": {"hard": 1, "limits": 1}}),
            json!({"spec": {"limits": [1, {"max": 1}]}}),
        ] {
            let mut same = manifest.clone();
            of_quota(same.as_object_mut().expect("a mapping"));
            of_limits(same.as_object_mut().expect("a mapping"));
            assert_eq!(same, manifest);
        }
    }
}
