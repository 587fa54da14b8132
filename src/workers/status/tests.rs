use serde_json::{Value, json};

use super::*;
use crate::workers::fixture::{account_with, at, bundle, typed, version, worker};

fn fault(reason: &'static str) -> Fault {
    (reason, "as it was told".to_owned())
}

/// The account's bundle; of worker `a` it runs this release.
fn running(release: Option<&str>) -> WorkerBundle {
    let mut bundle = bundle("workers-1234");
    let workers = release.map(|release| json!({"workerName": "a", "workerNumber": 8080, "release": release}));
    let other = json!({"workerName": "b", "workerNumber": 8081, "release": "b-1"});
    bundle["status"] = json!({"workers": workers.into_iter().chain([other]).collect::<Vec<_>>()});
    typed(bundle)
}

fn with_ready(mut bundle: WorkerBundle, status: &str, message: &str) -> WorkerBundle {
    let claim = claim(condition_type::READY, status, reason::NOT_ROLLED_OUT, message);
    let conditions = &mut bundle.status.get_or_insert_default().conditions;
    condition::set(conditions, claim, None, at(1));
    bundle
}

/// Of which nothing is known.
const NOTHING: Observed<'_> = Observed {
    wanted: None,
    chosen: None,
    fault: None,
    progress: None,
    bundle: None,
    url: None,
};

/// `TYPE=STATUS/REASON` of each condition.
fn told(conditions: &[Condition]) -> String {
    let each = conditions
        .iter()
        .map(|condition| format!("{}={}/{}", condition.type_, condition.status, condition.reason));
    each.collect::<Vec<_>>().join(" ")
}

fn told_of(observed: &Observed<'_>) -> String {
    told(&deployment(&worker("a"), observed, &at(1)).conditions)
}

fn message(status: &WorkerDeploymentStatus, type_: &str) -> String {
    condition::find(&status.conditions, type_).unwrap().message.clone()
}

#[test]
fn all_is_told_of_a_worker() {
    let release = version("a", 2).proved();
    let bundle = running(Some("a-2"));
    let observed = Observed {
        wanted: Some(&release),
        chosen: Some("a-2"),
        bundle: Some(&bundle),
        url: Some("http://a.1234.example.com/".to_owned()),
        ..NOTHING
    };
    let mut worker = worker("a");
    worker.metadata.generation = Some(7);
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": 7,
            "lastTransitionTime": "1970-01-01T00:00:01Z",
        })
    };
    let expected = json!({
        "observedGeneration": 7, "currentRelease": "a-2", "servingRelease": "a-2", "url": "http://a.1234.example.com/",
        "conditions": [
            condition("Built", "True", "Proved", "the runtime takes it"),
            condition("Ready", "True", "Current", "release a-2 serves"),
            condition("Degraded", "False", "Current", "nothing stands against what is asked for"),
        ],
    });
    assert_eq!(json!(deployment(&worker, &observed, &at(1))), expected);
}

#[test]
fn built_is_the_proof_of_what_is_asked_for() {
    let (building, proved) = (version("a", 2), version("a", 2).proved());
    let refused = version("a", 2).refused(Some(reason::PROOF_TIMED_OUT), "did not end");
    let fault = |reason| Some(fault(reason));
    for (wanted, fault, expected) in [
        (Some(&building), fault(reason::BUILDING), "Unknown/Building"),
        (Some(&building), None, "Unknown/Building"),
        (Some(&building), fault(reason::SECRET_NOT_FOUND), "Unknown/Building"),
        (Some(&proved), None, "True/Proved"),
        (Some(&proved), fault(reason::COMPOSITION_FAILED), "True/Proved"),
        (Some(&refused), fault(reason::PROOF_TIMED_OUT), "False/ProofTimedOut"),
        (Some(&refused), fault(reason::NAME_TAKEN), "False/ProofTimedOut"),
        (None, fault(reason::RELEASE_NOT_FOUND), "False/ReleaseNotFound"),
        (None, None, "Unknown/Building"),
    ] {
        let observed = Observed {
            wanted,
            fault: fault.as_ref(),
            ..NOTHING
        };
        let told = told_of(&observed);
        assert!(
            told.starts_with(&format!("Built={expected} ")),
            "{told}, not {expected}"
        );
    }
}

#[test]
fn a_failed_proof_is_told_in_the_runtimes_words_whatever_else_is_wrong() {
    let refused = version("a", 2).refused(None, "service a: Uncaught");
    let taken = fault(reason::NAME_TAKEN);
    let observed = Observed {
        wanted: Some(&refused),
        fault: Some(&taken),
        ..NOTHING
    };
    let status = deployment(&worker("a"), &observed, &at(1));
    assert_eq!(message(&status, "Built"), "service a: Uncaught");
    assert_eq!(message(&status, "Ready"), "as it was told");
    assert_eq!(message(&status, "Degraded"), "as it was told");
}

#[test]
fn a_build_under_way_says_how_far_it_is() {
    let building = version("a", 2);
    for (progress, expected) in [
        (None, "the release is being built and proved"),
        (Some("Job a-2-build failed"), "Job a-2-build failed"),
    ] {
        let observed = Observed {
            wanted: Some(&building),
            progress,
            ..NOTHING
        };
        let status = deployment(&worker("a"), &observed, &at(1));
        assert_eq!(message(&status, "Built"), expected);
    }
}

#[test]
fn ready_is_whether_the_worker_answers() {
    let wanted = version("a", 2).proved();
    let table = [
        (Some("a-2"), Some("a-2"), None, "True/Current"),
        (
            Some("a-1"),
            Some("a-1"),
            Some(reason::PROOF_FAILED),
            "True/OlderRelease",
        ),
        (Some("a-2"), Some("a-1"), None, "True/RollingOut"),
        (Some("a-1"), Some("a-2"), Some(reason::PROOF_FAILED), "True/RollingOut"),
        (Some("a-2"), None, None, "False/RollingOut"),
        (None, Some("a-1"), Some(reason::QUOTA_EXCEEDED), "False/QuotaExceeded"),
        (None, None, Some(reason::BUILDING), "False/Building"),
        (None, None, None, "False/NothingServes"),
    ];
    for (chosen, runs, reason, expected) in table {
        let (bundle, fault) = (running(runs), reason.map(fault));
        let observed = Observed {
            wanted: Some(&wanted),
            chosen,
            fault: fault.as_ref(),
            bundle: Some(&bundle),
            ..NOTHING
        };
        let told = told_of(&observed);
        assert!(
            told.contains(&format!(" Ready={expected} ")),
            "{chosen:?} {runs:?}: {told}"
        );
    }
}

#[test]
fn a_first_roll_out_says_what_keeps_its_pods() {
    let wanted = version("a", 1).proved();
    let text = |bundle: Option<&WorkerBundle>| {
        let observed = Observed {
            wanted: Some(&wanted),
            chosen: Some("a-1"),
            bundle,
            ..NOTHING
        };
        message(&deployment(&worker("a"), &observed, &at(1)), "Ready")
    };
    let bundle = running(None);
    assert_eq!(text(None), "release a-1 is being rolled out");
    assert_eq!(text(Some(&bundle)), "release a-1 is being rolled out");
    let ready = with_ready(bundle.clone(), "True", "all pods are ready");
    assert_eq!(text(Some(&ready)), "release a-1 is being rolled out");
    let unready = with_ready(bundle, "False", "0 of 1 pods are ready");
    assert_eq!(
        text(Some(&unready)),
        "release a-1 is being rolled out: 0 of 1 pods are ready"
    );
}

#[test]
fn degraded_is_whether_something_stands_against_what_is_asked_for() {
    for (reason, expected) in [
        (None, "False/Current"),
        (Some(reason::BUILDING), "False/Current"),
        (Some(reason::PROOF_FAILED), "True/ProofFailed"),
        (Some(reason::SECRET_NOT_FOUND), "True/SecretNotFound"),
    ] {
        let fault = reason.map(fault);
        let observed = Observed {
            fault: fault.as_ref(),
            ..NOTHING
        };
        let told = told_of(&observed);
        assert!(told.ends_with(&format!(" Degraded={expected}")), "{told}");
    }
}

#[test]
fn what_is_asked_for_is_told_though_it_does_not_exist() {
    let status = deployment(&worker("a").pinned("a-9"), &NOTHING, &at(1));
    assert_eq!(status.current_release.as_deref(), Some("a-9"));
    let found = version("a", 9);
    let observed = Observed {
        wanted: Some(&found),
        ..NOTHING
    };
    let status = deployment(&worker("a"), &observed, &at(1));
    assert_eq!(status.current_release.as_deref(), Some("a-9"));
    assert_eq!((status.serving_release, status.url), (None, None));
}

#[test]
fn without_a_change_no_status_changes() {
    let release = version("a", 1).proved();
    let mut worker = worker("a");
    let observed = |chosen| Observed {
        wanted: Some(&release),
        chosen,
        ..NOTHING
    };
    let first = deployment(&worker, &observed(None), &at(1));
    worker.status = Some(first.clone());
    assert_eq!(deployment(&worker, &observed(None), &at(2)), first);
    worker.status = Some(first);
    let bundle = running(Some("a-1"));
    let serving = Observed {
        bundle: Some(&bundle),
        ..observed(Some("a-1"))
    };
    let second = deployment(&worker, &serving, &at(2));
    let times = second.conditions.iter().map(|one| one.last_transition_time.clone());
    assert_eq!(
        times.collect::<Vec<_>>(),
        [at(1), at(2), at(1)],
        "Ready alone has changed"
    );
}

#[test]
fn without_its_account_a_worker_does_not_serve() {
    let mut worker = worker("a");
    worker.metadata.generation = Some(3);
    worker.status = Some(typed(json!({
        "observedGeneration": 2, "currentRelease": "a-1", "servingRelease": "a-1", "url": "http://a/",
        "conditions": [{
            "type": "Built", "status": "True", "reason": "Proved", "message": "", "observedGeneration": 2,
            "lastTransitionTime": "1970-01-01T00:00:01Z",
        }],
    })));
    let status = without_account(&worker, "1234", &at(5));
    assert_eq!(
        told(&status.conditions),
        "Built=True/Proved Ready=False/AccountNotFound Degraded=True/AccountNotFound"
    );
    assert_eq!(
        message(&status, "Ready"),
        r#"there is no WorkerAccount "1234" in this namespace: create it, or correct the label accounts"#
    );
    let expected = WorkerDeploymentStatus {
        observed_generation: Some(3),
        current_release: Some("a-1".to_owned()),
        conditions: status.conditions.clone(),
        ..WorkerDeploymentStatus::default()
    };
    assert_eq!(status, expected);
    worker.status = Some(status.clone());
    assert_eq!(without_account(&worker, "1234", &at(6)), status);
}

/// Whose release `current` is built, or not, and of which `serving` serves.
fn state(current: &str, built: &str, serving: Option<&str>) -> WorkerDeploymentStatus {
    let mut status = WorkerDeploymentStatus {
        current_release: Some(current.to_owned()),
        serving_release: serving.map(str::to_owned),
        ..WorkerDeploymentStatus::default()
    };
    let claim = claim(condition_type::BUILT, built, reason::PROOF_FAILED, "throws");
    condition::set(&mut status.conditions, claim, None, at(1));
    status
}

/// `REASON: NOTE` of each transition, with `!` behind what is a warning.
fn events(before: &WorkerDeploymentStatus, next: &WorkerDeploymentStatus, pinned: bool) -> Vec<String> {
    let all = transitions(before, next, pinned).into_iter();
    let all = all.map(|one| format!("{}{}: {}", one.reason, if one.warning { "!" } else { "" }, one.note));
    all.collect()
}

#[test]
fn a_proof_is_news_once() {
    let none = WorkerDeploymentStatus::default();
    let passed = "Built: release a-2 is proved";
    let failed = "BuildFailed!: release a-2 does not serve: ProofFailed: throws";
    let of = |current, built| state(current, built, None);
    for (before, next, pinned, expected) in [
        (none.clone(), of("a-2", "Unknown"), false, None),
        (none.clone(), of("a-2", "True"), false, Some(passed)),
        (of("a-2", "Unknown"), of("a-2", "True"), false, Some(passed)),
        (of("a-1", "True"), of("a-2", "True"), false, Some(passed)),
        (of("a-2", "True"), of("a-2", "True"), false, None),
        (of("a-1", "True"), of("a-2", "True"), true, None),
        (none, of("a-2", "False"), false, Some(failed)),
        (of("a-2", "Unknown"), of("a-2", "False"), false, Some(failed)),
        (of("a-1", "False"), of("a-2", "False"), false, Some(failed)),
        (of("a-1", "False"), of("a-2", "False"), true, Some(failed)),
        (of("a-2", "False"), of("a-2", "False"), false, None),
    ] {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(events(&before, &next, pinned), expected, "{before:?} {next:?}");
    }
}

#[test]
fn a_roll_out_is_news_and_so_is_a_roll_back() {
    let of = |serving| state("a-2", "True", serving);
    let (one, two) = (Some("a-1"), Some("a-2"));
    for (before, next, pinned, expected) in [
        (None, two, false, Some("RolledOut: release a-2 is rolled out")),
        (one, two, false, Some("RolledOut: release a-2 is rolled out")),
        (
            two,
            one,
            true,
            Some("RolledBack: release a-1 is rolled out again, as spec.release asks"),
        ),
        (None, one, true, Some("RolledOut: release a-1 is rolled out")),
        (two, two, false, None),
        (two, None, false, None),
    ] {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(events(&of(before), &of(next), pinned), expected, "{before:?} {next:?}");
    }
}

#[test]
fn what_is_built_and_rolled_out_at_once_is_told_in_that_order() {
    let told = events(
        &WorkerDeploymentStatus::default(),
        &state("a-1", "True", Some("a-1")),
        false,
    );
    assert_eq!(
        told,
        ["Built: release a-1 is proved", "RolledOut: release a-1 is rolled out"]
    );
}

/// A worker that answers, or not, with the release that it asks for, or not.
fn standing(ready: &str, degraded: &str) -> WorkerDeploymentStatus {
    let mut status = WorkerDeploymentStatus {
        serving_release: (ready == "True").then(|| "a-1".to_owned()),
        ..WorkerDeploymentStatus::default()
    };
    for (type_, value) in [(condition_type::READY, ready), (condition_type::DEGRADED, degraded)] {
        let claim = claim(type_, value, reason::CURRENT, "");
        condition::set(&mut status.conditions, claim, None, at(1));
    }
    status
}

#[test]
fn an_account_is_ready_when_all_its_workers_answer() {
    let (well, older, out) = (
        standing("True", "False"),
        standing("True", "True"),
        standing("False", "True"),
    );
    let none = WorkerDeploymentStatus::default();
    let taken = fault(reason::NAME_TAKEN);
    for (workers, obstacle, expected) in [
        (&[][..], None, "True/NoWorkers: the account has no workers"),
        (&[&well, &well], None, "True/Current: 2 workers serve what is asked for"),
        (
            &[&well, &older],
            None,
            "True/OlderRelease: 1 of 2 workers serve an older release",
        ),
        (
            &[&well, &older, &out, &none],
            None,
            "False/RollingOut: 2 of 4 workers do not answer yet",
        ),
        (&[&well], Some(&taken), "False/NameTaken: as it was told"),
        (&[], Some(&taken), "False/NameTaken: as it was told"),
    ] {
        let facts = Facts {
            obstacle,
            ..Facts::default()
        };
        let status = account(&account_with(json!({})), workers, &facts, &at(1));
        let [ready] = &*status.conditions else {
            panic!("{status:?}")
        };
        let told = format!("{}/{}: {}", ready.status, ready.reason, ready.message);
        assert_eq!((&*ready.type_, &*told), ("Ready", expected));
    }
}

#[test]
fn all_is_told_of_an_account() {
    let mut stored = account_with(json!({}));
    stored.metadata.generation = Some(4);
    stored.status = Some(typed::<WorkerAccountStatus>(json!({
        "bundle": "before", "workers": 9, "serving": 9, "bundleBytes": 9, "images": [{"image": "gone"}],
    })));
    let proofs: [ComposedProof; 1] = [typed(json!({"digest": "sha256:a", "state": "Passed"}))];
    let images: [PushedImage; 1] = [typed(json!({"image": "registry/a@sha256:b"}))];
    let facts = Facts {
        bundle: "workers-1234",
        bytes: 200,
        proofs: &proofs,
        images: &images,
        purges: 2,
        obstacle: None,
    };
    let workers = [&standing("True", "False"), &standing("False", "False")];
    let status = account(&stored, &workers, &facts, &at(1));
    let expected: Value = json!({
        "observedGeneration": 4, "bundle": "workers-1234", "workers": 2, "serving": 1, "bundleBytes": 200,
        "images": [{"image": "registry/a@sha256:b"}], "purges": 2, "compositions": [{"digest": "sha256:a", "state": "Passed"}],
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "RollingOut", "observedGeneration": 4,
            "message": "1 of 2 workers do not answer yet", "lastTransitionTime": "1970-01-01T00:00:01Z",
        }],
    });
    assert_eq!(json!(status), expected);
    stored.status = Some(status.clone());
    assert_eq!(account(&stored, &workers, &facts, &at(2)), status);
}
