use serde_json::json;

use super::*;
use crate::resources::Options;

const SETTINGS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {team: \"{{ NAMESPACE }}\"}\n";
const QUOTA: &str = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: quota}\nspec: {hard: {pods: '5'}}\n";

fn rules() -> Rules {
    Rules {
        label: "enabled".to_owned(),
        selector: None,
        always_status: false,
    }
}

fn set(files: &[(&str, &str)]) -> Set {
    Set::compile(files.iter().copied(), Options::default()).expect("a set")
}

fn two() -> Set {
    set(&[("quota.yaml", QUOTA), ("settings.yaml", SETTINGS)])
}

fn object(api_version: &str, kind: &str, label: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "team", "labels": {"enabled": label}}})
}

fn asked(request: &Value, set: &Set, rules: &Rules) -> Result<Value, Error> {
    let text = request.to_string();
    let answer = sync(&serde_json::from_str(&text)?, set, rules)?;
    Ok(serde_json::from_slice(&answer.json())?)
}

fn wanted() -> Value {
    json!([
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": "team"}, "spec": {"hard": {"pods": "5"}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "team"}, "data": {"team": "team"}},
    ])
}

#[test]
fn the_answer_has_the_shape_that_was_asked() {
    let nothing = json!({"ConfigMap.v1": {}, "ResourceQuota.v1": {}});
    let everything = json!({"ConfigMap.v1": {"team/settings": {}}, "ResourceQuota.v1": {"team/quota": {}}});
    let namespace = object("v1", "Namespace", "true");
    let profile = object("kubeflow.org/v1", "Profile", "true");
    for (request, expected) in [
        (
            json!({"object": namespace, "attachments": nothing}),
            json!({"attachments": wanted(), "resyncAfterSeconds": 10}),
        ),
        (
            json!({"object": namespace, "attachments": everything}),
            json!({"attachments": wanted()}),
        ),
        (
            json!({"object": profile, "attachments": everything}),
            json!({"attachments": wanted(), "status": {"resources-ready": "True"}}),
        ),
        (
            json!({"parent": profile, "children": nothing}),
            json!({"children": wanted(), "status": {"resources-ready": "False"}, "resyncAfterSeconds": 10}),
        ),
        (
            json!({"parent": {"metadata": namespace["metadata"]}, "children": {"ConfigMap.v1": [{}], "ResourceQuota.v1": [{}]}}),
            json!({"children": wanted(), "status": {"resources-ready": "True"}}),
        ),
    ] {
        assert_eq!(asked(&request, &two(), &rules()), Ok(expected), "{request}");
    }
}

#[test]
fn who_asks_decides_the_shape() {
    let nothing = json!({"ConfigMap.v1": {}, "ResourceQuota.v1": {}});
    for (controller, parent, children, answered) in [
        ("DecoratorController", "object", "attachments", "attachments"),
        ("DecoratorController", "parent", "children", "attachments"),
        ("CompositeController", "parent", "children", "children"),
        ("", "object", "attachments", "attachments"),
        ("", "parent", "children", "children"),
    ] {
        let mut request = json!({
            "controller": {"kind": controller}, parent: object("v1", "Namespace", "true"), children: nothing,
        });
        let expected = json!({answered: wanted(), "resyncAfterSeconds": 10});
        assert_eq!(asked(&request, &two(), &rules()), Ok(expected), "{request}");
        request["finalizing"] = json!(true);
        let expected = json!({answered: [], "finalized": true});
        assert_eq!(asked(&request, &two(), &rules()), Ok(expected), "{request}");
    }
}

#[test]
fn a_namespace_is_wanted_by_its_label_or_by_the_selector() {
    let request = |label: &str| json!({"object": object("v1", "Namespace", label), "attachments": {}});
    let count = |label: &str, rules: &Rules| {
        let answer = asked(&request(label), &two(), rules).expect("an answer");
        answer["attachments"].as_array().map(Vec::len)
    };
    for (label, objects) in [("true", 2), ("True", 0), ("1", 0), ("false", 0), ("", 0)] {
        assert_eq!(count(label, &rules()), Some(objects), "{label}");
    }
    let selecting = Rules {
        label: "other".to_owned(),
        selector: Some("enabled in (yes, always)".parse().expect("a selector")),
        always_status: false,
    };
    assert_eq!(count("yes", &selecting), Some(2));
    assert_eq!(count("true", &selecting), Some(0));
}

#[test]
fn who_wants_nothing_gets_nothing() {
    for (parent, expected) in [
        (object("v1", "Namespace", "false"), json!({"attachments": []})),
        (
            object("a/v1", "Profile", "false"),
            json!({"attachments": [], "status": {}}),
        ),
        (
            json!({"metadata": {"name": "a"}}),
            json!({"attachments": [], "status": {}}),
        ),
        (
            json!({"metadata": {"name": "a", "labels": null}}),
            json!({"attachments": [], "status": {}}),
        ),
    ] {
        let request = json!({"object": parent, "attachments": {"ConfigMap.v1": {"team/settings": {}}}});
        assert_eq!(asked(&request, &two(), &rules()), Ok(expected), "{request}");
    }
}

#[test]
fn the_old_status_can_be_had() {
    let rules = Rules {
        always_status: true,
        ..rules()
    };
    let request = |label| json!({"object": object("v1", "Namespace", label), "attachments": {}});
    assert_eq!(
        asked(&request("false"), &two(), &rules),
        Ok(json!({"attachments": [], "status": {}}))
    );
    let answer = asked(&request("true"), &two(), &rules).expect("an answer");
    assert_eq!(answer["status"], json!({"resources-ready": "True"}));
}

#[test]
fn finalizing_ends_when_nothing_is_left() {
    for (groups, finalized) in [
        (json!({"ConfigMap.v1": {"team/settings": {}}, "Secret.v1": {}}), false),
        (json!({"ConfigMap.v1": [{}]}), false),
        (json!({"ConfigMap.v1": {}, "Secret.v1": []}), true),
        (json!({}), true),
    ] {
        for (parent, children) in [("object", "attachments"), ("parent", "children")] {
            let request = json!({parent: object("v1", "Namespace", "true"), children: groups, "finalizing": true});
            let expected = json!({children: [], "finalized": finalized});
            assert_eq!(asked(&request, &two(), &rules()), Ok(expected), "{request}");
        }
    }
}

#[test]
fn what_is_in_doubt_has_no_answer() {
    let namespace = object("v1", "Namespace", "true");
    let unlabelled = set(&[(
        "a.yaml",
        "apiVersion: v1\nkind: A\nmetadata: {name: \"{{ LABELS.tier }}\"}\n",
    )]);
    for (request, fault) in [
        (json!({}), "the request has no object and no parent"),
        (
            json!({"controller": {}, "parent": namespace}),
            "the request has no attachments and no children",
        ),
        (
            json!({"object": namespace, "finalizing": true}),
            "the request has no attachments and no children",
        ),
        (
            json!({"object": {"metadata": {}}, "attachments": {}}),
            "the request has no name of its object",
        ),
        (
            json!({"object": namespace, "attachments": {}}),
            "a.yaml:3: LABELS.tier has no value",
        ),
    ] {
        let told = asked(&request, &unlabelled, &rules()).expect_err(fault).to_string();
        assert_eq!(told, fault, "{request}");
    }
    for text in [
        "",
        "[1]",
        "{\"object\": 1}",
        "{\"object\": {\"metadata\": {\"name\": \"a\", \"labels\": 1}}, \"attachments\": {}}",
    ] {
        let decoded = serde_json::from_str(text).map_err(Error::from);
        let answer = decoded.and_then(|request| sync(&request, &two(), &rules()));
        assert!(matches!(answer, Err(Error::Undecodable { .. })), "{text}");
    }
}

#[test]
fn a_namespace_is_rendered_once_until_it_changes() {
    let set = set(&[(
        "a.yaml",
        "apiVersion: v1\nkind: A\nmetadata: {name: a}\ndata: {tier: \"{{ LABELS.tier }}\", note: \"{{ default '' ANNOTATIONS.note }}\"}\n",
    )]);
    let desired_of = |labels: &str, annotations: &str| {
        let text = format!(
            r#"{{"object": {{"metadata": {{"name": "a", "labels": {labels}, "annotations": {annotations}}}}}, "attachments": {{}}}}"#
        );
        let request: HookRequest<'_> = serde_json::from_str(&text).expect("a request");
        desired(&request, parent(&request).expect("a parent"), &set).expect("desired")
    };
    let first = desired_of(r#"{"tier": "gold"}"#, "{}");
    assert!(Arc::ptr_eq(&first, &desired_of(r#"{"tier": "gold"}"#, "{}")));
    let data = |desired: &Desired| {
        serde_json::from_str::<Value>(desired.objects[0].manifest.get()).expect("JSON")["data"].clone()
    };
    assert_eq!(data(&desired_of(r#"{"tier": "silver"}"#, "{}"))["tier"], "silver");
    assert_eq!(
        data(&desired_of(r#"{"tier": "gold"}"#, r#"{"note": "b"}"#))["note"],
        "b"
    );
    assert_eq!(data(&first), json!({"tier": "gold", "note": ""}));
}

#[test]
fn related_objects_are_needed_and_read() {
    let file = "apiVersion: v1\nkind: A\nmetadata: {name: a}\ndata: {region: '{{#with (related \"ConfigMap\" \"platform/defaults\")}}{{data.region}}{{/with}}'}\n";
    let set = set(&[("a.yaml", file)]);
    let request =
        |related: Value| json!({"object": object("v1", "Namespace", "true"), "attachments": {}, "related": related});
    let object =
        |region: &str| json!({"ConfigMap.v1": {"platform/defaults": {"data": {"region": region}}}, "Secret.v1": null});
    for region in ["eu", "us"] {
        let answer = asked(&request(object(region)), &set, &rules()).expect("an answer");
        assert_eq!(answer["attachments"][0]["data"]["region"], region);
    }
    for missing in [json!({}), json!(null), json!({"ConfigMap.v1": {}})] {
        let told = asked(&request(missing), &set, &rules())
            .expect_err("missing")
            .to_string();
        assert_eq!(
            told,
            "a.yaml:4: ConfigMap.v1 platform/defaults is not among the related objects"
        );
    }
    assert_eq!(set.customize().related_resources.len(), 1);
}
