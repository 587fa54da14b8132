//! `crds`: every CustomResourceDefinition as YAML, printed or written as one file per kind.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde::Serialize;

use crate::api;
use crate::cli::CrdsArgs;

/// Prints or writes all CRDs.
///
/// # Errors
/// When a file cannot be written.
pub fn run(args: &CrdsArgs) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    for crd in api::crds() {
        let text = yaml(&crd)?;
        let Some(folder) = &args.out else {
            stdout.write_all(text.as_bytes())?;
            continue;
        };
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let file = folder.join(file_name(&crd));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// One YAML document, with its opening line.
///
/// # Errors
/// When the object cannot be written as YAML, which would be a fault of ours.
pub fn yaml(object: &impl Serialize) -> anyhow::Result<String> {
    let tree = serde_json::to_value(object)?;
    Ok(format!("---\n{}", serde_saphyr::to_string(&tree)?))
}

/// `jobtemplates.dispatcher.ivan.vc.yaml`.
#[must_use]
pub fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}.yaml", crd.name_any())
}
