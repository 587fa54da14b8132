//! `build-bundle push-bundle`: the files of a bundle become a layer on the image that runs them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;

use super::modules::MODULES;
use super::registry::{persistently, registries};
use crate::cli::PushBundleArgs;
use crate::clients::registry::Target;
use crate::workers::content::LISTING;
use crate::workers::image;
use crate::workers::proof::Verdict;

/// Where the bundle is in the image, as it is where it is mounted.
const BUNDLE: &str = "bundle";
/// Where its configurations are in it.
const CONFIG: &str = "config";

/// Puts the image there, and says where it is.
///
/// # Errors
/// There is no bundle, or the registry does not take it.
pub(super) async fn verdict(args: &PushBundleArgs) -> anyhow::Result<Verdict> {
    let layer = Bytes::from(image::layer(files(&args.bundle)?)?);
    let registries = registries(&args.registry)?.owned_by(args.owner.clone());
    let target = Target {
        repository: &args.repository,
        tag: &args.tag,
    };
    let image = persistently(async || registries.append(&args.base, target, layer.clone()).await).await?;
    Ok(Verdict {
        image: Some(image),
        size: i64::try_from(layer.len()).ok(),
        ..Verdict::passed()
    })
}

/// The files of a bundle, with their paths in the image.
fn files(bundle: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let config = bundle.join(CONFIG);
    for (name, path) in entries(&config)?.into_iter().filter(|(_, path)| path.is_file()) {
        files.push((format!("{BUNDLE}/{CONFIG}/{name}"), read(&path)?));
    }
    if !files
        .iter()
        .any(|(path, _)| Path::new(path).extension() == Some(OsStr::new("capnp")))
    {
        bail!("there is no configuration in {}", config.display());
    }
    for (release, folder) in entries(&bundle.join(MODULES))? {
        for (name, path) in entries(&folder)?.into_iter().filter(|(name, _)| is_module(name)) {
            files.push((format!("{BUNDLE}/{MODULES}/{release}/{name}"), read(&path)?));
        }
    }
    Ok(files)
}

fn is_module(name: &str) -> bool {
    name == LISTING || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is in a folder, and not what the kubelet keeps beside it.
fn entries(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let failed = || format!("cannot read {}", folder.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.is_empty() && !name.starts_with("..") {
            entries.push((name.to_owned(), path));
        }
    }
    Ok(entries)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A bundle as the kubelet mounts ConfigMaps.
    fn mounted() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (below, names) in [
            ("config", ["all.capnp", "notes"]),
            ("modules/a-1", ["0", "modules.json"]),
        ] {
            let mounted = folder.path().join(below);
            fs::create_dir_all(mounted.join("..2026_11_22")).unwrap();
            symlink("..2026_11_22", mounted.join("..data")).unwrap();
            for name in names {
                fs::write(mounted.join("..data").join(name), name).unwrap();
                symlink(format!("..data/{name}"), mounted.join(name)).unwrap();
            }
        }
        folder
    }

    #[test]
    fn what_is_mounted_is_found_where_it_is_mounted() {
        let bundle = mounted();
        fs::write(bundle.path().join("modules/a-1/stranger"), "").unwrap();
        let mut found = files(bundle.path()).unwrap();
        found.sort();
        let expected = [
            ("bundle/config/all.capnp", "all.capnp"),
            ("bundle/config/notes", "notes"),
            ("bundle/modules/a-1/0", "0"),
            ("bundle/modules/a-1/modules.json", "modules.json"),
        ];
        let expected = expected.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        let bundle = mounted();
        fs::remove_dir_all(bundle.path().join("modules")).unwrap();
        let told = format!("{:#}", files(bundle.path()).unwrap_err());
        assert!(told.contains("/modules: "), "{told}");
        fs::remove_file(bundle.path().join("config/all.capnp")).unwrap();
        let told = files(bundle.path()).unwrap_err().to_string();
        assert!(
            told.starts_with("there is no configuration in ") && told.ends_with("/config"),
            "{told}"
        );
    }
}
