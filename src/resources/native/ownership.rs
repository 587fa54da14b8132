//! Whether a field manager still owns all that it wants, by `fieldsV1` of its entry in the managed fields.
//!
//! The format is that of structured-merge-diff: `f:NAME` is a field or a key, `k:{…}` the item of a list with these keys,
//! `v:…` an item of a set, `{}` a value that is owned as a whole.

use serde_json::{Map, Value};

/// Members of an object that are never among the managed fields, or not under this manager: the API server writes them.
const NOT_MANAGED: [&str; 3] = ["apiVersion", "kind", "status"];
/// Members of the metadata that are.
const METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

/// Whether every field of `wanted`, a whole object, is among `fields`.
pub(super) fn owns(fields: &Value, wanted: &Value) -> bool {
    let (Some(fields), Some(wanted)) = (fields.as_object(), wanted.as_object()) else {
        return false;
    };
    wanted
        .iter()
        .filter(|(name, value)| !NOT_MANAGED.contains(&name.as_str()) && !is_empty_list(value))
        .all(|(name, value)| match value {
            Value::Object(metadata) if name == "metadata" => owns_metadata(fields, metadata),
            _ => member(fields, name).is_some_and(|owned| covers(owned, value)),
        })
}

fn owns_metadata(fields: &Map<String, Value>, metadata: &Map<String, Value>) -> bool {
    let mut managed = metadata.iter().filter(|(name, _)| METADATA.contains(&name.as_str()));
    let owned = member(fields, "metadata");
    let has = |(name, value): (&String, &Value)| {
        let owned = owned.and_then(Value::as_object).and_then(|owned| member(owned, name));
        owned.is_some_and(|owned| covers(owned, value))
    };
    managed.all(has)
}

fn member<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    fields.get(&format!("f:{name}"))
}

/// Whether one node owns one value.
fn covers(owned: &Value, value: &Value) -> bool {
    let Some(owned) = owned.as_object().filter(|owned| !owned.is_empty()) else {
        // A scalar, or a list or map that is replaced as a whole.
        return true;
    };
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !is_empty_list(value))
            .all(|(name, value)| member(owned, name).is_some_and(|owned| covers(owned, value))),
        Value::Array(items) => items.iter().all(|item| owns_item(owned, item)),
        _ => true,
    }
}

/// An empty list whose items have owners of their own is among nobody's fields.
fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// Keys that the item leaves out have a default.
fn owns_item(owned: &Map<String, Value>, item: &Value) -> bool {
    let is_meant = |keys: &Value| {
        let keys = keys.as_object().into_iter().flatten();
        let mut keys = keys.map(|(key, value)| item.get(key).is_none_or(|own| own == value));
        item.is_object() && keys.all(|fits| fits)
    };
    owned.iter().any(|(element, owned)| {
        let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
        if let Some(keys) = element.strip_prefix("k:") {
            parsed(keys).is_some_and(|keys| is_meant(&keys)) && covers(owned, item)
        } else if let Some(value) = element.strip_prefix("v:") {
            parsed(value).is_some_and(|value| value == *item)
        } else {
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_that_is_wanted_has_to_be_owned() {
        let wanted = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "status": {"a": 1},
            "metadata": {"name": "a", "namespace": "b", "labels": {"x/y": "1"}},
            "data": {"a": "1", "b": "2"},
        });
        let fields = json!({"f:metadata": {"f:labels": {"f:x/y": {}}}, "f:data": {"f:a": {}, "f:b": {}}});
        assert!(owns(&fields, &wanted));
        for gone in [
            "/f:metadata/f:labels/f:x~1y",
            "/f:data/f:a",
            "/f:data",
            "/f:metadata/f:labels",
            "/f:metadata",
        ] {
            let mut less = fields.clone();
            let (parent, name) = gone.rsplit_once('/').expect("a path");
            let parent = less.pointer_mut(parent).and_then(Value::as_object_mut).expect("a node");
            // Another field stays, so that the parent is no leaf.
            parent.insert("f:other".to_owned(), json!({}));
            assert!(parent.remove(&name.replace("~1", "/")).is_some(), "{gone}");
            assert!(!owns(&less, &wanted), "{gone}");
        }
        assert!(!owns(&json!(null), &wanted) && !owns(&fields, &json!("text")));
    }

    #[test]
    fn what_is_replaced_as_a_whole_is_owned_as_a_whole() {
        let wanted = json!({"rules": [{"verbs": ["get"]}], "spec": {"selector": {"a": "b"}, "empty": {}}});
        let fields = json!({"f:rules": {}, "f:spec": {"f:selector": {}, "f:empty": {}}});
        assert!(owns(&fields, &wanted));
        let listless = json!({"rules": [], "spec": {"empty": {}, "ports": []}});
        assert!(owns(&json!({"f:spec": {"f:empty": {}, "f:other": {}}}), &listless));
        assert!(!owns(&json!({"f:rules": {}, "f:spec": {"f:selector": {}}}), &wanted));
    }

    #[test]
    fn items_are_found_by_their_keys() {
        let wanted = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 80, "protocol": "UDP"}]}});
        let tcp = "k:{\"port\":80,\"protocol\":\"TCP\"}";
        let udp = "k:{\"port\":80,\"protocol\":\"UDP\"}";
        let ports = |ports: Value| json!({"f:spec": {"f:ports": ports}});
        let port = json!({".": {}, "f:port": {}, "f:name": {}});
        let plain = json!({".": {}, "f:port": {}, "f:protocol": {}});
        assert!(owns(&ports(json!({tcp: port, udp: plain})), &wanted));
        assert!(!owns(&ports(json!({tcp: port})), &wanted));
        let nameless = json!({".": {}, "f:port": {}});
        assert!(!owns(&ports(json!({tcp: nameless, udp: plain})), &wanted));
    }

    #[test]
    fn items_of_a_set_are_found_by_their_value() {
        let wanted = json!({"metadata": {"finalizers": ["a/b", "c/d"]}});
        let finalizers = |items: Value| json!({"f:metadata": {"f:finalizers": items}});
        assert!(owns(&finalizers(json!({"v:\"a/b\"": {}, "v:\"c/d\"": {}})), &wanted));
        assert!(!owns(&finalizers(json!({"v:\"a/b\"": {}})), &wanted));
    }
}
