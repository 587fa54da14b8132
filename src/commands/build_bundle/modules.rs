//! The modules of a release in a folder of all modules: `RELEASE/0`, `1`, …, and `modules.json` beside them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::api::workers::ContentModule;
use crate::workers::code::{Code, CodeModule};
use crate::workers::content::LISTING;

/// Where all modules are.
pub(super) const MODULES: &str = "modules";

/// Writes them.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn write(modules: &Path, release: &str, code: &Code) -> anyhow::Result<()> {
    let folder = modules.join(release);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (number, module) in code.modules.iter().enumerate() {
        put(&folder.join(number.to_string()), &module.content)?;
    }
    put(&folder.join(LISTING), &serde_json::to_vec(&code.listing())?)
}

/// Reads what was written.
///
/// # Errors
/// It is not there, or not all of it.
pub(super) fn read(modules: &Path, release: &str) -> anyhow::Result<Code> {
    let folder = modules.join(release);
    let listing = got(&folder.join(LISTING))?;
    let listing: Vec<ContentModule> = serde_json::from_slice(&listing).context("the list of modules is none")?;
    let modules = listing.into_iter().enumerate().map(|(number, listed)| {
        Ok(CodeModule {
            name: listed.name,
            module_type: listed.module_type,
            content: got(&folder.join(number.to_string()))?,
        })
    });
    Ok(Code {
        modules: modules.collect::<anyhow::Result<_>>()?,
    })
}

/// The folder of all modules: the one that is named, or that in the folder that the steps share.
pub(super) fn folder(named: Option<&PathBuf>, work: &Path) -> PathBuf {
    named.map_or_else(|| work.join(MODULES), Clone::clone)
}

fn put(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn got(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::workers::ModuleType;

    #[test]
    fn what_was_written_is_read() {
        let work = tempfile::tempdir().unwrap();
        let module = |name: &str, content: &[u8]| CodeModule {
            name: name.to_owned(),
            module_type: ModuleType::Wasm,
            content: content.to_vec(),
        };
        let code = Code {
            modules: vec![module("../../a", b"\0asm"), module("b", b"")],
        };
        write(work.path(), "r", &code).unwrap();
        assert_eq!(read(work.path(), "r").unwrap(), code);
        let told = format!("{:#}", read(work.path(), "other").unwrap_err());
        assert!(told.contains("/other/modules.json"), "{told}");
    }
}
