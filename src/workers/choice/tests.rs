use serde_json::{Value, json};

use super::*;
use crate::workers::fixture::{account_with, typed, version, worker};
use crate::workers::release::is_of;

/// One worker, as it is observed.
struct Worker {
    deployment: WorkerDeployment,
    wanted: Option<WorkerRelease>,
    serving: Option<WorkerRelease>,
    secret_fault: Option<String>,
}

impl Worker {
    fn serving(mut self, release: WorkerRelease) -> Self {
        self.serving = Some(release);
        self
    }

    fn without_secret(mut self) -> Self {
        self.secret_fault = Some("there is no Secret".to_owned());
        self
    }
}

fn asking(deployment: WorkerDeployment, wanted: impl Into<Option<WorkerRelease>>) -> Worker {
    Worker {
        deployment,
        wanted: wanted.into(),
        serving: None,
        secret_fault: None,
    }
}

/// Which asks for its second release, that is proved, where the first one served.
fn updated(script: &str) -> Worker {
    asking(worker(script), version(script, 2).proved()).serving(version(script, 1).proved())
}

/// The only one whose first release is proved.
fn first(script: &str) -> Worker {
    asking(worker(script), version(script, 1).proved())
}

fn refused(releases: &[&str]) -> Refused {
    let refused = releases
        .iter()
        .map(|name| ((*name).to_owned(), format!("{name} throws")));
    refused.collect()
}

fn choose_for<T>(spec: Value, workers: &[Worker], refused: &Refused, read: impl Fn(&Choice<'_>) -> T) -> Vec<T> {
    let candidates: Vec<_> = workers
        .iter()
        .map(|worker| Candidate {
            deployment: &worker.deployment,
            wanted: worker.wanted.as_ref(),
            serving: worker.serving.as_ref(),
            secret_fault: worker.secret_fault.as_deref(),
        })
        .collect();
    let choices = choose(&account_with(spec), &candidates, refused);
    choices.iter().map(read).collect()
}

/// `DEPLOYMENT: RELEASE`, with the reason behind it why that is not the one that is asked for.
fn summary(choice: &Choice<'_>) -> String {
    let deployment = choice.candidate.deployment.metadata.name.as_deref();
    let release = choice.release.and_then(|release| release.metadata.name.as_deref());
    let reason = choice.fault.as_ref().map(|(reason, _)| format!(", {reason}"));
    format!(
        "{}: {}{}",
        deployment.unwrap_or_default(),
        release.unwrap_or("none"),
        reason.unwrap_or_default()
    )
}

fn chosen(spec: Value, workers: &[Worker]) -> Vec<String> {
    choose_for(spec, workers, &Refused::new(), summary)
}

fn chosen_without(refusals: &[&str], workers: &[Worker]) -> Vec<String> {
    choose_for(json!({}), workers, &refused(refusals), summary)
}

fn faults(spec: Value, workers: &[Worker], refused: &Refused) -> Vec<String> {
    let text = |choice: &Choice<'_>| choice.fault.as_ref().map(|(_, text)| text.clone());
    let faults = choose_for(spec, workers, refused, text);
    faults.into_iter().flatten().collect()
}

#[test]
fn what_is_proved_serves_and_until_then_what_served() {
    let (wanted, serving) = (version("a", 2), version("a", 1));
    let table = [
        (wanted.clone().proved(), None, "a: a-2"),
        (wanted.clone().proved(), Some(serving.clone().proved()), "a: a-2"),
        (wanted.clone(), Some(serving.clone().proved()), "a: a-1, Building"),
        (wanted.clone(), None, "a: none, Building"),
        (
            wanted.clone().refused(None, "throws"),
            Some(serving.clone().proved()),
            "a: a-1, ProofFailed",
        ),
        (wanted.clone().refused(None, "throws"), None, "a: none, ProofFailed"),
        (wanted.clone(), Some(serving.clone()), "a: none, Building"),
        (wanted, Some(serving.refused(None, "throws")), "a: none, Building"),
    ];
    for (wanted, serving, expected) in table {
        let worker = Worker {
            serving,
            ..asking(worker("a"), wanted)
        };
        assert_eq!(chosen(json!({}), &[worker]), [expected]);
    }
}

#[test]
fn a_failed_proof_is_told_in_its_own_words() {
    for (written, told) in [
        (Some("ProofTimedOut"), "ProofTimedOut"),
        (Some("ProofOutOfMemory"), "ProofOutOfMemory"),
        (Some("FetchFailed"), "FetchFailed"),
        (Some("BuildFailed"), "BuildFailed"),
        (Some("TooLarge"), "TooLarge"),
        (Some("ProofFailed"), "ProofFailed"),
        (Some("OfALaterVersion"), "ProofFailed"),
        (None, "ProofFailed"),
    ] {
        let workers = [asking(worker("a"), version("a", 1).refused(written, "its own words"))];
        let fault = choose_for(json!({}), &workers, &Refused::new(), |choice| choice.fault.clone());
        assert_eq!(fault, [Some((told, "its own words".to_owned()))]);
    }
}

#[test]
fn of_two_of_one_script_name_the_older_serves() {
    let workers = [
        asking(worker("a").named("new").created_at(2), version("a", 2).proved()).serving(version("a", 1).proved()),
        asking(worker("a").named("old").created_at(1), version("a", 1).proved()),
    ];
    let mut told = chosen(json!({}), &workers);
    told.sort();
    assert_eq!(told, ["new: none, NameTaken", "old: a-1"]);
    let expected = r#"another WorkerDeployment of the account has the script name "a": rename one"#;
    assert_eq!(faults(json!({}), &workers, &Refused::new()), [expected]);
}

#[test]
fn of_two_of_one_age_the_first_by_name_serves() {
    for second in [None, Some(1)] {
        let made = |name: &str| {
            let deployment = worker("a").named(name);
            second.map_or(deployment.clone(), |second| deployment.created_at(second))
        };
        let workers = ["y", "x"].map(|name| asking(made(name), version("a", 1).proved()));
        let mut told = chosen(json!({}), &workers);
        told.sort();
        assert_eq!(told, ["x: a-1", "y: none, NameTaken"]);
    }
}

#[test]
fn of_two_whose_secrets_would_have_the_same_names_the_older_serves() {
    let workers = [
        asking(worker("a-b").created_at(2), version("a-b", 1).proved()),
        asking(worker("a_b").created_at(1), version("a_b", 1).proved()),
    ];
    assert_eq!(chosen(json!({}), &workers), ["a-b: none, NameTaken", "a_b: a_b-1"]);
    let expected = r#"its secrets would have the same names as those of worker "a_b": rename one"#;
    assert_eq!(faults(json!({}), &workers, &Refused::new()), [expected]);
}

#[test]
fn who_takes_a_name_has_it_even_while_nothing_of_it_serves() {
    let workers = [
        asking(worker("a").named("old").created_at(1), version("a", 2)),
        asking(worker("a").named("new").created_at(2), version("a", 1).proved()),
    ];
    let mut told = chosen(json!({}), &workers);
    told.sort();
    assert_eq!(told, ["new: none, NameTaken", "old: none, Building"]);
}

#[test]
fn workers_beyond_the_quota_do_not_serve_and_the_oldest_do() {
    let made = |script: &str, second| Worker {
        deployment: worker(script).created_at(second),
        ..updated(script)
    };
    let twin = asking(worker("b").named("twin").created_at(3), version("b", 1).proved());
    let workers = [made("a", 4), made("b", 1), made("c", 2), twin];
    let quota = |workers: u32| json!({"quota": {"workers": workers}});
    let all = ["a: a-2", "b: b-2", "twin: none, NameTaken", "c: c-2"];
    let two = ["a: none, QuotaExceeded", "b: b-2", "twin: none, NameTaken", "c: c-2"];
    let none = ["a", "b", "twin", "c"].map(|name| format!("{name}: none, QuotaExceeded"));
    assert_eq!(chosen(json!({}), &workers), all);
    assert_eq!(chosen(json!({"quota": {}}), &workers), all);
    assert_eq!(chosen(quota(3), &workers), all, "a twin is none");
    assert_eq!(chosen(quota(2), &workers), two);
    assert_eq!(chosen(quota(0), &workers), none);
    let text = faults(quota(1), &workers[..2], &Refused::new());
    assert_eq!(text, ["the account may have 1 workers, and has them"]);
}

/// Whose workers came in the order of their names, with the bytes of what is asked for, and of what served.
fn chosen_of_bytes(limit: Option<i64>, workers: &[(&str, i64, Option<i64>)]) -> Vec<String> {
    let workers = workers
        .iter()
        .zip(1..)
        .map(|(&(script, wanted, served), second)| Worker {
            serving: served.map(|size| version(script, 1).proved().of_bytes(size)),
            ..asking(
                worker(script).created_at(second),
                version(script, 2).proved().of_bytes(wanted),
            )
        });
    let workers: Vec<_> = workers.collect();
    chosen(json!({"quota": {"bundleBytes": limit}}), &workers)
}

#[test]
fn of_workers_with_too_many_bytes_the_youngest_that_grows_goes_without() {
    let all = ["a: a-2", "b: b-2", "c: c-2"];
    for (limit, workers, expected) in [
        (None, [("a", 5, None), ("b", 5, None), ("c", 5, None)], all),
        (Some(15), [("a", 5, None), ("b", 5, None), ("c", 5, None)], all),
        (
            Some(14),
            [("a", 5, None), ("b", 5, None), ("c", 5, None)],
            ["a: a-2", "b: b-2", "c: none, QuotaExceeded"],
        ),
        (
            Some(14),
            [("a", 6, Some(5)), ("b", 5, None), ("c", 4, Some(4))],
            ["a: a-2", "b: none, QuotaExceeded", "c: c-2"],
        ),
        (
            Some(14),
            [("a", 6, Some(5)), ("b", 5, Some(5)), ("c", 4, Some(5))],
            ["a: a-1, QuotaExceeded", "b: b-2", "c: c-2"],
        ),
        (
            Some(9),
            [("a", 5, Some(5)), ("b", 3, Some(5)), ("c", 4, Some(4))],
            ["a: a-2", "b: b-2", "c: none, QuotaExceeded"],
        ),
        (
            Some(0),
            [("a", 5, Some(5)), ("b", 5, None), ("c", 0, None)],
            ["a: none, QuotaExceeded", "b: none, QuotaExceeded", "c: c-2"],
        ),
    ] {
        assert_eq!(chosen_of_bytes(limit, &workers), expected, "{limit:?} {workers:?}");
    }
    let large = asking(worker("a"), version("a", 1).proved().of_bytes(5));
    let text = faults(json!({"quota": {"bundleBytes": 4}}), &[large], &Refused::new());
    let expected =
        "the workers of the account would have 5 bytes, and may have 4: make one smaller, or have the quota raised";
    assert_eq!(text, [expected]);
}

#[test]
fn what_is_bound_to_a_worker_that_is_too_large_is_withdrawn_and_what_it_leaves_is_free() {
    let sized = |script: &str, second, release: WorkerRelease| {
        asking(worker(script).created_at(second), release.proved().of_bytes(5))
    };
    let workers = [
        sized("a", 1, version("a", 1).bound_to("c")),
        sized("b", 2, version("b", 1)),
        sized("c", 3, version("c", 1)),
    ];
    assert_eq!(
        chosen(json!({"quota": {"bundleBytes": 14}}), &workers),
        ["a: none, ProofFailed", "b: b-1", "c: none, QuotaExceeded"]
    );
    let workers = [
        sized("a", 1, version("a", 1)),
        sized("b", 2, version("b", 1).bound_to("nobody")),
        sized("c", 3, version("c", 1)),
    ];
    assert_eq!(
        chosen(json!({"quota": {"bundleBytes": 10}}), &workers),
        ["a: a-1", "b: none, ProofFailed", "c: c-1"]
    );
}

#[test]
fn a_release_that_is_named_and_does_not_exist_leaves_what_serves() {
    let named = || worker("a").pinned("a-9");
    let workers = [asking(named(), None).serving(version("a", 1).proved())];
    assert_eq!(chosen(json!({}), &workers), ["a: a-1, ReleaseNotFound"]);
    let expected = r#"spec.release: "a-9" is no WorkerRelease of this worker: name one, or remove the field"#;
    assert_eq!(faults(json!({}), &workers, &Refused::new()), [expected]);
    assert_eq!(
        chosen(json!({}), &[asking(named(), None)]),
        ["a: none, ReleaseNotFound"]
    );
}

#[test]
fn a_release_belongs_to_a_worker_of_its_script_name_and_namespace() {
    let elsewhere = |mut release: WorkerRelease| {
        release.metadata.namespace = Some("other".to_owned());
        release
    };
    for (release, expected) in [
        (version("a", 1), true),
        (version("b", 1), false),
        (elsewhere(version("a", 1)), false),
    ] {
        assert_eq!(is_of(&release, &worker("a").named("x")), expected);
    }
}

#[test]
fn only_what_the_selector_selects_serves() {
    let release = || version("a", 1).proved().labelled("track", "stable");
    let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    for (selector, serves) in [
        (json!({}), true),
        (json!({"matchLabels": {"track": "stable"}}), true),
        (json!({"matchLabels": {"track": "beta"}}), false),
        (json!({"matchLabels": {"track": "stable", "other": "x"}}), false),
        (expression("track", "In", &["beta", "stable"]), true),
        (expression("track", "In", &["beta"]), false),
        (expression("other", "In", &["beta"]), false),
        (expression("track", "NotIn", &["stable"]), false),
        (expression("track", "NotIn", &["beta"]), true),
        (expression("other", "NotIn", &["beta"]), true),
        (expression("track", "Exists", &[]), true),
        (expression("other", "Exists", &[]), false),
        (expression("track", "DoesNotExist", &[]), false),
        (expression("other", "DoesNotExist", &[]), true),
        (expression("track", "Near", &["stable"]), false),
        (
            json!({
                "matchLabels": {"track": "stable"},
                "matchExpressions": [{"key": "track", "operator": "DoesNotExist"}],
            }),
            false,
        ),
    ] {
        let expected = if serves { "a: a-1" } else { "a: none, NotSelected" };
        let told = chosen(
            json!({"workerReleaseSelector": selector}),
            &[asking(worker("a"), release())],
        );
        assert_eq!(told, [expected], "{selector}");
    }
}

#[test]
fn what_is_not_selected_leaves_what_serves_if_that_is() {
    let stable = json!({"workerReleaseSelector": {"matchLabels": {"track": "stable"}}});
    let with = |serving: WorkerRelease| asking(worker("a"), version("a", 2).proved()).serving(serving);
    let selected = version("a", 1).proved().labelled("track", "stable");
    assert_eq!(chosen(stable.clone(), &[with(selected)]), ["a: a-1, NotSelected"]);
    for serving in [version("a", 1), version("a", 2)] {
        let told = chosen(stable.clone(), &[with(serving.proved())]);
        assert_eq!(told, ["a: none, NotSelected"]);
    }
}

#[test]
fn without_its_secret_a_release_does_not_begin_to_serve_and_does_not_stop() {
    let started = updated("a").without_secret();
    assert_eq!(chosen(json!({}), &[started]), ["a: a-1, SecretNotFound"]);
    let serves = || version("a", 1).proved();
    let running = asking(worker("a"), serves()).serving(serves()).without_secret();
    assert_eq!(chosen(json!({}), &[running]), ["a: a-1, SecretNotFound"]);
    let new = first("a").without_secret();
    assert_eq!(chosen(json!({}), &[new]), ["a: none, SecretNotFound"]);
    let new = first("a").without_secret();
    assert_eq!(faults(json!({}), &[new], &Refused::new()), ["there is no Secret"]);
}

#[test]
fn of_several_faults_the_one_to_mend_first_is_told() {
    let nobody = json!({"workerReleaseSelector": {"matchLabels": {"no": "one"}}, "quota": {"workers": 0}});
    let selected = json!({"workerReleaseSelector": {"matchLabels": {"no": "one"}}});
    let faulty = || asking(worker("a"), version("a", 1).refused(None, "throws")).without_secret();
    assert_eq!(chosen(nobody, &[faulty()]), ["a: none, QuotaExceeded"]);
    assert_eq!(chosen(selected, &[faulty()]), ["a: none, NotSelected"]);
    assert_eq!(chosen(json!({}), &[faulty()]), ["a: none, SecretNotFound"]);
}

#[test]
fn what_does_not_run_with_the_others_leaves_what_served() {
    let workers = [updated("a"), updated("b")];
    assert_eq!(
        chosen_without(&["b-2"], &workers),
        ["a: a-2", "b: b-1, CompositionFailed"]
    );
    assert_eq!(
        chosen_without(&["b-2", "b-1"], &workers),
        ["a: a-2", "b: none, CompositionFailed"]
    );
    assert_eq!(faults(json!({}), &workers, &refused(&["b-2", "b-1"])), ["b-2 throws"]);
    let running = asking(worker("a"), version("a", 1).proved()).serving(version("a", 1).proved());
    assert_eq!(chosen_without(&["a-1"], &[running]), ["a: none, CompositionFailed"]);
}

#[test]
fn what_served_and_is_refused_serves_under_no_pretext() {
    let building = asking(worker("a"), version("a", 2)).serving(version("a", 1).proved());
    assert_eq!(chosen_without(&["a-1"], &[building]), ["a: none, Building"]);
    let unbound = asking(worker("a"), version("a", 2).proved().bound_to("nobody")).serving(version("a", 1).proved());
    assert_eq!(chosen_without(&["a-1"], &[unbound]), ["a: none, ProofFailed"]);
}

#[test]
fn what_is_bound_to_nobody_is_withdrawn_and_so_is_what_is_bound_to_that() {
    let bound = |script: &str, to: &str| asking(worker(script), version(script, 1).proved().bound_to(to));
    let workers = [bound("a", "b"), bound("b", "c"), bound("c", "nobody"), first("d")];
    assert_eq!(
        chosen(json!({}), &workers),
        [
            "a: none, ProofFailed",
            "b: none, ProofFailed",
            "c: none, ProofFailed",
            "d: d-1"
        ]
    );
    let told = faults(json!({}), &workers, &Refused::new());
    let expected =
        r#"binding "TO_NOBODY" refers to worker "nobody", which the account does not have or which does not serve"#;
    assert_eq!(told[2], expected);
}

#[test]
fn bindings_may_go_in_circles() {
    let bound = |script: &str, to: &str| asking(worker(script), version(script, 1).proved().bound_to(to));
    let workers = [bound("a", "b"), bound("b", "a")];
    assert_eq!(chosen(json!({}), &workers), ["a: a-1", "b: b-1"]);
    assert_eq!(
        chosen_without(&["b-1"], &workers),
        ["a: none, ProofFailed", "b: none, CompositionFailed"]
    );
}

#[test]
fn what_is_bound_to_a_worker_that_falls_back_stays() {
    let bound = asking(worker("a"), version("a", 2).proved().bound_to("b")).serving(version("a", 1).proved());
    assert_eq!(
        chosen_without(&["b-2"], &[bound, updated("b")]),
        ["a: a-2", "b: b-1, CompositionFailed"]
    );
}

#[test]
fn what_is_withdrawn_leaves_what_served_if_that_is_not_bound_to_nobody_too() {
    let wanted = || version("a", 2).proved().bound_to("nobody");
    let free = asking(worker("a"), wanted()).serving(version("a", 1).proved());
    assert_eq!(chosen(json!({}), &[free]), ["a: a-1, ProofFailed"]);
    let bound = asking(worker("a"), wanted()).serving(version("a", 1).proved().bound_to("none"));
    assert_eq!(chosen(json!({}), &[bound]), ["a: none, ProofFailed"]);
    let building = asking(worker("a"), version("a", 2)).serving(version("a", 1).proved().bound_to("none"));
    assert_eq!(
        chosen(json!({}), &[building]),
        ["a: none, Building"],
        "the first fault stays"
    );
}

#[test]
fn a_worker_that_is_renamed_does_not_serve_on_under_its_old_name() {
    let renamed = asking(worker("b").named("x"), version("b", 1)).serving(version("a", 1).proved());
    let successor = asking(worker("a").named("y"), version("a", 2).proved());
    assert_eq!(
        chosen(json!({}), &[renamed, successor]),
        ["y: a-2", "x: none, Building"]
    );
}

#[test]
fn workers_come_in_the_order_of_their_script_names() {
    let mut workers = [("c", 1), ("a", 2), ("b", 3)].map(|(script, second)| Worker {
        deployment: worker(script).named(&format!("{second}")).created_at(second),
        ..first(script)
    });
    for _ in 0..2 {
        assert_eq!(chosen(json!({}), &workers), ["2: a-1", "3: b-1", "1: c-1"]);
        workers.reverse();
    }
}

#[test]
fn an_account_without_workers_chooses_nothing() {
    assert_eq!(chosen(json!({}), &[]), [""; 0]);
    let account: WorkerAccount = typed(crate::workers::fixture::account("1"));
    assert!(choose(&account, &[], &refused(&["a-1"])).is_empty());
}
