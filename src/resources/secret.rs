//! Secrets as the API server stores them: `stringData` is only a way to write `data`, and would never compare equal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Folds `stringData` into `data`, over whose members it wins.
pub(super) fn fold(manifest: &mut Map<String, Value>) -> Result<(), String> {
    let Some(text) = manifest.remove("stringData") else {
        return Ok(());
    };
    let text = match text {
        Value::Object(text) => text,
        Value::Null => return Ok(()),
        _ => return Err("stringData must be a mapping".to_owned()),
    };
    let data = manifest.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    let data = data.as_object_mut().ok_or("data must be a mapping")?;
    for (name, value) in text {
        let value = value
            .as_str()
            .ok_or_else(|| format!("stringData.{name} must be text: put it in quotes"))?;
        data.insert(name, STANDARD.encode(value).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn folded(manifest: &Value) -> Result<Value, String> {
        let mut manifest = manifest.as_object().cloned().expect("a mapping");
        fold(&mut manifest)?;
        Ok(Value::Object(manifest))
    }

    #[test]
    fn string_data_becomes_data() {
        for (manifest, expected) in [
            (json!({"stringData": {"a": "x"}}), json!({"data": {"a": "eA=="}})),
            (
                json!({"stringData": {"a": "x"}, "data": {"a": "Yg==", "b": "Yg=="}}),
                json!({"data": {"a": "eA==", "b": "Yg=="}}),
            ),
            (
                json!({"stringData": {"a": ""}, "data": null}),
                json!({"data": {"a": ""}}),
            ),
            (json!({"stringData": null}), json!({})),
            (json!({"data": {"a": "Yg=="}}), json!({"data": {"a": "Yg=="}})),
        ] {
            assert_eq!(folded(&manifest), Ok(expected), "{manifest}");
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_told() {
        for (manifest, fault) in [
            (
                json!({"stringData": {"port": 9000}}),
                "stringData.port must be text: put it in quotes",
            ),
            (json!({"stringData": "a"}), "stringData must be a mapping"),
            (json!({"stringData": {"a": "b"}, "data": []}), "data must be a mapping"),
        ] {
            assert_eq!(folded(&manifest), Err(fault.to_owned()));
        }
    }
}
