//! The flags of the steps of a build Job.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::registry::{PullCodeArgs, PurgeArgs, PushBundleArgs, PushCodeArgs};

/// A step of a build Job: a container of its pod.
#[derive(Debug, Clone, Subcommand)]
pub enum BuildStep {
    /// Fetch the code behind the URLs of the template.
    Fetch(FetchArgs),
    /// Have the runtime load what was written or fetched, and say whether it takes it.
    Prove(ProveArgs),
    /// Put code that was fetched and proved into a ConfigMap.
    Publish(PublishArgs),
    /// Put code that was fetched and proved into a registry of images.
    PushCode(PushCodeArgs),
    /// Take the code of releases out of a registry.
    PullCode(PullCodeArgs),
    /// Put an image with the files of a bundle into a registry: those of another image and one layer more.
    PushBundle(PushBundleArgs),
    /// Delete images that nobody needs any more.
    Purge(PurgeArgs),
}

/// Flags of `build-bundle prove`.
#[derive(Debug, Clone, Args)]
pub struct ProveArgs {
    /// Name of the WorkerRelease that is proved alone.
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "composed",
        conflicts_with = "composed"
    )]
    pub release: Option<String>,
    /// The code comes from another step: wait for that.
    #[arg(long)]
    pub fetched: bool,
    /// Prove every file of the configuration in the folder of the bundle, as the pods of the bundle would run it.
    #[arg(long)]
    pub composed: bool,
    /// JSON of the template, without the content of its modules.
    #[arg(long, value_name = "JSON", env = "WORKER_TEMPLATE", hide_env_values = true)]
    pub template: Option<String>,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
    /// Folder where `config/` and `modules/` of the bundle are mounted.
    #[arg(long, value_name = "FOLDER", default_value = "/bundle")]
    pub bundle: PathBuf,
    /// The runtime.
    #[arg(long, value_name = "FILE", default_value = "/workerd")]
    pub workerd_path: PathBuf,
}

/// Flags of `build-bundle fetch`.
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// Name of the WorkerRelease.
    #[arg(long, value_name = "NAME")]
    pub release: String,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
    /// JSON of the template, without the content of its modules.
    #[arg(long, value_name = "JSON", env = "WORKER_TEMPLATE", hide_env_values = true)]
    pub template: String,
    /// http(s) URLs may lead to private, loopback and link-local addresses.
    #[arg(long)]
    pub allow_private_addresses: bool,
    /// Folder for the code, one for each release. [default: `modules` in the folder that the steps share]
    #[arg(long, value_name = "FOLDER")]
    pub modules: Option<PathBuf>,
    /// The code must have this digest; else the step fails.
    #[arg(long, value_name = "sha256:DIGEST")]
    pub digest: Option<String>,
    /// Where `s3://` URLs are.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// The S3 server of an account.
#[derive(Debug, Clone, Args)]
pub struct StorageArgs {
    /// `https://HOST[:PORT]` of the S3 server.
    #[arg(long, value_name = "URL", env = "S3_ENDPOINT")]
    pub s3_endpoint: Option<String>,
    /// Its region. [default: us-east-1]
    #[arg(long, value_name = "REGION", env = "S3_REGION")]
    pub s3_region: Option<String>,
    /// What requests are signed with, which no command line should show; without it they are not signed.
    #[arg(long, hide = true, env = "AWS_ACCESS_KEY_ID", hide_env_values = true)]
    pub access_key_id: Option<String>,
    /// The same.
    #[arg(long, hide = true, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: Option<String>,
}

/// Flags of `build-bundle publish`.
#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// Name of the WorkerRelease.
    #[arg(long, value_name = "NAME")]
    pub release: String,
    /// Its namespace.
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: String,
    /// Its UID.
    #[arg(long, value_name = "UID")]
    pub owner_uid: String,
    /// The account that it is of.
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// Its script name.
    #[arg(long, value_name = "NAME")]
    pub worker: String,
    /// Another step pushes what no ConfigMap takes: wait for that.
    #[arg(long)]
    pub pushed: bool,
    /// Folder that the steps share.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    pub work: PathBuf,
}
