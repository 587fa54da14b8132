//! One field of a valid object broken at a time, and what is said of it.

use serde_json::{Value, json};

use super::super::fixture::{Around, USER, account, bundle, deployment, old_deployment, release, request, updated};
use super::super::known::Known;
use super::*;

fn today() -> Day {
    Day::of(2026, 2, 1).expect("a day")
}

fn decided(request: &Value, known: &dyn Known) -> Verdict {
    let text = request.to_string();
    let request = serde_json::from_str(&text).expect("the fixture is a request");
    validate(&request, known, today()).expect("is ours")
}

fn created(object: &Value, known: &dyn Known) -> Verdict {
    decided(&request(object), known)
}

/// The fields that are refused.
fn refused(verdict: &Verdict) -> Vec<&str> {
    verdict.causes.iter().map(|cause| &*cause.field).collect()
}

/// With another value somewhere; a pointer that ends in a new name adds it.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = object.pointer_mut(parent).expect("the fixture has the parent");
    match (name.parse::<usize>(), parent.as_array_mut()) {
        (Ok(index), Some(items)) if index < items.len() => items[index] = value,
        (_, Some(items)) => items.push(value),
        _ => parent[name] = value,
    }
    object
}

fn around() -> Around {
    Around::of(&[account("1234")])
}

/// Breaks a template; the fields stand below `spec.template`.
fn template_refused(pointer: &str, value: Value) -> Vec<String> {
    let object = with(deployment("wasm-worker"), &format!("/spec/template/{pointer}"), value);
    let verdict = created(&object, &around());
    let fields = refused(&verdict).into_iter().map(str::to_owned);
    fields
        .map(|field| field.trim_start_matches("spec.template.").to_owned())
        .collect()
}

#[test]
fn takes_valid_objects() {
    for object in [
        deployment("wasm-worker"),
        old_deployment("wasm-worker"),
        release("wasm-worker"),
        account("1234"),
        bundle("deployment"),
    ] {
        assert_eq!(created(&object, &around()), Verdict::default(), "{object}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn refuses_a_template_with_one_wrong_field() {
    let module = |name: &str| json!({"name": name, "text": "x"});
    for (pointer, value, field) in [
        ("scriptName", json!("Wasm_Worker"), "scriptName"),
        ("scriptName", json!("a".repeat(64)), "scriptName"),
        ("compatibilityDate", json!("2026-02-02"), "compatibilityDate"),
        ("compatibilityDate", json!("MM/DD/YYYY"), "compatibilityDate"),
        ("compatibilityFlags/0", json!("no_such_flag"), "compatibilityFlags[0]"),
        ("compatibilityFlags/0", json!("nodejs-compat"), "compatibilityFlags[0]"),
        ("compatibilityFlags/0", json!("experimental"), "compatibilityFlags[0]"),
        ("compatibilityFlags/0", json!("python_workers"), "compatibilityFlags[0]"),
        ("compatibilityFlags/1", json!("nodejs_compat"), "compatibilityFlags[1]"),
        ("modules/3", module("../a.js"), "modules[3].name"),
        ("modules/3", module("a/../../b.js"), "modules[3].name"),
        ("modules/3", module("/a.js"), "modules[3].name"),
        ("modules/3", module("a\u{0}.js"), "modules[3].name"),
        ("modules/3", module("index.js"), "modules[3].name"),
        ("modules/0/base64", json!("YQ=="), "modules[0]"),
        ("modules/3", json!({"name": "a.js"}), "modules[3]"),
        (
            "modules/3",
            json!({"name": "a.bin", "base64": "YQ"}),
            "modules[3].base64",
        ),
        (
            "modules/3",
            json!({"name": "a.js", "base64": "//8="}),
            "modules[3].base64",
        ),
        ("modules/1/text", json!("{"), "modules[1].text"),
        ("modules/2/base64", json!("YQ=="), "modules[2].base64"),
        ("modules/3", module("a.wasm"), "modules[3].text"),
        ("modules/0/type", json!("Text"), "mainModule"),
        ("mainModule", json!("other.js"), "mainModule"),
        ("mainModule", json!("lib/words.json"), "mainModule"),
        ("urls", json!([{"url": "s3://a/b.js"}]), "urls[0].url"),
        ("bindings/0/name", json!("1A"), "bindings[0].name"),
        ("bindings/0/name", json!("A-B"), "bindings[0].name"),
        ("bindings/0/name", json!("LIMITS"), "bindings[1].name"),
        ("bindings/0/json", json!(1), "bindings[0]"),
        ("bindings/4", json!({"name": "A"}), "bindings[4]"),
        (
            "bindings/4",
            json!({"name": "A", "kvNamespace": {"id": "x"}}),
            "bindings[4].kvNamespace",
        ),
        (
            "bindings/4",
            json!({"name": "A", "text": "", "r2": {}}),
            "bindings[4].r2",
        ),
        (
            "bindings/3/service/scriptName",
            json!("A_B"),
            "bindings[3].service.scriptName",
        ),
        ("routes/0", json!("https://shop.example.com"), "routes[0]"),
        ("routes/0", json!("shop.example.com:80/"), "routes[0]"),
        ("routes/1", json!("shop.example.com/cart*"), "routes[1]"),
        ("bindings/0/text", json!("x".repeat(96 << 10)), "spec.template"),
        ("modules/0/text", json!("x".repeat(900 << 10)), "modules"),
    ] {
        let shown: String = value.to_string().chars().take(80).collect();
        assert_eq!(template_refused(pointer, value), [field], "{pointer} {shown}");
    }
}

#[test]
fn refuses_a_template_without_what_it_needs() {
    let mut object = deployment("wasm-worker");
    object["spec"]["template"]["secretRef"] = Value::Null;
    assert_eq!(
        refused(&created(&object, &around())),
        ["spec.template.bindings[2].secret.name"]
    );
    let mut object = deployment("wasm-worker");
    for field in ["modules", "mainModule"] {
        object["spec"]["template"].as_object_mut().unwrap().remove(field);
    }
    assert_eq!(refused(&created(&object, &around())), ["spec.template.modules"]);
    let object = with(deployment("wasm-worker"), "/metadata/labels", json!({}));
    let verdict = created(&object, &around());
    assert_eq!(refused(&verdict), ["metadata.labels[accounts]"]);
    assert!(
        verdict.causes[0].message.ends_with("is missing: there is 1234"),
        "{verdict:?}"
    );
}

/// A worker whose code is fetched.
fn fetched(urls: Value) -> Value {
    let mut object = deployment("wasm-worker");
    let template = object["spec"]["template"].as_object_mut().unwrap();
    template.remove("modules");
    template.remove("mainModule");
    template.insert("urls".to_owned(), urls);
    object
}

#[test]
fn refuses_urls_that_cannot_be_fetched() {
    let sum = "a".repeat(64);
    for (urls, field) in [
        (
            json!([{"url": "s3://bucket/key.js", "sha256": sum}, {"url": "https://a.example/b.wasm?c=/d.js"}]),
            "",
        ),
        (json!([{"url": "s3://bucket/folder/"}]), ""),
        (json!([{"url": "ftp://a/b"}]), "[0].url"),
        (json!([{"url": "s3:///b"}]), "[0].url"),
        (json!([{"url": "https://a.example"}]), "[0].url"),
        (json!([{"url": "https://a.example/b/"}]), "[0].url"),
        (json!([{"url": "https://user:secret@a.example/b"}]), "[0].url"),
        (json!([{"url": "https://a.example/b c"}]), "[0].url"),
        (json!([{"url": "s3://bucket/folder/", "sha256": sum}]), "[0].sha256"),
        (json!([{"url": "s3://bucket/folder/", "name": "a"}]), "[0].name"),
        (json!([{"url": "s3://bucket/a", "name": "../a"}]), "[0].name"),
        (
            json!([{"url": "s3://bucket/a.js"}, {"url": "s3://bucket/b/a.js"}]),
            "[1].url",
        ),
    ] {
        let object = fetched(urls);
        let verdict = created(&object, &around());
        let expected: Vec<_> = (!field.is_empty())
            .then(|| format!("spec.template.urls{field}"))
            .into_iter()
            .collect();
        assert_eq!(refused(&verdict), expected, "{object}");
        assert!(!format!("{verdict:?}").contains("user:secret"));
    }
}

#[test]
fn the_main_module_is_one_that_is_fetched() {
    for (urls, is_there) in [
        (json!([{"url": "s3://bucket/a.js"}]), true),
        (json!([{"url": "s3://bucket/b", "name": "a.js"}]), true),
        (json!([{"url": "s3://bucket/folder/"}]), true),
        (json!([{"url": "s3://bucket/b.js"}]), false),
    ] {
        let object = with(fetched(urls), "/spec/template/mainModule", json!("a.js"));
        let expected: &[&str] = if is_there { &[] } else { &["spec.template.mainModule"] };
        assert_eq!(refused(&created(&object, &around())), expected, "{object}");
    }
}

#[test]
fn v1alpha1_is_told_by_its_own_fields() {
    let old = || old_deployment("wasm-worker");
    let verdict = created(&with(old(), "/spec/template/scriptUrls/1", json!("files2")), &around());
    assert_eq!(refused(&verdict), ["spec.template.scriptUrls[1]"]);
    let mut object = with(old(), "/spec/template/scriptsUrls", json!(["s3://a/b"]));
    object["spec"]["template"].as_object_mut().unwrap().remove("scriptUrls");
    let verdict = created(&object, &around());
    assert_eq!(
        verdict.warnings,
        ["spec.template.scriptsUrls is taken for scriptUrls, which is how it is spelled"]
    );
    assert!(verdict.allowed());
    object["spec"]["template"]["scriptsUrls"] = json!(["b"]);
    assert_eq!(refused(&created(&object, &around())), ["spec.template.scriptsUrls[0]"]);
    let verdict = created(&with(old(), "/spec/template/releaseHistoryLimit", json!(5)), &around());
    assert_eq!(verdict.warnings.len(), 1, "{verdict:?}");
}

#[test]
fn a_date_is_not_later_than_the_runtime() {
    let own = |runtime: Value| Around::of(&[with(account("1234"), "/spec/runtime", runtime)]);
    let mut servers = around();
    servers.runtime_version = Some("2026-01-30".to_owned());
    for (known, refuses) in [
        (&servers, true),
        (&own(json!({"version": "2026-01-30"})), true),
        (&own(json!({"version": "2026-01-31"})), false),
        (&own(json!({"image": "own"})), false),
    ] {
        let verdict = created(&deployment("wasm-worker"), known);
        let expected: &[&str] = if refuses {
            &["spec.template.compatibilityDate"]
        } else {
            &[]
        };
        assert_eq!(refused(&verdict), expected, "{verdict:?}");
    }
    // An image of the account's own is not of the server's day.
    let mut known = own(json!({"image": "own"}));
    known.runtime_version = Some("2026-01-30".to_owned());
    assert!(created(&deployment("wasm-worker"), &known).allowed());
}

#[test]
fn a_newer_runtime_may_have_newer_flags() {
    let object = with(
        deployment("wasm-worker"),
        "/spec/template/compatibilityFlags/0",
        json!("brand_new"),
    );
    let newer = with(account("1234"), "/spec/runtime", json!({"version": "2027-01-01"}));
    let verdict = created(&object, &Around::of(&[newer]));
    assert!(verdict.allowed() && verdict.warnings.len() == 1, "{verdict:?}");
}

#[test]
fn a_script_name_and_its_prefix_belong_to_one_worker_of_an_account() {
    let known = |script: &str, account_name: &str| {
        let mut other = with(deployment(script), "/metadata/name", json!("other"));
        other["metadata"]["labels"]["accounts"] = json!(account_name);
        other["spec"]["template"]["routes"] = json!([]);
        Around::of(&[account("1234"), account("5678"), other])
    };
    let verdict = created(&deployment("a-b"), &known("a_b", "1234"));
    assert_eq!(refused(&verdict), ["spec.template.scriptName"]);
    assert!(
        verdict.causes[0].message.contains("would be called A_B_…"),
        "{verdict:?}"
    );
    assert_eq!(
        refused(&created(&deployment("a-b"), &known("a-b", "1234"))),
        ["spec.template.scriptName"]
    );
    assert!(created(&deployment("a-b"), &known("a-b", "5678")).allowed());
    let verdict = created(&deployment("a-b"), &known("a", "1234"));
    assert!(
        verdict.allowed() && verdict.warnings[0].contains("should begin with B_"),
        "{verdict:?}"
    );
    // It is not its own neighbour.
    let own = Around::of(&[account("1234"), deployment("a-b")]);
    assert_eq!(created(&deployment("a-b"), &own), Verdict::default());
}

#[test]
fn a_route_leads_to_one_worker_and_a_host_to_one_account() {
    let claims = |account_name: &str, route: &str| {
        let mut other = with(deployment("other"), "/spec/template/routes/0", json!(route));
        other["metadata"]["labels"]["accounts"] = json!(account_name);
        let known = Around::of(&[account("1234"), account("5678"), other]);
        !created(&deployment("wasm-worker"), &known).allowed()
    };
    assert!(claims("1234", "shop.example.com/cart*"));
    assert!(!claims("1234", "shop.example.com/"));
    assert!(claims("5678", "shop.example.com/"));
    assert!(!claims("5678", "other.example.com/cart/*"));
}

#[test]
fn the_host_that_an_account_gives_a_worker_is_a_route_of_it() {
    let allowed = |account_name: &str, route: &str| {
        let mut object = with(deployment("wasm-worker"), "/spec/template/routes/0", json!(route));
        object["metadata"]["labels"]["accounts"] = json!(account_name);
        let domain = with(account("1234"), "/spec/domain", json!("example.com"));
        let known = Around::of(&[domain, account("5678"), deployment("other")]);
        created(&object, &known).allowed()
    };
    assert!(!allowed("1234", "other.1234.example.com"));
    assert!(allowed("1234", "other.1234.example.com/cart/*"));
    assert!(!allowed("5678", "other.1234.example.com/cart/*"));
    assert!(allowed("5678", "other.5678.example.com"));
}

#[test]
fn no_worker_sees_what_an_account_works_with() {
    let storage = json!({"endpoint": "https://s3.example.com", "secretName": "s3-keys"});
    let known = Around::of(&[with(account("5678"), "/spec/storage", storage)]);
    let whole = with(deployment("wasm-worker"), "/spec/template/secretRef", json!("s3-keys"));
    assert_eq!(refused(&created(&whole, &known)), ["spec.template.secretRef"]);
    let mut single = deployment("wasm-worker");
    single["spec"]["template"]["bindings"][2]["secret"] = json!({"name": "stationmaster-workers-key", "key": "key"});
    assert_eq!(
        refused(&created(&single, &known)),
        ["spec.template.bindings[2].secret.name"]
    );
}

#[test]
fn a_service_may_come_later() {
    let object = with(
        deployment("wasm-worker"),
        "/spec/template/bindings/3/service/scriptName",
        json!("later"),
    );
    let verdict = created(&object, &around());
    assert!(
        verdict.allowed() && verdict.warnings[0].contains("no worker \"later\" yet"),
        "{verdict:?}"
    );
}

#[test]
fn an_account_has_as_many_workers_as_its_quota() {
    let limited = with(account("1234"), "/spec/quota", json!({"workers": 1}));
    let other = with(deployment("other"), "/spec/template/routes", json!([]));
    let object = deployment("wasm-worker");
    assert!(created(&object, &Around::of(std::slice::from_ref(&limited))).allowed());
    let full = Around::of(&[limited.clone(), other.clone()]);
    assert_eq!(refused(&created(&object, &full)), ["metadata.labels[accounts]"]);
    // What is there already can be changed.
    let changed = with(object.clone(), "/spec/releaseHistoryLimit", json!(3));
    assert!(decided(&updated(&object, &changed), &full).allowed());
    let below = with(account("1234"), "/spec/quota", json!({"workers": 0}));
    let verdict = created(&below, &Around::of(&[limited, other]));
    assert!(verdict.allowed() && verdict.warnings.len() == 1, "{verdict:?}");
    let bytes = with(account("1234"), "/spec/quota", json!({"bundleBytes": 10}));
    assert_eq!(
        refused(&created(&object, &Around::of(&[bytes]))),
        ["spec.template.modules"]
    );
}

#[test]
fn a_worker_goes_back_to_a_release_of_its_own() {
    let object = with(
        deployment("wasm-worker"),
        "/spec/release",
        json!("wasm-worker-0123456789"),
    );
    let known = |script: &str| {
        let release = with(release(script), "/metadata/name", json!("wasm-worker-0123456789"));
        Around::of(&[account("1234"), release])
    };
    assert_eq!(created(&object, &known("wasm-worker")), Verdict::default());
    assert_eq!(refused(&created(&object, &known("other"))), ["spec.release"]);
    let verdict = created(&object, &around());
    assert!(verdict.allowed() && verdict.warnings.len() == 1, "{verdict:?}");
    assert_eq!(created(&object, &()), Verdict::default(), "nothing is known");
}

#[test]
fn inline_code_has_to_fit_into_a_config_map() {
    let object = with(
        deployment("wasm-worker"),
        "/spec/template/modules/0/text",
        json!("x".repeat(900 << 10)),
    );
    let mut image = with(account("1234"), "/spec/delivery", json!("Image"));
    image["spec"]["image"] = json!({"repository": "registry.example.com/workers"});
    for around in [Around::of(&[account("1234")]), Around::of(&[image])] {
        assert_eq!(refused(&created(&object, &around)), ["spec.template.modules"]);
    }
    assert_eq!(refused(&created(&object, &())), ["spec.template.modules"]);
}

#[test]
fn warns_of_what_is_not_safe_or_not_portable() {
    let verdict = created(&fetched(json!([{"url": "http://a.example/b.js"}])), &around());
    assert!(
        verdict.allowed() && verdict.warnings[0].contains("or its sha256"),
        "{verdict:?}"
    );
    let verdict = created(&deployment("1-worker"), &around());
    assert!(
        verdict.allowed() && verdict.warnings[0].contains("1_WORKER_"),
        "{verdict:?}"
    );
    let verdict = created(&deployment("wasm-worker"), &Around::of(&[]));
    assert!(
        verdict.allowed() && verdict.warnings[0].contains("no WorkerAccount \"1234\""),
        "{verdict:?}"
    );
}

#[test]
fn an_update_is_refused_for_new_faults_alone() {
    let old = with(
        deployment("wasm-worker"),
        "/spec/template/compatibilityDate",
        json!("2099-01-01"),
    );
    let labelled = with(old.clone(), "/metadata/labels/a", json!("b"));
    assert_eq!(decided(&updated(&old, &labelled), &around()), Verdict::default());
    let edited = with(old.clone(), "/spec/releaseHistoryLimit", json!(3));
    assert!(decided(&updated(&old, &edited), &around()).allowed());
    let worse = with(edited, "/spec/template/scriptName", json!("A"));
    assert_eq!(
        refused(&decided(&updated(&old, &worse), &around())),
        ["spec.template.scriptName"]
    );
    let mut dying = worse.clone();
    dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(decided(&updated(&old, &dying), &around()), Verdict::default());
}

#[test]
fn a_release_does_not_change() {
    let old = release("wasm-worker");
    let labelled = with(old.clone(), "/metadata/labels/a", json!("b"));
    assert_eq!(decided(&updated(&old, &labelled), &around()), Verdict::default());
    let mut changed = with(old.clone(), "/spec/compatibilityDate", json!("2026-01-30"));
    changed["spec"].as_object_mut().unwrap().remove("routes");
    let verdict = decided(&updated(&old, &changed), &around());
    assert_eq!(refused(&verdict), ["spec.compatibilityDate", "spec.routes"]);
    assert_eq!(
        refused(&created(&with(old, "/spec/scriptName", json!("A")), &around())),
        ["spec.scriptName"]
    );
}

#[test]
fn refuses_a_bundle_with_one_wrong_field() {
    for (pointer, value, field) in [
        ("/metadata/name", json!("a".repeat(54)), "metadata.name"),
        ("/metadata/name", json!("1a"), "metadata.name"),
        ("/spec/deploymentName", json!("deplName"), "spec.deploymentName"),
        ("/spec/podTemplate", json!({}), "spec.podTemplate.image"),
        ("/spec/workers/0/workerName", json!("A"), "spec.workers[0].workerName"),
        (
            "/spec/workers/0/workerNumber",
            json!(80),
            "spec.workers[0].workerNumber",
        ),
        (
            "/spec/workers/0/workerNumber",
            json!(8079),
            "spec.workers[0].workerNumber",
        ),
        (
            "/spec/workers/0/workerNumber",
            json!(8081),
            "spec.workers[1].workerNumber",
        ),
        (
            "/spec/workers/0/envPrefix",
            json!("ARTIST_WORKER_"),
            "spec.workers[1].envPrefix",
        ),
    ] {
        let object = with(bundle("bundle"), pointer, value);
        assert_eq!(refused(&created(&object, &around())), [field], "{object}");
    }
    let mut isolated = with(bundle("bundle"), "/spec/isolation", json!("Worker"));
    isolated["spec"]["workers"][1]["workerNumber"] = json!(18080);
    assert_eq!(
        refused(&created(&isolated, &around())),
        ["spec.workers[1].workerNumber"]
    );
    let mut routed = with(bundle("bundle"), "/spec/gateway", json!({"name": "g"}));
    routed["spec"]["ingressClassName"] = json!("nginx");
    assert_eq!(refused(&created(&routed, &around())), ["spec.gateway"]);
}

#[test]
fn what_an_account_made_is_changed_by_nobody_else() {
    let owner = json!([{"apiVersion": "api.worker-account/v1beta1", "kind": "WorkerAccount", "name": "1234", "uid": "u",
        "controller": true}]);
    let made = with(bundle("bundle"), "/metadata/ownerReferences", owner);
    let changed = with(made.clone(), "/spec/replicas", json!(3));
    let known = |user: &str| {
        let mut known = around();
        known.own_user = Some(user.to_owned());
        known
    };
    assert_eq!(refused(&decided(&updated(&made, &changed), &known("server"))), ["spec"]);
    let mut freed = changed.clone();
    freed["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(refused(&decided(&updated(&made, &freed), &known("server"))), ["spec"]);
    assert_eq!(decided(&updated(&made, &changed), &known(USER)), Verdict::default());
    let verdict = decided(&updated(&made, &changed), &around());
    assert!(
        verdict.allowed() && verdict.warnings.len() == 1,
        "nobody knows who we are: {verdict:?}"
    );
    let free = bundle("bundle");
    let changed = with(free.clone(), "/spec/replicas", json!(3));
    assert_eq!(decided(&updated(&free, &changed), &known("server")), Verdict::default());
}

#[test]
fn refuses_an_account_with_one_wrong_field() {
    for (pointer, value, field) in [
        ("/metadata/name", json!("a.b"), "metadata.name"),
        ("/metadata/name", json!("a".repeat(54)), "metadata.name"),
        ("/metadata/name", json!("1".repeat(46)), "metadata.name"),
        (
            "/spec/workerBundleName",
            json!("workerBundleName"),
            "spec.workerBundleName",
        ),
        ("/spec/workerBundleName", json!("other"), "spec.workerBundleName"),
        ("/spec/delivery", json!("Image"), "spec.image.repository"),
        (
            "/spec/image",
            json!({"repository": "https://a.example/b"}),
            "spec.image.repository",
        ),
        (
            "/spec/image",
            json!({"repository": "a.example/b:tag"}),
            "spec.image.repository",
        ),
        ("/spec/image", json!({"repository": "workers"}), "spec.image.repository"),
        (
            "/spec/image",
            json!({"repository": "a.example/B"}),
            "spec.image.repository",
        ),
        ("/spec/runtime", json!({"version": "latest"}), "spec.runtime.version"),
        ("/spec/runtime", json!({"image": "a b"}), "spec.runtime.image"),
        (
            "/spec/runtime",
            json!({"imagePullPolicy": "Often"}),
            "spec.runtime.imagePullPolicy",
        ),
        ("/spec/domain", json!("*.example.com"), "spec.domain"),
        (
            "/spec/storage",
            json!({"endpoint": "s3.example.com", "secretName": "s"}),
            "spec.storage.endpoint",
        ),
        (
            "/spec/storage",
            json!({"endpoint": "https://a/b", "secretName": "s"}),
            "spec.storage.endpoint",
        ),
    ] {
        let object = with(account("1234"), pointer, value);
        let known = Around::of(&[account("other")]);
        assert_eq!(refused(&created(&object, &known)), [field], "{object}");
    }
    for field in ["ingressClassName", "ingressTlsSecret"] {
        let mut object = with(account("1234"), "/spec/gateway", json!({"name": "g"}));
        object["spec"][field] = json!("nginx");
        assert_eq!(refused(&created(&object, &around())), ["spec.gateway"]);
    }
}

#[test]
fn warns_of_what_an_account_says_in_vain() {
    for (field, value) in [
        ("image", json!({"repository": "a.example:5000/b/c"})),
        ("resources", json!({"limits": {"memory": "1Gi"}})),
        ("runtime", json!({"image": "own"})),
        ("storage", json!({"endpoint": "http://s3:9000", "secretName": "s"})),
    ] {
        let object = with(account("1234"), &format!("/spec/{field}"), value);
        let verdict = created(&object, &around());
        assert!(verdict.allowed() && verdict.warnings.len() == 1, "{verdict:?}");
        assert!(verdict.warnings[0].starts_with(&format!("spec.{field}")), "{verdict:?}");
    }
}

#[test]
fn refuses_what_is_no_object_of_ours() {
    let mut other = request(&deployment("a"));
    other["kind"]["kind"] = json!("WorkerVersion");
    let odd = with(deployment("a"), "/spec/template", json!(5));
    for (request, error) in [
        (
            other,
            "stationmaster has no rules for WorkerVersion of api.worker-deployment/v1beta1,",
        ),
        (request(&odd), "the object cannot be decoded:"),
    ] {
        let text = request.to_string();
        let refused = validate(
            &serde_json::from_str(&text).expect("the fixture is a request"),
            &(),
            today(),
        );
        let message = refused.expect_err("is not ours").to_string();
        assert!(message.starts_with(error), "{message}");
    }
}

#[test]
fn many_faults_are_counted() {
    let routes: Vec<_> = (0..200).map(|index| format!("a:{index}")).collect();
    let verdict = created(
        &with(deployment("a"), "/spec/template/routes", json!(routes)),
        &around(),
    );
    assert_eq!(verdict.causes.len(), LISTED_CAUSES + 1);
}
