//! A folder of templates that changes while the server runs: broken, emptied and filled again, swapped as a mounted
//! ConfigMap is, removed, or not there at the start. Whatever happens to it, no answer ever leaves an object out.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::process::{Process, flag};
use common::serve::eventually;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const NAMES: [&str; 5] = ["account", "binding", "quota", "secret", "settings"];

/// A server, its folder, and somebody who asks all the time.
struct Running {
    client: Client,
    sync: SocketAddr,
    health: SocketAddr,
    metrics: SocketAddr,
    folder: PathBuf,
    asking: Arc<Asking>,
    asker: JoinHandle<()>,
    _home: TempDir,
    _process: Process,
}

/// What somebody who asks all the time has seen.
#[derive(Default)]
struct Asking {
    stop: AtomicBool,
    good: AtomicUsize,
    /// Good answers that left something out.
    partial: AtomicUsize,
}

impl Running {
    /// Prepares a folder in a new home and starts the server with it.
    fn start(prepare: impl FnOnce(&Path)) -> Self {
        Self::start_with(&[], prepare)
    }

    fn start_with(more: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("templates");
        prepare(&folder);
        let named = flag("templates-folder", &folder);
        let flags = [
            "--components=sync",
            "--web-server-bind-address=127.0.0.1:0",
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=127.0.0.1:0",
            named.as_str(),
        ];
        let process = Process::start(&[&flags[..], more].concat());
        let (sync, health) = (process.address("sync"), process.address("health"));
        let (client, asking) = (Client::new(), Arc::<Asking>::default());
        let asker = tokio::spawn(ask(client.clone(), sync, asking.clone()));
        Self {
            client,
            sync,
            health,
            metrics: process.address("metrics"),
            folder,
            asking,
            asker,
            _home: home,
            _process: process,
        }
    }

    /// Status and body of one sync.
    async fn answer(&self) -> (u16, Value) {
        sync(&self.client, self.sync).await.unwrap()
    }

    /// Waits until every answer comes from files of this kind.
    async fn until_answered(&self, tier: &str) {
        eventually(&format!("answers with {tier}"), async || {
            let (status, body) = self.answer().await;
            (status == 200 && body["attachments"][0]["data"]["tier"] == tier).then_some(())
        })
        .await;
    }

    async fn page(&self, address: SocketAddr, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("http://{address}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn until_ready(&self, ready: bool) {
        let words = "not ready: folder of templates";
        eventually(&format!("readiness {ready}"), async || {
            let (status, text) = self.page(self.health, "/readyz").await;
            let is_so = if ready {
                status == 200
            } else {
                status == 503 && text == words
            };
            is_so.then_some(())
        })
        .await;
    }

    /// What `/metrics` says of a name.
    async fn metric(&self, name: &str) -> usize {
        let (_, page) = self.page(self.metrics, "/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    /// Everything that was answered well all along was whole.
    async fn end(self) {
        self.asking.stop.store(true, Ordering::Relaxed);
        self.asker.await.unwrap();
        assert!(self.asking.good.load(Ordering::Relaxed) > 0);
        assert_eq!(self.asking.partial.load(Ordering::Relaxed), 0);
    }
}

async fn ask(client: Client, address: SocketAddr, asking: Arc<Asking>) {
    while !asking.stop.load(Ordering::Relaxed) {
        let Some((200, body)) = sync(&client, address).await else {
            continue;
        };
        asking.good.fetch_add(1, Ordering::Relaxed);
        if body["attachments"].as_array().map(Vec::len) != Some(NAMES.len()) {
            asking.partial.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn sync(client: &Client, address: SocketAddr) -> Option<(u16, Value)> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "team", "labels": {"user.kubeflow.org/enabled": "true"},
    }});
    let request = client.post(format!("http://{address}/sync"));
    let request = request.json(&json!({"object": namespace, "attachments": {"ConfigMap.v1": {}}}));
    let answer = request.send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
}

fn manifest(name: &str, tier: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{team: \"{{{{ NAMESPACE }}}}\", tier: {tier}}}\n"
    )
}

fn fill(folder: &Path, tier: &str) {
    fs::create_dir_all(folder).unwrap();
    for name in NAMES {
        fs::write(folder.join(format!("{name}.yaml")), manifest(name, tier)).unwrap();
    }
}

fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_at_the_start_is_waited_for() {
    let running = Running::start(|_| {});
    running.until_ready(false).await;
    let (status, body) = running.answer().await;
    assert_eq!((status, &body["reason"]), (503, &json!("NoTemplates")));
    eventually("the reason", async || {
        let (_, body) = running.answer().await;
        body["error"]
            .as_str()?
            .contains("No such file or directory")
            .then_some(())
    })
    .await;

    fs::create_dir(&running.folder).unwrap();
    for name in NAMES {
        fs::write(running.folder.join(format!("{name}.yaml")), "apiVersion: v1\nkind: ").unwrap();
        assert_eq!(running.answer().await.0, 503);
    }
    eventually("file and line", async || {
        let (_, body) = running.answer().await;
        let fault = &body["faults"][0];
        (fault["file"] == "account.yaml" && fault["reason"] == "kind must be text").then_some(())
    })
    .await;
    fill(&running.folder, "standard");
    running.until_answered("standard").await;
    running.until_ready(true).await;
    running.end().await;
}

#[tokio::test]
async fn the_last_good_set_stays_while_a_file_is_broken() {
    let running = Running::start(|folder| fill(folder, "standard"));
    running.until_ready(true).await;
    assert_eq!(running.metric("stationmaster_template_files").await, NAMES.len());
    assert_eq!(running.metric("stationmaster_template_folder_failures_total").await, 0);
    let broken = running.folder.join("quota.yaml");
    fs::write(&broken, "apiVersion: v1\nkind: [").unwrap();
    running.until_ready(false).await;
    assert_eq!(running.metric("stationmaster_template_folder_failures_total").await, 1);
    assert_eq!(running.answer().await.0, 200);

    fill(&running.folder, "gold");
    running.until_answered("gold").await;
    running.until_ready(true).await;
    running.end().await;
}

#[tokio::test]
async fn an_emptied_folder_empties_no_namespace() {
    let running = Running::start(|folder| fill(folder, "standard"));
    running.until_ready(true).await;
    empty(&running.folder);
    running.until_ready(false).await;
    assert_eq!(running.answer().await.0, 200);

    for name in NAMES {
        fs::write(running.folder.join(format!("{name}.yaml")), manifest(name, "gold")).unwrap();
        assert_eq!(running.answer().await.0, 200);
    }
    running.until_answered("gold").await;
    running.until_ready(true).await;

    fs::remove_dir_all(&running.folder).unwrap();
    running.until_ready(false).await;
    assert_eq!(running.answer().await.0, 200);
    running.end().await;
}

#[tokio::test]
async fn a_mounted_config_map_is_swapped() {
    let mount = |folder: &Path, version: &str, tier: &str| {
        fill(&folder.join(version), tier);
        symlink(version, folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    };
    let running = Running::start(|folder| {
        fs::create_dir(folder).unwrap();
        mount(folder, "..2026_11_21_one", "standard");
        for name in NAMES {
            let file = format!("{name}.yaml");
            symlink(format!("..data/{file}"), folder.join(&file)).unwrap();
        }
    });
    running.until_answered("standard").await;
    for (version, tier) in [("..2026_11_21_two", "gold"), ("..2026_11_21_three", "silver")] {
        mount(&running.folder, version, tier);
        running.until_answered(tier).await;
        running.until_ready(true).await;
    }
    assert_eq!(running.metric("stationmaster_template_folder_failures_total").await, 0);
    running.end().await;
}

#[tokio::test]
async fn a_folder_that_is_meant_to_be_empty_is_a_set() {
    let running = Running::start_with(&["--allow-empty-folder"], |folder| fill(folder, "standard"));
    running.until_answered("standard").await;
    empty(&running.folder);
    eventually("nothing", async || {
        let (status, body) = running.answer().await;
        (status == 200 && body["attachments"] == json!([])).then_some(())
    })
    .await;
    running.until_ready(true).await;
    fs::remove_dir(&running.folder).unwrap();
    running.until_ready(false).await;
    running.asker.abort();
}
