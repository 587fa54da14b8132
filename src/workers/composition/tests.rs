use serde_json::{Value, json};

use super::*;
use crate::api::workers::{Binding, ModuleType, SecretKey};
use crate::workers::choice::{Candidate, Refused, choose};
use crate::workers::fixture::{account, account_with, bundle, typed, version, worker};

/// One worker with the release of it that is to serve.
struct Serving {
    deployment: WorkerDeployment,
    release: WorkerRelease,
    secret_keys: Vec<String>,
}

fn serving(release: WorkerRelease) -> Serving {
    Serving {
        deployment: worker(&release.spec.template.script_name),
        release,
        secret_keys: vec!["apiKey".to_owned()],
    }
}

fn first(script: &str) -> Serving {
    serving(version(script, 1).proved())
}

fn runtime() -> RuntimeImage {
    RuntimeImage {
        image: Some("runtime:1".to_owned()),
        pull_policy: Some("IfNotPresent".to_owned()),
    }
}

fn composed_after(existing: Option<&WorkerBundle>, account: &WorkerAccount, workers: &[Serving]) -> Composition {
    let chosen: Vec<_> = workers
        .iter()
        .map(|worker| Chosen {
            deployment: &worker.deployment,
            release: &worker.release,
            secret_keys: worker.secret_keys.clone(),
        })
        .collect();
    compose(account, &chosen, existing, &runtime())
}

fn composed(spec: Value, workers: &[Serving]) -> Composition {
    composed_after(None, &account_with(spec), workers)
}

fn pods(spec: Value, workers: &[Serving]) -> Value {
    json!(composed(spec, workers).spec.pod_template)
}

#[test]
fn workers_become_a_bundle() {
    let spec = json!({
        "domain": "example.com", "ingressClassName": "nginx", "ingressTlsSecret": "tls", "replicas": 2,
        "gateway": {"name": "gateway"}, "resources": {"limits": {"memory": "1Gi"}},
        "podTemplate": {"imagePullSecret": "pull"},
    });
    let mut other = first("blog");
    other.release.spec.template.secret_ref = None;
    other.deployment.spec.template.routes = Vec::new();
    let composition = composed(spec, &[other, first("web-shop")]);
    let short = &composition.short;
    let expected = json!({
        "deploymentName": "workers-1234",
        "workers": [
            {
                "workerName": "blog", "workerNumber": 8080, "envPrefix": "BLOG_", "release": "blog-1",
                "routes": ["blog.1234.example.com"],
            },
            {
                "workerName": "web-shop", "workerNumber": 8081, "envPrefix": "WEB_SHOP_", "release": "web-shop-1",
                "secretRef": "secret-accounts-ref",
                "variables": [{"name": "WEB_SHOP_API_KEY", "secretName": "secret-accounts-ref", "key": "apiKey"}],
                "routes": ["web-shop.1234.example.com", "shop.example.com/cart/*"],
            },
        ],
        "podTemplate": {
            "image": "runtime:1", "imagePullPolicy": "IfNotPresent", "imagePullSecret": "pull",
            "configMap": format!("workers-1234-{short}"), "modules": {"blog-1": "blog-1", "web-shop-1": "web-shop-1"},
            "resources": {"limits": {"memory": "1Gi"}},
        },
        "digest": composition.spec.digest, "isolation": "Account", "replicas": 2, "ingressClassName": "nginx",
        "ingressTlsSecret": "tls", "gateway": {"name": "gateway"},
    });
    assert_eq!(json!(composition.spec), expected);
    let digest = composition.spec.digest.as_deref();
    let digest = digest.and_then(|digest| digest.strip_prefix("sha256:")).unwrap();
    assert!(
        digest.len() == 64 && short.len() == 10 && digest.starts_with(short),
        "{digest}"
    );
}

#[test]
fn the_runtime_is_told_of_ports_prefixes_keys_and_folders() {
    let composition = composed(json!({}), &[first("blog"), first("web-shop")]);
    assert_eq!(composition.files.keys().collect::<Vec<_>>(), ["config.capnp"]);
    let text = &composition.files["config.capnp"];
    for expected in [
        r#"(name = "blog", address = "*:8080""#,
        r#"(name = "web-shop", address = "*:8081""#,
        r#"(name = "apiKey", fromEnvironment = "WEB_SHOP_apiKey")"#,
        r#"(name = "index.js", esModule = embed "../modules/web-shop-1/0")"#,
        r#"(name = "lib/words.json", json = embed "../modules/web-shop-1/1")"#,
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let apart = composed(json!({"isolation": "Worker"}), &[first("blog"), first("web-shop")]);
    assert_eq!(apart.files.keys().collect::<Vec<_>>(), ["blog.capnp", "web-shop.capnp"]);
    assert_eq!(apart.spec.isolation, crate::api::workers::Isolation::Worker);
}

#[test]
fn bytes_are_those_of_all_modules() {
    let mut unmeasured = first("c");
    unmeasured.release.status.as_mut().unwrap().size = None;
    assert_eq!(composed(json!({}), &[first("a"), first("b"), unmeasured]).bytes, 200);
    assert_eq!(composed(json!({}), &[]).bytes, 0);
}

#[test]
fn a_worker_keeps_its_port_and_a_new_one_gets_the_lowest_that_is_free() {
    for (before, scripts, expected) in [
        (&[][..], &["a", "b"][..], &[8080, 8081][..]),
        (&[("b", 8080)], &["a", "b"], &[8081, 8080]),
        (
            &[("a", 8080), ("b", 8081), ("c", 8082)],
            &["a", "c", "d", "e"],
            &[8080, 8082, 8081, 8083],
        ),
        (&[("gone", 8080)], &["a"], &[8080]),
        (&[("b", 9000)], &["a", "b"], &[8080, 9000]),
    ] {
        let mut existing = bundle("workers-1234");
        let before = before
            .iter()
            .map(|(script, port)| json!({"workerName": script, "workerNumber": port}));
        existing["spec"]["workers"] = before.collect();
        let existing: WorkerBundle = typed(existing);
        let workers: Vec<_> = scripts.iter().map(|script| first(script)).collect();
        let composition = composed_after(Some(&existing), &account_with(json!({})), &workers);
        let ports = composition.spec.workers.iter().map(|worker| worker.worker_number);
        assert_eq!(ports.collect::<Vec<_>>(), expected, "{scripts:?}");
        for (script, port) in scripts.iter().zip(expected) {
            let socket = format!(r#"(name = "{script}", address = "*:{port}""#);
            assert!(composition.files["config.capnp"].contains(&socket), "{socket}");
        }
    }
}

#[test]
fn a_bundle_is_called_as_its_account_unless_that_begins_with_a_digit_or_says_otherwise() {
    for (name, own, expected) in [
        ("shop", None, "shop"),
        ("1234", None, "workers-1234"),
        ("0a1b", Some("mine"), "mine"),
        ("shop", Some("mine"), "mine"),
    ] {
        let mut account = account(name);
        account["spec"]["workerBundleName"] = json!(own);
        assert_eq!(bundle_name(&typed(account)), expected);
    }
}

#[test]
fn names_fit_whatever_the_bundle() {
    use crate::workers::build::{purge_name, push_name};
    let long = format!("{}-{}", "x".repeat(43), "y".repeat(9));
    assert_eq!(job_bundle(&long), "x".repeat(43), "no dash is left at the end");
    for bundle in [&*long, &"z".repeat(53), "shop"] {
        let jobs = [
            job_name(bundle, "0123456789"),
            push_name(bundle, ("sha256:a", "runtime:1", "registry/a"), 0),
            purge_name(bundle, &["registry/a@sha256:b"], 0),
        ];
        for job in jobs {
            assert!(job.len() <= 63 && !job.contains("--"), "{job}");
        }
    }
    assert_eq!(job_name("shop", "0123456789"), "shop-0123456789-compose");
    assert_eq!(config_map_name("shop", "0123456789"), "shop-0123456789");
}

#[test]
fn single_keys_of_secrets_become_variables() {
    let key = |name: &str, secret: Option<&str>, key: Option<&str>| Binding {
        name: name.to_owned(),
        secret: Some(SecretKey {
            name: secret.map(str::to_owned),
            key: key.map(str::to_owned),
        }),
        ..Binding::default()
    };
    let mut shop = first("shop");
    let template = &mut shop.release.spec.template;
    template.bindings = vec![
        key("A", None, None),
        key("B", None, Some("b")),
        key("C", Some("other"), None),
        key("D", Some("other"), Some("d")),
        Binding {
            name: "E".to_owned(),
            text: Some("no secret".to_owned()),
            ..Binding::default()
        },
    ];
    let variables = |worker: &Serving| {
        let template = &worker.release.spec.template;
        let all = variables(template, "SHOP_").into_iter();
        let all = all.map(|variable| [variable.name, variable.secret_name, variable.key].join(" "));
        all.collect::<Vec<_>>()
    };
    let expected = [
        "SHOP_A secret-accounts-ref A",
        "SHOP_B secret-accounts-ref b",
        "SHOP_C other C",
        "SHOP_D other d",
    ];
    assert_eq!(variables(&shop), expected);
    shop.release.spec.template.secret_ref = None;
    assert_eq!(variables(&shop), expected[2..], "of no Secret there is no key");
}

#[test]
fn routes_are_those_of_the_deployment_after_its_own_host() {
    let mut shop = first("shop");
    shop.deployment.spec.template.routes = vec!["a.example.com".to_owned(), "b.example.com/x".to_owned()];
    let shop = [shop];
    let routes = |spec| composed(spec, &shop).spec.workers[0].routes.clone();
    assert_eq!(routes(json!({})), ["a.example.com", "b.example.com/x"]);
    assert_eq!(
        routes(json!({"domain": "example.com"})),
        ["shop.1234.example.com", "a.example.com", "b.example.com/x"]
    );
}

#[test]
fn a_worker_answers_under_the_domain_or_at_its_service() {
    let worker = BundleWorker {
        worker_name: "shop".to_owned(),
        worker_number: 8081,
        ..BundleWorker::default()
    };
    for (spec, expected) in [
        (json!({}), "http://workers-1234.default.svc:8081/"),
        (json!({"workerBundleName": "mine"}), "http://mine.default.svc:8081/"),
        (
            json!({"ingressTlsSecret": "tls"}),
            "http://workers-1234.default.svc:8081/",
        ),
        (json!({"domain": "example.com"}), "http://shop.1234.example.com/"),
        (
            json!({"domain": "example.com", "ingressTlsSecret": "tls"}),
            "https://shop.1234.example.com/",
        ),
    ] {
        assert_eq!(url(&account_with(spec), &worker), expected);
    }
}

/// An account that has a place for everything, and one worker of it whose code is in no ConfigMap.
fn fetching(image: Option<&str>, change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = json!({
        "storage": {"endpoint": "https://s3.example.com", "secretName": "s3-keys"},
        "image": {"repository": "registry/a", "pushSecret": "push"}, "podTemplate": {"imagePullSecret": "pull"},
    });
    change(&mut spec);
    let shop = serving(version("shop", 1).proved().fetched(image));
    let pods = pods(spec, &[shop, first("small")]);
    assert_eq!(pods["modules"], json!({"small-1": "small-1"}));
    pods["fetched"].clone()
}

#[test]
fn code_that_no_config_map_holds_comes_from_its_urls() {
    let mut template = json!(version("shop", 1).spec);
    for module in template["modules"].as_array_mut().unwrap() {
        let module = module.as_object_mut().unwrap();
        module.retain(|field, _| field != "text" && field != "base64");
    }
    let expected = json!({"shop-1": {
        "digest": "sha256:of-shop-1", "template": template,
        "storage": {"endpoint": "https://s3.example.com", "secretName": "s3-keys"},
    }});
    assert_eq!(fetching(None, |_| {}), expected);
}

#[test]
fn code_that_a_build_has_pushed_comes_from_the_registry() {
    let image = "registry/a@sha256:b";
    for (account, secret) in [
        (json!({"podTemplate": {"imagePullSecret": "pull"}}), Some("pull")),
        // Pods have nothing that may push.
        (json!({"podTemplate": {}}), None),
        (json!({"podTemplate": null}), None),
        (
            json!({"podTemplate": null, "image": {"repository": "registry/a"}}),
            None,
        ),
    ] {
        let fetched = fetching(Some(image), |spec| {
            for (field, value) in account.as_object().unwrap() {
                spec[field] = value.clone();
            }
        });
        let mut expected = json!({"digest": "sha256:of-shop-1", "image": image});
        if let Some(secret) = secret {
            expected["pullSecret"] = json!(secret);
        }
        assert_eq!(fetched, json!({"shop-1": expected}));
    }
}

#[test]
fn an_image_holds_everything() {
    let spec = json!({"podTemplate": {"imagePullSecret": "pull"}, "resources": {"limits": {"memory": "1Gi"}}});
    let workers = [first("a"), serving(version("b", 1).proved().fetched(None))];
    let mounted = composed(spec, &workers);
    let delivered = mounted.clone().as_image("registry/a@sha256:b".to_owned());
    let expected = json!({
        "image": "registry/a@sha256:b", "imagePullSecret": "pull", "resources": {"limits": {"memory": "1Gi"}},
    });
    assert_eq!(json!(delivered.spec.pod_template), expected);
    let elsewhere = Composition {
        spec: WorkerBundleSpec {
            pod_template: mounted.spec.pod_template.clone(),
            ..delivered.spec.clone()
        },
        ..delivered
    };
    assert_eq!(elsewhere, mounted, "nothing but the pods is another");
}

#[test]
fn the_image_is_the_accounts_own_or_the_servers() {
    for (spec, expected) in [
        (json!({}), json!(["runtime:1", "IfNotPresent"])),
        (
            json!({"runtime": {"version": "2026-01-01"}}),
            json!(["runtime:1", "IfNotPresent"]),
        ),
        (json!({"runtime": {"image": "own:2"}}), json!(["own:2", null])),
        (
            json!({"runtime": {"image": "own:2", "imagePullPolicy": "Always"}}),
            json!(["own:2", "Always"]),
        ),
    ] {
        let pods = pods(spec, &[first("a")]);
        assert_eq!(json!([pods["image"], pods["imagePullPolicy"]]), expected);
    }
}

/// A change of an account's spec or of its workers.
type Change = fn(&mut Value, &mut Vec<Serving>);

fn digest(change: Change) -> String {
    let (mut spec, mut workers) = (json!({}), vec![first("a"), first("b")]);
    change(&mut spec, &mut workers);
    composed(spec, &workers).spec.digest.unwrap()
}

#[test]
fn what_changes_what_the_pods_run_changes_the_digest() {
    fn status(worker: &mut Serving) -> &mut crate::api::workers::WorkerReleaseStatus {
        worker.release.status.as_mut().unwrap()
    }
    fn module(worker: &mut Serving) -> &mut crate::api::workers::ContentModule {
        &mut status(worker).content.as_mut().unwrap().modules[1]
    }
    let changes: [Change; 14] = [
        |_, _| {},
        |spec, _| spec["isolation"] = json!("Worker"),
        |_, workers| workers.push(first("c")),
        |_, workers| workers.truncate(1),
        |_, workers| workers[0] = serving(version("a", 2).proved()),
        |_, workers| workers[0] = first("aa"),
        |_, workers| status(&mut workers[0]).digest = Some("sha256:other".to_owned()),
        |_, workers| status(&mut workers[1]).digest = Some("sha256:other".to_owned()),
        |_, workers| module(&mut workers[0]).name = "lib/other.json".to_owned(),
        |_, workers| module(&mut workers[0]).module_type = ModuleType::Text,
        |_, workers| workers[0].release.spec.template.compatibility_date = "2026-01-30".to_owned(),
        |_, workers| workers[0].release.spec.template.compatibility_flags.clear(),
        |_, workers| workers[0].release.spec.template.bindings.truncate(1),
        |_, workers| workers[0].secret_keys.push("another".to_owned()),
    ];
    let digests: BTreeSet<_> = changes.into_iter().map(digest).collect();
    assert_eq!(digests.len(), changes.len());
}

#[test]
fn nothing_else_changes_the_digest() {
    let changes: [Change; 18] = [
        |spec, _| spec["replicas"] = json!(3),
        |spec, _| spec["domain"] = json!("example.com"),
        |spec, _| spec["ingressClassName"] = json!("nginx"),
        |spec, _| spec["ingressTlsSecret"] = json!("tls"),
        |spec, _| spec["gateway"] = json!({"name": "gateway"}),
        |spec, _| spec["podTemplate"] = json!({"imagePullSecret": "pull"}),
        |spec, _| spec["resources"] = json!({"limits": {"memory": "1Gi"}}),
        |spec, _| spec["runtime"] = json!({"image": "own:2"}),
        |spec, _| spec["delivery"] = json!("Image"),
        |spec, _| spec["image"] = json!({"repository": "registry/a", "pushSecret": "push"}),
        |spec, _| spec["storage"] = json!({"endpoint": "https://s3.example.com", "secretName": "s3-keys"}),
        |spec, _| spec["quota"] = json!({"workers": 2}),
        |spec, _| spec["workerBundleName"] = json!("mine"),
        |_, workers| workers[0].deployment.spec.template.routes.clear(),
        |_, workers| workers[0].release.spec.template.routes.clear(),
        |_, workers| workers[0] = serving(version("a", 1).proved().fetched(None)),
        |_, workers| workers[0] = serving(version("a", 1).proved().fetched(Some("registry/a@sha256:b"))),
        |_, workers| workers[0].release.status.as_mut().unwrap().size = None,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(digest(change), digest(|_, _| {}), "{number}");
    }
}

#[test]
fn a_port_is_part_of_the_digest() {
    let mut existing = bundle("workers-1234");
    existing["spec"]["workers"] = json!([{"workerName": "b", "workerNumber": 8080}]);
    let moved = composed_after(
        Some(&typed(existing)),
        &account_with(json!({})),
        &[first("a"), first("b")],
    );
    assert_ne!(moved.spec.digest.unwrap(), digest(|_, _| {}));
}

#[test]
fn the_order_of_deployments_changes_nothing() {
    let account = account_with(json!({}));
    let mut workers = [("c", 1), ("a", 2), ("b", 3)].map(|(script, second)| Serving {
        deployment: worker(script).created_at(second),
        ..first(script)
    });
    let mut composed = Vec::new();
    for _ in 0..2 {
        let candidates: Vec<_> = workers
            .iter()
            .map(|worker| Candidate {
                deployment: &worker.deployment,
                wanted: Some(&worker.release),
                serving: None,
                secret_fault: None,
            })
            .collect();
        let chosen = choose(&account, &candidates, &Refused::new());
        let chosen = chosen.iter().map(|choice| Chosen {
            deployment: choice.candidate.deployment,
            release: choice.release.unwrap(),
            secret_keys: Vec::new(),
        });
        composed.push(compose(&account, &chosen.collect::<Vec<_>>(), None, &runtime()));
        workers.reverse();
    }
    assert_eq!(composed[0], composed[1]);
    let scripts = composed[0].spec.workers.iter().map(|worker| &*worker.worker_name);
    assert_eq!(scripts.collect::<Vec<_>>(), ["a", "b", "c"]);
}
