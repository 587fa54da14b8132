//! The native mode of resources into namespaces on a real API server, whose audit log is the account of what we write.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::cluster::eventually;
use common::native::{NOTHING, Native, OBJECTS, rendered};
use serde_json::{Value, json};

/// Namespaces of a test, by number.
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn at_rest_nothing_is_written_for_a_minute() {
    let mut native = Native::new("at-rest");
    native.want(&names(&numbered(20)));
    native.start(&[]);
    native.complete(20);
    let (objects, set) = (
        native.each("resourceVersion"),
        native.plane.get(&["resourcesets", native.name]),
    );
    assert_eq!(objects.len(), 20 * OBJECTS);
    let counted = native.metric("stationmaster_resource_writes_total{verb=\"apply\"}");
    assert_eq!(counted, native.object_writes().len());

    native.rests(Duration::from_secs(60));
    assert_eq!(native.each("resourceVersion"), objects);
    assert_eq!(native.plane.get(&["resourcesets", native.name]), set);
    assert_eq!(
        native.metric("stationmaster_resource_writes_total{verb=\"apply\"}"),
        counted
    );
}

#[test]
fn a_restart_writes_nothing_but_what_was_changed_meanwhile() {
    let mut native = Native::new("restart");
    native.want(&names(&numbered(10)));
    native.start(&[]);
    native.complete(10);
    let before = native.writes().len();

    native.kill();
    native.start(&[]);
    native.complete(10);
    assert_eq!(native.written_since(before), NOTHING);

    native.kill();
    let change = r#"{"data": {"tier": "changed"}}"#;
    native.kubectl(
        "3",
        &["patch", "configmap", "tenant-settings", "--type=merge", "-p", change],
    );
    native.start(&[]);
    eventually("the value again", || {
        (native.object("3", "configmap/tenant-settings")["data"]["tier"] == "standard").then_some(())
    });
    native.complete(10);
    assert_eq!(
        native.written_since(before),
        ["patch configmaps restart-3/tenant-settings"]
    );
}

#[test]
fn a_namespace_goes_as_fast_as_one_without_us() {
    let mut native = Native::new("deletion");
    native.want(&["with"]);
    native.make_unwanted(&["without"]);
    let without = native.namespace("without");
    native.plane.apply_in(&without, &rendered(&native.templates, &without));
    native.start(&[]);
    native.complete(1);
    let written = native.object_writes().len();

    let (with, start) = (native.namespace("with"), Instant::now());
    native
        .plane
        .kubectl(&["delete", "namespace", &with, &without, "--wait=false"]);
    let (mut ours, mut theirs) = (None, None);
    eventually("both namespaces gone", || {
        let left = native.plane.kubectl(&["get", "namespaces", "-o", "name"]);
        for (name, gone) in [(&with, &mut ours), (&without, &mut theirs)] {
            if gone.is_none() && !left.lines().any(|line| line == format!("namespace/{name}")) {
                *gone = Some(start.elapsed());
            }
        }
        ours.zip(theirs)
    });
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    println!("a namespace was gone after {ours:?} with us, after {theirs:?} without");
    assert!(
        ours < theirs + Duration::from_secs(2),
        "{ours:?} with us, {theirs:?} without"
    );
    native.complete(0);
    assert_eq!(native.object_writes().len(), written);
}

/// What others do to the settings of five namespaces, each by kubectl.
const DRIFT: [(&str, &[&str]); 7] = [
    (
        "changed",
        &[
            "patch",
            "configmap",
            "tenant-settings",
            "--type=merge",
            "-p",
            r#"{"data": {"tier": "changed", "own": "stays"}, "metadata": {"labels": {"own": "stays"}}}"#,
        ],
    ),
    (
        "removed",
        &[
            "patch",
            "configmap",
            "tenant-settings",
            "--type=json",
            "-p",
            r#"[{"op": "remove", "path": "/data/tier"}]"#,
        ],
    ),
    ("deleted", &["delete", "configmap", "tenant-settings"]),
    (
        "unlabelled",
        &[
            "label",
            "configmap",
            "tenant-settings",
            "resources.stationmaster.dev/set-",
        ],
    ),
    (
        "moved",
        &[
            "label",
            "configmap",
            "tenant-settings",
            "resources.stationmaster.dev/namespace-uid-",
        ],
    ),
    (
        "undigested",
        &[
            "annotate",
            "configmap",
            "tenant-settings",
            "resources.stationmaster.dev/digest-",
        ],
    ),
    (
        "unmanaged",
        &[
            "patch",
            "configmap",
            "tenant-settings",
            "--type=merge",
            "-p",
            r#"{"metadata": {"managedFields": [{}]}}"#,
        ],
    ),
];

#[test]
fn what_others_change_is_repaired_and_what_they_add_stays() {
    let mut native = Native::new("drift");
    let namespaces = DRIFT.map(|(namespace, _)| namespace);
    native.want(&namespaces);
    native.start(&[]);
    native.complete(DRIFT.len());
    let (before, written) = (native.objects(), native.object_writes().len());
    for (namespace, change) in DRIFT {
        native.kubectl(namespace, change);
    }
    for namespace in namespaces {
        repaired(&native, namespace);
    }
    native.complete(DRIFT.len());

    let changed = native.object("changed", "configmap/tenant-settings");
    assert_eq!(
        (&changed["data"]["own"], &changed["metadata"]["labels"]["own"]),
        (&json!("stays"), &json!("stays"))
    );
    let uid = |place: &str| (before[place]["uid"].clone(), native.objects()[place]["uid"].clone());
    let (one, other) = uid("configmaps drift-removed/tenant-settings");
    assert_eq!(one, other);
    let (one, other) = uid("configmaps drift-deleted/tenant-settings");
    assert_ne!(one, other);
    let mut writes = native.object_writes().split_off(written);
    writes.sort();
    let mut expected = namespaces.map(|namespace| format!("patch configmaps drift-{namespace}/tenant-settings"));
    expected.sort();
    assert_eq!(writes, expected);
}

/// Waits until the settings are as they are wanted, and known as ours.
fn repaired(native: &Native, namespace: &str) {
    eventually(&format!("the settings of {namespace}"), || {
        let object = native.object(namespace, "configmap/tenant-settings");
        let (metadata, data) = (&object["metadata"], &object["data"]);
        let is_ours = metadata["labels"]["resources.stationmaster.dev/set"] == native.name
            && metadata["labels"]["resources.stationmaster.dev/namespace-uid"].is_string()
            && metadata["annotations"]["resources.stationmaster.dev/digest"].is_string();
        let managers = metadata["managedFields"].as_array()?;
        let applied = managers.iter().any(|entry| entry["operation"] == "Apply");
        let is_wanted = data["team"] == native.namespace(namespace) && data["tier"] == "standard";
        (is_ours && applied && is_wanted).then_some(())
    });
}

#[test]
fn what_nobody_wants_any_more_is_removed_if_we_have_made_it() {
    let mut native = Native::new("prune");
    native.want(&["kept", "left"]);
    native.start(&[]);
    native.complete(2);
    let copy = copy(&native.object("left", "configmap/tenant-settings"));
    native.create(&[], &copy);
    let before = native.each("uid");
    assert!(before.contains_key("configmaps prune-left/copy"));

    fs::remove_file(native.templates.join("quota.yaml")).unwrap();
    native.complete_with(2, 8);
    let unwanted = format!("{}=false", native.label());
    native.plane.kubectl(&[
        "label",
        "--overwrite",
        "namespace",
        &native.namespace("left"),
        &unwanted,
    ]);
    native.complete_with(1, 4);
    eventually("only the copy left", || {
        let left = native
            .objects()
            .into_keys()
            .filter(|place| place.contains("prune-left/"));
        (left.collect::<Vec<_>>() == ["configmaps prune-left/copy"]).then_some(())
    });
    let after = native.each("uid");
    assert_eq!(after.len(), 5);
    assert!(after.iter().all(|(place, uid)| before[place] == *uid));
    let deletes: Vec<_> = native
        .writes()
        .into_iter()
        .filter(|write| write.starts_with("delete "))
        .collect();
    assert_eq!(deletes.len(), 6, "{deletes:?}");
}

/// The same under another name, as somebody makes it who copies a manifest.
fn copy(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "data": object["data"],
        "metadata": {
            "name": "copy", "namespace": metadata["namespace"],
            "labels": metadata["labels"], "annotations": metadata["annotations"],
        },
    })
}

#[test]
fn what_was_there_before_is_left_alone_or_taken_over_when_that_is_said() {
    let mut native = Native::new("found");
    native.want(&["a"]);
    let data = json!({"tier": "theirs", "own": "stays"});
    let metadata = json!({"name": "tenant-settings", "namespace": "found-a"});
    native.create(
        &[],
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}),
    );
    let before = settings(&native);
    native.start(&[]);
    let message = native.error("ConfigMap.v1 found-a/tenant-settings", "Conflict");
    assert!(
        message.contains("kubectl-create") && message.contains("stationmaster.dev/force-conflicts"),
        "{message}"
    );
    native.told([1, 5, 4, 1]);
    assert_eq!(settings(&native), before);

    let template = native.templates.join("settings.yaml");
    let forced = fs::read_to_string(&template).unwrap().replace(
        "{name: tenant-settings}",
        r#"{name: tenant-settings, annotations: {stationmaster.dev/force-conflicts: "true"}}"#,
    );
    fs::write(&template, forced).unwrap();
    native.complete(1);
    let taken = settings(&native);
    assert_eq!(
        taken["data"],
        json!({"team": "found-a", "tier": "standard", "own": "stays"})
    );
    assert_eq!(
        taken["metadata"]["annotations"]["resources.stationmaster.dev/found"],
        "true"
    );

    fs::remove_file(&template).unwrap();
    native.complete_with(1, 4);
    let left = eventually("our fields gone", || {
        Some(settings(&native)).filter(|left| left["metadata"]["labels"].is_null())
    });
    assert_eq!(
        (&left["data"], &left["metadata"]["annotations"]),
        (&json!({"own": "stays"}), &Value::Null)
    );
    assert_eq!(left["metadata"]["uid"], before["metadata"]["uid"]);
}

fn settings(native: &Native) -> Value {
    native.object("a", "configmap/tenant-settings")
}

#[test]
fn what_metacontroller_has_made_is_taken_over_only_when_that_is_said() {
    let mut native = Native::new("adopt");
    native.want(&["a"]);
    native.create(&["--field-manager=metacontroller"], &of_metacontroller(&native));
    let before = settings(&native);
    native.start(&[]);
    let message = native.error("ConfigMap.v1 adopt-a/tenant-settings", "KeptByMetacontroller");
    assert!(message.contains("--adopt-from-metacontroller"), "{message}");
    native.told([1, 5, 4, 1]);
    assert_eq!(settings(&native), before);

    native.kill();
    native.start(&["--adopt-from-metacontroller"]);
    native.complete(1);
    let after = settings(&native);
    let metadata = &after["metadata"];
    assert_eq!(after["data"], json!({"team": "adopt-a", "tier": "standard"}));
    assert_eq!(
        (&metadata["uid"], &metadata["ownerReferences"]),
        (&before["metadata"]["uid"], &Value::Null)
    );
    let annotations: Vec<_> = metadata["annotations"].as_object().unwrap().keys().collect();
    assert_eq!(annotations, ["resources.stationmaster.dev/digest"]);
    let managers = metadata["managedFields"].as_array().unwrap();
    assert_eq!(
        (managers.len(), &managers[0]["manager"]),
        (1, &json!("stationmaster/adopt"))
    );
}

/// Settings as a DecoratorController leaves them, with a field that the folder has dropped since.
fn of_metacontroller(native: &Native) -> Value {
    let namespace = native.plane.get(&["namespace", "adopt-a"]);
    let data = json!({"team": "adopt-a", "tier": "bronze", "dropped": "since"});
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {
            "name": "tenant-settings", "namespace": "adopt-a",
            "annotations": {
                "metacontroller.k8s.io/decorator-controller": "resources",
                "metacontroller.k8s.io/last-applied-configuration": json!({"data": data}).to_string(),
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Namespace", "name": "adopt-a", "uid": namespace["metadata"]["uid"],
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
    })
}
