//! The flags of the steps of a build Job that speak to registries of images.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// How registries are spoken to.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// Credentials, as the `.dockerconfigjson` of a Secret of type kubernetes.io/dockerconfigjson; the first file that
    /// names a registry counts. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub registry_config: Vec<PathBuf>,
    /// Registry that speaks http and no https; without a port all of its ports. May be given several times. What is on
    /// this machine always does.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_http: Vec<String>,
}

/// Flags of `build-bundle push-code`.
#[derive(Debug, Clone, Args)]
pub struct PushCodeArgs {
    /// Name of the WorkerRelease.
    #[arg(long, value_name = "NAME")]
    pub release: String,
    /// Push only what no ConfigMap takes.
    #[arg(long)]
    pub large_only: bool,
    /// Where its code goes, with its name as the tag.
    #[arg(long, value_name = "HOST/NAME")]
    pub repository: String,
    /// Whose it is, which becomes an annotation: the same from two owners is two images, and each may delete its own.
    #[arg(long, value_name = "TEXT")]
    pub owner: Option<String>,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Flags of `build-bundle pull-code`.
#[derive(Debug, Clone, Args)]
pub struct PullCodeArgs {
    /// A WorkerRelease and where its code is. May be given several times.
    #[arg(long, value_name = "NAME=HOST/NAME@sha256:DIGEST", required = true)]
    pub code: Vec<Pinned>,
    /// Folder for the code, one for each release. [default: `modules` in the folder that the steps share]
    #[arg(long, value_name = "FOLDER")]
    pub modules: Option<PathBuf>,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Flags of `build-bundle push-bundle`.
#[derive(Debug, Clone, Args)]
pub struct PushBundleArgs {
    /// Image that gets the layer.
    #[arg(long, value_name = "IMAGE")]
    pub base: String,
    /// Where the new image goes.
    #[arg(long, value_name = "HOST/NAME")]
    pub repository: String,
    /// What it is called there.
    #[arg(long, value_name = "TAG")]
    pub tag: String,
    /// Whose it is, which becomes an annotation: the same from two owners is two images, and each may delete its own.
    #[arg(long, value_name = "TEXT")]
    pub owner: Option<String>,
    /// The bundle was proved before: wait for nothing.
    #[arg(long)]
    pub proved: bool,
    /// Folder where `config/` and `modules/` of the bundle are.
    #[arg(long, value_name = "FOLDER", default_value = "/bundle")]
    pub bundle: PathBuf,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Flags of `build-bundle purge`.
#[derive(Debug, Clone, Args)]
pub struct PurgeArgs {
    /// Images to delete.
    #[arg(value_name = "HOST/NAME@sha256:DIGEST", required = true)]
    pub images: Vec<String>,
    /// Folder that steps share; there is no other one.
    #[arg(long, value_name = "FOLDER", default_value = "/work", hide = true)]
    pub work: PathBuf,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// The code of a release in a registry: `NAME=HOST/NAME@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Name of the WorkerRelease, and of the folder for its code.
    pub release: String,
    /// Where the code is.
    pub image: String,
}

impl FromStr for Pinned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (release, image) = text.split_once('=').ok_or("say NAME=HOST/NAME@sha256:DIGEST")?;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        if release.is_empty() || release.starts_with('.') || !release.bytes().all(is_plain) {
            return Err(format!("{release:?} is not the name of a WorkerRelease"));
        }
        Ok(Self {
            release: release.to_owned(),
            image: image.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_named_by_its_release() {
        let image = "r.example:5000/a@sha256:ab";
        let expected = Pinned {
            release: "a-0123456789".to_owned(),
            image: image.to_owned(),
        };
        assert_eq!(format!("a-0123456789={image}").parse(), Ok(expected));
        for release in ["", "..", "../a", "a/b", ".a", "A"] {
            assert!(format!("{release}={image}").parse::<Pinned>().is_err(), "{release}");
        }
        assert!(image.parse::<Pinned>().is_err());
    }
}
