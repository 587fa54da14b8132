//! An object as the API server stores it. What it would store otherwise than it was wanted never compares equal, and
//! is written again and again: nothing where null was said, no empty labels, of a Secret only its data, and amounts in
//! one way of many.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::amounts;

/// Members that are left out where they are empty.
const NEVER_EMPTY: [&str; 2] = ["labels", "annotations"];
/// The same, of ConfigMaps and Secrets.
const DATA: [&str; 2] = ["data", "binaryData"];

/// Turns an object into what will be stored.
pub(super) fn normalize(manifest: &mut Map<String, Value>) -> Result<(), String> {
    without_nulls(manifest);
    let is =
        |kind: &str| manifest.get("apiVersion") == Some(&"v1".into()) && manifest.get("kind") == Some(&kind.into());
    let (is_secret, has_data) = (is("Secret"), is("Secret") || is("ConfigMap"));
    let (is_quota, is_limit_range) = (is("ResourceQuota"), is("LimitRange"));
    if is_secret {
        fold(manifest)?;
    }
    if is_quota {
        amounts::of_quota(manifest);
    }
    if is_limit_range {
        amounts::of_limits(manifest);
    }
    if has_data {
        without_empty(manifest, &DATA);
    }
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        without_empty(metadata, &NEVER_EMPTY);
    }
    Ok(())
}

/// Null is what is not there.
fn without_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(within);
}

fn within(value: &mut Value) {
    match value {
        Value::Object(members) => without_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(within),
        _ => {}
    }
}

fn without_empty(members: &mut Map<String, Value>, names: &[&str]) {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    members.retain(|name, value| !names.contains(&name.as_str()) || !is_empty(value));
}

/// Folds `stringData` into `data`, over whose members it wins.
fn fold(manifest: &mut Map<String, Value>) -> Result<(), String> {
    let Some(text) = manifest.remove("stringData") else {
        return Ok(());
    };
    let Value::Object(text) = text else {
        return Err("stringData must be a mapping".to_owned());
    };
    let data = manifest.entry("data").or_insert_with(|| Value::Object(Map::new()));
    let data = data.as_object_mut().ok_or("data must be a mapping")?;
    for (name, value) in text {
        let value = value.as_str();
        let value = value.ok_or_else(|| format!("stringData.{name} must be text: put it in quotes"))?;
        data.insert(name, STANDARD.encode(value).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(manifest: &Value) -> Result<Value, String> {
        let mut manifest = manifest.as_object().cloned().expect("a mapping");
        normalize(&mut manifest)?;
        Ok(Value::Object(manifest))
    }

    fn secret(members: &Value) -> Value {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret"});
        let members = members.as_object().cloned().expect("a mapping");
        secret.as_object_mut().expect("a mapping").extend(members);
        secret
    }

    #[test]
    fn string_data_becomes_data() {
        for (members, expected) in [
            (json!({"stringData": {"a": "x"}}), json!({"data": {"a": "eA=="}})),
            (
                json!({"stringData": {"a": "x"}, "data": {"a": "Yg==", "b": "Yg=="}}),
                json!({"data": {"a": "eA==", "b": "Yg=="}}),
            ),
            (
                json!({"stringData": {"a": ""}, "data": null}),
                json!({"data": {"a": ""}}),
            ),
            (json!({"stringData": {}}), json!({})),
            (json!({"stringData": null}), json!({})),
            (json!({"data": {"a": "Yg=="}}), json!({"data": {"a": "Yg=="}})),
        ] {
            assert_eq!(stored(&secret(&members)), Ok(secret(&expected)));
        }
        let other = json!({"apiVersion": "a/v1", "kind": "Secret", "stringData": {"a": 1}, "data": {}});
        assert_eq!(stored(&other), Ok(other));
    }

    #[test]
    fn what_the_api_server_would_refuse_is_told() {
        for (members, fault) in [
            (
                json!({"stringData": {"port": 9000}}),
                "stringData.port must be text: put it in quotes",
            ),
            (json!({"stringData": "a"}), "stringData must be a mapping"),
            (json!({"stringData": {"a": "b"}, "data": []}), "data must be a mapping"),
        ] {
            assert_eq!(stored(&secret(&members)), Err(fault.to_owned()));
        }
    }

    #[test]
    fn amounts_are_said_in_one_way() {
        for (kind, spec, expected) in [
            (
                "ResourceQuota",
                json!({"hard": {"pods": 5}}),
                json!({"hard": {"pods": "5"}}),
            ),
            (
                "LimitRange",
                json!({"limits": [{"type": "Container", "max": {"cpu": 1}, "min": null}]}),
                json!({"limits": [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}]}),
            ),
            ("Other", json!({"hard": {"pods": 5}}), json!({"hard": {"pods": 5}})),
        ] {
            let object = |spec: &Value| json!({"apiVersion": "v1", "kind": kind, "spec": spec});
            assert_eq!(stored(&object(&spec)), Ok(object(&expected)));
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_there() {
        let manifest = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {}, "binaryData": {"a": null},
            "metadata": {"name": "a", "labels": null, "annotations": {}},
        });
        let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        assert_eq!(stored(&manifest), Ok(expected));
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": ""}},
            "spec": {"volumes": [{"name": "a", "emptyDir": {}, "secret": null}], "data": {}},
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": ""}},
            "spec": {"volumes": [{"name": "a", "emptyDir": {}}], "data": {}},
        });
        assert_eq!(stored(&pod), Ok(expected));
    }
}
