//! A real S3 server of a test's own, s3s-fs, on a free port and over a folder that goes with it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{Attribute, Attributes, ObjectStoreExt, PutOptions, PutPayload};
use stationmaster::clients::bucket::{Keys, Storage};

use super::cluster::end_with_an_excuse;

/// Who may ask for objects.
pub const ACCESS_KEY_ID: &str = "stationmaster";
/// And how they show it.
pub const SECRET_ACCESS_KEY: &str = "a-secret-that-nothing-prints";
/// So long a server takes to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub struct S3 {
    server: Child,
    host: &'static str,
    port: u16,
    root: tempfile::TempDir,
}

impl S3 {
    /// Starts one with these buckets, for this machine alone.
    pub fn start(buckets: &[&str]) -> Self {
        Self::start_at("127.0.0.1", buckets)
    }

    /// Starts one at an address of this machine.
    pub fn start_at(host: &'static str, buckets: &[&str]) -> Self {
        let root = tempfile::Builder::new().prefix("stationmaster-s3-").tempdir().unwrap();
        for bucket in buckets {
            std::fs::create_dir(root.path().join(bucket)).unwrap();
        }
        let program = program();
        // Somebody else may take the port between our look at it and the server's.
        for _ in 0..5 {
            let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
            let mut server = spawn(&program, (host, port), root.path());
            if answers(&mut server, (host, port)) {
                return Self {
                    server,
                    host,
                    port,
                    root,
                };
            }
        }
        panic!("s3s-fs does not start");
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// The server as an account names it.
    pub fn storage(&self, secret_access_key: &str) -> Storage {
        let keys = Keys {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
        };
        Storage::new(&self.endpoint(), None, Some(keys))
    }

    /// The variables of a step that fetches.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("S3_ENDPOINT", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ]
    }

    /// Puts an object there, as a user would.
    pub async fn put(&self, bucket: &str, key: &str, content: impl Into<PutPayload>) {
        self.put_as(bucket, key, content, None).await;
    }

    /// The same of several, outside of any runtime.
    pub fn put_all(&self, bucket: &str, objects: &[(&str, &str)]) {
        let puts = async {
            for (key, content) in objects {
                self.put(bucket, key, (*content).to_owned()).await;
            }
        };
        tokio::runtime::Runtime::new().unwrap().block_on(puts);
    }

    /// The same with a content type.
    pub async fn put_as(&self, bucket: &str, key: &str, content: impl Into<PutPayload>, content_type: Option<&str>) {
        let mut attributes = Attributes::new();
        if let Some(content_type) = content_type {
            attributes.insert(Attribute::ContentType, content_type.to_owned().into());
        }
        let path = object_store::path::Path::parse(key).unwrap();
        let options = PutOptions::from(attributes);
        let store = self.client(bucket);
        object_store::ObjectStore::put_opts(&store, &path, content.into(), options)
            .await
            .unwrap();
    }

    pub async fn delete(&self, bucket: &str, key: &str) {
        let path = object_store::path::Path::parse(key).unwrap();
        self.client(bucket).delete(&path).await.unwrap();
    }

    fn client(&self, bucket: &str) -> AmazonS3 {
        // Idempotent: whoever was first has installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true);
        let builder = builder.with_bucket_name(bucket).with_region("us-east-1");
        let builder = builder.with_access_key_id(ACCESS_KEY_ID);
        builder.with_secret_access_key(SECRET_ACCESS_KEY).build().unwrap()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Builds the server where it is not in the cache.
fn program() -> String {
    end_with_an_excuse();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/s3");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn spawn(program: &str, (host, port): (&str, u16), root: &Path) -> Child {
    let port = port.to_string();
    let keys = ["--access-key", ACCESS_KEY_ID, "--secret-key", SECRET_ACCESS_KEY];
    Command::new(program)
        .args(["--host", host, "--port", &port])
        .args(keys)
        .arg(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// False when it has ended.
fn answers(server: &mut Child, address: (&str, u16)) -> bool {
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if server.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begin.elapsed() < START, "s3s-fs does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Another program may have the port; the server has ended then.
    server.try_wait().unwrap().is_none()
}
