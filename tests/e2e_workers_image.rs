//! Workers as images: pushed to the real registry by build Jobs, pulled by the node, and deleted when nothing needs them.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use common::bucket::{ACCESS_KEY_ID, S3, SECRET_ACCESS_KEY};
use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use common::workers::{Account, node, saying, worker, workerd};
use serde_json::{Value, json};

/// This machine, as pods reach it.
const BRIDGE: &str = "10.244.0.1";

/// The cluster's registry, as pods and the node reach it.
fn registry(plane: &ControlPlane) -> String {
    let ports = std::fs::read_to_string(plane.folder().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_str(&ports).unwrap();
    format!("{BRIDGE}:{}", ports["registry"])
}

/// A server whose builds take the runtime image from the registry, as they put others there.
fn serving(plane: &ControlPlane, more: &[String]) -> Server {
    let registry = registry(plane);
    let mut flags = vec![
        format!("--worker-runtime-image={registry}/library/stationmaster-worker-runtime:dev"),
        format!("--worker-plain-http={registry}"),
        "--worker-image-pull-policy=IfNotPresent".to_owned(),
        "--drain-seconds=0".to_owned(),
    ];
    flags.extend_from_slice(more);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Server::start(plane, &flags)
}

/// An account whose workers become images in a repository of its own.
fn delivered_as_image<'p>(plane: &'p ControlPlane, name: &str) -> Account<'p> {
    let repository = format!("{}/{name}", registry(plane));
    Account::new(
        plane,
        &json!({"delivery": "Image", "image": {"repository": repository}}),
    )
}

fn bundle(account: &Account<'_>) -> Value {
    account.get("workerbundle", "workers-1234")
}

/// The status with which every pod runs an image, which is told.
fn image(account: &Account<'_>) -> String {
    eventually("an image that runs", || {
        let bundle = bundle(account);
        let image = bundle["status"]["image"].as_str()?;
        let is_wanted = bundle["spec"]["podTemplate"]["image"] == image;
        (is_wanted && image.contains("@sha256:")).then(|| image.to_owned())
    })
}

/// Whether the registry still has it.
fn is_there(image: &str) -> bool {
    let (name, digest) = image.split_once('@').unwrap();
    let (host, path) = name.split_once('/').unwrap();
    let url = format!("http://{host}/v2/{path}/manifests/{digest}");
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", accept, &url];
    let output = std::process::Command::new("curl").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap() == "200"
}

fn images(account: &Account<'_>) -> Vec<Value> {
    let account = account.get("workeraccount", "1234");
    account["status"]["images"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_image_is_pushed_pulled_and_deleted_when_another_one_runs() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &[format!("--workerd-path={}", workerd().display())]);
    let account = delivered_as_image(&plane, "image-updates");
    account.deploy("shop", &saying("first"));
    account.answers("shop", "first");
    let first = image(&account);
    let pods = &bundle(&account)["spec"]["podTemplate"];
    assert_eq!(
        (&pods["configMap"], &pods["modules"]),
        (&Value::Null, &Value::Null),
        "{pods:#}"
    );
    account.deploy("shop", &saying("second"));
    account.answers("shop", "second");
    let second = image(&account);
    eventually("the first image deleted", || (!is_there(&first)).then_some(()));
    eventually("only one image remembered", || {
        (images(&account).len() == 1).then_some(())
    });
    assert!(first != second && is_there(&second));
    // Back to where the image is gone, at once: its release is still there, and the same image is made of it.
    let releases = account.all("workerreleases");
    let oldest = releases
        .iter()
        .find(|release| release["spec"]["modules"][0]["text"] == saying("first"));
    let patch = json!({"spec": {"release": oldest.unwrap()["metadata"]["name"]}}).to_string();
    let arguments = ["patch", "workerdeployment", "shop", "--type=merge", "-p", &patch];
    plane.kubectl(&[&["-n", &*account.namespace], &arguments[..]].concat());
    account.answers("shop", "first");
    assert_eq!(image(&account), first);
    assert!(is_there(&first));
    account.deploy("cart", &saying("cart"));
    account.answers("cart", "cart");
    account.answers("shop", "first");
}

#[test]
fn both_deliveries_have_one_digest_and_an_image_built_twice_is_the_same() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &[]);
    let account = delivered_as_image(&plane, "image-twice");
    account.deploy("shop", &saying("shop"));
    account.deploy("cart", &saying("cart"));
    account.answers("shop", "shop");
    account.answers("cart", "cart");
    let (digest, first) = (bundle(&account)["status"]["digest"].clone(), image(&account));
    // Nothing is remembered of what was pushed, and its Jobs are gone: it is built anew.
    let namespace = ["-n", &*account.namespace];
    plane.kubectl(&[&namespace[..], &["delete", "jobs", "--all"]].concat());
    let patch = [
        "--subresource=status",
        "--type=merge",
        "-p",
        r#"{"status":{"images":null}}"#,
    ];
    plane.kubectl(&[&namespace[..], &["patch", "workeraccount", "1234"], &patch[..]].concat());
    eventually("the same image", || {
        (images(&account).first()?["image"] == first).then_some(())
    });
    let patch = json!({"spec": {"delivery": "ConfigMap"}}).to_string();
    plane.kubectl(
        &[
            &namespace[..],
            &["patch", "workeraccount", "1234", "--type=merge", "-p", &patch],
        ]
        .concat(),
    );
    eventually("pods that mount ConfigMaps", || {
        bundle(&account)["status"]["configMap"].is_string().then_some(())
    });
    assert_eq!(bundle(&account)["status"]["digest"], digest);
    account.answers("shop", "shop");
    eventually("no image left", || {
        (images(&account).is_empty() && !is_there(&first)).then_some(())
    });
}

/// A module that no ConfigMap takes.
fn large(text: &str) -> String {
    format!("{}// {}\n", saying(text), "x".repeat(1 << 20))
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_no_config_map_takes_is_brought_from_the_registry_or_from_its_urls() {
    let (_turn, plane) = node();
    let s3 = S3::start_at(BRIDGE, &["scripts"]);
    s3.put("scripts", "large.js", large("large")).await;
    let _server = serving(&plane, &[]);
    for delivery in ["Image", "ConfigMap"] {
        let repository = format!("{}/image-large", registry(&plane));
        let account = Account::new(
            &plane,
            &json!({
                "delivery": delivery, "image": {"repository": repository},
                "storage": {"endpoint": s3.endpoint(), "secretName": "s3-keys"},
            }),
        );
        account.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-keys"},
            "stringData": {"accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY},
        }));
        let mut shop = worker("shop", "");
        shop["spec"]["template"]["modules"] = json!([]);
        shop["spec"]["template"]["urls"] = json!([{"url": "s3://scripts/large.js"}]);
        account.apply(&shop);
        account.answers("shop", "large");
        let content = account.all("workerreleases")[0]["status"]["content"].clone();
        assert_eq!(content["configMap"], Value::Null, "{content:#}");
        assert_eq!(content["image"].is_string(), delivery == "Image", "{content:#}");
        let fetched = &bundle(&account)["spec"]["podTemplate"]["fetched"];
        assert_eq!(fetched.is_object(), delivery == "ConfigMap", "{fetched:#}");
    }
}

#[test]
fn credentials_that_are_missing_are_told_of() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &[format!("--workerd-path={}", workerd().display())]);
    let repository = format!("{}/image-secret", registry(&plane));
    let image = json!({"repository": repository, "pushSecret": "nobody-made-it"});
    let account = Account::new(&plane, &json!({"delivery": "Image", "image": image}));
    account.deploy("shop", &saying("shop"));
    eventually("a condition that names the Secret", || {
        let (status, _, message) = account.condition("shop", "Degraded")?;
        (status == "True" && message.contains("\"nobody-made-it\"")).then_some(())
    });
    let auths = json!({"auths": {}}).to_string();
    account.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nobody-made-it"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": auths},
    }));
    account.answers("shop", "shop");
}
