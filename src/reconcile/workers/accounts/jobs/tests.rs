use serde_json::json;

use super::*;

const STEPS: [&str; 3] = [FETCH, PROVE, PUBLISH];

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({"status": status})).expect("a pod")
}

/// A container that has ended.
fn ended(name: &str, code: i32, message: &str) -> Value {
    json!({
        "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": code, "message": message, "reason": "Error"}},
    })
}

fn waiting(name: &str, reason: &str) -> Value {
    json!({
        "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": "as the kubelet has it"}},
    })
}

fn running(name: &str) -> Value {
    json!({
        "name": name, "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    })
}

fn passed() -> String {
    Verdict::passed().json()
}

fn said(containers: &[Value]) -> Option<Verdict> {
    verdict(&pod(&json!({"containerStatuses": containers})), &STEPS)
}

#[test]
fn what_all_steps_have_said_is_the_verdict() {
    let fetched = Verdict {
        digest: Some("sha256:a".to_owned()),
        size: Some(3),
        runtime: Some("before".to_owned()),
        ..Verdict::passed()
    };
    let proved = Verdict {
        runtime: Some("2026-01-01".to_owned()),
        ..Verdict::passed()
    };
    let published = Verdict {
        image: Some("registry/a@sha256:b".to_owned()),
        ..Verdict::passed()
    };
    // A pod lists its containers in no order.
    let containers = [
        ended(PUBLISH, 0, &published.json()),
        ended("sidecar", 1, "nobody asks"),
        ended(FETCH, 0, &fetched.json()),
        ended(PROVE, 0, &proved.json()),
    ];
    let expected = Verdict {
        runtime: Some("2026-01-01".to_owned()),
        image: Some("registry/a@sha256:b".to_owned()),
        ..fetched
    };
    assert_eq!(said(&containers), Some(expected));
}

#[test]
fn a_refusal_is_the_verdict_whatever_the_others_do() {
    let refused = Verdict::failed("ProofFailed", "service a: Uncaught");
    let (fetch, prove) = (ended(FETCH, 0, &passed()), ended(PROVE, 0, &refused.json()));
    for containers in [
        vec![fetch.clone(), prove.clone(), running(PUBLISH)],
        vec![fetch.clone(), prove.clone()],
        vec![running(FETCH), prove.clone()],
        vec![fetch.clone(), prove.clone(), ended(PUBLISH, 1, "no verdict")],
        vec![fetch, ended(PROVE, 137, &refused.json()), ended(PUBLISH, 0, &passed())],
    ] {
        assert_eq!(said(&containers), Some(refused.clone()), "{containers:?}");
    }
}

#[test]
fn of_two_refusals_the_one_of_the_earlier_step_counts() {
    let refused = |reason| Verdict::failed(reason, "no");
    let containers = [
        ended(PROVE, 0, &refused("ProofFailed").json()),
        ended(FETCH, 0, &refused("FetchFailed").json()),
    ];
    assert_eq!(said(&containers), Some(refused("FetchFailed")));
}

#[test]
fn until_the_last_step_is_well_done_there_is_no_verdict() {
    let steps = |last: Value| [ended(FETCH, 0, &passed()), ended(PROVE, 0, &passed()), last];
    for last in [
        running(PUBLISH),
        waiting(PUBLISH, "ContainerCreating"),
        ended(PUBLISH, 0, "no verdict"),
        ended(PUBLISH, 0, ""),
        ended(PUBLISH, 1, &passed()),
        ended("sidecar", 0, &passed()),
    ] {
        assert_eq!(said(&steps(last.clone())), None, "{last}");
    }
    assert_eq!(
        said(&[ended(FETCH, 0, &passed()), running(PROVE), ended(PUBLISH, 0, &passed())]),
        None
    );
    assert_eq!(verdict(&pod(&json!({})), &STEPS), None);
    assert_eq!(verdict(&Pod::default(), &STEPS), None);
}

/// What people are told of a Job with these conditions and pods, and whether it is looked at again.
fn told(conditions: &Value, pods: &[Value]) -> (Option<String>, bool) {
    let job = json!({"metadata": {"name": "a-1-build"}, "status": {"conditions": conditions}});
    let job: Job = serde_json::from_value(job).expect("a Job");
    let pods: Vec<_> = pods.iter().map(|status| Arc::new(pod(status))).collect();
    match standing(&job, &pods) {
        Progress::Waits(text, pause) => (text, pause == Some(AGAIN)),
        Progress::Verdict(verdict) => panic!("{verdict:?}"),
    }
}

fn failed(status: &str) -> Value {
    json!([
        {"type": "FailureTarget", "status": "True", "message": "another"},
        {"type": "Failed", "status": status, "message": "Job was active longer than specified deadline"},
    ])
}

#[test]
fn a_job_under_way_tells_what_keeps_it() {
    let stuck = json!({"containerStatuses": [waiting(FETCH, "ErrImagePull")]});
    let text = format!("container {FETCH}: ErrImagePull: as the kubelet has it");
    assert_eq!(told(&json!([]), &[]), (None, false));
    assert_eq!(
        told(&json!([]), &[json!({}), stuck.clone()]),
        (Some(text.clone()), false)
    );
    assert_eq!(told(&failed("False"), &[stuck]), (Some(text), false));
}

#[test]
fn a_job_that_failed_without_a_verdict_is_made_again_once_it_is_gone() {
    let ends = "; it is made again when it is gone: kubectl delete job a-1-build";
    let killed = json!({"containerStatuses": [ended(PROVE, 137, "killed")]});
    let text = format!("Job a-1-build failed: Job was active longer than specified deadline{ends}");
    assert_eq!(told(&failed("True"), &[]), (Some(text), true));
    let text = format!("Job a-1-build failed: container {PROVE}: exit code 137: killed{ends}");
    assert_eq!(told(&failed("True"), &[killed]), (Some(text), true));
    let mute = json!([{"type": "Failed", "status": "True"}]);
    let text = format!("Job a-1-build failed: {ends}");
    assert_eq!(told(&mute, &[]), (Some(text), true));
}

#[test]
fn an_obstacle_is_what_keeps_a_container_from_running() {
    let silent = |code: i32| {
        let mut container = ended("bring", code, "");
        let terminated = &mut container["state"]["terminated"];
        terminated.as_object_mut().unwrap().remove("message");
        container
    };
    let kept = |container: &str, what: &str| Some(format!("container {container}: {what}"));
    for (init, containers, expected) in [
        (vec![], vec![], None),
        (vec![], vec![running(PROVE), ended(FETCH, 0, "{}")], None),
        (
            vec![waiting("bring", "PodInitializing")],
            vec![waiting(PROVE, "ContainerCreating")],
            None,
        ),
        (
            vec![waiting("bring", "ImagePullBackOff")],
            vec![waiting(PROVE, "PodInitializing")],
            kept("bring", "ImagePullBackOff: as the kubelet has it"),
        ),
        (
            vec![],
            vec![
                ended(FETCH, 1, "no space"),
                waiting(PROVE, "CreateContainerConfigError"),
            ],
            kept(PROVE, "CreateContainerConfigError: as the kubelet has it"),
        ),
        (
            vec![ended("bring", 1, "cannot fetch")],
            vec![ended(PROVE, 2, "later")],
            kept("bring", "exit code 1: cannot fetch"),
        ),
        (vec![silent(137)], vec![], kept("bring", "exit code 137: Error")),
        (vec![silent(0)], vec![], None),
    ] {
        let status = json!({"initContainerStatuses": init, "containerStatuses": containers});
        assert_eq!(obstacle(&pod(&status)), expected, "{status}");
    }
    assert_eq!(obstacle(&Pod::default()), None);
}

#[test]
fn an_obstacle_fits_an_event() {
    let status = json!({"containerStatuses": [ended(PROVE, 1, &"x".repeat(5000))]});
    assert_eq!(obstacle(&pod(&status)).map(|text| text.len()), Some(1024));
}
