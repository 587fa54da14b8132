//! What the workers of an account become together: ports, hosts, the files of the configuration and their digest, and the
//! spec of the bundle.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::build::without_code;
use super::config::{Configured, files};
use super::port::FIRST;
use super::prefix::env_prefix;
use super::runtime_image::RuntimeImage;
use crate::api::text::hexadecimals;
use crate::api::workers::{
    BundlePodTemplate, BundleWorker, Content, FetchedCode, WorkerAccount, WorkerBundle, WorkerBundleSpec,
    WorkerDeployment, WorkerRelease, WorkerTemplate, WorkerVariable,
};

/// Hexadecimals of the digest in the name of what is made of it.
const DIGEST_CHARACTERS: usize = 10;
/// No worker gets a port from here on: that of its health would be none.
const LAST: i32 = 50_000;
/// What is left of the 63 characters of a Job's name for the bundle's.
const BUNDLE_CHARACTERS: usize = 44;

/// A worker, and the release of it that is to serve.
#[derive(Clone)]
pub struct Chosen<'a> {
    /// Where it is reached.
    pub deployment: &'a WorkerDeployment,
    /// What it is.
    pub release: &'a WorkerRelease,
    /// Keys of its Secret, as it is now.
    pub secret_keys: Vec<String>,
}

/// Workers put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// The configuration, by file name.
    pub files: BTreeMap<String, String>,
    /// What the bundle is to be.
    pub spec: WorkerBundleSpec,
    /// Bytes of all modules.
    pub bytes: i64,
    /// Of the digest, as it stands in names.
    pub short: String,
}

/// Name of an account's bundle, its Deployment and its Service. Names of Services begin with a letter.
#[must_use]
pub fn bundle_name(account: &WorkerAccount) -> String {
    let name = account.metadata.name.as_deref().unwrap_or_default();
    match &account.spec.worker_bundle_name {
        Some(name) => name.clone(),
        None if name.starts_with(|first: char| first.is_ascii_lowercase()) => name.to_owned(),
        None => format!("workers-{name}"),
    }
}

/// Name of what belongs to one composition of a bundle: its ConfigMap.
#[must_use]
pub fn config_map_name(bundle: &str, short: &str) -> String {
    format!("{bundle}-{short}")
}

/// Name of the Job that proves one composition of a bundle.
#[must_use]
pub fn job_name(bundle: &str, short: &str) -> String {
    format!("{}-{short}-compose", job_bundle(bundle))
}

/// As much of a bundle's name as the names of its Jobs have room for.
pub(super) fn job_bundle(bundle: &str) -> &str {
    bundle.get(..BUNDLE_CHARACTERS).unwrap_or(bundle).trim_end_matches('-')
}

/// Puts the chosen workers together; the same workers give the same bytes.
#[must_use]
pub fn compose(
    account: &WorkerAccount,
    chosen: &[Chosen<'_>],
    existing: Option<&WorkerBundle>,
    runtime: &RuntimeImage,
) -> Composition {
    let before = existing.map_or(&[][..], |bundle| &bundle.spec.workers);
    let ports = ports(before, chosen);
    let contents: Vec<_> = chosen.iter().map(|worker| content(worker.release)).collect();
    let made: Vec<_> = chosen.iter().map(|worker| Part::of(worker, &ports)).collect();
    let configured: Vec<_> = made
        .iter()
        .zip(&contents)
        .map(|(part, content)| Configured {
            template: part.template,
            modules: &content.modules,
            folder: part.release,
            port: part.port,
            prefix: &part.prefix,
            secret_keys: part.secret_keys,
        })
        .collect();
    let files = files(&configured, account.spec.isolation);
    let digest = digest(&files, chosen);
    let short = digest[..DIGEST_CHARACTERS].to_owned();
    let workers = made
        .iter()
        .zip(chosen)
        .map(|(part, worker)| part.worker(worker, account));
    let spec = &account.spec;
    let config_map = config_map_name(&bundle_name(account), &short);
    let bundle = WorkerBundleSpec {
        deployment_name: Some(bundle_name(account)),
        workers: workers.collect(),
        pod_template: pods(account, (&config_map, chosen), runtime),
        digest: Some(format!("sha256:{digest}")),
        isolation: spec.isolation,
        replicas: spec.replicas,
        ingress_class_name: spec.ingress_class_name.clone(),
        ingress_tls_secret: spec.ingress_tls_secret.clone(),
        gateway: spec.gateway.clone(),
    };
    let sizes = chosen.iter().filter_map(|worker| worker.release.status.as_ref()?.size);
    Composition {
        files,
        spec: bundle,
        bytes: sizes.sum(),
        short,
    }
}

/// The pods, as ConfigMaps deliver what they run: configuration and modules are mounted, and what is too large for that
/// is brought by init containers.
fn pods(
    account: &WorkerAccount,
    (config_map, chosen): (&str, &[Chosen<'_>]),
    runtime: &RuntimeImage,
) -> BundlePodTemplate {
    let image = runtime.of(account);
    let spec = &account.spec;
    let mut pods = BundlePodTemplate {
        image: image.image,
        image_pull_policy: image.pull_policy,
        image_pull_secret: spec.pod_template.as_ref().and_then(|pod| pod.image_pull_secret.clone()),
        config_map: Some(config_map.to_owned()),
        resources: spec.resources.clone(),
        ..BundlePodTemplate::default()
    };
    for worker in chosen {
        let name = worker.release.metadata.name.clone().unwrap_or_default();
        let content = content(worker.release);
        if let Some(map) = content.config_map {
            pods.modules.insert(name, map);
        } else {
            let fetched = fetched(account, worker.release, content.image);
            pods.fetched.insert(name, fetched);
        }
    }
    pods
}

/// Code that is in no ConfigMap.
fn fetched(account: &WorkerAccount, release: &WorkerRelease, image: Option<String>) -> FetchedCode {
    let digest = release.status.as_ref().and_then(|status| status.digest.clone());
    let pod_template = account.spec.pod_template.as_ref();
    let pull = pod_template.and_then(|pod| pod.image_pull_secret.clone());
    let from_urls = image.is_none();
    FetchedCode {
        digest: digest.unwrap_or_default(),
        pull_secret: pull.filter(|_| !from_urls),
        image,
        template: from_urls.then(|| json!(without_code(&release.spec.template))),
        storage: account.spec.storage.clone().filter(|_| from_urls),
    }
}

impl Composition {
    /// The same workers in an image that holds everything.
    #[must_use]
    pub fn as_image(mut self, image: String) -> Self {
        let pods = &mut self.spec.pod_template;
        pods.image = Some(image);
        // What has a digest does not change.
        pods.image_pull_policy = None;
        pods.config_map = None;
        pods.modules.clear();
        pods.fetched.clear();
        self
    }
}

/// One worker, while it is put together with the others.
struct Part<'a> {
    template: &'a WorkerTemplate,
    release: &'a str,
    port: i32,
    prefix: String,
    secret_keys: &'a [String],
}

impl<'a> Part<'a> {
    fn of(worker: &'a Chosen<'a>, ports: &BTreeMap<&str, i32>) -> Self {
        let template = &worker.release.spec.template;
        Self {
            template,
            release: worker.release.metadata.name.as_deref().unwrap_or_default(),
            port: ports.get(&*template.script_name).copied().unwrap_or(FIRST),
            prefix: env_prefix(&template.script_name),
            secret_keys: &worker.secret_keys,
        }
    }

    fn worker(&self, chosen: &Chosen<'_>, account: &WorkerAccount) -> BundleWorker {
        BundleWorker {
            worker_name: self.template.script_name.clone(),
            worker_number: self.port,
            env_prefix: Some(self.prefix.clone()),
            secret_ref: self.template.secret_ref.clone(),
            variables: variables(self.template, &self.prefix),
            release: Some(self.release.to_owned()),
            routes: routes(&chosen.deployment.spec.template, Some(account)),
        }
    }
}

/// Single keys of Secrets, as the bindings ask for them.
fn variables(template: &WorkerTemplate, prefix: &str) -> Vec<WorkerVariable> {
    let bound = template.bindings.iter().filter_map(|binding| {
        let secret = binding.secret.as_ref()?;
        Some(WorkerVariable {
            name: format!("{prefix}{}", binding.name),
            secret_name: secret.name.clone().or_else(|| template.secret_ref.clone())?,
            key: secret.key.clone().unwrap_or_else(|| binding.name.clone()),
        })
    });
    bound.collect()
}

/// The worker's own host under the account's domain, and what it names itself.
pub(super) fn routes(template: &WorkerTemplate, account: Option<&WorkerAccount>) -> Vec<String> {
    let own = account.and_then(|account| host(&template.script_name, account));
    own.into_iter().chain(template.routes.iter().cloned()).collect()
}

/// `SCRIPT.ACCOUNT.DOMAIN`.
fn host(script: &str, account: &WorkerAccount) -> Option<String> {
    let domain = account.spec.domain.as_ref()?;
    let account = account.metadata.name.as_deref().unwrap_or_default();
    Some(format!("{script}.{account}.{domain}"))
}

/// Where a worker answers: under the account's domain, else at its Service.
#[must_use]
pub fn url(account: &WorkerAccount, worker: &BundleWorker) -> String {
    if let Some(host) = host(&worker.worker_name, account) {
        let scheme = if account.spec.ingress_tls_secret.is_some() {
            "https"
        } else {
            "http"
        };
        return format!("{scheme}://{host}/");
    }
    let namespace = account.metadata.namespace.as_deref().unwrap_or_default();
    let service = bundle_name(account);
    format!("http://{service}.{namespace}.svc:{}/", worker.worker_number)
}

/// A worker keeps its port; a new one gets the lowest that is free.
fn ports<'a>(before: &[BundleWorker], chosen: &[Chosen<'a>]) -> BTreeMap<&'a str, i32> {
    let scripts: Vec<&str> = chosen
        .iter()
        .map(|worker| &*worker.release.spec.template.script_name)
        .collect();
    let mut ports = BTreeMap::new();
    for worker in before {
        if let Some(script) = scripts.iter().find(|script| **script == worker.worker_name) {
            ports.insert(*script, worker.worker_number);
        }
    }
    let mut taken: BTreeSet<i32> = ports.values().copied().collect();
    for script in scripts {
        ports.entry(script).or_insert_with(|| {
            let free = (FIRST..LAST).find(|port| !taken.contains(port)).unwrap_or(FIRST);
            taken.insert(free);
            free
        });
    }
    ports
}

fn content(release: &WorkerRelease) -> Content {
    let status = release.status.as_ref();
    status.and_then(|status| status.content.clone()).unwrap_or_default()
}

/// Over the files of the configuration and the digests of the code beside them: not over how it is delivered.
fn digest(files: &BTreeMap<String, String>, chosen: &[Chosen<'_>]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for (name, text) in files {
        add(name.as_bytes());
        add(text.as_bytes());
    }
    for worker in chosen {
        let code = worker
            .release
            .status
            .as_ref()
            .and_then(|status| status.digest.as_deref());
        add(code.unwrap_or_default().as_bytes());
    }
    hexadecimals(&hash.finalize())
}

#[cfg(test)]
mod tests;
