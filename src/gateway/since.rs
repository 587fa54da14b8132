//! Since when what chooses pods for a gateway is as it is: the API server keeps when who has changed what.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value;

/// Fields of a webhook that say which pods it is asked about.
const ASKED: [&str; 4] = [
    "f:rules",
    "f:namespaceSelector",
    "f:objectSelector",
    "f:matchConditions",
];

/// When the `match` of a PodGateway was changed last.
#[must_use]
pub fn matches_since(gateway: &ObjectMeta) -> Option<Time> {
    changed(gateway, |fields| fields["f:spec"].get("f:match").is_some())
}

/// When it was changed last which pods webhooks are asked about. With another certificate authority they are the same.
#[must_use]
pub fn asked_since(configuration: &ObjectMeta) -> Option<Time> {
    changed(configuration, |fields| {
        let mut hooks = fields["f:webhooks"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values());
        hooks.any(|hook| ASKED.iter().any(|field| hook.get(field).is_some()))
    })
}

/// When somebody has last set such fields, or the object was created. Of a field that was removed nothing is kept.
fn changed(metadata: &ObjectMeta, is_such: impl Fn(&Value) -> bool) -> Option<Time> {
    let entries = metadata.managed_fields.iter().flatten();
    let such = entries.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| is_such(&fields.0)));
    let times = such.filter_map(|entry| entry.time.as_ref());
    times
        .chain(&metadata.creation_timestamp)
        .max_by_key(|time| time.0)
        .cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(fields: &Value) -> ObjectMeta {
        let entry = |time: &str, fields: &Value| json!({"manager": "m", "time": time, "fieldsV1": fields});
        let created = "2026-01-01T00:00:00Z";
        let metadata = json!({
            "creationTimestamp": created,
            "managedFields": [entry("2026-01-02T00:00:00Z", fields), entry(created, &json!({"f:metadata": {}}))],
        });
        serde_json::from_value(metadata).unwrap()
    }

    fn day(since: Option<Time>) -> i8 {
        since.unwrap().0.to_zoned(k8s_openapi::jiff::tz::TimeZone::UTC).day()
    }

    #[test]
    fn a_gateway_chooses_by_what_it_matches() {
        for (fields, expected) in [
            (json!({"f:spec": {"f:match": {"f:label": {}}, "f:gateway": {}}}), 2),
            (json!({"f:spec": {"f:gateway": {}}}), 1),
            (json!({"f:status": {"f:injectedPods": {}}}), 1),
        ] {
            assert_eq!(day(matches_since(&metadata(&fields))), expected, "{fields}");
        }
    }

    #[test]
    fn webhooks_are_asked_by_rules_and_selectors() {
        let hook = |field: &str| json!({"f:webhooks": {".": {}, "k:{\"name\":\"a\"}": {".": {}, field: {}}}});
        for (fields, expected) in [
            (hook("f:rules"), 2),
            (hook("f:namespaceSelector"), 2),
            (hook("f:objectSelector"), 2),
            (hook("f:matchConditions"), 2),
            (hook("f:clientConfig"), 1),
            (json!({"f:metadata": {"f:labels": {}}}), 1),
        ] {
            assert_eq!(day(asked_since(&metadata(&fields))), expected, "{fields}");
        }
    }

    #[test]
    fn without_any_time_nothing_is_known() {
        assert_eq!(matches_since(&ObjectMeta::default()), None);
    }
}
