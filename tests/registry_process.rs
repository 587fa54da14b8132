//! The steps of a build Job that speak to registries, as they run there: code goes and comes back, a bundle becomes an image.

#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

mod common;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::Instant;

use common::build::{RELEASE, step, step_of_many, verdict};
use common::registry::{Image, PASSWORD, Registry, Rules, credentials};
use serde_json::json;
use stationmaster::api::workers::ProofState;
use stationmaster::workers::proof::Verdict;
use tempfile::TempDir;

/// A folder of steps, in which the code of the release was fetched and proved.
fn proved(modules: &[&[u8]]) -> TempDir {
    let work = tempfile::tempdir().unwrap();
    release(&work.path().join("modules"), RELEASE, modules);
    fs::write(work.path().join("proved"), "").unwrap();
    work
}

fn release(folder: &Path, name: &str, modules: &[&[u8]]) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut listing = Vec::new();
    for (number, content) in modules.iter().enumerate() {
        fs::write(folder.join(number.to_string()), content).unwrap();
        listing.push(json!({"name": format!("{number}.js"), "type": "EsModule"}));
    }
    fs::write(folder.join("modules.json"), json!(listing).to_string()).unwrap();
}

/// A bundle of one release, as it is mounted.
fn bundle() -> TempDir {
    let bundle = tempfile::tempdir().unwrap();
    fs::create_dir(bundle.path().join("config")).unwrap();
    fs::write(bundle.path().join("config/all.capnp"), "using Workerd").unwrap();
    release(&bundle.path().join("modules"), RELEASE, &[b"main", b"other"]);
    bundle
}

fn push_bundle(bundle: &Path, work: &Path, registry: &Registry, flags: &[&str]) -> Output {
    let (base, repository) = (registry.repository("base:dev"), registry.repository("workers"));
    let fixed = [
        "--bundle",
        bundle.to_str().unwrap(),
        "--base",
        &base,
        "--repository",
        &repository,
    ];
    step_of_many("push-bundle", work, &[&fixed, flags].concat(), &[])
}

fn image(output: &Output) -> String {
    let verdict = verdict(output);
    assert_eq!(verdict.state, ProofState::Passed, "{verdict:?}");
    verdict.image.unwrap()
}

fn digest_of(image: &str) -> &str {
    image.split_once('@').unwrap().1
}

fn refused(output: &Output) -> (String, String) {
    let verdict = verdict(output);
    assert_eq!(verdict.state, ProofState::Failed);
    (verdict.reason.unwrap(), verdict.message.unwrap())
}

#[tokio::test]
async fn code_goes_to_a_registry_and_comes_back() {
    let registry = Registry::start();
    let large = b"five!".repeat(1 << 20);
    let work = proved(&[b"export default {}", &large, b""]);
    let repository = registry.repository("code");
    let push = || step("push-code", work.path(), &["--repository", &repository], &[]);
    let pushed = verdict(&push());
    let image = pushed.image.clone().unwrap();
    let expected = Verdict {
        image: Some(image.clone()),
        size: Some(17 + (5 << 20)),
        ..Verdict::passed()
    };
    assert_eq!(pushed, expected);
    assert!(work.path().join("pushed").exists());
    assert_eq!(verdict(&push()), expected);
    // What a ConfigMap takes is left to it.
    let small = proved(&[b"export default {}"]);
    let flags = ["--repository", &*repository, "--large-only"];
    assert_eq!(
        verdict(&step("push-code", small.path(), &flags, &[])),
        Verdict::passed()
    );
    assert!(small.path().join("pushed").exists());
    assert!(registry.manifest("code", RELEASE).await.is_some());

    let other = tempfile::tempdir().unwrap();
    let modules = other.path().join("bundle/modules");
    let code = [format!("{RELEASE}={image}"), format!("second={image}")];
    let flags = [
        "--code",
        &code[0],
        "--code",
        &code[1],
        "--modules",
        modules.to_str().unwrap(),
    ];
    assert_eq!(
        verdict(&step_of_many("pull-code", other.path(), &flags, &[])),
        Verdict::passed()
    );
    assert!(other.path().join("fetched").exists());
    for name in [RELEASE, "second"] {
        for file in ["0", "1", "2", "modules.json"] {
            let written = fs::read(work.path().join("modules").join(RELEASE).join(file)).unwrap();
            assert_eq!(
                fs::read(modules.join(name).join(file)).unwrap(),
                written,
                "{name} {file}"
            );
        }
    }
}

#[tokio::test]
async fn code_that_cannot_be_had_is_told() {
    let registry = Registry::start();
    let work = tempfile::tempdir().unwrap();
    // No container may begin without it.
    let pull = |image: &str| {
        let mut output = step_of_many("pull-code", work.path(), &["--code", &format!("a={image}")], &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        output.status = ExitStatus::default();
        output
    };
    let missing = format!("{}@sha256:{}", registry.repository("code"), "ab".repeat(32));
    let (reason, message) = refused(&pull(&missing));
    assert_eq!(reason, "FetchFailed");
    assert!(message.starts_with(&format!("cannot pull {missing}: ")), "{message}");
    assert!(work.path().join("failed").exists() && !work.path().join("modules").exists());

    let base = registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let (_, message) = refused(&pull(&format!("{}@{base}", registry.repository("base"))));
    assert!(message.ends_with("it is not the code of a worker"), "{message}");
}

#[tokio::test]
async fn a_bundle_becomes_an_image() {
    let registry = Registry::start();
    registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let (bundle, work) = (bundle(), tempfile::tempdir().unwrap());
    let first = image(&push_bundle(
        bundle.path(),
        work.path(),
        &registry,
        &["--tag", "v1", "--proved"],
    ));
    assert!(work.path().join("published").exists());
    // Its turn comes after the proof, and the same comes of it.
    let proved = proved(&[]);
    let second = image(&push_bundle(bundle.path(), proved.path(), &registry, &["--tag", "v2"]));
    assert_eq!(first, second);

    let (manifest, _) = registry.manifest("workers", digest_of(&first)).await.unwrap();
    let layer = registry
        .blob("workers", manifest["layers"][1]["digest"].as_str().unwrap())
        .await;
    let mut found = Vec::new();
    for entry in tar::Archive::new(&*layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (path, mut content) = (entry.path().unwrap().display().to_string(), String::new());
        entry.read_to_string(&mut content).unwrap();
        found.extend((!content.is_empty()).then_some((path, content)));
    }
    let folder = format!("bundle/modules/{RELEASE}");
    let listing = r#"[{"name":"0.js","type":"EsModule"},{"name":"1.js","type":"EsModule"}]"#;
    let expected = [
        ("bundle/config/all.capnp".to_owned(), "using Workerd".to_owned()),
        (format!("{folder}/0"), "main".to_owned()),
        (format!("{folder}/1"), "other".to_owned()),
        (format!("{folder}/modules.json"), listing.to_owned()),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn credentials_come_from_files() {
    let registry = Registry::with(Rules {
        credentials: true,
        ..Rules::default()
    });
    registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
    let (bundle, work) = (bundle(), tempfile::tempdir().unwrap());
    let files = tempfile::tempdir().unwrap();
    let (other, known) = (
        credentials(files.path(), "r.example", "other"),
        credentials(files.path(), &registry.host, PASSWORD),
    );
    let flags = |file: &Path| ["--registry-config".to_owned(), file.to_str().unwrap().to_owned()];
    let flags = [flags(&other), flags(&known)].concat();
    let flags: Vec<_> = flags.iter().map(|flag| &**flag).collect();
    let push = |flags: &[&str]| {
        let fixed = ["--tag", "v1", "--proved"];
        push_bundle(bundle.path(), work.path(), &registry, &[&fixed, flags].concat())
    };
    let pushed = image(&push(&flags));
    let output = push(&flags[..2]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains("asks for credentials: give a Secret"), "{log}");

    let purged = step_of_many("purge", work.path(), &[&[&*pushed], &*flags].concat(), &[]);
    assert_eq!(verdict(&purged), Verdict::passed());
    assert_eq!(registry.manifest("workers", digest_of(&pushed)).await, None);
}

#[tokio::test]
async fn what_is_purged_is_gone_and_what_stays_is_told() {
    let forever = Registry::with(Rules {
        forever: true,
        ..Rules::default()
    });
    let registry = Registry::start();
    let mut images = Vec::new();
    for registry in [&registry, &forever] {
        let base = registry.push("base", "dev", &Image::of(&[b"runtime"])).await;
        images.push(format!("{}@{base}", registry.repository("base")));
    }
    let work = tempfile::tempdir().unwrap();
    let purge = |images: &[&str]| step_of_many("purge", work.path(), images, &[]);
    for _ in 0..2 {
        assert_eq!(verdict(&purge(&[&images[0]])), Verdict::passed());
    }
    let told = format!("{} stays: the registry does not delete", images[1]);
    let kept = verdict(&purge(&[&images[1]]));
    assert_eq!((kept.state, kept.message), (ProofState::Passed, Some(told.clone())));
    let (reason, message) = refused(&purge(&["r.example/a:v1", &images[1]]));
    assert_eq!(reason, "BuildFailed");
    assert!(
        message.starts_with("cannot delete r.example/a:v1: it has no digest"),
        "{message}"
    );
    assert!(message.ends_with(&told), "{message}");
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
}

#[test]
fn a_registry_that_is_away_is_asked_again_and_then_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (work, repository) = (proved(&[b"a"]), format!("127.0.0.1:{port}/code"));
    let begin = Instant::now();
    let output = step("push-code", work.path(), &["--repository", &repository], &[]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    let expected = format!("cannot push to {repository}: the registry 127.0.0.1:{port} does not answer by http: ");
    assert!(log.contains(&expected) && log.contains("look at its address"), "{log}");
    assert!(begin.elapsed().as_secs() >= 9 && work.path().join("failed").exists());
}

#[test]
fn a_machine_without_certificate_authorities_is_told() {
    let work = proved(&[b"a"]);
    let nowhere = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (name, "/nonexistent".to_owned()));
    let output = step(
        "push-code",
        work.path(),
        &["--repository", "127.0.0.1:9/code"],
        &nowhere,
    );
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(
        log.ends_with("set SSL_CERT_FILE\n") && !log.contains("panicked"),
        "{log}"
    );
}
