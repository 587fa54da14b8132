//! Both versions on a real API server that converts through our webhook: what is written in the one is read in the other.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use common::cluster::ControlPlane;
use common::server::Server;
use serde_json::{Value, json};

const OLD: &str = "jobexecutions.v1alpha1.dispatcher.ivan.vc";
const NEW: &str = "jobexecutions.v1beta1.dispatcher.ivan.vc";
const OLD_TEMPLATE: &str = "jobtemplates.v1alpha1.dispatcher.ivan.vc";
const NEW_TEMPLATE: &str = "jobtemplates.v1beta1.dispatcher.ivan.vc";
const ANNOTATION: &str = "dispatch.stationmaster.dev/v1beta1";

/// A namespace on a control plane whose CRDs are converted by a server without reconcilers: nobody but the test
/// writes a status.
struct Scene<'a> {
    plane: &'a ControlPlane,
    namespace: String,
}

impl Scene<'_> {
    fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let output = self
            .plane
            .try_kubectl(&[&["-n", &self.namespace], arguments].concat(), input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// A call that has to succeed.
    fn run(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        assert!(output.is_ok(), "{arguments:?}: {output:?}");
        output.unwrap_or_default()
    }

    fn get(&self, kind: &str, name: &str) -> Value {
        let text = self.run(&["get", kind, name, "-o", "json", "--show-managed-fields"], "");
        serde_json::from_str(&text).expect("kubectl prints JSON")
    }

    fn create(&self, version: &str, name: &str) {
        self.run(&["create", "-f", "-"], &execution(version, name).to_string());
    }

    /// An execution whose Job has ended; its times are the Job's, not those of the conditions.
    fn finished(&self, name: &str) -> Value {
        self.create("v1beta1", name);
        let mut object = self.get(NEW, name);
        object["status"] = status();
        self.put(&["--subresource=status"], &object);
        self.get(NEW, name)
    }

    /// PUT, of what was read.
    fn put(&self, flags: &[&str], object: &Value) {
        self.run(&[&["replace", "-f", "-"], flags].concat(), &object.to_string());
    }
}

fn execution(version: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("dispatcher.ivan.vc/{version}"),
        "kind": "JobExecution",
        "metadata": {"name": name, "labels": {"app": "sample"}},
        "spec": {"jobTemplateName": "sample", "payload": "<a>&\"é\" \u{1f600}"},
    })
}

fn condition(type_: &str, status: &str, reason: &str, second: u8) -> Value {
    let time = format!("2026-01-01T00:00:0{second}Z");
    json!({"type": type_, "status": status, "reason": reason, "message": "so it is", "lastTransitionTime": time})
}

fn status() -> Value {
    json!({
        "conditions": [
            condition("Waiting", "False", "JobRunning", 2),
            condition("Running", "False", "JobCompleted", 5),
            condition("Succeeded", "True", "JobSucceeded", 5),
        ],
        "job": {"apiVersion": "batch/v1", "kind": "Job", "name": "run", "uid": "j"},
        "phase": "Succeeded",
        "observedGeneration": 1,
        "startTime": "2026-01-01T00:00:01Z",
        "completionTime": "2026-01-01T00:00:04Z",
    })
}

/// What follows from the conditions alone.
fn derived(phase: &str) -> Value {
    let mut status = status();
    status["phase"] = phase.into();
    status["startTime"] = "2026-01-01T00:00:02Z".into();
    status["completionTime"] = "2026-01-01T00:00:05Z".into();
    status
}

fn template(version: &str, containers: &Value) -> Value {
    json!({
        "apiVersion": format!("dispatcher.ivan.vc/{version}"),
        "kind": "JobTemplate",
        "metadata": {"name": "sample"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}}},
    })
}

#[test]
fn both_versions_say_the_same() {
    let plane = ControlPlane::start().with_crds();
    let _server = Server::start(&plane, &["--components", "admission,conversion"]);
    let plane = &plane;
    thread::scope(|threads| {
        for (name, scenario) in SCENARIOS {
            let namespace = plane.namespace();
            // A panic names its thread.
            let thread = thread::Builder::new().name((*name).to_owned());
            thread
                .spawn_scoped(threads, move || scenario(&Scene { plane, namespace }))
                .expect("a thread");
        }
    });
}

type Scenario = fn(&Scene<'_>);

/// What is played, each in a namespace of its own, all at once; a new one is added here.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("each_version_shows_what_it_has", each_version_shows_what_it_has),
    (
        "an_object_created_in_one_version_is_there_in_the_other",
        an_object_created_in_one_version_is_there_in_the_other,
    ),
    (
        "a_put_in_the_old_version_keeps_what_it_cannot_say",
        a_put_in_the_old_version_keeps_what_it_cannot_say,
    ),
    (
        "a_put_without_the_annotation_derives_phase_and_times",
        a_put_without_the_annotation_derives_phase_and_times,
    ),
    (
        "a_status_put_in_the_old_version_overrules_the_annotation",
        a_status_put_in_the_old_version_overrules_the_annotation,
    ),
    (
        "the_same_status_put_in_the_old_version_keeps_everything",
        the_same_status_put_in_the_old_version_keeps_everything,
    ),
    (
        "applies_of_either_kind_and_version_leave_the_status_alone",
        applies_of_either_kind_and_version_leave_the_status_alone,
    ),
    (
        "a_status_applied_in_the_old_version_reaches_the_new_one",
        a_status_applied_in_the_old_version_reaches_the_new_one,
    ),
    (
        "annotations_near_their_limit_are_left_as_they_are",
        annotations_near_their_limit_are_left_as_they_are,
    ),
    (
        "a_watch_in_the_old_version_shows_what_happens_in_the_new_one",
        a_watch_in_the_old_version_shows_what_happens_in_the_new_one,
    ),
    (
        "a_list_has_every_object_in_the_version_that_is_asked_for",
        a_list_has_every_object_in_the_version_that_is_asked_for,
    ),
    (
        "a_spec_is_immutable_in_both_versions",
        a_spec_is_immutable_in_both_versions,
    ),
    (
        "two_appliers_share_the_containers_of_a_template",
        two_appliers_share_the_containers_of_a_template,
    ),
];

fn each_version_shows_what_it_has(scene: &Scene<'_>) {
    let new = scene.finished("run");
    let old = scene.get(OLD, "run");
    assert_eq!(
        old["status"],
        json!({"conditions": new["status"]["conditions"], "job": new["status"]["job"]})
    );
    assert_eq!(old["spec"], new["spec"]);
    assert!(old["metadata"]["annotations"][ANNOTATION].is_string());
    assert_eq!(
        new["metadata"]["annotations"].get(ANNOTATION),
        None,
        "nothing of it is stored"
    );
    let columns = |kind| scene.run(&["get", kind, "--no-headers"], "");
    assert!(
        columns(OLD)
            .split_whitespace()
            .take(4)
            .eq(["run", "sample", "True", "run"])
    );
    assert!(
        columns(NEW)
            .split_whitespace()
            .take(4)
            .eq(["run", "sample", "Succeeded", "run"])
    );
}

fn an_object_created_in_one_version_is_there_in_the_other(scene: &Scene<'_>) {
    for (name, version, other) in [("old", "v1alpha1", NEW), ("new", "v1beta1", OLD)] {
        scene.create(version, name);
        let read = scene.get(other, name);
        assert_eq!(read["spec"], execution(version, name)["spec"]);
        assert_eq!(read.get("status"), None);
    }
}

fn a_put_in_the_old_version_keeps_what_it_cannot_say(scene: &Scene<'_>) {
    let before = scene.finished("run");
    let mut old = scene.get(OLD, "run");
    old["metadata"]["labels"]["more"] = "yes".into();
    scene.put(&[], &old);
    let after = scene.get(NEW, "run");
    assert_eq!(after["status"], before["status"]);
    assert_eq!(after["metadata"]["labels"], json!({"app": "sample", "more": "yes"}));
    assert_eq!(after["metadata"]["annotations"], before["metadata"]["annotations"]);
    assert_eq!(after["metadata"]["generation"], 1);
}

fn a_put_without_the_annotation_derives_phase_and_times(scene: &Scene<'_>) {
    scene.finished("run");
    let mut old = scene.get(OLD, "run");
    old["metadata"]["annotations"]
        .as_object_mut()
        .expect("annotations")
        .remove(ANNOTATION);
    scene.put(&[], &old);
    assert_eq!(scene.get(NEW, "run")["status"], derived("Succeeded"));
    assert_eq!(
        scene.get(OLD, "run")["metadata"]["annotations"].get(ANNOTATION),
        None,
        "all of it follows"
    );
}

fn a_status_put_in_the_old_version_overrules_the_annotation(scene: &Scene<'_>) {
    scene.finished("run");
    let mut old = scene.get(OLD, "run");
    old["status"]["conditions"][2] = condition("Succeeded", "False", "JobFailed", 5);
    scene.put(&["--subresource=status"], &old);
    let mut expected = derived("Failed");
    expected["conditions"][2] = condition("Succeeded", "False", "JobFailed", 5);
    assert_eq!(scene.get(NEW, "run")["status"], expected);
}

fn the_same_status_put_in_the_old_version_keeps_everything(scene: &Scene<'_>) {
    let before = scene.finished("run");
    scene.put(&["--subresource=status"], &scene.get(OLD, "run"));
    assert_eq!(scene.get(NEW, "run")["status"], before["status"]);
}

fn applies_of_either_kind_and_version_leave_the_status_alone(scene: &Scene<'_>) {
    let before = scene.finished("run");
    let server_side = [
        "apply",
        "--server-side",
        "--field-manager=tests",
        "--force-conflicts",
        "-f",
        "-",
    ];
    for flags in [&server_side[..], &["apply", "-f", "-"]] {
        for version in ["v1alpha1", "v1beta1", "v1alpha1"] {
            let mut manifest = execution(version, "run");
            manifest["metadata"]["labels"] = json!({"app": version});
            scene.run(flags, &manifest.to_string());
            let after = scene.get(NEW, "run");
            assert_eq!(after["metadata"]["labels"]["app"], version, "{flags:?}");
            assert_eq!(after["status"], before["status"], "{flags:?} {version}");
            assert_eq!(after["metadata"]["annotations"].get(ANNOTATION), None);
        }
    }
}

fn a_status_applied_in_the_old_version_reaches_the_new_one(scene: &Scene<'_>) {
    scene.create("v1beta1", "run");
    let mut applied = execution("v1alpha1", "run");
    applied["status"] = json!({"conditions": [condition("Running", "True", "JobRunning", 3)]});
    let flags = [
        "apply",
        "--server-side",
        "--subresource=status",
        "--field-manager=tests",
        "--force-conflicts",
        "-f",
        "-",
    ];
    scene.run(&flags, &applied.to_string());
    let status = &scene.get(NEW, "run")["status"];
    assert_eq!(
        (&status["phase"], &status["startTime"]),
        (&json!("Running"), &json!("2026-01-01T00:00:03Z"))
    );
}

fn annotations_near_their_limit_are_left_as_they_are(scene: &Scene<'_>) {
    scene.finished("run");
    let patch = json!({"metadata": {"annotations": {"filler": "x".repeat(256 * 1024 - 200)}}});
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), patch.to_string()).expect("a written file");
    scene.run(
        &[
            "patch",
            NEW,
            "run",
            "--type=merge",
            "--patch-file",
            file.path().to_str().expect("a path"),
        ],
        "",
    );
    let old = scene.get(OLD, "run");
    assert_eq!(old["metadata"]["annotations"].get(ANNOTATION), None);
    scene.put(&[], &old);
    assert_eq!(scene.get(NEW, "run")["status"], derived("Succeeded"));
}

fn a_watch_in_the_old_version_shows_what_happens_in_the_new_one(scene: &Scene<'_>) {
    let plane = scene.plane;
    scene.create("v1beta1", "before");
    let mut watch = Command::new(plane.kubectl_path())
        .args(["-n", &scene.namespace, "get", OLD, "--watch", "-o"])
        .arg(r#"jsonpath={.metadata.name} {.apiVersion} {.status.conditions[?(@.type=="Succeeded")].status}{.status.phase}{"\n"}"#)
        .env("KUBECONFIG", plane.kubeconfig())
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .expect("kubectl starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("stdout is piped"))
        .lines()
        .map_while(Result::ok);
    // It has looked: from now on it misses nothing.
    assert_eq!(lines.next().as_deref(), Some("before dispatcher.ivan.vc/v1alpha1 "));
    scene.finished("run");
    let expected = [
        "run dispatcher.ivan.vc/v1alpha1 ",
        "run dispatcher.ivan.vc/v1alpha1 True",
    ];
    assert!(lines.take(2).eq(expected));
    let _ = watch.kill();
    let _ = watch.wait();
}

fn a_list_has_every_object_in_the_version_that_is_asked_for(scene: &Scene<'_>) {
    let items: Vec<_> = (0..30)
        .map(|index| execution("v1beta1", &format!("run-{index:02}")))
        .collect();
    scene.run(
        &["create", "-f", "-"],
        &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
    );
    for (kind, version) in [(OLD, "v1alpha1"), (NEW, "v1beta1")] {
        let list: Value = serde_json::from_str(&scene.run(&["get", kind, "-o", "json"], "")).expect("JSON");
        let items = list["items"].as_array().expect("items");
        let names: Vec<_> = items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(
            names,
            (0..30).map(|index| format!("run-{index:02}")).collect::<Vec<_>>()
        );
        assert!(
            items
                .iter()
                .all(|item| item["apiVersion"] == format!("dispatcher.ivan.vc/{version}"))
        );
    }
}

fn a_spec_is_immutable_in_both_versions(scene: &Scene<'_>) {
    scene.create("v1beta1", "run");
    for kind in [OLD, NEW] {
        for (field, patch) in [
            ("payload", r#"{"spec":{"payload":"other"}}"#),
            ("jobTemplateName", r#"{"spec":{"jobTemplateName":"b"}}"#),
        ] {
            let error = scene
                .kubectl(&["patch", kind, "run", "--type=merge", "-p", patch], "")
                .expect_err("a refusal");
            assert!(error.contains(&format!("{field} is immutable")), "{error}");
        }
        scene.run(&["annotate", "--overwrite", kind, "run", "a=b"], "");
    }
}

fn two_appliers_share_the_containers_of_a_template(scene: &Scene<'_>) {
    let port = |protocol: &str| json!({"containerPort": 53, "protocol": protocol});
    let one = json!([{"name": "main", "image": "alpine:3", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 53}]}]);
    let two = json!([
        {"name": "main", "env": [{"name": "B", "value": "{{ .Payload }}"}], "ports": [port("UDP")]},
        {"name": "helper", "image": "alpine:3", "future": {"x": 1}},
    ]);
    for (manager, version, containers) in [("one", "v1alpha1", &one), ("two", "v1beta1", &two)] {
        let flags = [
            "apply",
            "--server-side",
            "--field-manager",
            manager,
            "--validate=false",
            "-f",
            "-",
        ];
        scene.run(&flags, &template(version, containers).to_string());
    }
    for kind in [OLD_TEMPLATE, NEW_TEMPLATE] {
        let spec = scene.get(kind, "sample")["spec"]["jobTemplate"]["spec"]["template"]["spec"].take();
        let main = json!({
            "name": "main", "image": "alpine:3", "ports": [port("TCP"), port("UDP")],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "{{ .Payload }}"}],
        });
        assert_eq!(spec["containers"], json!([main, two[1]]));
        assert_eq!(spec["restartPolicy"], "Never");
    }
}

#[test]
fn the_committed_crds_are_applied_by_a_plain_apply() {
    let plane = ControlPlane::start();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    plane.kubectl(&["apply", "-f", folder]);
    plane.until_served();
    for crd in plane.get(&["crd"])["items"].as_array().expect("items") {
        let conditions = crd["status"]["conditions"].as_array().expect("conditions");
        assert!(
            conditions
                .iter()
                .all(|condition| condition["type"] != "NonStructuralSchema"),
            "{conditions:?}"
        );
    }
    assert!(
        plane
            .kubectl(&["apply", "-f", folder])
            .lines()
            .all(|line| line.ends_with(" unchanged"))
    );
}
