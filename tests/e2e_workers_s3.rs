//! The samples as they are printed, on the real node: their code built by Jobs, from a real S3 server where they say so,
//! and each worker with secrets of its own.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::bucket::S3;
use common::workers::{Account, BRIDGE, flags, node, serving};
use serde_json::{Value, json};

/// Samples of upstream, whose code is at `s3://workers`.
const UPSTREAM: &str = "manifests/samples/workers/upstream-v1alpha1/workers.yaml";
/// What each of the two has in a Secret of its own, and under which name.
const OWN: [(&str, &str, &str); 2] = [
    ("wasm-worker", "API_KEY", "for the wasm-worker alone"),
    ("artist-worker", "PALETTE", "for the artist-worker alone"),
];

/// Answers with all that it has, what its process has, and what it gets when it asks for secrets by every name.
const TELLS: &str = r"
const prefixes = ['', 'WASM_WORKER_', 'ARTIST_WORKER_'];
const names = ['GREETING', 'API_KEY', 'PALETTE'].flatMap((name) => prefixes.map((prefix) => prefix + name));
export default {
  async fetch(request, env) {
    const { env: variables } = await import('node:process').catch(() => ({ env: null }));
    const asked = names.filter((name) => name in env || env[name] || variables?.[name]);
    return Response.json({ who, env: { ...env }, process: variables && { ...variables }, asked });
  },
};
";

fn server_of_upstream() -> S3 {
    let s3 = S3::start_at(BRIDGE, &["workers"]);
    let wasm = format!("import who from './greeting.txt';{TELLS}");
    let artist = format!("const who = 'artist';{TELLS}");
    s3.put_all(
        "workers",
        &[
            ("wasm-worker/v1/index.js", &wasm),
            ("wasm-worker/v1/greeting.txt", "wasm"),
            ("artist-worker/v1/index.js", &artist),
        ],
    );
    s3
}

/// Gives a worker a Secret of its own, and what of Node there is.
fn give(account: &Account<'_>, (script, key, value): (&str, &str, &str)) {
    let secret = format!("{script}-alone");
    account.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": {key: value},
    }));
    let template = json!({"secretRef": secret, "compatibilityFlags": ["nodejs_compat"]});
    account.change(script, &json!({"spec": {"template": template}}));
}

#[test]
fn the_samples_of_upstream_answer_with_code_from_s3() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags());
    let s3 = server_of_upstream();
    let account = Account::with_storage(&plane, &s3);
    plane.apply_in(&account.namespace, &std::fs::read_to_string(UPSTREAM).unwrap());
    for (script, who) in [("wasm-worker", "wasm"), ("artist-worker", "artist")] {
        let told = account.tells(script, |told| told["who"] == who);
        assert_eq!(told["env"], json!({"GREETING": "hello"}));
        assert_eq!(told["asked"], json!(["GREETING"]));
    }

    for own in OWN {
        give(&account, own);
    }
    for (script, key, value) in OWN {
        let told = account.tells(script, |told| {
            told["env"].get(key).is_some() && !told["process"].is_null()
        });
        assert_eq!(told["env"], json!({key: value}));
        assert_eq!(told["process"], json!({key: value}));
        assert_eq!(told["asked"], json!([key]));
    }
    let deployment = account.get("deployment", "worker-bundle-name");
    let given = &deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    let own = |prefix: &str, secret: &str| json!({"prefix": prefix, "secretRef": {"name": secret, "optional": false}});
    let artist = own("ARTIST_WORKER_", "artist-worker-alone");
    assert_eq!(given, &json!([artist, own("WASM_WORKER_", "wasm-worker-alone")]));
    assert_eq!(account.all("deployments").len(), 1);
}

#[test]
fn the_samples_answer_with_the_code_in_them() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags());
    let account = Account::nobody(&plane);
    plane.kubectl(&["-n", &account.namespace, "apply", "-f", "manifests/samples/workers"]);
    for (script, key) in [("wasm-worker", "API_KEY"), ("artist-worker", "PALETTE")] {
        let expected = json!({"greeting": format!("hello from {script}"), "sum": 42, "secrets": [key]});
        account.tells(script, |told: &Value| told == &expected);
    }
    let jobs = account.all("jobs");
    let built = |job: &&Value| job["metadata"]["labels"]["workers.stationmaster.dev/build"] == "build";
    assert_eq!(jobs.iter().filter(built).count(), 2, "{jobs:#?}");
}
