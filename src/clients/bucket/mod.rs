//! The door to S3: objects below a bucket, within limits, from whichever server an account names.

mod wire;

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Attribute, BackoffConfig, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

use super::allowance::{Allowance, FetchError, in_time};
use crate::api::download::{Download, Location, Scheme, shown};
use wire::{Faults, Wire};

/// Most servers take any, and this one.
const REGION: &str = "us-east-1";
/// A server that stumbles is asked again so often.
const RETRIES: usize = 2;
/// And for so long.
const RETRY_PATIENCE: Duration = Duration::from_secs(10);

/// What signs requests.
#[derive(Clone)]
pub struct Keys {
    /// Who asks.
    pub access_key_id: String,
    /// What nobody else knows.
    pub secret_access_key: String,
}

/// An S3 server; nothing is sent before something is fetched.
#[derive(Clone)]
pub struct Storage {
    endpoint: String,
    region: String,
    keys: Option<Keys>,
}

/// A bucket, and what its server last complained of.
struct Bucket {
    store: AmazonS3,
    faults: Faults,
}

impl Storage {
    /// The server at `https://HOST[:PORT]`, or http; without keys nothing is signed.
    #[must_use]
    pub fn new(endpoint: &str, region: Option<&str>, keys: Option<Keys>) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.unwrap_or(REGION).to_owned(),
            keys,
        }
    }

    /// The object of an `s3://` URL; of one that ends in `/` all objects below it, by their keys.
    ///
    /// # Errors
    /// They cannot be had, or not within the limits.
    pub async fn get(&self, url: &str, allowance: &mut Allowance) -> Result<Vec<Download>, FetchError> {
        in_time(url, allowance.until(), self.fetch(url, allowance)).await
    }

    async fn fetch(&self, url: &str, allowance: &mut Allowance) -> Result<Vec<Download>, String> {
        let location = Location::of(url).map_err(|fault| format!("it {fault}"))?;
        // One slash before it would be taken for none.
        let key = Path::parse(location.path)
            .ok()
            .filter(|_| !location.path.starts_with('/'));
        let key = key.ok_or("a part of its key is empty, `.` or `..`")?;
        let bucket = self.bucket(location.authority)?;
        if !location.is_prefix() {
            allowance.object()?;
            return Ok(vec![bucket.get(&key, allowance).await?]);
        }
        let mut downloads = Vec::new();
        for object in bucket.below(&key, allowance).await? {
            let path = object.location.prefix_match(&key).map(|parts| {
                let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
                parts.join("/")
            });
            let download = bucket.get(&object.location, allowance).await?;
            downloads.push(Download { path, ..download });
        }
        Ok(downloads)
    }

    fn bucket(&self, name: &str) -> Result<Bucket, String> {
        let endpoint = Location::of(&self.endpoint).ok();
        let scheme = endpoint.map(|endpoint| endpoint.scheme);
        let is_plain = match scheme {
            Some(Scheme::Https) => false,
            Some(Scheme::Http) => true,
            _ => {
                return Err(format!(
                    "the S3 endpoint {:?} must be https://HOST[:PORT], or http",
                    shown(&self.endpoint)
                ));
            }
        };
        let faults = Faults::default();
        let wire = Wire::new(!is_plain, &faults).map_err(|fault| format!("the S3 endpoint {fault}"))?;
        let builder = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region(&self.region)
            .with_bucket_name(name)
            .with_virtual_hosted_style_request(false)
            .with_allow_http(is_plain)
            .with_retry(retry())
            .with_http_connector(wire);
        let builder = match &self.keys {
            Some(keys) => builder
                .with_access_key_id(&keys.access_key_id)
                .with_secret_access_key(&keys.secret_access_key),
            None => builder.with_skip_signature(true),
        };
        let store = builder
            .build()
            .map_err(|_| "the S3 endpoint, region or bucket cannot be used")?;
        Ok(Bucket { store, faults })
    }
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_PATIENCE,
    }
}

impl Bucket {
    /// One object; `allowance` knows of it.
    async fn get(&self, key: &Path, allowance: &mut Allowance) -> Result<Download, String> {
        let result = self.store.get(key).await.map_err(|error| self.reason(&error))?;
        allowance.expect(result.meta.size)?;
        let content_type = result.attributes.get(&Attribute::ContentType);
        let content_type = content_type.map(|value| value.as_ref().to_owned());
        let (mut chunks, mut content) = (result.into_stream(), Vec::new());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.reason(&error))?;
            allowance.bytes(chunk.len())?;
            content.extend_from_slice(&chunk);
        }
        Ok(Download {
            path: None,
            content_type,
            content,
        })
    }

    /// What is below a key, by its keys; refused where it is too much in all.
    async fn below(&self, prefix: &Path, allowance: &mut Allowance) -> Result<Vec<ObjectMeta>, String> {
        let (mut list, mut objects, mut bytes) = (self.store.list(Some(prefix)), Vec::new(), 0);
        while let Some(object) = list.try_next().await.map_err(|error| self.reason(&error))? {
            if is_folder(&object) {
                continue;
            }
            allowance.object()?;
            bytes += object.size;
            allowance.expect(bytes)?;
            objects.push(object);
        }
        if objects.is_empty() {
            return Err("there is nothing below it".to_owned());
        }
        objects.sort_by(|one, other| one.location.cmp(&other.location));
        Ok(objects)
    }

    /// The server's last complaint; an error of the client itself can quote what the server sent.
    fn reason(&self, error: &object_store::Error) -> String {
        let fault = self.faults.last();
        fault.unwrap_or_else(|| match error {
            object_store::Error::InvalidPath { .. } => "a part of a key below it is empty, `.` or `..`".to_owned(),
            _ => "the S3 server answers what is no S3".to_owned(),
        })
    }
}

/// What consoles put there to show a folder is no module: nothing, under a name that ends in `/` where it is asked for.
fn is_folder(object: &ObjectMeta) -> bool {
    let name = object.location.filename().unwrap_or_default();
    object.size == 0 && !name.contains('.')
}
