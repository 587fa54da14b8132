//! Jobs that really run: on the node of `make cluster`, with the server beside the cluster and inside it.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::fs::File;

use common::cluster::{ControlPlane, eventually};
use common::forward::Forward;
use common::server::Server;
use serde_json::Value;

/// The dispatcher's README, unchanged but for the version.
const README_TEMPLATE: &str = r#"
apiVersion: dispatcher.ivan.vc/VERSION
kind: JobTemplate
metadata:
  name: jobtemplate-sample
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - name: my-container
            image: alpine:latest
            command: ["echo", "$PAYLOAD"]
            env:
            - name: PAYLOAD
              value: "{{ .Payload }}"
          restartPolicy: Never
      backoffLimit: 0
"#;

const README_EXECUTION: &str = "
apiVersion: dispatcher.ivan.vc/VERSION
kind: JobExecution
metadata:
  name: jobexecution-sample
spec:
  jobTemplateName: jobtemplate-sample
  payload: my test payload
";

#[test]
fn the_manifests_of_the_upstream_readme_run_unchanged_in_both_versions() {
    let (_turn, plane) = node();
    let server = Server::start(&plane, &[]);
    for (version, other) in [("v1alpha1", "v1beta1"), ("v1beta1", "v1alpha1")] {
        let namespace = plane.namespace();
        let warnings = plane.apply_in(&namespace, &README_TEMPLATE.replace("VERSION", version));
        assert!(warnings.contains("$(PAYLOAD)"), "no warning about $PAYLOAD: {warnings}");
        plane.apply_in(&namespace, &README_EXECUTION.replace("VERSION", version));
        assert_eq!(log_of(&plane, &namespace, "jobexecution-sample"), "$PAYLOAD\n");
        let name = execute(server.web, &namespace, "jobtemplate-sample", "my test payload");
        assert_eq!(log_of(&plane, &namespace, &name), "$PAYLOAD\n");
        shows_in(&plane, &namespace, other, "jobtemplates", "jobtemplate-sample");
        shows_in(&plane, &namespace, other, "jobexecutions", &name);
    }
}

#[test]
fn the_config_sample_carries_date_and_payload() {
    let (_turn, plane) = node();
    let server = Server::start(&plane, &[]);
    for version in ["v1alpha1", "v1beta1"] {
        let namespace = plane.namespace();
        plane.apply_in(
            &namespace,
            &sample(&format!("upstream-{version}/config-jobtemplate.yaml")),
        );
        let name = execute(
            server.web,
            &namespace,
            &format!("jobtemplate-config-{version}"),
            "test-payload",
        );
        let job = eventually("the Job", || job_of(&plane, &namespace, &name));
        let env = &job["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(env[0]["value"], "test-payload");
        let execution = plane.get(&["-n", &namespace, "jobexecution", &name]);
        assert_eq!(
            env[1]["value"], execution["metadata"]["creationTimestamp"],
            "{{.Date}} is the execution's time"
        );
    }
}

#[test]
fn broken_templates_are_refused_with_the_field_path() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &[]);
    let namespace = plane.namespace();
    for broken in ["{{ .Nope }}", "{{ nofunc }}", "{{ if }}", "{{ end }}"] {
        let manifest = README_TEMPLATE
            .replace("VERSION", "v1beta1")
            .replace("{{ .Payload }}", broken);
        let output = plane.try_kubectl(&["-n", &namespace, "apply", "-f", "-"], &manifest);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{broken} was accepted");
        assert!(
            text.contains("spec.jobTemplate.spec.template.spec.containers[0].env[0].value"),
            "{broken}: {text}"
        );
    }
}

#[test]
fn the_sample_runs_against_the_server_in_the_cluster() {
    let (_turn, plane) = node();
    common::run("make", &["deploy", "PROFILE=quick"]);
    let namespace = plane.namespace();
    plane.apply_in(&namespace, &sample("jobtemplate.yaml"));
    let forward = Forward::start(&plane, "stationmaster", "service/stationmaster");
    let name = execute(forward.port, &namespace, "jobtemplate-sample", "my test payload");
    assert_eq!(log_of(&plane, &namespace, &name), "my test payload\n");
    plane.kubectl(&["delete", "namespace", "stationmaster", "--timeout=300s"]);
}

#[test]
fn the_dispatchers_own_deployment_runs_with_our_image() {
    let (_turn, plane) = node();
    common::run("make", &["image", "PROFILE=quick"]);
    let image = "docker.io/library/stationmaster:dev";
    common::run("tests/cluster/load-image", &["target/stationmaster.oci.tar", image]);
    let manifest = include_str!("data/upstream/deployment.yaml").replace("controller:latest", image);
    plane.apply(&manifest);
    plane.kubectl(&[
        "-n",
        "dispatcher-system",
        "rollout",
        "status",
        "deployment/dispatcher-controller-manager",
        "--timeout=300s",
    ]);
    let namespace = plane.namespace();
    plane.apply_in(&namespace, &README_TEMPLATE.replace("VERSION", "v1alpha1"));
    let forward = Forward::start(&plane, "dispatcher-system", "service/dispatcher-web");
    let name = execute(forward.port, &namespace, "jobtemplate-sample", "my test payload");
    assert_eq!(log_of(&plane, &namespace, &name), "$PAYLOAD\n");
    plane.kubectl(&["delete", "namespace", "dispatcher-system", "--timeout=300s"]);
}

/// The node with our CRDs, while no `make run` of this checkout uses it.
fn node() -> (File, ControlPlane) {
    let plane = ControlPlane::node().with_crds();
    std::fs::create_dir_all("target/run").unwrap();
    let lock = File::create("target/run/lock").unwrap();
    assert!(
        lock.try_lock().is_ok(),
        "`make run` is active in this checkout: stop it with Ctrl-C, then test"
    );
    (lock, plane)
}

/// Calls the execute endpoint and checks its answer; the execution's name.
fn execute(port: u16, namespace: &str, template: &str, payload: &str) -> String {
    let path = format!("/execute/{namespace}/{template}");
    let answer = eventually("an accepted call", || {
        common::http::put(port, &path, payload).filter(|answer| answer.status == 201)
    });
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let name = body["name"].as_str().unwrap().to_owned();
    assert_eq!(body["namespace"], namespace);
    assert!(name.starts_with(template), "{name}");
    assert!(answer.head.to_lowercase().contains("location: "), "{}", answer.head);
    name
}

fn job_of(plane: &ControlPlane, namespace: &str, execution: &str) -> Option<Value> {
    let selector = format!("job-execution-name={execution}");
    plane.get(&["-n", namespace, "jobs", "-l", &selector])["items"]
        .get(0)
        .cloned()
}

/// What the execution's container has printed, once its Job is complete.
fn log_of(plane: &ControlPlane, namespace: &str, execution: &str) -> String {
    let job = eventually("the Job", || job_of(plane, namespace, execution));
    let job = format!("job/{}", job["metadata"]["name"].as_str().unwrap());
    plane.kubectl(&[
        "-n",
        namespace,
        "wait",
        "--for=condition=complete",
        &job,
        "--timeout=300s",
    ]);
    plane.kubectl(&["-n", namespace, "logs", &job])
}

fn shows_in(plane: &ControlPlane, namespace: &str, version: &str, resource: &str, name: &str) {
    let object = plane.get(&[
        "-n",
        namespace,
        &format!("{resource}.{version}.dispatcher.ivan.vc"),
        name,
    ]);
    assert_eq!(object["apiVersion"], format!("dispatcher.ivan.vc/{version}"));
}

fn sample(name: &str) -> String {
    std::fs::read_to_string(format!("manifests/samples/{name}")).unwrap()
}
