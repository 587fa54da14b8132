//! A dead server stops new templates and executions, and nothing else in the cluster.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::cluster::{ControlPlane, eventually};
use common::server::Server;

const OBJECTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: outage}
---
apiVersion: dispatcher.ivan.vc/v1beta1
kind: JobTemplate
metadata: {name: suspended, namespace: outage}
spec:
  jobTemplate:
    spec:
      suspend: true
      template:
        spec:
          containers: [{name: main, image: "alpine:3"}]
---
apiVersion: dispatcher.ivan.vc/v1beta1
kind: JobExecution
metadata: {name: first, namespace: outage}
spec: {jobTemplateName: suspended}
---
apiVersion: dispatcher.ivan.vc/v1beta1
kind: JobExecution
metadata: {name: second, namespace: outage}
spec: {jobTemplateName: suspended}
"#;

const EXECUTION: &str = r#"{"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution",
  "metadata": {"name": "third", "namespace": "outage"}, "spec": {"jobTemplateName": "suspended"}}"#;

#[test]
fn a_dead_server_stops_only_new_templates_and_executions() {
    let plane = ControlPlane::start().with_crds();
    let mut server = Server::start(&plane, &[]);
    plane.apply(OBJECTS);
    eventually("two Jobs", || (count(&plane, "jobs") == 2).then_some(()));
    server.kill();

    let refused = plane.try_kubectl(&["create", "-f", "-"], EXECUTION);
    assert!(!refused.status.success(), "a new execution passed without its webhook");
    plane.kubectl(&["-n", "outage", "create", "configmap", "unconcerned"]);
    let status = r#"{"status": {"phase": "Failed"}}"#;
    plane.kubectl(&[
        "-n",
        "outage",
        "patch",
        "je",
        "second",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ]);

    // The garbage collector takes the Job of a deleted execution, and the namespace takes the rest.
    plane.kubectl(&["-n", "outage", "delete", "je", "first"]);
    eventually("the garbage collector at work", || {
        (count(&plane, "jobs") == 1).then_some(())
    });
    plane.kubectl(&["delete", "namespace", "outage", "--timeout=180s"]);

    server.spawn();
    plane.apply(&OBJECTS.replace("outage", "afterwards"));
    eventually("two Jobs again", || {
        (plane.get(&["jobs", "-n", "afterwards"])["items"].as_array()?.len() == 2).then_some(())
    });
}

fn count(plane: &ControlPlane, kind: &str) -> usize {
    plane.get(&[kind, "-n", "outage"])["items"].as_array().unwrap().len()
}
