//! The flags of the commands that look at manifests without a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::gateway::GatewayArgs;
use super::resources::FolderArgs;

/// What can be rendered.
#[derive(Debug, Clone, Subcommand)]
pub enum RenderCommand {
    /// Print the Job that a JobTemplate makes of a payload; its execution's UID is zero, as there is none yet.
    Job(RenderJobArgs),
    /// Print the objects that a namespace gets from a folder of templates.
    Namespace(RenderNamespaceArgs),
}

/// Flags of `render namespace`.
#[derive(Debug, Clone, Args)]
pub struct RenderNamespaceArgs {
    /// Name of the namespace.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The folder of templates.
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Label of the namespace; repeat it for more.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    pub labels: Vec<(String, String)>,
    /// Annotation of the namespace; repeat it for more.
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = pair)]
    pub annotations: Vec<(String, String)>,
    /// Manifests of the objects that templates refer to, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    pub related: Vec<PathBuf>,
    /// How the objects are printed.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Yaml)]
    pub output: OutputFormat,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("say KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
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
    /// An AdmissionReview, a ConversionReview or manifests to be created, YAML or JSON; - is standard input. The gateways
    /// of pods are the PodGateways of the same file, and that of the flags.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Largest payload of an execution, in bytes: as it is given to `serve`.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024, value_parser = clap::value_parser!(u64).range(1..=1024 * 1024))]
    pub max_payload_bytes: u64,
    /// How the answers are printed.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Yaml)]
    pub output: OutputFormat,
    /// A gateway for pods, beside the PodGateways of the file.
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Indented, one object after the other.
    Json,
    /// One document for each object.
    Yaml,
}
