//! Which clients may be written: what is asked for is settled at the creation, but for the lifetime.

use serde_json::Value;
use serde_json::value::RawValue;

use super::allowed;
use crate::api::gateway::GatewayClientSpec;
use crate::api::review::{AdmissionRequest, Cause, Members, Object, Verdict};
use crate::gateway::validate::spec;

/// The one field of the spec that may be changed.
const LIFETIME: &str = "lifetimeSeconds";

/// Decides whether a GatewayClient may be written.
///
/// # Errors
/// Its spec cannot be decoded.
pub fn validate(request: &AdmissionRequest<'_>) -> Result<Verdict, serde_json::Error> {
    // A status, and an object that dies, are not ours to judge.
    let Some(object) = request.object.as_ref().filter(|_| request.sub_resource.is_empty()) else {
        return Ok(Verdict::default());
    };
    let causes = match &request.old_object {
        Some(old) => changed(object, old)?,
        None => created(object)?,
    };
    Ok(Verdict {
        causes,
        ..Verdict::default()
    })
}

/// What keeps a client from getting a pod, in one text; the webhook may have been away when it was created.
#[must_use]
pub fn faults(spec: &GatewayClientSpec) -> Option<String> {
    let faults = allowed::faults(spec.pod_template.as_ref()?);
    let texts = faults.iter().map(|cause| format!("{}: {}", cause.field, cause.message));
    (!faults.is_empty()).then(|| texts.collect::<Vec<_>>().join("; "))
}

fn created(object: &Object<'_>) -> Result<Vec<Cause>, serde_json::Error> {
    let spec: GatewayClientSpec = spec(object)?;
    Ok(spec.pod_template.as_ref().map(allowed::faults).unwrap_or_default())
}

fn changed(object: &Object<'_>, old: &Object<'_>) -> Result<Vec<Cause>, serde_json::Error> {
    let names = [object, old].into_iter().filter_map(|object| object.spec.as_ref());
    let mut names: Vec<_> = names.flat_map(Members::names).collect();
    names.sort_unstable();
    names.dedup();
    let mut causes = Vec::new();
    for name in names {
        if name != LIFETIME && !is_same(member(object, name), member(old, name))? {
            let text = "a client has one pod, made when the client was: delete it and create another one";
            causes.push(Cause::invalid(format!("spec.{name}"), text));
        }
    }
    Ok(causes)
}

fn is_same(one: Option<&RawValue>, other: Option<&RawValue>) -> Result<bool, serde_json::Error> {
    Ok(match (one, other) {
        (Some(one), Some(other)) => one.get() == other.get() || tree(one)? == tree(other)?,
        (None, None) => true,
        _ => false,
    })
}

fn member<'a>(object: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    object.spec.as_ref()?.get(name)
}

fn tree(raw: &RawValue) -> Result<Value, serde_json::Error> {
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(new: &Value, old: Option<&Value>, part: &str) -> Vec<String> {
        let verdict = asked(new, old, part).unwrap();
        verdict.causes.into_iter().map(|cause| cause.field).collect()
    }

    fn asked(new: &Value, old: Option<&Value>, part: &str) -> Result<Verdict, serde_json::Error> {
        let request = json!({
            "uid": "u", "kind": {"group": "g", "version": "v", "kind": "GatewayClient"}, "operation": "ANY",
            "subResource": part, "object": {"spec": new}, "oldObject": old.map(|old| json!({"spec": old})),
        });
        let text = request.to_string();
        validate(&serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_new_client_is_what_its_kind_says() {
        for bad in [
            json!({"message": "m"}),
            json!({"gatewayName": "foo", "lifetimeSeconds": "soon"}),
        ] {
            assert!(asked(&bad, None, "").is_err(), "{bad}");
            assert!(asked(&bad, Some(&bad), "").is_ok(), "it is there already");
        }
        let null = json!({"gatewayName": "foo", "command": null, "podTemplate": null});
        assert_eq!(judged(&null, None, ""), [""; 0]);
    }

    #[test]
    fn only_the_lifetime_may_change() {
        let old = json!({"gatewayName": "foo", "message": "m", "podTemplate": {"spec": {"a": 1, "b": 2}}});
        for (new, fields) in [
            (old.clone(), &[][..]),
            (
                json!({
                    "podTemplate": {"spec": {"b": 2, "a": 1}}, "gatewayName": "foo", "message": "m",
                    "lifetimeSeconds": 1, "image": null,
                }),
                &[],
            ),
            (
                json!({"gatewayName": "bar", "podTemplate": {"spec": {"a": 2}}, "command": ["c"]}),
                &["spec.command", "spec.gatewayName", "spec.message", "spec.podTemplate"],
            ),
        ] {
            assert_eq!(judged(&new, Some(&old), ""), fields, "{new}");
        }
    }

    #[test]
    fn what_no_client_may_have_is_refused_when_it_is_created() {
        let bad = json!({"gatewayName": "foo", "podTemplate": {"spec": {"hostNetwork": true}}});
        let field = ["spec.podTemplate.spec.hostNetwork"];
        assert_eq!(judged(&bad, None, ""), field);
        // It is there already and gets no pod; what else is written of it is no worse.
        assert_eq!(judged(&bad, Some(&bad), ""), [""; 0]);
        assert_eq!(judged(&bad, None, "status"), [""; 0]);
        assert_eq!(judged(&json!({"gatewayName": "foo"}), None, ""), [""; 0]);
        let spec: GatewayClientSpec = serde_json::from_value(bad).unwrap();
        let text = faults(&spec).unwrap();
        assert!(
            text.starts_with("spec.podTemplate.spec.hostNetwork: a client has no"),
            "{text}"
        );
        assert_eq!(faults(&GatewayClientSpec::default()), None);
    }
}
