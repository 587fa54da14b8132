//! Workers that really run: real workerd in pods of the real node, reached through their Service.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::cluster::eventually;
use common::server::Server;
use common::workers::{Account, RUNTIME, flags, flags_with_workerd, node, saying, worker};
use serde_json::json;

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// Answers with the names and values of what it is bound to.
const TELLS_ITS_SECRETS: &str = "export default { fetch(request, env) {
  return new Response(Object.keys(env).sort().map((name) => `${name}=${env[name]}`).join(','));
} };
";

#[test]
fn each_worker_answers_and_sees_its_own_secrets_alone() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &words(&flags_with_workerd()));
    let account = Account::new(&plane, &json!({}));
    for (script, value) in [("wasm-worker", "one"), ("artist-worker", "two")] {
        let secret = format!("{script}-keys");
        account.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": {"KEY": value},
        }));
        let mut deployment = worker(script, TELLS_ITS_SECRETS);
        deployment["spec"]["template"]["secretRef"] = json!(secret);
        account.apply(&deployment);
    }
    account.answers("wasm-worker", "KEY=one");
    account.answers("artist-worker", "KEY=two");

    // A changed Secret rolls out, without a release and without a build.
    let releases = account.all("workerreleases").len();
    account.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wasm-worker-keys"}, "stringData": {"KEY": "three"},
    }));
    account.answers("wasm-worker", "KEY=three");
    assert_eq!(account.all("workerreleases").len(), releases);

    // A worker that goes leaves the others as they are, and an account that goes takes all with it.
    plane.kubectl(&["-n", &account.namespace, "delete", "workerdeployment", "artist-worker"]);
    eventually("a bundle of one worker", || {
        let bundle = account.get("workerbundle", "workers-1234");
        (bundle["spec"]["workers"].as_array()?.len() == 1).then_some(())
    });
    account.answers("wasm-worker", "KEY=three");
    plane.kubectl(&[
        "-n",
        &account.namespace,
        "delete",
        "workerdeployments,workeraccounts",
        "--all",
    ]);
    eventually("nothing left", || {
        let kinds = ["workerbundles", "deployments", "services", "workerreleases", "jobs"];
        kinds.iter().all(|kind| account.all(kind).is_empty()).then_some(())
    });
}

#[test]
fn a_job_proves_where_the_server_has_no_workerd() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &words(&flags()));
    let account = Account::new(&plane, &json!({}));
    account.deploy("shop", &saying("first"));
    account.answers("shop", "first");
    account.deploy("cart", &saying("cart"));
    account.answers("cart", "cart");
    account.answers("shop", "first");
    let jobs = account.all("jobs");
    let container = &jobs[0]["spec"]["template"]["spec"];
    assert_eq!(container["automountServiceAccountToken"], false, "{container:#}");
}

#[test]
fn what_is_broken_never_serves_and_says_why() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &words(&flags_with_workerd()));
    let account = Account::new(&plane, &json!({}));
    account.deploy("good", &saying("good"));
    account.deploy("shop", &saying("first"));
    account.answers("shop", "first");
    account.answers("good", "good");
    let broken = [
        ("export default {", "ProofFailed", "SyntaxError"),
        ("import './missing.js'; export default {};", "ProofFailed", "missing.js"),
        ("throw new Error('on purpose');", "ProofFailed", "on purpose"),
        ("while (true) {}", "ProofTimedOut", "did not end within 10 s"),
    ];
    for (module, reason, text) in broken {
        account.deploy("shop", module);
        eventually(&format!("{reason} of {module}"), || {
            let (status, found, message) = account.condition("shop", "Degraded")?;
            (status == "True" && found == reason && message.contains(text)).then_some(())
        });
        account.answers("shop", "first");
        account.answers("good", "good");
    }
    let mut bound = worker("shop", &saying("bound"));
    bound["spec"]["template"]["bindings"] = json!([{"name": "OTHER", "service": {"scriptName": "nobody"}}]);
    account.apply(&bound);
    eventually("a binding that is told of", || {
        let (status, _, message) = account.condition("shop", "Degraded")?;
        (status == "True" && message.contains("\"nobody\"")).then_some(())
    });
    account.answers("shop", "first");
    account.deploy("shop", &saying("mended"));
    account.answers("shop", "mended");
    account.answers("good", "good");
}

#[test]
fn one_field_rolls_back_without_another_proof() {
    let (_turn, plane) = node();
    let _server = Server::start(&plane, &words(&flags_with_workerd()));
    let account = Account::new(&plane, &json!({}));
    account.deploy("shop", &saying("first"));
    account.answers("shop", "first");
    let first = account.get("workerdeployment", "shop")["status"]["currentRelease"].clone();
    account.deploy("shop", &saying("second"));
    account.deploy("other", &saying("other"));
    account.answers("shop", "second");
    account.answers("other", "other");
    let proofs = |account: &Account<'_>| {
        let releases = account.all("workerreleases").into_iter();
        let mut proofs: Vec<_> = releases
            .map(|release| release["status"]["conditions"].to_string())
            .collect();
        proofs.sort();
        proofs
    };
    let before = proofs(&account);
    let patch = json!({"spec": {"release": first}}).to_string();
    plane.kubectl(&[
        "-n",
        &account.namespace,
        "patch",
        "workerdeployment",
        "shop",
        "--type=merge",
        "-p",
        &patch,
    ]);
    account.answers("shop", "first");
    account.answers("other", "other");
    assert_eq!(proofs(&account), before);
    let patch = json!({"spec": {"release": null}}).to_string();
    plane.kubectl(&[
        "-n",
        &account.namespace,
        "patch",
        "workerdeployment",
        "shop",
        "--type=merge",
        "-p",
        &patch,
    ]);
    account.answers("shop", "second");
}

#[test]
fn another_runtime_image_is_proved_before_anything_runs_on_it() {
    let (_turn, plane) = node();
    let other = RUNTIME.replace(":dev", ":other");
    common::run("tests/cluster/load-image", &["target/worker-runtime.tar", &other]);
    let _server = Server::start(&plane, &words(&flags_with_workerd()));
    let account = Account::new(&plane, &json!({}));
    account.deploy("shop", &saying("shop"));
    account.answers("shop", "shop");
    let on = |image: &str| {
        let runtime = json!({"image": image, "imagePullPolicy": "IfNotPresent"});
        let patch = json!({"spec": {"runtime": runtime}}).to_string();
        let namespace = ["-n", &*account.namespace];
        plane.kubectl(
            &[
                &namespace[..],
                &["patch", "workeraccount", "1234", "--type=merge", "-p", &patch],
            ]
            .concat(),
        );
    };
    let ready = || {
        let account = account.get("workeraccount", "1234");
        let conditions = account["status"]["conditions"].as_array()?.clone();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready")?;
        Some((
            ready["reason"].as_str()?.to_owned(),
            ready["message"].as_str()?.to_owned(),
        ))
    };
    // It has none of what workers need.
    on("docker.io/library/alpine:latest");
    eventually("an image that is told of", || {
        let (reason, message) = ready()?;
        (reason == "BuildFailed" && message.contains("stationmaster")).then_some(())
    });
    account.answers("shop", "shop");
    on(&other);
    eventually("pods on the other image", || {
        let bundle = account.get("workerbundle", "workers-1234");
        (bundle["status"]["image"] == *other && ready()?.0 == "Current").then_some(())
    });
    account.answers("shop", "shop");
    let proof = account.get("workeraccount", "1234")["status"]["compositions"][0].clone();
    assert_eq!((&proof["runtime"], &proof["state"]), (&json!(other), &json!("Passed")));
}
