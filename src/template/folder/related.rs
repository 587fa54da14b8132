//! Objects beside the namespace that a rendering may read, as metacontroller sends them: by group key and name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reference::Reference;

/// Related objects, in groups such as `ConfigMap.v1`.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Related(BTreeMap<String, BTreeMap<String, Value>>);

impl Related {
    /// From the groups of a request.
    #[must_use]
    pub fn new(groups: BTreeMap<String, BTreeMap<String, Value>>) -> Self {
        Self(groups)
    }

    /// The object that is meant. Its key has the namespace, or leaves it out where that is the parent's.
    #[must_use]
    pub fn get(&self, reference: &Reference) -> Option<&Value> {
        let (group, key) = reference.keys();
        let group = self.0.get(&group)?;
        let own = || {
            let object = group.get(&reference.name)?;
            (namespace_of(object) == reference.namespace).then_some(object)
        };
        group.get(&key).or_else(own)
    }

    /// Every text in them.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for object in self.0.values().flat_map(BTreeMap::values) {
            collect(object, &mut texts);
        }
        texts
    }
}

fn namespace_of(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => {
            for (name, value) in members {
                texts.push(name);
                collect(value, texts);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn related(groups: Value) -> Related {
        Related(serde_json::from_value(groups).expect("groups"))
    }

    #[test]
    fn an_object_is_found_under_either_key() {
        let object = json!({"metadata": {"name": "defaults", "namespace": "platform"}, "data": {"region": "eu"}});
        let reference = Reference::parse("ConfigMap", "platform/defaults").expect("a reference");
        for key in ["platform/defaults", "defaults"] {
            let related = related(json!({"ConfigMap.v1": {key: object.clone()}}));
            assert_eq!(related.get(&reference), Some(&object), "{key}");
        }
        let elsewhere = related(json!({"ConfigMap.v1": {"defaults": {"metadata": {"namespace": "other"}}}}));
        assert_eq!(elsewhere.get(&reference), None);
        assert_eq!(
            related(json!({"Secret.v1": {"platform/defaults": {}}})).get(&reference),
            None
        );
    }

    #[test]
    fn every_text_is_known() {
        let related = related(json!({"A.v1": {"k": {"a": ["b", {"c": "d"}], "e": 1}}}));
        assert_eq!(related.texts(), ["a", "b", "c", "d", "e"]);
    }
}
