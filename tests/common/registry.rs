//! A real registry of a test's own, distribution, on a free port and over a folder that goes with it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stationmaster::clients::registry::{Credentials, Registries};

use super::cluster::end_with_an_excuse;

/// Who may ask, where not everybody may.
pub const USER: &str = "stationmaster";
/// And how they show it.
pub const PASSWORD: &str = "a-secret-that-nothing-prints";
/// The same as the registry has it.
const BCRYPT: &str = "$2a$04$FdEPwrTKSoijrkxxUqQ4FO0/Np58op95zeI5amgk6VALfM8RLOj8.";
/// So long a registry takes to start on a busy machine.
const START: Duration = Duration::from_secs(30);

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What a registry lets be done.
#[derive(Clone, Copy, Default)]
pub struct Rules {
    /// To [`USER`] alone.
    pub credentials: bool,
    /// Nothing is ever deleted.
    pub forever: bool,
}

/// A running registry; killed when dropped.
pub struct Registry {
    server: Child,
    pub host: String,
    root: tempfile::TempDir,
    rules: Rules,
}

impl Registry {
    pub fn start() -> Self {
        Self::with(Rules::default())
    }

    pub fn with(rules: Rules) -> Self {
        let program = program();
        let root = tempfile::Builder::new()
            .prefix("stationmaster-registry-")
            .tempdir()
            .unwrap();
        // Somebody else may take the port between our look at it and the registry's.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let host = format!("127.0.0.1:{port}");
            let config = root.path().join("config.yaml");
            std::fs::write(&config, configuration(&host, root.path(), rules)).unwrap();
            let mut server = spawn(&program, &config);
            if answers(&mut server, port) {
                return Self {
                    server,
                    host,
                    root,
                    rules,
                };
            }
        }
        panic!("the registry does not start");
    }

    /// `HOST/NAME` of a repository.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Puts an image of these layers there; its digest.
    pub async fn push(&self, name: &str, tag: &str, image: &Image) -> String {
        let mut descriptors = Vec::new();
        for layer in &image.layers {
            descriptors.push(descriptor(image.layer_type, &self.put(name, layer).await, layer.len()));
        }
        let config = image.config().to_string().into_bytes();
        let digest = self.put(name, &config).await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": image.manifest_type, "layers": descriptors,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &digest, config.len()),
        });
        self.put_manifest(name, tag, image.manifest_type, &manifest).await
    }

    /// Puts a blob there; its digest.
    pub async fn put(&self, name: &str, content: &[u8]) -> String {
        let begun = self
            .call(Method::POST, &format!("{name}/blobs/uploads/"), &[], b"")
            .await;
        assert_eq!(begun.status(), StatusCode::ACCEPTED);
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        let path = location.split_once("/v2/").unwrap().1;
        let digest = digest(content);
        let put = self
            .call(Method::PUT, &format!("{path}&digest={digest}"), &[], content)
            .await;
        assert_eq!(put.status(), StatusCode::CREATED);
        digest
    }

    pub async fn put_manifest(&self, name: &str, tag: &str, media_type: &str, manifest: &Value) -> String {
        let text = manifest.to_string().into_bytes();
        let path = format!("{name}/manifests/{tag}");
        let put = self
            .call(Method::PUT, &path, &[("content-type", media_type)], &text)
            .await;
        assert_eq!(put.status(), StatusCode::CREATED, "{}", put.text().await.unwrap());
        digest(&text)
    }

    /// A manifest, and what kind it is; nothing where there is none.
    pub async fn manifest(&self, name: &str, tag: &str) -> Option<(Value, String)> {
        let accept = [("accept", MANIFEST), ("accept", INDEX)];
        let got = self
            .call(Method::GET, &format!("{name}/manifests/{tag}"), &accept, b"")
            .await;
        if got.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let kind = got.headers()["content-type"].to_str().unwrap().to_owned();
        Some((got.json().await.unwrap(), kind))
    }

    /// A blob that is there.
    pub async fn blob(&self, name: &str, digest: &str) -> Vec<u8> {
        let got = self
            .call(Method::GET, &format!("{name}/blobs/{digest}"), &[], b"")
            .await;
        assert_eq!(got.status(), StatusCode::OK, "{name} {digest}");
        got.bytes().await.unwrap().to_vec()
    }

    /// Where the content of a digest is on the disk.
    pub fn file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.root.path().join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        // Idempotent: whoever was first has installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, format!("http://{}/v2/{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if self.rules.credentials {
            request = request.basic_auth(USER, Some(PASSWORD));
        }
        request.body(body.to_vec()).send().await.unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// An image that somebody made.
#[derive(Clone)]
pub struct Image {
    pub architecture: &'static str,
    pub layers: Vec<Vec<u8>>,
    pub layer_type: &'static str,
    pub manifest_type: &'static str,
}

impl Image {
    /// Of these layers, which need be no archives.
    pub fn of(layers: &[&[u8]]) -> Self {
        Self {
            architecture: "amd64",
            layers: layers.iter().map(|layer| layer.to_vec()).collect(),
            layer_type: "application/vnd.oci.image.layer.v1.tar+gzip",
            manifest_type: MANIFEST,
        }
    }

    pub fn config(&self) -> Value {
        let ids: Vec<_> = self.layers.iter().map(|layer| digest(layer)).collect();
        json!({
            "architecture": self.architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": {"Entrypoint": ["/workerd"], "User": "65532:65532", "Newer": {"field": 1}},
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "somebody"}],
        })
    }
}

pub fn digest(content: &[u8]) -> String {
    let bytes = Sha256::digest(content);
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

pub fn descriptor(media_type: &str, digest: &str, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// Registries as anybody speaks to them.
pub fn anonymous() -> Registries {
    Registries::new(Credentials::default(), &[])
}

/// A file with credentials for a registry.
pub fn credentials(folder: &Path, host: &str, password: &str) -> PathBuf {
    let path = folder.join(format!("{password}.json"));
    let file = json!({"auths": {format!("https://{host}/v1/"): {"username": USER, "password": password}}});
    std::fs::write(&path, file.to_string()).unwrap();
    path
}

/// Builds the registry where it is not in the cache.
fn program() -> String {
    end_with_an_excuse();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/registry");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn configuration(host: &str, root: &Path, rules: Rules) -> String {
    let mut config = json!({
        "version": 0.1, "log": {"level": "error"}, "http": {"addr": host},
        "storage": {"filesystem": {"rootdirectory": root}, "delete": {"enabled": !rules.forever}},
    });
    if rules.credentials {
        let users = root.join("users");
        std::fs::write(&users, format!("{USER}:{BCRYPT}\n")).unwrap();
        config["auth"] = json!({"htpasswd": {"realm": "test", "path": users}});
    }
    config.to_string()
}

fn spawn(program: &str, config: &Path) -> Child {
    Command::new(program)
        .arg("serve")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// False when it has ended.
fn answers(server: &mut Child, port: u16) -> bool {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if server.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begin.elapsed() < START, "the registry does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Another program may have the port; the registry has ended then.
    server.try_wait().unwrap().is_none()
}
