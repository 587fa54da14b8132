//! Executions on a real API server and Job controller. There is no node: the tests end pods as a kubelet would.

#![allow(clippy::unwrap_used, reason = "what is not there is a failure of the test")]

mod common;

use std::process::Command;

use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use serde_json::{Value, json};

/// The controllers and what they need, without the webhooks.
const CONTROLLERS: [&str; 2] = ["--components", "controllers,execute"];

fn template(job: &Value) -> Value {
    let mut template = json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate", "metadata": {"name": "t"},
        "spec": {"jobTemplate": {"spec": {"backoffLimit": 0, "template": {"spec": {
            "containers": [{"name": "main", "image": "alpine:3", "args": ["{{ .Payload }}"]}],
        }}}}},
    });
    let members = job.as_object().unwrap();
    for (key, value) in members {
        template["spec"]["jobTemplate"][key] = value.clone();
    }
    template
}

fn execution(name: &str) -> String {
    json!({
        "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution", "metadata": {"name": name},
        "spec": {"jobTemplateName": "t", "payload": "hello"},
    })
    .to_string()
}

/// A control plane and a server of which only the controllers matter.
fn started() -> (ControlPlane, Server) {
    let plane = ControlPlane::start().with_crds();
    let mut server = Server::prepare(&plane, &CONTROLLERS);
    server.spawn();
    (plane, server)
}

/// Waits until an execution is in this phase and gives its status.
fn in_phase(plane: &ControlPlane, name: &str, phase: &str) -> Value {
    eventually(&format!("{name} in phase {phase}"), || {
        let status = plane.get(&["jobexecutions", name])["status"].clone();
        (status["phase"] == phase).then_some(status)
    })
}

/// Waits until an execution waits for this reason and gives the message.
fn waits(plane: &ControlPlane, name: &str, reason: &str) -> String {
    eventually(&format!("{name} waiting with {reason}"), || {
        let status = plane.get(&["jobexecutions", name])["status"].clone();
        let condition = condition(&status, "Waiting")?;
        (condition["reason"] == reason).then(|| condition["message"].as_str().unwrap().to_owned())
    })
}

fn condition(status: &Value, type_: &str) -> Option<Value> {
    status["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == type_)
        .cloned()
}

/// Ends the pods of a Job as a kubelet would.
fn end_pods(plane: &ControlPlane, job: &str, phase: &str) {
    let selector = format!("batch.kubernetes.io/job-name={job}");
    let pods = eventually("a pod", || {
        let pods = plane.get(&["pods", "-l", &selector])["items"]
            .as_array()
            .unwrap()
            .clone();
        (!pods.is_empty()).then_some(pods)
    });
    for pod in pods {
        let status = json!({"status": {"phase": phase}}).to_string();
        let name = pod["metadata"]["name"].as_str().unwrap();
        plane.kubectl(&["patch", "pod", name, "--subresource=status", "-p", &status]);
    }
}

fn is_gone(plane: &ControlPlane, kind: &str, name: &str) {
    eventually(&format!("{kind} {name} gone"), || {
        plane
            .kubectl(&["get", kind, name, "--ignore-not-found"])
            .is_empty()
            .then_some(())
    });
}

/// Reasons of the events on an execution, sorted.
fn events(plane: &ControlPlane, name: &str) -> Vec<String> {
    let list = plane.get(&[
        "events",
        "--field-selector",
        &format!("involvedObject.name={name},involvedObject.kind=JobExecution"),
    ]);
    let mut reasons: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["reason"].as_str().unwrap().to_owned())
        .collect();
    reasons.sort();
    reasons
}

#[test]
fn an_execution_lives_from_its_job_to_its_deletion() {
    let (plane, _server) = started();
    plane.apply(&template(&json!({"metadata": {"labels": {"team": "a"}}})).to_string());
    plane.apply(&execution("good"));
    let status = in_phase(&plane, "good", "Running");
    assert_eq!(status["observedGeneration"], 1);
    let job = plane.get(&["jobs", "good"]);
    assert_eq!(job["metadata"]["labels"]["team"], "a");
    assert_eq!(job["metadata"]["labels"]["job-execution-name"], "good");
    assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
    assert_eq!(status["job"]["uid"], job["metadata"]["uid"]);
    end_pods(&plane, "good", "Succeeded");
    let status = in_phase(&plane, "good", "Succeeded");
    assert_eq!(condition(&status, "Succeeded").unwrap()["reason"], "JobSucceeded");
    assert!(status["completionTime"].is_string());
    eventually("all events", || {
        (events(&plane, "good") == ["Completed", "Created", "Started"]).then_some(())
    });
    plane.kubectl(&["delete", "job", "good"]);
    is_gone(&plane, "jobexecution", "good");
}

#[test]
fn a_failed_job_and_a_deleted_one_are_told_apart() {
    let (plane, _server) = started();
    plane.apply(&template(&json!({})).to_string());
    plane.apply(&execution("failing"));
    end_pods(&plane, "failing", "Failed");
    let status = in_phase(&plane, "failing", "Failed");
    assert_eq!(condition(&status, "Succeeded").unwrap()["reason"], "JobFailed");
    plane.apply(&execution("deleted"));
    in_phase(&plane, "deleted", "Running");
    plane.kubectl(&["delete", "job", "deleted"]);
    let status = in_phase(&plane, "deleted", "Failed");
    assert_eq!(condition(&status, "Succeeded").unwrap()["reason"], "JobDeleted");
    plane.kubectl(&["delete", "jobexecution", "failing", "--wait=false"]);
    is_gone(&plane, "job", "failing");
    assert_eq!(plane.kubectl(&["get", "jobs", "--ignore-not-found"]), "");
}

#[test]
fn what_keeps_a_job_from_being_made_is_told_and_waited_for() {
    let (plane, _server) = started();
    plane.apply(&execution("run"));
    assert_eq!(
        waits(&plane, "run", "FetchJobTemplateError"),
        "spec.jobTemplateName: there is no JobTemplate default/t"
    );
    plane.apply(&template(&json!({"metadata": {"labels": {"bad": "{{ .Nope }}"}}})).to_string());
    let message = waits(&plane, "run", "RenderError");
    assert!(message.starts_with("spec.jobTemplate.metadata.labels"), "{message}");
    plane.apply(&template(&json!({"metadata": {"labels": {"bad": "not a label!"}}})).to_string());
    let message = waits(&plane, "run", "JobRejected");
    assert!(message.contains("metadata.labels"), "{message}");
    plane.kubectl(&["create", "job", "fixed", "--image=alpine:3"]);
    plane.apply(&template(&json!({"metadata": {"name": "fixed", "labels": {"bad": "good"}}})).to_string());
    let message = waits(&plane, "run", "JobNameTaken");
    assert_eq!(message, "Job default/fixed exists and belongs to another owner");
    plane.kubectl(&["delete", "job", "fixed", "--wait=false"]);
    in_phase(&plane, "run", "Running");
}

#[test]
fn watches_survive_a_restart_of_the_api_server() {
    let (plane, _server) = started();
    plane.apply(&template(&json!({})).to_string());
    plane.apply(&execution("before"));
    in_phase(&plane, "before", "Running");
    let pid = std::fs::read_to_string(plane.folder().join("pids/kube-apiserver.pid")).unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    plane.restart();
    plane.apply(&execution("after"));
    in_phase(&plane, "after", "Running");
    end_pods(&plane, "before", "Succeeded");
    in_phase(&plane, "before", "Succeeded");
}

#[test]
fn one_of_two_replicas_leads_and_the_other_takes_over() {
    let plane = ControlPlane::start().with_crds();
    plane.apply(&template(&json!({})).to_string());
    let flags = [&CONTROLLERS[..], &["--leader-elect"]].concat();
    let [mut first, mut second] = [(); 2].map(|()| Server::prepare(&plane, &flags));
    first.spawn();
    plane.apply(&execution("one"));
    in_phase(&plane, "one", "Running");
    let holder = || {
        plane.get(&["lease", "stationmaster"])["spec"]["holderIdentity"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let leader = holder();
    second.spawn();
    first.kill();
    plane.apply(&execution("two"));
    in_phase(&plane, "two", "Running");
    assert_ne!(holder(), leader);
    assert_eq!(plane.get(&["jobs"])["items"].as_array().unwrap().len(), 2);
}
