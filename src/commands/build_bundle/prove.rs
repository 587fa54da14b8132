//! `build-bundle prove`: the runtime loads a release alone, or a bundle as it is mounted. It has neither credentials nor a
//! use for the network.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, bail};

use crate::api::workers::{ContentModule, ProofState, WorkerTemplate};
use crate::cli::ProveArgs;
use crate::clients::workerd::{self, Limits};
use crate::workers::code::{Code, CodeModule};
use crate::workers::config::{self, Configured};
use crate::workers::content::LISTING;
use crate::workers::port;
use crate::workers::prefix::env_prefix;
use crate::workers::proof::Verdict;

/// What the runtime says.
///
/// # Errors
/// The runtime cannot be run, or what it is to prove is not there.
pub(super) async fn verdict(args: &ProveArgs) -> anyhow::Result<Verdict> {
    let runtime = workerd::version(&args.workerd_path).await?;
    let verdict = match &args.release {
        Some(release) => alone(args, release).await?,
        None => composed(args).await?,
    };
    Ok(Verdict {
        runtime: Some(runtime),
        ..verdict
    })
}

async fn alone(args: &ProveArgs, release: &str) -> anyhow::Result<Verdict> {
    let template = args.template.as_deref().context("WORKER_TEMPLATE is not set")?;
    let template: WorkerTemplate = serde_json::from_str(template).context("WORKER_TEMPLATE is no template")?;
    if !args.fetched {
        mounted(args)?;
    }
    let folder = args.work.join("modules").join(release);
    let code = code(&folder)?;
    let modules = code.listing();
    let prefix = env_prefix(&template.script_name);
    let files = config::alone(&Configured {
        template: &template,
        modules: &modules,
        folder: release,
        port: port::FIRST,
        prefix: &prefix,
        secret_keys: &[],
    });
    workerd::write_config(&args.work, &files).context("cannot write the configuration")?;
    let outcome = workerd::prove(&args.workerd_path, &args.work, config::FILE, Limits::default()).await?;
    Ok(Verdict {
        digest: Some(code.digest(&template)),
        size: i64::try_from(code.size()).ok(),
        ..Verdict::of(&outcome, Some(&template.script_name))
    })
}

/// The configuration looks for modules beside itself; those that are mounted are elsewhere.
fn mounted(args: &ProveArgs) -> anyhow::Result<()> {
    let (modules, link) = (args.bundle.join("modules"), args.work.join("modules"));
    // A container that is started again finds its own link.
    if !link.is_symlink() {
        symlink(&modules, &link).with_context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(())
}

/// The modules, as they were written or are mounted.
fn code(folder: &Path) -> anyhow::Result<Code> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let path = folder.join(LISTING);
    let listing: Vec<ContentModule> =
        serde_json::from_slice(&read(&path)?).with_context(|| format!("{} is no list of modules", path.display()))?;
    let modules = listing.into_iter().enumerate().map(|(index, listed)| {
        Ok(CodeModule {
            name: listed.name,
            module_type: listed.module_type,
            content: read(&folder.join(index.to_string()))?,
        })
    });
    Ok(Code {
        modules: modules.collect::<anyhow::Result<_>>()?,
    })
}

/// Every process of a bundle, until one is refused.
async fn composed(args: &ProveArgs) -> anyhow::Result<Verdict> {
    let folder = args.bundle.join("config");
    let files = configurations(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    if files.is_empty() {
        bail!("there is no configuration in {}", folder.display());
    }
    for file in files {
        let outcome = workerd::prove(&args.workerd_path, &args.bundle, &file, Limits::default()).await?;
        // A process of one worker has its name.
        let only = file.strip_suffix(".capnp").filter(|_| file != config::FILE);
        let verdict = Verdict::of(&outcome, only);
        if verdict.state == ProofState::Failed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::passed())
}

/// The files that are configurations, and not what the kubelet keeps beside them.
fn configurations(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("capnp")) {
            files.extend(path.file_name().and_then(OsStr::to_str).map(str::to_owned));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kubelet_keeps_is_no_configuration() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("..2026_11_22")).unwrap();
        for file in ["b.capnp", "..data", "a.capnp", "notes"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(configurations(folder.path()).unwrap(), ["a.capnp", "b.capnp"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = code(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("/modules.json"), "{error}");
        fs::write(folder.path().join(LISTING), r#"[{"name": "a.js", "type": "EsModule"}]"#).unwrap();
        let error = code(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("/0"), "{error}");
    }
}
