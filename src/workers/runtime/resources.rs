//! What a container may use of its node: the bundle's own words, and ours where it says nothing.

use serde_json::{Value, json};

use crate::api::quantity::Quantity;

/// What a container gets in any case.
const REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "64Mi")];
/// What it may take at most: an idle process has 60 MiB, one under load 300 MiB.
const LIMITS: [(&str, &str); 1] = [("memory", "512Mi")];

/// `resources` of a container.
pub(super) fn resources(own: Option<&Value>) -> Value {
    let mut resources = own.filter(|own| own.is_object()).cloned().unwrap_or_else(|| json!({}));
    for (name, default) in LIMITS {
        let request = resources["requests"][name].clone();
        let limit = if is_more(&request, default) {
            request
        } else {
            default.into()
        };
        complete(&mut resources["limits"][name], limit);
    }
    for (name, default) in REQUESTS {
        // With a limit below it the API server takes the limit for the request.
        let limit = &resources["limits"][name];
        if limit.is_null() || !is_less(limit, default) {
            complete(&mut resources["requests"][name], default.into());
        }
    }
    resources
}

fn complete(place: &mut Value, default: Value) {
    if place.is_null() {
        *place = default;
    }
}

fn is_more(amount: &Value, than: &str) -> bool {
    compared(amount, than).is_some_and(std::cmp::Ordering::is_gt)
}

fn is_less(amount: &Value, than: &str) -> bool {
    compared(amount, than).is_some_and(std::cmp::Ordering::is_lt)
}

fn compared(amount: &Value, than: &str) -> Option<std::cmp::Ordering> {
    Some(quantity(amount)?.cmp(&Quantity::parse(than)?))
}

/// An amount, which JSON may have as a number too.
pub(super) fn quantity(amount: &Value) -> Option<Quantity> {
    match amount {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundles_own_words_go_before_ours() {
        let ours = json!({"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}});
        assert_eq!(resources(None), ours);
        let own = json!({"limits": {"cpu": "1"}, "requests": {"memory": "128Mi"}});
        let merged = json!({
            "requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"},
        });
        assert_eq!(resources(Some(&own)), merged);
    }

    #[test]
    fn no_request_of_ours_is_above_a_limit_and_no_limit_below_a_request() {
        let own = json!({"limits": {"cpu": "5m", "memory": 1000}});
        assert_eq!(resources(Some(&own)), own);
        let own = json!({"requests": {"memory": "1Gi"}});
        let merged = json!({"requests": {"cpu": "10m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}});
        assert_eq!(resources(Some(&own)), merged);
    }
}
