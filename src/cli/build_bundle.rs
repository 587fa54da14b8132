//! The flags of the steps of a build Job.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A step of a build Job: a container of its pod.
#[derive(Debug, Clone, Subcommand)]
pub enum BuildStep {
    /// Have the runtime load what was written or fetched, and say whether it takes it.
    Prove(ProveArgs),
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
    /// Its code comes from another step: wait for that.
    #[arg(long)]
    pub fetched: bool,
    /// Prove every file of the configuration in the folder of the bundle, as the pods of the bundle would run it.
    #[arg(long, conflicts_with = "fetched")]
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
