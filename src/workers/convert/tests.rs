//! Whole objects through [`convert`], there and back.

use serde_json::json;

use super::super::fixture::{account, bundle, deployment, old_deployment, release};
use super::*;

fn to(version: &str, object: &Value) -> Value {
    let group = object["apiVersion"].as_str().unwrap().split('/').next().unwrap();
    let target = Target::parse(&format!("{group}/{version}")).expect("a group of ours");
    let converted = convert(&object.to_string(), target).expect("a conversion");
    serde_json::from_str(&converted.expect("another version")).expect("JSON")
}

fn down(object: &Value) -> Value {
    to("v1alpha1", object)
}

fn up(object: &Value) -> Value {
    to("v1beta1", object)
}

/// The whole of v1beta1, with a status, and with what neither version knows.
fn whole() -> Vec<Value> {
    let mut fetched = deployment("fetched");
    fetched["spec"]["release"] = json!("fetched-0123456789");
    let template = fetched["spec"]["template"].as_object_mut().unwrap();
    template.remove("modules");
    template.insert("new".to_owned(), json!({"a": [1, null]}));
    let urls =
        json!([{"url": "s3://a/b.js", "sha256": "0".repeat(64)}, {"url": "https://c/d", "name": "d", "type": "Text"}]);
    template.insert("urls".to_owned(), urls);
    let mut full_bundle = bundle("full");
    full_bundle["spec"]["digest"] = json!("sha256:1");
    full_bundle["spec"]["isolation"] = json!("Worker");
    full_bundle["spec"]["workers"][0]["routes"] = json!(["a.example/b"]);
    full_bundle["spec"]["workers"][0]["release"] = json!("wasm-worker-1");
    full_bundle["spec"]["workers"][1]["variables"] = json!([{"name": "A", "secretName": "b", "key": "c"}]);
    full_bundle["spec"]["podTemplate"]["modules"] = json!({"wasm-worker-1": "wasm-worker-1"});
    full_bundle["spec"]["podTemplate"]["configMap"] = json!("full-1");
    let mut full_account = account("1234");
    full_account["spec"] = json!({"workerBundleName": "bundle", "delivery": "Image", "image": {"repository": "a.b/c"},
        "isolation": "Worker", "quota": {"workers": 3}, "podTemplate": {"imagePullSecret": "s"}, "replicas": 0});
    let mut objects = vec![
        deployment("inline"),
        fetched,
        release("inline"),
        full_bundle,
        full_account,
    ];
    for object in &mut objects {
        object["metadata"]["uid"] = json!("u-1");
        object["status"] = json!({"observedGeneration": 3, "workers": [{"workerName": "a", "workerNumber": 8080}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "RolledOut"}]});
    }
    objects
}

#[test]
fn v1beta1_comes_back_whole() {
    for object in whole() {
        let lower = down(&object);
        assert_eq!(
            lower["apiVersion"].as_str().unwrap().split('/').next_back(),
            Some("v1alpha1")
        );
        assert_eq!(lower["status"], json!({"conditions": object["status"]["conditions"]}));
        assert!(lower["metadata"]["annotations"][WORKERS_V1BETA1].is_string(), "{lower}");
        assert_eq!(up(&lower), object);
    }
}

#[test]
fn v1alpha1_shows_its_own_fields_and_code() {
    let objects = whole();
    let template = &down(&objects[1])["spec"]["template"];
    assert_eq!(template["scriptUrls"], json!(["s3://a/b.js", "https://c/d"]));
    assert_eq!(template["new"], json!({"a": [1, null]}), "nobody knows it");
    let names: Vec<_> = template.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["compatibilityDate", "new", "scriptName", "scriptUrls", "secretRef"]
    );
    let template = &down(&objects[0])["spec"]["template"];
    assert_eq!(template["modules"], objects[0]["spec"]["template"]["modules"]);
    let kept = down(&objects[0])["metadata"]["annotations"][WORKERS_V1BETA1].to_string();
    assert!(
        !kept.contains("index.js\\\",\\\"text"),
        "code is not there twice: {kept}"
    );
    let lower = down(&objects[3]);
    let names: Vec<_> = lower["spec"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["deploymentName", "podTemplate", "workers"]);
    assert_eq!(lower["spec"]["podTemplate"], json!({"image": "1234:v2"}));
}

/// v1alpha1 in every form that it may have.
fn old_forms() -> Vec<Value> {
    let mut all = vec![old_deployment("plain")];
    let mut add = |change: fn(&mut Value)| {
        let mut object = old_deployment("form");
        change(&mut object);
        all.push(object);
    };
    add(|object| object["spec"]["template"]["compatibilityDate"] = json!("2026-01-31"));
    add(|object| {
        let template = object["spec"]["template"].as_object_mut().unwrap();
        let urls = template.remove("scriptUrls").unwrap();
        template.insert("scriptsUrls".to_owned(), urls);
    });
    add(|object| object["spec"]["template"]["scriptsUrls"] = json!(["s3://more"]));
    add(|object| object["spec"]["template"]["releaseHistoryLimit"] = json!(3));
    add(|object| {
        let spec = object["spec"].as_object_mut().unwrap();
        let limit = spec.remove("releaseHistoryLimit").unwrap();
        spec["template"]["releaseHistoryLimit"] = limit;
    });
    add(|object| object["metadata"]["annotations"] = json!({"a": "b"}));
    let mut old_release = old_deployment("release");
    old_release["apiVersion"] = json!("api.worker-release/v1alpha1");
    old_release["kind"] = json!("WorkerRelease");
    old_release["spec"] = old_release["spec"]["template"].take();
    old_release["spec"]["releaseHistoryLimit"] = json!(10);
    all.push(old_release);
    let old = |mut object: Value| {
        object["apiVersion"] = json!(object["apiVersion"].as_str().unwrap().replace("v1beta1", "v1alpha1"));
        object
    };
    all.extend([old(bundle("b")), old(account("1234"))]);
    all
}

#[test]
fn v1alpha1_comes_back_as_it_was_written() {
    for object in old_forms() {
        assert_eq!(down(&up(&object)), object);
        assert_eq!(down(&up(&down(&up(&object)))), object);
    }
}

#[test]
fn v1beta1_says_it_in_one_form() {
    let upper = up(&old_deployment("plain"));
    assert_eq!(upper["spec"]["template"]["compatibilityDate"], "2026-01-31");
    let urls = json!([{"url": "s3://path/to/dir/version/files1"}, {"url": "s3://path/to/dir/version/files2"}]);
    assert_eq!(upper["spec"]["template"]["urls"], urls);
    for object in old_forms().iter().filter(|object| object["kind"] == "WorkerDeployment") {
        let spec = &up(object)["spec"];
        assert_eq!(spec["releaseHistoryLimit"], 10, "{object}");
        for name in ["releaseHistoryLimit", "scriptUrls", "scriptsUrls"] {
            assert_eq!(spec["template"].get(name), None, "{object}");
        }
    }
}

#[test]
fn what_v1beta1_edits_of_an_old_object_wins() {
    let mut object = old_deployment("plain");
    object["spec"]["template"]["scriptsUrls"] = json!(["s3://more"]);
    object["spec"]["template"]["releaseHistoryLimit"] = json!(3);
    let mut upper = up(&object);
    upper["spec"]["template"]["compatibilityDate"] = json!("2026-01-30");
    upper["spec"]["template"]["urls"] = json!([{"url": "s3://one"}]);
    upper["spec"]["releaseHistoryLimit"] = json!(5);
    let lower = down(&upper);
    assert_eq!(lower["spec"]["template"]["compatibilityDate"], "2026-01-30");
    assert_eq!(lower["spec"]["template"]["scriptUrls"], json!(["s3://one"]));
    assert_eq!(lower["spec"]["template"].get("scriptsUrls"), None);
    assert_eq!(lower["spec"]["releaseHistoryLimit"], 5);
    assert_eq!(up(&lower)["spec"], upper["spec"]);
    // The other forms stay.
    let mut upper = up(&object);
    upper["spec"]["template"]["urls"] = json!([{"url": "s3://one"}]);
    assert_eq!(down(&upper)["spec"]["template"]["compatibilityDate"], "01/31/2026");
}

#[test]
fn what_v1alpha1_edits_of_a_new_object_wins_and_the_rest_comes_back() {
    let objects = whole();
    let mut lower = down(&objects[1]);
    lower["spec"]["template"]["scriptUrls"] = json!(["https://c/d", "s3://new"]);
    lower["spec"]["template"]["compatibilityDate"] = json!("01/30/2026");
    lower["spec"].as_object_mut().unwrap().remove("releaseHistoryLimit");
    let upper = up(&lower);
    let mut expected = objects[1]["spec"].clone();
    expected["template"]["compatibilityDate"] = json!("2026-01-30");
    expected["template"]["urls"] = json!([{"url": "https://c/d", "name": "d", "type": "Text"}, {"url": "s3://new"}]);
    expected.as_object_mut().unwrap().remove("releaseHistoryLimit");
    assert_eq!(upper["spec"], expected);
    let mut lower = down(&objects[0]);
    lower["spec"]["template"]["modules"][0]["text"] = json!("other");
    let mut expected = objects[0]["spec"].clone();
    expected["template"]["modules"][0]["text"] = json!("other");
    assert_eq!(up(&lower)["spec"], expected);
    let mut lower = down(&objects[3]);
    let workers = lower["spec"]["workers"].as_array_mut().unwrap();
    workers.swap(0, 1);
    workers.push(json!({"workerName": "third", "workerNumber": 8082}));
    let upper = up(&lower);
    assert_eq!(upper["spec"]["workers"][1], objects[3]["spec"]["workers"][0]);
    assert_eq!(upper["spec"]["workers"][0], objects[3]["spec"]["workers"][1]);
    assert_eq!(
        upper["spec"]["workers"][2],
        json!({"workerName": "third", "workerNumber": 8082})
    );
    assert_eq!(upper["spec"]["digest"], "sha256:1");
}

#[test]
fn what_is_empty_may_be_left_out_by_a_client() {
    let mut object = whole().remove(4);
    object["spec"]["podTemplate"] = json!({});
    let mut lower = down(&object);
    lower["spec"].as_object_mut().unwrap().remove("podTemplate");
    assert_eq!(up(&lower)["spec"], object["spec"]);
}

#[test]
fn an_edited_status_wins_and_the_rest_comes_back() {
    let object = whole().remove(0);
    let mut lower = down(&object);
    lower["status"]["conditions"][0]["status"] = json!("False");
    let mut expected = object["status"].clone();
    expected["conditions"][0]["status"] = json!("False");
    assert_eq!(up(&lower)["status"], expected);
}

#[test]
fn a_status_is_not_copied_to_another_object() {
    let mut lower = down(&whole().remove(2));
    lower["metadata"]["uid"] = json!("u-2");
    lower.as_object_mut().unwrap().remove("status");
    let upper = up(&lower);
    assert_eq!(upper.get("status"), None);
    assert_eq!(upper["spec"], whole()[2]["spec"], "what it asks for is");
}

#[test]
fn the_annotation_is_left_out_where_it_does_not_fit() {
    let mut object = whole().remove(0);
    object["metadata"]["annotations"] = json!({"a": "x".repeat(256 * 1024 - 100)});
    let lower = down(&object);
    assert_eq!(lower["metadata"]["annotations"].as_object().unwrap().len(), 1);
    assert_eq!(
        up(&lower)["spec"]["template"]["modules"],
        object["spec"]["template"]["modules"]
    );
}

#[test]
fn an_annotation_that_is_no_such_text_says_nothing() {
    for odd in ["", "5", "{}", r#"{"spec": 5}"#, r#"{"status": []}"#] {
        let mut object = old_deployment("plain");
        let expected = up(&object)["spec"].take();
        object["metadata"]["annotations"] = json!({WORKERS_V1BETA1: odd});
        assert_eq!(up(&object)["spec"], expected, "{odd}");
    }
}

#[test]
fn a_part_of_an_object_gets_the_metadata_that_the_api_server_asks_for() {
    let part = json!({"apiVersion": "api.worker-deployment/v1beta1", "kind": "WorkerDeployment",
        "spec": {"template": {"routes": ["a.example"]}}});
    let expected = json!({"apiVersion": "api.worker-deployment/v1alpha1", "kind": "WorkerDeployment",
        "metadata": {}, "spec": {"template": {}}});
    assert_eq!(down(&part), expected);
}

#[test]
fn odd_objects_keep_what_they_say() {
    for (field, value) in [
        ("spec", json!(5)),
        ("spec", json!({"template": "x"})),
        ("spec", json!({"template": {"urls": "x", "modules": 1}})),
        ("spec", json!({"template": {"urls": [{"name": "no url"}]}})),
        ("status", json!("done")),
        ("metadata", json!([])),
        ("metadata", json!({"annotations": 1})),
    ] {
        let mut object = deployment("odd");
        object["spec"] = json!({"template": {}});
        object[field] = value;
        assert_eq!(up(&down(&object)), object);
    }
}

#[test]
fn what_names_no_version_or_the_right_one_passes_as_it_is() {
    let target = Target::parse("api.worker-deployment/v1beta1").expect("a group of ours");
    for text in ["null", "5", "{}", r#"{"apiVersion":5}"#, &deployment("a").to_string()] {
        assert_eq!(convert(text, target), Ok(None), "{text}");
    }
}

#[test]
fn strangers_are_refused() {
    let target = Target::parse("api.worker-bundle/v1beta1").expect("a group of ours");
    let refused = |object: Value| convert(&object.to_string(), target).expect_err("a refusal").to_string();
    assert_eq!(
        refused(deployment("a")),
        "no conversion from \"api.worker-deployment/v1beta1\" to api.worker-bundle: known are v1alpha1 and v1beta1 of \
         api.worker-deployment, api.worker-release, api.worker-bundle, api.worker-account"
    );
    assert_eq!(
        refused(json!({"apiVersion": "api.worker-bundle/v1alpha1", "kind": "WorkerVersion"})),
        "no conversion for kind \"WorkerVersion\" of api.worker-bundle: known is WorkerBundle"
    );
    for strange in ["v1", "dispatcher.ivan.vc/v1beta1", "api.worker-bundle/v2"] {
        assert_eq!(Target::parse(strange), None);
    }
}
