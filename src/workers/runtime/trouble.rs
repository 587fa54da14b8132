//! Why the newest pods of a bundle are not ready, in the words of those who know.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;

use crate::api::workers::pod::{BundlePod, ContainerStatus, Terminated};

/// Label of the Deployment's pods that tells one state of them from another.
const HASH: &str = "pod-template-hash";
/// What every container waits for once.
const USUAL: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];

/// What is wrong with the newest pods, or keeps the Deployment from making any; nothing while all goes its way.
#[must_use]
pub fn trouble(deployment: &Deployment, pods: &[Arc<BundlePod>]) -> Option<String> {
    of_pods(pods).or_else(|| of_deployment(deployment))
}

fn of_pods(pods: &[Arc<BundlePod>]) -> Option<String> {
    let mut alive: Vec<_> = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    alive.sort_by_key(|pod| (pod.metadata.creation_timestamp.clone(), pod.metadata.name.clone()));
    let newest = hash(alive.last()?);
    let mut newest = alive.iter().rev().filter(|pod| hash(pod) == newest);
    newest.find_map(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        Some(format!("pod {name}: {}", of_pod(pod)?))
    })
}

fn hash(pod: &BundlePod) -> Option<&String> {
    pod.metadata.labels.as_ref()?.get(HASH)
}

fn of_pod(pod: &BundlePod) -> Option<String> {
    let status = &pod.status;
    let mut conditions = status.conditions.iter();
    let unscheduled = conditions.find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return Some(told(&condition.reason, &condition.message));
    }
    let first = status.init_container_statuses.iter();
    let containers = first.chain(&status.container_statuses);
    let containers = containers.filter(|container| !container.ready);
    let mut containers = containers.filter_map(|container| Some((&container.name, of_container(container)?)));
    let found = containers.next().map(|(name, why)| format!("container {name}: {why}"));
    found.or_else(|| Some(status.reason.clone()).filter(|reason| !reason.is_empty()))
}

fn of_container(container: &ContainerStatus) -> Option<String> {
    let ended = [&container.state, &container.last_state];
    let ended = ended.into_iter().find_map(|state| state.terminated.as_ref()).map(end);
    let waiting = container.state.waiting.as_ref();
    let waiting = waiting.filter(|waiting| !USUAL.contains(&waiting.reason.as_str()));
    match (waiting, ended) {
        // How it ended says more than how long it is held back for it.
        (Some(waiting), Some(ended)) => Some(format!("{}, {ended}", waiting.reason)),
        (Some(waiting), None) => Some(told(&waiting.reason, &waiting.message)),
        (None, ended) => ended,
    }
}

fn end(terminated: &Terminated) -> String {
    let Terminated {
        reason,
        message,
        exit_code,
    } = terminated;
    told(&format!("ended with {reason} (exit code {exit_code})"), message)
}

fn of_deployment(deployment: &Deployment) -> Option<String> {
    let status = deployment.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let failed = conditions.find(|condition| {
        let state = (condition.type_.as_deref(), condition.status.as_deref());
        state == (Some("ReplicaFailure"), Some("True")) || state == (Some("Progressing"), Some("False"))
    })?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some(told(&text(&failed.reason), &text(&failed.message)))
}

fn told(reason: &str, message: &str) -> String {
    match message.trim() {
        "" => reason.to_owned(),
        message => format!("{reason}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, (hash, second): (&str, u32), status: &Value) -> Arc<BundlePod> {
        let created = format!("2026-01-01T00:00:{second:02}Z");
        let labels = json!({"pod-template-hash": hash});
        let metadata = json!({"name": name, "labels": labels, "creationTimestamp": created});
        Arc::new(serde_json::from_value(json!({"metadata": metadata, "status": status})).expect("a pod"))
    }

    fn told_of(status: &Value) -> Option<String> {
        of_pod(&pod("a", ("1", 1), status))
    }

    fn container(container: &Value) -> Option<String> {
        let mut container = container.clone();
        container["name"] = json!("workers");
        told_of(&json!({"containerStatuses": [container]}))
    }

    #[test]
    fn only_the_newest_state_is_looked_at() {
        let waiting = |reason: &str| {
            let state = json!({"waiting": {"reason": reason, "message": "no"}});
            json!({"containerStatuses": [{"name": "workers", "state": state}]})
        };
        let pods = [
            pod("new-1", ("2", 3), &waiting("ErrImagePull")),
            pod("old", ("1", 1), &waiting("CrashLoopBackOff")),
            pod("new-2", ("2", 4), &waiting("ContainerCreating")),
        ];
        let deployment = Deployment::default();
        let told = "pod new-1: container workers: ErrImagePull: no";
        assert_eq!(trouble(&deployment, &pods).as_deref(), Some(told));
        assert_eq!(trouble(&deployment, &pods[2..]), None);
        assert_eq!(trouble(&deployment, &[]), None);
    }

    #[test]
    fn tells_what_the_node_says() {
        let conditions =
            json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}]);
        assert_eq!(
            told_of(&json!({"conditions": conditions})).as_deref(),
            Some("Unschedulable: no room")
        );
        assert_eq!(told_of(&json!({"reason": "Evicted"})).as_deref(), Some("Evicted"));
        assert_eq!(told_of(&json!({})), None);
        let ended = json!({"terminated": {"reason": "OOMKilled", "exitCode": 137}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        for (status, told) in [
            (json!({"state": {"running": {}}}), None),
            (
                json!({"state": {"running": {}}, "lastState": ended, "ready": true}),
                None,
            ),
            (
                json!({"state": ended}),
                Some("container workers: ended with OOMKilled (exit code 137)"),
            ),
            (
                json!({"state": waiting}),
                Some("container workers: CrashLoopBackOff: back-off 10s"),
            ),
            (
                json!({"state": waiting, "lastState": ended}),
                Some("container workers: CrashLoopBackOff, ended with OOMKilled (exit code 137)"),
            ),
        ] {
            assert_eq!(container(&status).as_deref(), told, "{status}");
        }
    }

    #[test]
    fn tells_what_keeps_pods_from_being_made() {
        let deployment = |type_: &str, status: &str| {
            let condition = json!({"type": type_, "status": status, "reason": "Why", "message": "because"});
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": [condition]}}))
                .expect("a Deployment")
        };
        for (type_, status, is_trouble) in [
            ("ReplicaFailure", "True", true),
            ("Progressing", "False", true),
            ("Progressing", "True", false),
            ("Available", "False", false),
        ] {
            let told = trouble(&deployment(type_, status), &[]);
            assert_eq!(
                told.as_deref(),
                is_trouble.then_some("Why: because"),
                "{type_} {status}"
            );
        }
    }
}
