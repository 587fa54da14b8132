//! The native mode of resources into namespaces on a real API server, whose audit log is the account of what we write.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use common::cluster::eventually;
use common::native::{NOTHING, Native, OBJECTS, Write, fill, fill_with, rendered};
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
    let (objects, set) = (native.versions(), native.plane.get(&["resourcesets", native.name]));
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
    // On a busy machine the one may have its turn long before the other.
    assert!(
        ours < theirs * 2 + Duration::from_secs(10),
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
    // One that meets a write of somebody else is refused and sent again.
    let done = |write: &Write| write.what.starts_with("delete ") && write.code == 200;
    let mut deletes: Vec<_> = native
        .account()
        .into_iter()
        .filter(done)
        .map(|write| write.what)
        .collect();
    deletes.sort();
    let gone: Vec<_> = before.keys().filter(|place| !after.contains_key(*place)).collect();
    let once: Vec<_> = gone.iter().map(|place| format!("delete {place}")).collect();
    assert_eq!((deletes, once.len()), (once.clone(), 6));
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

#[test]
fn a_broken_or_emptied_folder_removes_nothing() {
    let mut native = Native::new("folder");
    native.want(&["a", "b"]);
    native.start(&["--log-level=debug"]);
    native.complete(2);
    let (uids, written) = (native.each("uid"), native.writes().len());
    let quota = native.templates.join("quota.yaml");
    fs::write(&quota, "apiVersion: v1\nkind: [").unwrap();
    native.until_ready(false, "FolderFault");
    fill(&native.templates);
    native.until_ready(true, "Applied");

    empty(&native.templates);
    native.until_ready(false, "FolderFault");
    // As the charm does: one after the other, with a look at the folder in between.
    native.forget_changes();
    fill_with(&native.templates, || native.sees_a_change());
    native.until_ready(true, "Applied");
    assert_eq!(native.each("uid"), uids);
    assert_eq!(native.written_since(written), ["update resourcesets/status folder"; 4]);

    empty(&native.templates);
    native.until_ready(false, "FolderFault");
    fill(&native.templates);
    upgrade(&native.templates);
    tiers(&native, "gold");
    native.complete(2);
    assert_eq!(native.each("uid"), uids);
    let mut objects = native.object_writes().split_off(2 * OBJECTS);
    objects.sort();
    assert_eq!(
        objects,
        ["a", "b"].map(|name| format!("patch configmaps folder-{name}/tenant-settings"))
    );
}

fn empty(folder: &Path) {
    for file in fs::read_dir(folder).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
}

/// Has the settings say another tier.
fn upgrade(folder: &Path) {
    let settings = folder.join("settings.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("standard", "gold")).unwrap();
}

fn tiers(native: &Native, tier: &str) {
    for namespace in ["a", "b"] {
        eventually(&format!("{tier} in {namespace}"), || {
            (native.object(namespace, "configmap/tenant-settings")["data"]["tier"] == tier).then_some(())
        });
    }
}

#[test]
fn a_mounted_config_map_is_swapped_without_a_gap() {
    let mut native = Native::new("mount");
    native.want(&["a", "b"]);
    let folder = native.templates.clone();
    let mount = |version: &str| {
        symlink(version, folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    };
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    empty(&folder);
    fill(&folder.join("..one"));
    fill(&folder.join("..two"));
    upgrade(&folder.join("..two"));
    mount("..one");
    for file in files {
        symlink(Path::new("..data").join(&file), folder.join(&file)).unwrap();
    }
    native.start(&[]);
    native.complete(2);
    tiers(&native, "standard");
    let uids = native.each("uid");
    mount("..two");
    fs::remove_dir_all(folder.join("..one")).unwrap();
    tiers(&native, "gold");
    native.complete(2);
    assert_eq!(native.each("uid"), uids);
    assert_eq!(native.object_writes().len(), 2 * OBJECTS + 2);
}

#[test]
fn a_folder_that_is_not_there_at_the_start_removes_nothing() {
    let mut native = Native::new("absent");
    native.want(&["a", "b"]);
    native.start(&[]);
    native.complete(2);
    native.kill();
    let (objects, written) = (native.versions(), native.object_writes().len());
    let elsewhere = native.templates.with_extension("elsewhere");
    fs::rename(&native.templates, &elsewhere).unwrap();
    native.start(&[]);
    native.until_ready(false, "FolderFault");
    fs::rename(&elsewhere, &native.templates).unwrap();
    native.until_ready(true, "Applied");
    native.complete(2);
    assert_eq!(native.each("resourceVersion"), objects);
    assert_eq!(native.object_writes().len(), written);
}

#[test]
fn what_rbac_forbids_fails_alone_and_heals_when_it_is_granted() {
    let mut native = Native::without_rights("rights");
    let base = include_str!("../manifests/native/rbac.yaml");
    let base = base.replace("stationmaster-resources", "rights-base");
    native.plane.apply(&base.replace(
        "  name: stationmaster\n  namespace: stationmaster",
        "  name: rights\n  namespace: default",
    ));
    let (all, read) = ("get,list,watch,create,patch,delete", "get,list,watch");
    native.grant("accounts", all, "serviceaccounts,resourcequotas");
    native.grant("settings", read, "configmaps");
    native.grant("bindings", all, "rolebindings.rbac.authorization.k8s.io");
    native.want(&["a"]);
    native.start(&[]);

    let secret = native.error("Secret.v1 rights-a/artifact-store", "KindUnusable");
    assert!(
        secret.contains("grant get, list, watch, create, patch and delete on secrets"),
        "{secret}"
    );
    let settings = native.error("ConfigMap.v1 rights-a/tenant-settings", "Forbidden");
    assert!(settings.contains(r#"cannot patch resource "configmaps""#), "{settings}");
    let binding = native.error(
        "RoleBinding.rbac.authorization.k8s.io/v1 rights-a/tenant-editor",
        "Forbidden",
    );
    assert!(
        binding.contains("attempting to grant RBAC permissions not currently held"),
        "{binding}"
    );
    native.told([1, 5, 2, 3]);

    native.grant("secrets", all, "secrets");
    native.grant("more-settings", "create,patch,delete", "configmaps");
    native.grant("binding", "bind", "clusterroles.rbac.authorization.k8s.io");
    native.complete(1);
}

const WIDGETS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.stationmaster.example}
spec:
  group: stationmaster.example
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
";

#[test]
fn a_kind_that_is_not_served_fails_alone_and_heals_when_it_is() {
    let mut native = Native::new("kind");
    native.want(&["a"]);
    let widget = "{apiVersion: stationmaster.example/v1, kind: Widget, metadata: {name: tenant}, spec: {size: 1}}";
    fs::write(native.templates.join("widget.yaml"), widget).unwrap();
    native.start(&[]);
    let message = native.error("Widget.stationmaster.example/v1 kind-a/tenant", "KindUnusable");
    assert!(
        message.contains("is its CustomResourceDefinition installed?"),
        "{message}"
    );
    native.told([1, 6, 5, 1]);
    native.plane.apply(WIDGETS);
    native.complete_with(1, 6);
    assert_eq!(native.object("a", "widget/tenant")["spec"]["size"], 1);
}

#[test]
fn nothing_is_made_in_a_namespace_that_ends() {
    let mut native = Native::new("ending");
    native.want(&["full"]);
    native.make_unwanted(&["bare"]);
    for namespace in ["full", "bare"] {
        let metadata = json!({"name": "held", "namespace": native.namespace(namespace), "finalizers": ["stationmaster.example/held"]});
        native.create(
            &[],
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}),
        );
    }
    native.start(&[]);
    native.complete(1);
    for namespace in ["full", "bare"] {
        native
            .plane
            .kubectl(&["delete", "namespace", &native.namespace(namespace), "--wait=false"]);
    }
    native.complete(0);
    eventually("its objects gone", || native.objects().is_empty().then_some(()));
    let wanted = format!("{}=true", native.label());
    native
        .plane
        .kubectl(&["label", "--overwrite", "namespace", &native.namespace("bare"), &wanted]);
    native
        .plane
        .kubectl(&["label", "namespace", &native.namespace("full"), "again=changed"]);
    // What comes later is complete: all that was before has been looked at.
    native.want(&["later"]);
    native.complete(1);
    let elsewhere = |write: &String| !write.contains(" ending-later/");
    let writes: Vec<_> = native
        .object_writes()
        .split_off(OBJECTS)
        .into_iter()
        .filter(elsewhere)
        .collect();
    assert_eq!(writes, NOTHING);
    for namespace in ["full", "bare"] {
        native.kubectl(
            namespace,
            &[
                "patch",
                "configmap",
                "held",
                "--type=merge",
                "-p",
                r#"{"metadata": {"finalizers": null}}"#,
            ],
        );
    }
}

#[test]
fn killed_in_the_middle_of_fifty_namespaces_all_is_made_once() {
    let mut native = Native::new("killed");
    native.want(&names(&numbered(50)));
    native.start(&["--api-requests-per-second=40"]);
    eventually("a part of the objects", || {
        (native.object_writes().len() >= 50).then_some(())
    });
    native.kill();
    let kinds = native.status()["kinds"].clone();
    assert_eq!(kinds.as_array().unwrap().len(), OBJECTS);
    let writes = native.writes();
    let recorded = writes
        .iter()
        .position(|write| write == "update resourcesets/status killed");
    let first = writes.iter().position(|write| write.starts_with("patch "));
    assert!(
        recorded < first && recorded.is_some(),
        "a kind is recorded before its first object"
    );
    let before = native.each("uid");
    assert!(before.len() < 50 * OBJECTS, "too late: nothing was tried");

    native.start(&[]);
    native.complete(50);
    println!(
        "{} of {} objects were there when the process was killed",
        before.len(),
        50 * OBJECTS
    );
    let after = native.each("uid");
    assert_eq!(after.len(), 50 * OBJECTS);
    assert!(before.iter().all(|(place, uid)| after[place] == *uid));
    each_is_made_once(&native, &before);
}

/// No process has made an object twice, and the second none that the first has left. What the first had sent when it was
/// killed may have come to nothing, whatever its answer, or be stored when the second had looked already: the second is
/// right to send it too.
fn each_is_made_once(native: &Native, left: &BTreeMap<String, Value>) {
    let account = native.account();
    let token = account[0].token.clone();
    let objects = account
        .into_iter()
        .filter(|write| !write.what.contains(" resourcesets"));
    let (first, second): (Vec<_>, Vec<_>) = objects.partition(|write| write.token == token);
    let made = |writes: &[Write]| {
        let stored = writes.iter().filter(|write| (200..300).contains(&write.code));
        let places = stored.map(|write| write.what.strip_prefix("patch ").unwrap().to_owned());
        places.collect::<Vec<_>>()
    };
    for process in [&first, &second] {
        let (made, mut places) = (made(process), BTreeSet::new());
        let twice: Vec<_> = made.iter().filter(|place| !places.insert(*place)).collect();
        assert!(
            !made.is_empty() && twice.is_empty(),
            "made twice by one process: {twice:?}"
        );
    }
    let again: Vec<_> = made(&second)
        .into_iter()
        .filter(|place| left.contains_key(place))
        .collect();
    assert_eq!(again, NOTHING, "made again by the second process");
    let sent: BTreeSet<_> = first.iter().chain(&second).map(|write| write.what.clone()).collect();
    let there: BTreeSet<_> = native
        .objects()
        .into_keys()
        .map(|place| format!("patch {place}"))
        .collect();
    assert_eq!(sent, there);
}
