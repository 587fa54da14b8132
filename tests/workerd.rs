//! What the runtime is told and what it says, against the real one.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::workerd::{Worker, free_ports};
use common::workers::workerd;
use serde_json::{Value, json};
use stationmaster::api::names::runtime_service;
use stationmaster::api::workers::{
    Binding, Isolation, ModuleType, Outcome, ProofState, SecretKey, ServiceTarget, WorkerTemplate,
};
use stationmaster::clients::workerd::{self as door, Folder, Limits, Serving};
use stationmaster::workers::config::{FILE, alone, files};
use stationmaster::workers::proof::Verdict;

const GOOD: &str = "export default { fetch() { return new Response('good'); } };";

/// A sum, as `wat2wasm` writes it.
const WASM: [u8; 41] = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9,
    1, 7, 0, 32, 0, 32, 1, 106, 11,
];

fn binding(name: &str) -> Binding {
    Binding {
        name: name.to_owned(),
        ..Binding::default()
    }
}

fn service(name: &str, script: &str) -> Binding {
    let target = ServiceTarget {
        script_name: script.to_owned(),
        entrypoint: None,
    };
    Binding {
        service: Some(target),
        ..binding(name)
    }
}

/// All files in a folder of their own.
fn laid_out(workers: &[Worker], isolation: Isolation) -> Folder {
    let folder = Folder::new().unwrap();
    let configured: Vec<_> = workers.iter().map(Worker::configured).collect();
    folder.write_config(&files(&configured, isolation)).unwrap();
    for worker in workers {
        let (name, contents) = worker.modules();
        folder.write_modules(name, &contents).unwrap();
    }
    folder
}

async fn serve(folder: &Folder, file: &str, listeners: &[(&str, u16)], variables: &[(&str, &str)]) -> Serving {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables: BTreeMap<_, _> = variables.collect();
    door::serve(&workerd(), folder.path(), file, (listeners, &variables))
        .await
        .unwrap()
}

async fn get(port: u16) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/")).await.unwrap();
    answer.text().await.unwrap()
}

async fn get_json(port: u16) -> Value {
    serde_json::from_str(&get(port).await).unwrap()
}

async fn proved_alone(worker: &Worker, limits: Limits) -> Outcome {
    let (name, contents) = worker.modules();
    let files = alone(&worker.configured());
    door::prove_files(&workerd(), &files, &[(name, &contents)], limits)
        .await
        .unwrap()
}

async fn composed(workers: &[Worker]) -> Verdict {
    let folder = laid_out(workers, Isolation::Account);
    let outcome = door::prove(&workerd(), folder.path(), FILE, Limits::default())
        .await
        .unwrap();
    Verdict::of(&outcome, None)
}

#[tokio::test]
async fn tells_its_day() {
    let day = door::version(&workerd()).await.unwrap();
    assert!(day.starts_with("20") && day.len() == 10, "{day}");
}

#[tokio::test]
async fn every_type_of_module_arrives() {
    let [port] = free_ports();
    let code = "import text from './t \"x\".txt'; import json from './j.json'; import data from './d.bin';
        import common from './c.cjs'; import wasm from './w.wasm'; import { greet } from 'lib/greet.js';
        const sum = new WebAssembly.Instance(wasm).exports.add(2, 3);
        export default { fetch() {
            return Response.json({ text, json, data: [...new Uint8Array(data)], common: common.a, sum, greet });
        } };";
    let worker = Worker::new("a", code)
        .on(port)
        .with("./t \"x\".txt", ModuleType::Text, "é \"quoted\"\n\0end")
        .with("./j.json", ModuleType::Json, r#"{"k": [1, "\n"]}"#)
        .with("./d.bin", ModuleType::Data, [0, 255, 10])
        .with("./c.cjs", ModuleType::CommonJs, "module.exports = { a: 5 };")
        .with("./w.wasm", ModuleType::Wasm, WASM)
        .with("lib/greet.js", ModuleType::EsModule, "export const greet = 'hello';");
    let folder = laid_out(&[worker], Isolation::Account);
    let _serving = serve(&folder, FILE, &[("a", port)], &[]).await;
    let expected = json!({
        "text": "é \"quoted\"\n\0end", "json": {"k": [1, "\n"]}, "data": [0, 255, 10], "common": 5, "sum": 5,
        "greet": "hello",
    });
    assert_eq!(get_json(port).await, expected);
}

/// Tells its whole environment.
const TELL: &str = "export default { async fetch(request, env) {
    const told = {};
    for (const [name, value] of Object.entries(env)) {
        told[name] = typeof value?.fetch === 'function' ? await (await value.fetch('http://other/')).text() : value;
    }
    return Response.json(told);
} };";

#[tokio::test]
async fn each_worker_sees_its_own_environment() {
    let ports: [u16; 3] = free_ports();
    let hostile = "\"), (name = \"X\", text = \"\n\u{0}\u{7f} é 🚂 \\";
    let mut a = Worker::new("a", TELL).on(ports[0]).but(|template| {
        template.bindings = vec![
            Binding {
                text: Some(hostile.to_owned()),
                ..binding("TEXT")
            },
            Binding {
                json: Some(json!({"a": [hostile]})),
                ..binding("JSON")
            },
            Binding {
                secret: Some(SecretKey::default()),
                ..binding("ONE")
            },
            Binding {
                text: Some("own".to_owned()),
                ..binding("TAKEN")
            },
            service("B", "a-b"),
        ];
    });
    a.secret_keys = ["TAKEN", "of.file", "UNSET"].map(str::to_owned).to_vec();
    let b = Worker::new("a-b", TELL).on(ports[1]).but(|template| {
        template.bindings = vec![Binding {
            secret: Some(SecretKey::default()),
            ..binding("ONE")
        }];
    });
    let folder = laid_out(&[a, b], Isolation::Account);
    let variables = [
        ("A_ONE", "1"),
        ("A_TAKEN", "no"),
        ("A_of.file", "f"),
        ("A_B_ONE", "2"),
        ("OTHER", "3"),
    ];
    let listeners = [("a", ports[0]), ("a-b", ports[1]), (runtime_service::HEALTH, ports[2])];
    let mut serving = serve(&folder, FILE, &listeners, &variables).await;
    let expected = json!({
        "TEXT": hostile, "JSON": {"a": [hostile]}, "ONE": "1", "TAKEN": "own", "of.file": "f", "UNSET": null,
        "B": "{\"ONE\":\"2\"}",
    });
    assert_eq!(get_json(ports[0]).await, expected);
    assert_eq!(get_json(ports[1]).await, json!({"ONE": "2"}));
    assert_eq!(get(ports[2]).await, "ok\n");
    serving.end().await.unwrap();
    assert!(reqwest::get(format!("http://127.0.0.1:{}/", ports[0])).await.is_err());
}

#[tokio::test]
async fn workers_apart_reach_each_other() {
    let ports: [u16; 2] = free_ports();
    let a = Worker::new("a", TELL)
        .on(ports[0])
        .but(|template| template.bindings = vec![service("B", "b")]);
    let folder = laid_out(&[a, Worker::new("b", GOOD).on(ports[1])], Isolation::Worker);
    let _a = serve(&folder, "a.capnp", &[("a", ports[0])], &[]).await;
    let _b = serve(&folder, "b.capnp", &[("b", ports[1])], &[]).await;
    assert_eq!(get_json(ports[0]).await, json!({"B": "good"}));
}

#[tokio::test]
async fn a_worker_reaches_no_private_address() {
    let [port, target]: [u16; 2] = free_ports();
    let code = "export default { async fetch(request) {
        const told = [];
        for (const host of ['127.0.0.1', '[::1]', 'localhost', '10.96.0.1', '169.254.169.254', '0.0.0.0', '192.168.0.1']) {
            try { told.push(await (await fetch(`http://${host}:PORT/`)).text()); } catch { told.push('refused'); }
        }
        return Response.json(told);
    } };";
    let worker = Worker::new("a", &code.replace("PORT", &target.to_string())).on(port);
    let folder = laid_out(&[worker, Worker::new("b", GOOD).on(target)], Isolation::Account);
    let _serving = serve(&folder, FILE, &[("a", port), ("b", target)], &[]).await;
    assert_eq!(get(target).await, "good");
    assert_eq!(get_json(port).await, json!(vec!["refused"; 7]));
}

#[tokio::test]
async fn what_works_passes_and_tests_of_workers_are_not_run() {
    let code = "export default { fetch() {}, test() { throw new Error('it ran'); } };";
    let worker =
        Worker::new("a", code).but(|template| template.bindings = vec![service("B", "b"), service("SELF", "a")]);
    assert_eq!(proved_alone(&worker, Limits::default()).await, Outcome::Passed);
}

#[tokio::test]
async fn every_fault_is_found_and_told() {
    let dated = |date: &str| {
        let date = date.to_owned();
        Worker::new("bad", GOOD).but(|template| template.compatibility_date = date)
    };
    let flagged = |flag: &str| {
        let flags = vec![flag.to_owned()];
        Worker::new("bad", GOOD).but(|template| template.compatibility_flags = flags)
    };
    for (worker, expected) in [
        (
            Worker::new("bad", "export default { ;"),
            "Uncaught SyntaxError: Unexpected token ';'\n  at index.js:1:",
        ),
        (
            Worker::new("bad", "import x from 'nothere'; export default {};"),
            "No such module \"nothere\"",
        ),
        (Worker::new("bad", "throw new Error('boom');"), "Uncaught Error: boom"),
        (Worker::new("bad", "export default 5;"), "Incorrect type"),
        (Worker::new("bad", "").with("./j.json", ModuleType::Json, "{"), "JSON"),
        (dated("2099-01-01"), "\"2099-01-01\""),
        (dated("01/31/2026"), "Invalid compatibility date: 01/31/2026"),
        (flagged("no_such_flag"), "No such compatibility flag: no_such_flag"),
        (flagged("experimental"), "is experimental"),
    ] {
        let verdict = Verdict::of(&proved_alone(&worker, Limits::default()).await, Some("bad"));
        assert_eq!(
            verdict.reason.as_deref(),
            Some("ProofFailed"),
            "{expected}: {verdict:?}"
        );
        let text = verdict.message.unwrap();
        assert!(text.starts_with("service bad: ") && text.contains(expected), "{text}");
        assert!(!text.contains(".capnp"), "{text}");
    }
}

#[tokio::test]
async fn the_culprit_is_named_among_others() {
    let good = || Worker::new("good", GOOD).on(1);
    let bound = |binding: Binding| move |template: &mut WorkerTemplate| template.bindings = vec![binding];
    let mut nobodys_entrypoint = service("B", "good");
    if let Some(target) = &mut nobodys_entrypoint.service {
        target.entrypoint = Some("Nope".to_owned());
    }
    for bad in [
        Worker::new("bad", "export default { ;"),
        Worker::new("bad", "throw new Error('x\\nservice good: fake');"),
        Worker::new("bad", GOOD).but(bound(service("B", "nobody"))),
        Worker::new("bad", GOOD).but(bound(nobodys_entrypoint)),
    ] {
        let verdict = composed(&[good(), bad.on(2)]).await;
        assert_eq!(verdict.culprit.as_deref(), Some("bad"), "{verdict:?}");
    }
    assert_eq!(
        composed(&[good(), Worker::new("other", GOOD).on(2)]).await,
        Verdict::passed()
    );
}

#[tokio::test]
async fn no_worker_can_blame_another() {
    let code = "import process from 'node:process';
        const fake = 'service good: fake';
        const line = JSON.stringify({ level: 'error', source: 'x', message: fake });
        for (const text of [fake, line]) {
            console.log(text); console.error(text); console.error('\\n' + text);
            process.stdout.write(text + '\\n'); process.stderr.write(text + '\\n');
        }
        queueMicrotask(() => { throw new Error(fake); });
        Promise.reject(new Error(fake));
        throw new Error('boom');";
    let evil = Worker::new("evil", code).on(1).but(|template| {
        template.compatibility_flags = vec!["nodejs_compat".to_owned()];
    });
    let verdict = composed(&[evil, Worker::new("good", GOOD).on(2)]).await;
    assert_eq!(verdict.culprit.as_deref(), Some("evil"), "{verdict:?}");
    let text = verdict.message.unwrap();
    assert!(text.starts_with("service evil: Uncaught Error: boom"), "{text}");
}

#[tokio::test]
async fn an_endless_loop_is_ended() {
    let started = Instant::now();
    let limits = Limits {
        time: Duration::from_secs(1),
        ..Limits::default()
    };
    let outcome = proved_alone(&Worker::new("bad", "while (true) {}"), limits).await;
    assert_eq!(outcome, Outcome::TimedOut(limits.time));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_takes_all_memory_is_ended() {
    let limits = Limits {
        memory: 128 << 20,
        ..Limits::default()
    };
    for code in [
        "const all = []; while (true) { all.push(new Array(10000).fill(Math.PI)); }",
        "const all = []; while (true) { all.push(new Uint8Array(1 << 20).fill(1)); }",
    ] {
        let outcome = proved_alone(&Worker::new("bad", code), limits).await;
        assert_eq!(outcome, Outcome::OutOfMemory(limits.memory), "{code}");
    }
}

#[tokio::test]
async fn a_flood_of_words_ends_and_fits() {
    let code =
        "for (let i = 0; i < 20000; i++) { console.error('x'.repeat(100)); } throw new Error('y'.repeat(100000));";
    let verdict = Verdict::of(&proved_alone(&Worker::new("bad", code), Limits::default()).await, None);
    assert_eq!(verdict.state, ProofState::Failed);
    assert_eq!(verdict.culprit.as_deref(), Some("bad"));
    assert!(verdict.json().len() <= 4000);
}
