//! The command line as plain data; nothing is opened or decided here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Kubernetes add-on: a TLS webhook server and the reconcilers beside it.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a command: `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags without a command are those of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer webhooks and the execute endpoint, and run the reconcilers.
    Serve(ServeArgs),
    /// Print all CustomResourceDefinitions as YAML.
    Crds(CrdsArgs),
}

/// Flags of `crds`.
#[derive(Debug, Clone, Args)]
pub struct CrdsArgs {
    /// Write one file per kind into this folder instead of printing.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where webhooks are answered over TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub webhook_listen_address: SocketAddr,
    /// Certificate chain (PEM) of the webhook server.
    #[arg(long, value_name = "FILE")]
    pub tls_cert_file_path: Option<PathBuf>,
    /// Private key (PEM) of the webhook server.
    #[arg(long, value_name = "FILE")]
    pub tls_key_file_path: Option<PathBuf>,
}
