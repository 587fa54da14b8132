//! The Jobs that build and prove, and the containers that bring code which is too large for a ConfigMap. All steps of a
//! pod start at once and hand over through a folder.

mod bring;
mod job;
mod permissions;
mod registry;
mod step;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::composition::job_bundle;
use super::runtime::hash;
use super::runtime_image::RuntimeImage;
use crate::api::names::{WORKER_RELEASE_GROUP, label};
use crate::api::workers::{BundlePodTemplate, Delivery, WorkerAccount, WorkerRelease, WorkerTemplate};

use job::Pod;
use step::Steps;

pub use bring::Bring;
pub use job::composed_config_map;
pub use permissions::{SERVICE_ACCOUNT, permissions};
pub use registry::Registry;

/// What label [`label::BUILD`] says of the Job of a release.
pub const BUILD: &str = "build";
/// The same of the Job of a composition.
pub const COMPOSE: &str = "compose";
/// The same of the Job that deletes images.
pub const PURGE: &str = "purge";
/// Container whose termination message is the verdict.
pub const PROVE: &str = "prove";
/// Container that fetches code, and says in its termination message why it could not.
pub const FETCH: &str = "fetch";
/// Container that puts what does not fit into a ConfigMap into the registry.
pub const PUSH: &str = "push";
/// Container that makes the ConfigMap of fetched code.
pub const PUBLISH: &str = "publish";

/// What builds may do that they otherwise may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// URLs may lead to private addresses.
    pub private_urls: bool,
    /// Registries, `HOST[:PORT]`, that are spoken to without TLS.
    pub plain_http: Vec<String>,
}

/// What the Jobs of an account have in common.
pub struct Builder<'a> {
    /// Whose they are.
    pub account: &'a WorkerAccount,
    /// What they run.
    pub runtime: RuntimeImage,
    /// What they may do.
    pub allowed: &'a Allowed,
}

/// What the Job of a composition does.
pub struct Composing<'a> {
    /// Its name.
    pub job: &'a str,
    /// ConfigMap with the files of the configuration.
    pub config_map: &'a str,
    /// Where the modules are.
    pub pods: &'a BundlePodTemplate,
    /// Nobody has proved it yet.
    pub proves: bool,
    /// Tag of the image to push; none is pushed without it.
    pub tag: Option<&'a str>,
}

/// Name of the Job that builds a release.
#[must_use]
pub fn job_name(release: &str) -> String {
    format!("{release}-build")
}

/// Name of the Job that pushes one composition of a bundle onto a runtime image. What was deleted is pushed by another one.
#[must_use]
pub fn push_name(bundle: &str, (digest, runtime, repository): (&str, &str, &str), purges: i64) -> String {
    let what = [digest, runtime, repository, &purges.to_string()].join("\n");
    format!("{}-{}-image", job_bundle(bundle), hash(&what))
}

/// Name of the Job that proves a composition anew, on another runtime image.
#[must_use]
pub fn runtime_name(bundle: &str, (digest, runtime): (&str, &str)) -> String {
    format!("{}-{}-runtime", job_bundle(bundle), hash(&[digest, runtime].join("\n")))
}

/// Name of the Job that deletes these images, after so many others have deleted some.
#[must_use]
pub fn purge_name(bundle: &str, images: &[&str], purges: i64) -> String {
    let what = [&images.join("\n"), &purges.to_string()].map(String::as_str).join("\n");
    format!("{}-{}-purge", job_bundle(bundle), hash(&what))
}

/// The template without the content of its modules, as the steps are told it.
#[must_use]
pub fn without_code(template: &WorkerTemplate) -> WorkerTemplate {
    let mut bare = template.clone();
    for module in &mut bare.modules {
        (module.text, module.base64) = (None, None);
    }
    bare
}

impl Builder<'_> {
    /// The Job that proves one release: with its code in a ConfigMap, or fetching and publishing it.
    #[must_use]
    pub fn release(&self, release: &WorkerRelease) -> Value {
        let name = release.metadata.name.as_deref().unwrap_or_default();
        let template = &release.spec.template;
        let steps = Steps::of(self, release);
        let pod = if template.urls.is_empty() {
            let mut pod = Pod::of(vec![steps.prove_mounted()]);
            pod.mount(&BTreeMap::from([(name, name)]));
            pod
        } else {
            let registry = self
                .registry()
                .filter(|_| self.account.spec.delivery == Delivery::Image);
            let mut containers = vec![steps.fetch(), steps.prove_fetched()];
            containers.extend(registry.as_ref().map(|registry| steps.push(registry)));
            containers.push(steps.publish(registry.is_some()));
            let mut pod = Pod::of(containers);
            pod.publishes();
            pod.volumes(registry.iter().flat_map(Registry::volumes).collect());
            pod
        };
        let mut labels = self.labels(BUILD);
        labels[label::RELEASE] = json!(name);
        labels[label::WORKER] = json!(template.script_name);
        let owner = job::owner((WORKER_RELEASE_GROUP, "WorkerRelease"), &release.metadata);
        self.job(&job_name(name), (labels, owner), &pod)
    }

    /// The Job that proves a composition, whose files and modules are mounted as they will be, or pushes it, or both.
    #[must_use]
    pub fn composition(&self, composing: &Composing<'_>) -> Value {
        let folders = composing.pods.modules.keys().chain(composing.pods.fetched.keys());
        let folders: Vec<&str> = folders.map(String::as_str).collect();
        let mut containers = Vec::new();
        if composing.proves {
            containers.push(step::prove_composed(self, &folders));
        }
        let registry = self.registry();
        let pushed = registry.as_ref().zip(composing.tag);
        if let Some((registry, tag)) = pushed {
            containers.push(step::push_bundle(self, (registry, tag), &folders, composing.proves));
        }
        let mut pod = Pod::of(containers);
        pod.configured(composing.config_map);
        let modules = composing.pods.modules.iter();
        pod.mount(&modules.map(|(folder, map)| (&**folder, &**map)).collect());
        let bring = Bring {
            runtime: &self.runtime,
            allowed: self.allowed,
        };
        pod.bring(&bring, &composing.pods.fetched);
        if let Some((registry, _)) = pushed {
            pod.volumes(registry.volumes());
        }
        let labels = self.labels(COMPOSE);
        self.job(composing.job, (labels, self.account_owner()), &pod)
    }

    /// The Job that deletes images which nothing refers to any more.
    #[must_use]
    pub fn purge(&self, name: &str, images: &[&str]) -> Option<Value> {
        let registry = self.registry()?;
        let mut pod = Pod::of(vec![step::purge(self, &registry, images)]);
        pod.volumes(registry.volumes());
        Some(self.job(name, (self.labels(PURGE), self.account_owner()), &pod))
    }

    /// Where images go, or went before the delivery was another one.
    fn registry(&self) -> Option<Registry<'_>> {
        Registry::of(self.account, self.allowed)
    }
}

#[cfg(test)]
mod tests;
