//! The flags of the commands that look at manifests without a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What can be rendered.
#[derive(Debug, Clone, Subcommand)]
pub enum RenderCommand {
    /// Print the Job that a JobTemplate makes of a payload; its execution's UID is zero, as there is none yet.
    Job(RenderJobArgs),
}

/// Flags of `render job`.
#[derive(Debug, Clone, Args)]
pub struct RenderJobArgs {
    /// Manifest with a JobTemplate of either version, YAML or JSON; - is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Payload of the execution.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub payload: String,
    /// Name of the execution. [default: the template's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Namespace of the execution. [default: the template's, else default]
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// How the Job is printed.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Yaml)]
    pub output: OutputFormat,
}

/// Flags of `review`.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// An AdmissionReview, a ConversionReview or manifests to be created, YAML or JSON; - is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Largest payload of an execution, in bytes: as it is given to `serve`.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024, value_parser = clap::value_parser!(u64).range(1..=1024 * 1024))]
    pub max_payload_bytes: u64,
    /// How the answers are printed.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Yaml)]
    pub output: OutputFormat,
}

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Indented, one object after the other.
    Json,
    /// One document for each object.
    Yaml,
}
