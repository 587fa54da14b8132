//! The flags of the commands that run workers on this machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What can be done with workers without a cluster.
#[derive(Debug, Clone, Subcommand)]
pub enum WorkersCommand {
    /// Run the workers of a manifest on this machine until Ctrl-C, with the Secrets of the same manifest.
    Serve(WorkersServeArgs),
}

/// Flags of `workers serve`.
#[derive(Debug, Clone, Args)]
pub struct WorkersServeArgs {
    /// Manifest with WorkerDeployments, and the Secrets that they refer to, YAML or JSON; - is standard input. Repeat it for
    /// more.
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The runtime; a name without a slash is looked for in PATH.
    #[arg(long, value_name = "FILE", default_value = "workerd")]
    pub workerd_path: PathBuf,
    /// Port of the first worker on 127.0.0.1; each further one has the next.
    #[arg(long, value_name = "PORT", default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
}
