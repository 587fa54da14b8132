//! What both engines' helpers and filters do, as functions of JSON values. None of them tells a value in its error: it may be secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A value as it is printed.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub(super) fn base64(value: &Value) -> Value {
    STANDARD.encode(text(value)).into()
}

pub(super) fn lower(value: &Value) -> Value {
    text(value).to_lowercase().into()
}

pub(super) fn upper(value: &Value) -> Value {
    text(value).to_uppercase().into()
}

pub(super) fn json(value: &Value) -> Value {
    value.to_string().into()
}

pub(super) fn yaml(value: &Value) -> Result<Value, String> {
    let text = serde_saphyr::to_string(value).map_err(|_| "yaml: the value cannot be written")?;
    Ok(text.trim_end().into())
}

pub(super) fn int(value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::String(text) => text.trim().parse::<i64>().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    number
        .map(Value::from)
        .ok_or_else(|| "int: the value is no whole number".to_owned())
}

pub(super) fn bool(value: &Value) -> Result<Value, String> {
    let truth = match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    truth
        .map(Value::from)
        .ok_or_else(|| "bool: the value is neither true nor false".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_helper_makes_of_a_value_what_it_says() {
        type Helper = fn(&Value) -> Result<Value, String>;
        let cases: [(Helper, Value, Option<Value>); 17] = [
            (|value| Ok(base64(value)), json!("tenant"), Some(json!("dGVuYW50"))),
            (|value| Ok(lower(value)), json!("ÄB"), Some(json!("äb"))),
            (|value| Ok(upper(value)), json!("äb"), Some(json!("ÄB"))),
            (
                |value| Ok(json(value)),
                json!({"a": "b\n"}),
                Some(json!("{\"a\":\"b\\n\"}")),
            ),
            (yaml, json!({"a": ["b"]}), Some(json!("a:\n- b"))),
            (int, json!(" 7 "), Some(json!(7))),
            (int, json!("-7"), Some(json!(-7))),
            (int, json!(7), Some(json!(7))),
            (int, json!("0777"), Some(json!(777))),
            (int, json!("7.5"), None),
            (int, json!(""), None),
            (int, json!(null), None),
            (bool, json!("True"), Some(json!(true))),
            (bool, json!("off"), Some(json!(false))),
            (bool, json!(true), Some(json!(true))),
            (bool, json!("maybe"), None),
            (bool, json!(2), None),
        ];
        for (helper, value, expected) in cases {
            assert_eq!(helper(&value).ok(), expected, "{value}");
        }
    }
}
