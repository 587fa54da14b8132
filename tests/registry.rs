//! Images and code of workers in real registries: what is put there is what was meant, the same twice, and what is refused
//! is refused with a remedy.

#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

mod common;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::registry::{INDEX, Image, MANIFEST, PASSWORD, Registry, Rules, anonymous, credentials, descriptor, digest};
use serde_json::{Value, json};
use stationmaster::clients::registry::{Credentials, Deletion, Registries, RegistryError, Target};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const NOTHING: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn layer() -> Bytes {
    Bytes::from_static(b"the files of a bundle")
}

fn digest_of(image: &str) -> &str {
    image.split_once('@').unwrap().1
}

async fn append(base: &str, repository: &str) -> Result<String, RegistryError> {
    append_as(&anonymous(), base, repository).await
}

async fn append_as(registries: &Registries, base: &str, repository: &str) -> Result<String, RegistryError> {
    let target = Target { repository, tag: "v1" };
    registries.append(base, target, layer()).await
}

async fn push_code(repository: &str, code: &[u8]) -> Result<String, RegistryError> {
    let target = Target { repository, tag: "v1" };
    anonymous().push_code(target, Bytes::copy_from_slice(code)).await
}

#[track_caller]
fn refused<T>(outcome: Result<T, RegistryError>, expected: &str) {
    let error = outcome.map(|_| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(expected) && !error.may_pass(), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn an_image_gets_one_layer_more() {
    let registry = Registry::start();
    let mut image = Image::of(&[b"runtime", b"tools"]);
    image.manifest_type = "application/vnd.docker.distribution.manifest.v2+json";
    image.layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    registry.push("base", "dev", &image).await;
    let repository = registry.repository("team/workers");
    let pushed = append(&registry.repository("base:dev"), &repository).await.unwrap();
    assert!(pushed.starts_with(&format!("{repository}@sha256:")), "{pushed}");

    let (manifest, kind) = registry.manifest("team/workers", digest_of(&pushed)).await.unwrap();
    assert_eq!(kind, MANIFEST);
    assert_eq!(registry.manifest("team/workers", "v1").await.unwrap().0, manifest);
    let base = |content: &[u8]| descriptor(&format!("{LAYER}+gzip"), &digest(content), content.len());
    let layers = json!([
        base(b"runtime"),
        base(b"tools"),
        descriptor(LAYER, &digest(&layer()), layer().len())
    ]);
    assert_eq!(manifest["layers"], layers);
    for descriptor in layers.as_array().unwrap() {
        let digest_of = descriptor["digest"].as_str().unwrap();
        assert_eq!(digest(&registry.blob("team/workers", digest_of).await), digest_of);
    }
    let config = registry
        .blob("team/workers", manifest["config"]["digest"].as_str().unwrap())
        .await;
    let mut expected = image.config();
    let ids = expected["rootfs"]["diff_ids"].as_array_mut().unwrap();
    ids.push(json!(digest(&layer())));
    let history = expected["history"].as_array_mut().unwrap();
    history.push(json!({"created_by": "stationmaster build-bundle push-bundle"}));
    assert_eq!(serde_json::from_slice::<Value>(&config).unwrap(), expected);
}

#[tokio::test]
async fn the_same_gives_the_same_wherever_it_is_put() {
    let registry = Registry::start();
    registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let (base, repository) = (registry.repository("base:dev"), registry.repository("one"));
    let first = append(&base, &repository).await.unwrap();
    assert_eq!(append(&base, &repository).await.unwrap(), first);
    let elsewhere = append(&base, &registry.repository("other/two")).await.unwrap();
    assert_eq!(digest_of(&elsewhere), digest_of(&first));
    // After it was deleted it comes back as it was.
    assert_eq!(anonymous().delete(&first).await.unwrap(), Deletion::Gone);
    assert_eq!(registry.manifest("one", digest_of(&first)).await, None);
    assert_eq!(append(&base, &repository).await.unwrap(), first);
    assert!(registry.manifest("one", digest_of(&first)).await.is_some());
    // Beside the base, where nothing has to be taken over.
    let beside = append(&base, &registry.repository("base")).await.unwrap();
    assert_eq!(digest_of(&beside), digest_of(&first));
}

#[tokio::test]
async fn what_the_registry_has_is_mounted_and_not_read() {
    let registry = Registry::start();
    registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let base = registry.repository("base:dev");
    // Whoever reads this layer sees that it is another one.
    std::fs::write(registry.file(&digest(b"runtime")), b"runtimf").unwrap();
    let pushed = append(&base, &registry.repository("workers")).await.unwrap();
    assert!(registry.manifest("workers", digest_of(&pushed)).await.is_some());
}

#[tokio::test]
async fn a_base_of_another_registry_is_copied() {
    let (from, to) = (Registry::start(), Registry::start());
    let large = b"twelve bytes".repeat(1 << 20);
    from.push("base", "dev", &Image::of(&[&large, b"tools"])).await;
    let pushed = append(&from.repository("base:dev"), &to.repository("workers"))
        .await
        .unwrap();
    assert_eq!(to.blob("workers", &digest(&large)).await, large);
    let near = append(&from.repository("base:dev"), &from.repository("workers"))
        .await
        .unwrap();
    assert_eq!(digest_of(&near), digest_of(&pushed));
}

#[tokio::test]
async fn an_index_gets_one_layer_more_on_each_image_for_linux() {
    let registry = Registry::start();
    let mut entries = Vec::new();
    for (architecture, system) in [("amd64", "linux"), ("arm64", "linux"), ("amd64", "windows")] {
        let content = format!("{architecture} {system}");
        let mut image = Image::of(&[content.as_bytes(), b"common"]);
        image.architecture = architecture;
        let pushed = registry.push("base", &content.replace(' ', "-"), &image).await;
        let size = registry.manifest("base", &pushed).await.unwrap().0.to_string().len();
        let mut entry = descriptor(MANIFEST, &pushed, size);
        entry["platform"] = json!({"architecture": architecture, "os": system});
        entries.push(entry);
    }
    let mut attestation = entries[0].clone();
    attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    entries.push(attestation);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    registry.put_manifest("base", "dev", INDEX, &index).await;

    let pushed = append(&registry.repository("base:dev"), &registry.repository("workers"))
        .await
        .unwrap();
    let (made, kind) = registry.manifest("workers", digest_of(&pushed)).await.unwrap();
    assert_eq!(kind, INDEX);
    let made = made["manifests"].as_array().unwrap();
    assert_eq!(made.len(), 2);
    for (made, base) in made.iter().zip(&entries) {
        assert_eq!(made["platform"], base["platform"]);
        let (image, _) = registry
            .manifest("workers", made["digest"].as_str().unwrap())
            .await
            .unwrap();
        assert_eq!(image["layers"][2]["digest"], digest(&layer()));
        let config = registry
            .blob("workers", image["config"]["digest"].as_str().unwrap())
            .await;
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["architecture"], base["platform"]["architecture"]);
    }
    let again = append(&registry.repository("base:dev"), &registry.repository("workers"))
        .await
        .unwrap();
    assert_eq!(again, pushed);
}

#[tokio::test]
async fn credentials_are_asked_for_and_told_apart() {
    let rules = Rules {
        credentials: true,
        ..Rules::default()
    };
    let registry = Registry::with(rules);
    registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let (base, repository) = (registry.repository("base:dev"), registry.repository("workers"));
    let folder = tempfile::tempdir().unwrap();
    let with = |password: &str| {
        let file = credentials(folder.path(), &registry.host, password);
        Registries::new(Credentials::read(&[file]).unwrap(), &[])
    };
    let known = with(PASSWORD);
    let pushed = append_as(&known, &base, &repository).await.unwrap();
    for (registries, expected) in [
        (anonymous(), "asks for credentials: give a Secret"),
        (with("guess"), "refuses the credentials: look at the Secret"),
    ] {
        refused(append_as(&registries, &base, &repository).await, expected);
        refused(registries.pull_code(&pushed).await, expected);
        refused(registries.delete(&pushed).await, expected);
    }
    assert_eq!(known.delete(&pushed).await.unwrap(), Deletion::Gone);
}

#[tokio::test]
async fn what_is_not_what_was_pinned_is_refused() {
    let registry = Registry::start();
    let repository = registry.repository("code");
    let pushed = push_code(&repository, b"the code of a worker").await.unwrap();
    assert_eq!(anonymous().pull_code(&pushed).await.unwrap(), b"the code of a worker");
    std::fs::write(registry.file(&digest(b"the code of a worker")), b"the code of another!").unwrap();
    refused(anonymous().pull_code(&pushed).await, "has another digest");

    let base = registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let file = registry.file(&base);
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("\"layers\":", "\"layers\" :");
    std::fs::write(file, text).unwrap();
    let pinned = format!("{}@{base}", registry.repository("base"));
    refused(append(&pinned, &repository).await, "has another digest");
}

#[tokio::test]
async fn a_layer_that_changed_is_not_copied() {
    let (from, to) = (Registry::start(), Registry::start());
    from.push("base", "dev", &Image::of(&[b"runtime"])).await;
    std::fs::write(from.file(&digest(b"runtime")), b"runtimf").unwrap();
    let outcome = append(&from.repository("base:dev"), &to.repository("workers")).await;
    refused(outcome, "has another digest");
    assert_eq!(to.manifest("workers", "v1").await, None);
}

#[tokio::test]
async fn what_is_too_large_or_no_image_is_refused() {
    let registry = Registry::start();
    let kind = "application/vnd.stationmaster.worker.code.v1";
    registry.put("code", b"{}").await;
    let layer = registry.put("code", b"code").await;
    let manifest = |kind: &str, size: usize| {
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
            "config": descriptor("application/vnd.oci.empty.v1+json", NOTHING, 2),
            "layers": [descriptor(LAYER, &layer, size)],
        })
    };
    for (kind, size, expected) in [
        (kind, (64 << 20) + 1, "the code has more than 64 MiB"),
        ("application/vnd.other", 4, "it is not the code of a worker"),
    ] {
        let digest = registry
            .put_manifest("code", "v1", MANIFEST, &manifest(kind, size))
            .await;
        let image = format!("{}@{digest}", registry.repository("code"));
        refused(anonymous().pull_code(&image).await, expected);
        refused(
            append(&image, &registry.repository("workers")).await,
            "it is no image of a container",
        );
    }
    // A registry that says less than it sends.
    let large = vec![b'x'; (64 << 20) + 1];
    let layer = registry.put("code", &large).await;
    let mut lying = manifest(kind, 4);
    lying["layers"][0]["digest"] = json!(layer);
    let digest = registry.put_manifest("code", "v2", MANIFEST, &lying).await;
    let image = format!("{}@{digest}", registry.repository("code"));
    refused(anonymous().pull_code(&image).await, "the code has more than 64 MiB");
    refused(
        push_code(&registry.repository("code"), &large).await,
        "the code has more than 64 MiB",
    );
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let registry = Registry::start();
    let (base, repository) = (registry.repository("base:dev"), registry.repository("workers"));
    let expected = format!(
        "cannot push to {repository}: its base {base}: the registry {} has no such image: look at its name",
        registry.host
    );
    assert_eq!(append(&base, &repository).await.unwrap_err().to_string(), expected);
    refused(append(&base, "no such/name").await, "cannot push to no such/name: ");
}

#[tokio::test]
async fn what_is_gone_is_gone_and_some_registries_keep_all() {
    let registry = Registry::start();
    let pushed = push_code(&registry.repository("code"), b"code").await.unwrap();
    for _ in 0..2 {
        assert_eq!(anonymous().delete(&pushed).await.unwrap(), Deletion::Gone);
        refused(anonymous().pull_code(&pushed).await, "has no such image");
    }
    let never = format!("{}@{}", registry.repository("never"), digest(b"x"));
    assert_eq!(anonymous().delete(&never).await.unwrap(), Deletion::Gone);
    refused(
        anonymous().delete(&registry.repository("code:v1")).await,
        "it has no digest",
    );

    let forever = Registry::with(Rules {
        forever: true,
        ..Rules::default()
    });
    let pushed = push_code(&forever.repository("code"), b"code").await.unwrap();
    assert_eq!(anonymous().delete(&pushed).await.unwrap(), Deletion::Unsupported);
    assert_eq!(anonymous().pull_code(&pushed).await.unwrap(), b"code");
}

/// What a registry that gives tokens was asked for.
type Asked = Arc<Mutex<Vec<String>>>;

/// A registry that wants a token for each action, and gives none to strangers.
async fn tokens(asked: Asked) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let state = (asked, host.clone());
    let router = Router::new().fallback(token_or_deletion).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    host
}

async fn token_or_deletion(State((asked, host)): State<(Asked, String)>, request: Request) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.uri().path() == "/token" {
        let scope = request.uri().query().unwrap_or_default().to_owned();
        let token = json!({"token": if scope.contains("delete") { "may-delete" } else { "may-push" }});
        asked.lock().unwrap().push(scope);
        return if sent.starts_with("Basic ") {
            token.to_string().into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        };
    }
    if sent == "Bearer may-delete" {
        return StatusCode::ACCEPTED.into_response();
    }
    let challenge = format!(r#"Bearer realm="http://{host}/token",service="test",scope="repository:code:delete""#);
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

#[tokio::test]
async fn a_token_is_asked_for_what_is_done() {
    let asked = Asked::default();
    let host = tokens(asked.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = credentials(folder.path(), &host, PASSWORD);
    let known = Registries::new(Credentials::read(&[file]).unwrap(), &[]);
    let image = format!("{host}/code@{}", digest(b"x"));
    assert_eq!(known.delete(&image).await.unwrap(), Deletion::Gone);
    assert_eq!(
        *asked.lock().unwrap(),
        ["service=test&scope=repository%3Acode%3Adelete"]
    );
    refused(anonymous().delete(&image).await, "asks for credentials");
}
