//! What `stationmaster manifests` prints, against the server that it sends the API server to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on")]

mod common;

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use clap::Parser;
use common::serve::{args, state};
use serde_json::{Value, json};
use stationmaster::api;
use stationmaster::cli::{Cli, Command};
use stationmaster::clients::folder::{Folder, Timing};
use stationmaster::commands::manifests::registration;
use stationmaster::resources::{Namespace, Options, Set};
use stationmaster::serve::router;
use tower::ServiceExt;

const URL: &str = "https://127.0.0.1:8443";

/// Everything that is printed, as trees.
fn printed(flags: &[&str]) -> Vec<Value> {
    let cli = Cli::try_parse_from([&["stationmaster", "manifests"], flags].concat()).unwrap();
    let Some(Command::Manifests(args)) = cli.command else {
        panic!("not manifests")
    };
    let registration = registration(&args).unwrap();
    let mut all: Vec<_> = api::crds()
        .into_iter()
        .map(|crd| serde_json::to_value(registration.converted(crd)).unwrap())
        .collect();
    all.push(serde_json::to_value(registration.mutating()).unwrap());
    all.push(serde_json::to_value(registration.validating()).unwrap());
    all
}

/// The webhook configurations among them.
fn webhooks(objects: &[Value]) -> Vec<&Value> {
    let webhooks = objects.iter().filter(|object| object["webhooks"].is_array());
    let webhooks: Vec<_> = webhooks.collect();
    assert_eq!(webhooks.len(), 2);
    webhooks
}

/// The client configurations of an object, wherever its kind has them.
fn client_configs(object: &Value) -> Vec<&Value> {
    match object["webhooks"].as_array() {
        Some(webhooks) => webhooks.iter().map(|webhook| &webhook["clientConfig"]).collect(),
        // A kind with one version has nothing to convert.
        None => object["spec"]["conversion"]["webhook"]
            .get("clientConfig")
            .into_iter()
            .collect(),
    }
}

#[tokio::test]
async fn every_path_is_a_route() {
    let objects = printed(&["--webhook-url", URL]);
    let configs: Vec<_> = objects.iter().flat_map(client_configs).collect();
    assert_eq!(
        configs.len(),
        13,
        "six CRDs with two versions, four webhooks that mutate and three that validate"
    );
    for config in configs {
        let path = config["url"].as_str().unwrap().strip_prefix(URL).unwrap();
        let request = Request::post(path).body(Body::from("{}")).unwrap();
        let status = router(state(&args(&[]))).oneshot(request).await.unwrap().status();
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

/// A webhook of a configuration, without where it is.
fn webhook(flags: &[&str], configuration: usize, place: usize) -> Value {
    let objects = printed(&[&["--webhook-url", URL], flags].concat());
    let mut webhook = webhooks(&objects)[configuration]["webhooks"][place].clone();
    webhook.as_object_mut().unwrap().remove("clientConfig");
    webhook
}

#[test]
fn the_api_server_asks_about_what_is_written_and_stops_nothing_else() {
    let rule = |group: &str, versions: &[&str], resources: [&str; 2], scope: &str| {
        json!([{"apiGroups": [group], "apiVersions": versions, "operations": ["CREATE", "UPDATE"],
            "resources": resources, "scope": scope}])
    };
    let kinds = ["jobtemplates", "jobexecutions"];
    let dispatch = rule("dispatcher.ivan.vc", &["v1alpha1", "v1beta1"], kinds, "Namespaced");
    let kinds = ["podgateways", "gatewayclients"];
    let gateway = rule("gateway.stationmaster.dev", &["v1alpha1"], kinds, "*");
    for (configuration, place, name, rules) in [
        (0, 0, "mutate.dispatch.stationmaster.dev", &dispatch),
        (1, 0, "validate.dispatch.stationmaster.dev", &dispatch),
        (1, 1, "validate.gateway.stationmaster.dev", &gateway),
    ] {
        let wanted = json!({
            "name": name,
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "rules": rules,
        });
        assert_eq!(webhook(&[], configuration, place), wanted);
    }
}

#[test]
fn the_api_server_asks_about_workers() {
    let kinds = ["deployment", "release", "bundle", "account"];
    for (configuration, place, name) in [
        (0, 1, "mutate.workers.stationmaster.dev"),
        (1, 2, "validate.workers.stationmaster.dev"),
    ] {
        let rules = kinds.iter().map(|kind| {
            json!({"apiGroups": [format!("api.worker-{kind}")], "apiVersions": ["v1alpha1", "v1beta1"],
                "operations": ["CREATE", "UPDATE"], "resources": [format!("worker{kind}s")], "scope": "Namespaced"})
        });
        let webhook = webhook(&[], configuration, place);
        assert_eq!(webhook["name"], name);
        assert_eq!(webhook["rules"], rules.collect::<Value>());
        assert_eq!(webhook["failurePolicy"], "Fail");
    }
}

/// A webhook of pods as it has to be, with what its selectors require.
fn of_pods(name: &str, failure: (&str, u8), labels: &Value, namespaces: &Value, marked: Option<&str>) -> Value {
    let mirror = "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)";
    let mut conditions = vec![json!({"name": "is-no-mirror-pod", "expression": mirror})];
    conditions.extend(marked.map(|marked| json!({"name": "is-marked", "expression": marked})));
    json!({
        "name": name,
        "admissionReviewVersions": ["v1"],
        "failurePolicy": failure.0,
        "timeoutSeconds": failure.1,
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "reinvocationPolicy": "IfNeeded",
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
            "scope": "Namespaced"}],
        "objectSelector": {"matchExpressions": labels},
        "namespaceSelector": {"matchExpressions": namespaces},
        "matchConditions": conditions,
    })
}

#[test]
fn pods_that_a_label_marks_wait_for_the_server_and_others_do_not() {
    let namespaces = json!([{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]);
    let labels = |operator: &str| json!([{"key": "setGateway", "operator": operator}]);
    let name = "labelled.pods.gateway.stationmaster.dev";
    let labelled = of_pods(name, ("Fail", 5), &labels("Exists"), &namespaces, None);
    assert_eq!(webhook(&[], 0, 2), labelled);
    let marked = Some("has(object.metadata.annotations) && ('setGateway' in object.metadata.annotations)");
    let name = "other.pods.gateway.stationmaster.dev";
    let other = of_pods(name, ("Ignore", 2), &labels("DoesNotExist"), &namespaces, marked);
    assert_eq!(webhook(&[], 0, 3), other);
}

#[test]
fn namespaces_are_named_by_the_flags_that_serve_has_too() {
    let flags = |prefix: &str| {
        let flags = ["namespace-selector=a,b in (c,d)", "exclude-namespace=vpn"];
        flags.map(|flag| format!("--{prefix}{flag}"))
    };
    let printed = |flags: [String; 2]| webhook(&flags.each_ref().map(String::as_str), 0, 2);
    assert_eq!(printed(flags("gateway-")), printed(flags("")));
    assert_ne!(printed(flags("")), webhook(&[], 0, 2));
}

#[test]
fn each_pod_is_for_one_webhook_whatever_marks_it() {
    let flags = [
        "--gateway-label=a.b/c",
        "--gateway-annotation=d/e",
        "--namespace-selector=routed-gateway=true,!off",
        "--exclude-namespace=vpn",
        "--exclude-namespace=kube-system",
    ];
    let namespaces = json!([
        {"key": "routed-gateway", "operator": "In", "values": ["true"]},
        {"key": "off", "operator": "DoesNotExist"},
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "vpn"]},
    ]);
    let labels = |operators: &[(&str, &str)]| -> Value {
        let labels = operators.iter();
        labels
            .map(|(key, operator)| json!({"key": key, "operator": operator}))
            .collect()
    };
    let name = "key-2.labelled.pods.gateway.stationmaster.dev";
    let second = labels(&[("setGateway", "DoesNotExist"), ("a.b/c", "Exists")]);
    assert_eq!(
        webhook(&flags, 0, 3),
        of_pods(name, ("Fail", 5), &second, &namespaces, None)
    );
    let name = "other.pods.gateway.stationmaster.dev";
    let neither = labels(&[("setGateway", "DoesNotExist"), ("a.b/c", "DoesNotExist")]);
    let marked = "has(object.metadata.annotations) && ('setGateway' in object.metadata.annotations || 'd/e' in \
                  object.metadata.annotations)";
    let wanted = of_pods(name, ("Ignore", 2), &neither, &namespaces, Some(marked));
    assert_eq!(webhook(&flags, 0, 4), wanted);
    // A default is for pods without any mark.
    let flags = [&flags[..], &["--gateway-default"]].concat();
    let wanted = of_pods(name, ("Ignore", 2), &neither, &namespaces, None);
    assert_eq!(webhook(&flags, 0, 4), wanted);
}

#[test]
fn the_server_is_not_asked_about_its_own_pods() {
    for webhook in webhooks(&printed(&["--service", "a/b", "--conversion-service", "c/d"]))[0]["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .skip(2)
    {
        let namespaces = &webhook["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(namespaces["values"], json!(["kube-system", "a"]));
    }
}

/// The hooks of the DecoratorControllers, as trees.
fn decorators() -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("manifests/metacontroller");
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    vec![
        read("decorator-controller.yaml"),
        read("decorator-controller-charm.yaml"),
    ]
}

#[tokio::test]
async fn every_hook_is_a_route_with_etag() {
    for decorator in decorators() {
        let hooks = decorator["spec"]["hooks"].as_object().unwrap();
        assert_eq!(hooks.keys().collect::<Vec<_>>(), ["customize", "finalize", "sync"]);
        for (name, hook) in hooks {
            let url = hook["webhook"]["url"].as_str().unwrap();
            assert_eq!(hook["webhook"]["etag"]["enabled"], true, "{name}");
            let path = url.strip_prefix("http://stationmaster.stationmaster.svc").unwrap();
            assert_eq!(path, format!("/{name}"));
            let request = Request::post(path).body(Body::from("{}")).unwrap();
            let status = router(state(&args(&[]))).oneshot(request).await.unwrap().status();
            // The route is there, and has no folder to answer from.
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
    }
}

#[test]
fn a_changed_folder_is_asked_for_soon() {
    for decorator in decorators() {
        let period = decorator["spec"]["resyncPeriodSeconds"].as_u64();
        assert!(period.is_some_and(|seconds| (1..=60).contains(&seconds)), "{period:?}");
    }
}

#[test]
fn the_sample_folder_is_a_set_whose_kinds_are_declared() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("manifests/folder/templates");
    let files = Folder::new(folder, Timing::default()).read().unwrap();
    let files = files.iter().map(|file| (&*file.path, &*file.text));
    let set = Set::compile(files, Options::default()).unwrap();
    let mut namespace = Namespace {
        name: "team".to_owned(),
        ..Namespace::default()
    };
    for (tier, pods) in [("gold", "200"), ("silver", "50")] {
        namespace.labels.insert("tier".to_owned(), tier.to_owned());
        let objects = set.desired(&namespace).unwrap().objects;
        let resource = |kind: &str| json!(format!("{}s", kind.to_lowercase()));
        let declared = decorators()[0]["spec"]["attachments"].take();
        let declared: Vec<_> = declared
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind["resource"].clone())
            .collect();
        assert!(objects.iter().all(|object| declared.contains(&resource(&object.kind))));
        let quota: Value = serde_json::from_str(objects[0].manifest.get()).unwrap();
        assert_eq!(quota["spec"]["hard"]["pods"], pods);
    }
}

#[test]
fn a_service_is_named_with_its_port() {
    for object in printed(&["--service", "a/b", "--service-port", "8443"]) {
        for config in client_configs(&object) {
            let service = &config["service"];
            assert_eq!(
                (&service["namespace"], &service["name"], &service["port"]),
                (&json!("a"), &json!("b"), &json!(8443))
            );
            assert!(config.get("url").is_none());
        }
    }
}

#[test]
fn conversion_may_have_a_service_of_its_own() {
    let objects = printed(&["--service", "a/b", "--conversion-service", "c/d"]);
    let services: Vec<_> = objects
        .iter()
        .flat_map(client_configs)
        .map(|config| [&config["service"]["namespace"], &config["service"]["name"]])
        .collect();
    let (admission, conversion) = ([&json!("a"), &json!("b")], [&json!("c"), &json!("d")]);
    assert_eq!(services[..6], [conversion; 6]);
    assert_eq!(services[6..], [admission; 7]);
}

#[test]
fn the_authority_is_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bad): (PathBuf, PathBuf) = (folder.path().join("ca.crt"), folder.path().join("bad"));
    let bundle = stationmaster::trust::bundle(&["localhost".to_owned()], time::OffsetDateTime::UNIX_EPOCH).unwrap();
    std::fs::write(&file, &bundle.authority).unwrap();
    std::fs::write(&bad, "not PEM").unwrap();
    let flags = |file: &PathBuf| {
        [
            "--webhook-url".to_owned(),
            URL.to_owned(),
            format!("--ca-file={}", file.display()),
        ]
    };
    let objects = printed(&flags(&file).each_ref().map(String::as_str));
    let expected = serde_json::to_value(k8s_openapi::ByteString(bundle.authority.into_bytes())).unwrap();
    assert!(
        objects
            .iter()
            .flat_map(client_configs)
            .all(|config| config["caBundle"] == expected)
    );

    let cli = Cli::parse_from(
        [
            vec!["stationmaster".to_owned(), "manifests".to_owned()],
            flags(&bad).to_vec(),
        ]
        .concat(),
    );
    let Some(Command::Manifests(args)) = cli.command else {
        panic!("not manifests")
    };
    let refused = registration(&args).unwrap_err().to_string();
    assert!(refused.ends_with("bad holds no PEM certificate"), "{refused}");
}

#[test]
fn cert_manager_is_asked_for_the_authority() {
    let printed = printed(&["--webhook-url", URL, "--cert-manager", "a/b"]);
    for object in printed.iter().filter(|object| !client_configs(object).is_empty()) {
        assert_eq!(
            object["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
            "a/b"
        );
    }
}
