//! Code that is too large for a ConfigMap: an init container brings it, from the registry or from its URLs, and sees that
//! it is what was proved.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::container;
use super::step::credentials;
use super::{Allowed, FETCH, Registry};
use crate::api::workers::FetchedCode;
use crate::workers::pod::{self, FOLDER};
use crate::workers::runtime::hash;
use crate::workers::runtime_image::RuntimeImage;

/// Volume of the marks that say how far they have come, which nobody looks at here.
const WORK: &str = "brought";
/// A release has 10 MiB at most.
const SIZE: &str = "32Mi";

/// What all these containers have in common.
#[derive(Clone, Copy)]
pub struct Bring<'a> {
    /// What they run.
    pub runtime: &'a RuntimeImage,
    /// What they may do.
    pub allowed: &'a Allowed,
}

impl Bring<'_> {
    /// The init containers, one for each folder.
    #[must_use]
    pub fn containers(&self, fetched: &BTreeMap<String, FetchedCode>) -> Vec<Value> {
        let each = fetched.iter().map(|(folder, code)| match &code.image {
            Some(image) => self.pulled(folder, code, image),
            None => self.fetched(folder, code),
        });
        each.collect()
    }

    /// The volumes that they fill, and those that they need for it.
    #[must_use]
    pub fn volumes(&self, fetched: &BTreeMap<String, FetchedCode>) -> Vec<Value> {
        let mut volumes: Vec<Value> = Vec::new();
        for (folder, code) in fetched {
            volumes.push(pod::empty_volume(&pod::modules_volume(folder), SIZE));
            volumes.extend(Registry::of_code(code, self.allowed).volumes());
        }
        if !fetched.is_empty() {
            volumes.push(pod::empty_volume(WORK, "1Mi"));
        }
        let mut distinct = Vec::new();
        for volume in volumes {
            if !distinct.contains(&volume) {
                distinct.push(volume);
            }
        }
        distinct
    }

    fn pulled(&self, folder: &str, code: &FetchedCode, image: &str) -> Value {
        let registry = Registry::of_code(code, self.allowed);
        let (modules, code) = (
            format!("--modules={FOLDER}/modules"),
            format!("--code={folder}={image}"),
        );
        let arguments = registry.arguments();
        let mut command = vec!["pull-code", &code, &modules];
        command.extend(arguments.iter().map(String::as_str));
        let mounts = mounts(folder).into_iter().chain(registry.mounts()).collect();
        container(self.runtime, (&name(folder), command), (Vec::new(), mounts))
    }

    fn fetched(&self, folder: &str, code: &FetchedCode) -> Value {
        let (modules, digest) = (
            format!("--modules={FOLDER}/modules"),
            format!("--digest={}", code.digest),
        );
        let mut command = vec!["fetch", "--release", folder, &modules, &digest];
        if self.allowed.private_urls {
            command.push("--allow-private-addresses");
        }
        let template = code.template.clone().unwrap_or_default().to_string();
        let mut variables = vec![json!({"name": "WORKER_TEMPLATE", "value": template})];
        variables.extend(code.storage.iter().flat_map(credentials));
        container(self.runtime, (&name(folder), command), (variables, mounts(folder)))
    }
}

fn name(folder: &str) -> String {
    format!("{FETCH}-{}", hash(folder))
}

fn mounts(folder: &str) -> Vec<Value> {
    vec![
        pod::writable(WORK, "/work"),
        pod::writable(&pod::modules_volume(folder), &pod::modules_path(folder)),
    ]
}
