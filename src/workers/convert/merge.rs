//! What came back, what went, and what was kept, put together: whatever was not edited meanwhile is as it was kept.

use serde_json::{Map, Value};

/// Members that tell elements of a list apart.
const IDENTITIES: [&str; 3] = ["url", "workerName", "type"];

/// What `kept` has become, when `base`, which is what can be told of it, has become `found`.
pub(super) fn merged(base: &Value, found: &Value, kept: &Value) -> Value {
    if is_same(Some(base), Some(found)) {
        return kept.clone();
    }
    match (base, found, kept) {
        (Value::Object(base), Value::Object(found), Value::Object(kept)) => Value::Object(members(base, found, kept)),
        (Value::Array(base), Value::Array(found), Value::Array(kept)) => {
            found.iter().map(|found| element(base, found, kept)).collect()
        }
        _ => found.clone(),
    }
}

fn members(base: &Map<String, Value>, found: &Map<String, Value>, kept: &Map<String, Value>) -> Map<String, Value> {
    let mut names: Vec<_> = found.keys().chain(kept.keys()).collect();
    names.sort();
    names.dedup();
    let member = |name: &String| {
        let (base, found, kept) = (base.get(name), found.get(name), kept.get(name));
        let value = if is_same(base, found) {
            kept.cloned()
        } else if let (Some(base), Some(found), Some(kept)) = (base, found, kept) {
            Some(merged(base, found, kept))
        } else {
            found.cloned()
        };
        Some((name.clone(), value?))
    };
    names.into_iter().filter_map(member).collect()
}

fn element(base: &[Value], found: &Value, kept: &[Value]) -> Value {
    let identity = |value: &Value| {
        let identities = IDENTITIES.iter();
        identities
            .filter_map(|name| value.get(name))
            .find(|value| value.is_string())
            .cloned()
    };
    let same = |list: &'_ [Value]| -> Option<Value> {
        let wanted = identity(found)?;
        list.iter()
            .find(|value| identity(value).as_ref() == Some(&wanted))
            .cloned()
    };
    match (same(base), same(kept)) {
        (Some(base), Some(kept)) => merged(&base, found, &kept),
        _ => found.clone(),
    }
}

/// Whether two values say the same; a client may leave out what is empty.
fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    one == other || is_empty(one) && is_empty(other)
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Bool(value)) => !value,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.values().all(|value| is_empty(Some(value))),
    }
}
