//! Metacontroller's comparison of what is desired with what is there: a three-way merge over its own memory of what
//! was desired before, which it keeps in an annotation.

use serde_json::{Map, Value, json};

const LAST_APPLIED: &str = "metacontroller.k8s.io/last-applied-configuration";
/// The members by which it guesses that a list is a map; the first that every item has.
const KEYS: [&str; 7] = ["containerPort", "port", "mountPath", "name", "uid", "ip", "path"];
const CONTROLLER: &str = "metacontroller.k8s.io/decorator-controller";

/// The object that metacontroller creates, the owner aside.
pub fn created(desired: &Value, controller: &Value) -> Value {
    let mut object = update(desired, controller);
    object["metadata"]["annotations"][LAST_APPLIED] = object.to_string().into();
    object
}

/// The object that metacontroller wants there to be; it writes it when it is not what is there.
pub fn merged(observed: &Value, desired: &Value, controller: &Value) -> Value {
    let update = update(desired, controller);
    let mut result = merge(observed, &last_applied(observed), &update);
    result["metadata"]["annotations"][LAST_APPLIED] = update.to_string().into();
    result
}

/// Makes the memory of a Secret that of a controller which wanted its data as the API server has them.
pub fn remember_data(object: &mut Value) {
    let mut last = last_applied(object);
    if last.as_object_mut().unwrap().remove("stringData").is_some() {
        last["data"] = object["data"].clone();
        object["metadata"]["annotations"][LAST_APPLIED] = last.to_string().into();
    }
}

fn update(desired: &Value, controller: &Value) -> Value {
    let mut update = desired.clone();
    let annotations = update["metadata"].as_object_mut().unwrap().entry("annotations");
    annotations.or_insert_with(|| json!({}))[CONTROLLER] = controller["metadata"]["name"].clone();
    update
}

fn last_applied(object: &Value) -> Value {
    let text = object["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or("{}");
    serde_json::from_str(text).unwrap()
}

/// What is desired over what is there, without what was desired before and is no more.
fn merge(observed: &Value, last: &Value, desired: &Value) -> Value {
    if let (Some(observed), Some(desired)) = (observed.as_array(), desired.as_array()) {
        return merge_lists(observed, last.as_array().map_or(&[], Vec::as_slice), desired).into();
    }
    let (Some(observed), Some(desired)) = (observed.as_object(), desired.as_object()) else {
        return desired.clone();
    };
    let empty = Map::new();
    let last = last.as_object().unwrap_or(&empty);
    let mut result = observed.clone();
    result.retain(|name, _| desired.contains_key(name) || !last.contains_key(name));
    for (name, value) in desired {
        let before = last.get(name).unwrap_or(&Value::Null);
        let now = observed
            .get(name)
            .map_or_else(|| value.clone(), |now| merge(now, before, value));
        result.insert(name.clone(), now);
    }
    Value::Object(result)
}

/// Lists whose items have a key are merged like maps, others are replaced whole.
fn merge_lists(observed: &[Value], last: &[Value], desired: &[Value]) -> Vec<Value> {
    let all = [observed, last, desired].concat();
    let has_all = |key: &&&str| all.iter().all(|item| item.get(**key).is_some());
    let Some(key) = KEYS.iter().find(has_all) else {
        return desired.to_vec();
    };
    let name = |item: &Value| item[key].as_str().map_or_else(|| item[key].to_string(), str::to_owned);
    let map = |list: &[Value]| {
        list.iter()
            .map(|item| (name(item), item.clone()))
            .collect::<Map<_, _>>()
    };
    let mut merged = merge(&map(observed).into(), &map(last).into(), &map(desired).into());
    let order = observed.iter().chain(desired).map(name);
    order
        .filter_map(|name| merged.as_object_mut().unwrap().remove(&name))
        .collect()
}
