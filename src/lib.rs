//! Stationmaster: a TLS webhook server that validates, defaults, mutates and converts, with the reconcilers beside
//! it that create what the admitted objects ask for.
//!
//! ```text
//!             main -> lib
//!                     |
//!          +----------+-----------+
//!        serve                reconcile         halves: await, axum, kube-runtime, clock
//!          |      clients         |             doors to the outside: cluster, certificate files
//!          +----------+-----------+
//!          dispatch      trust                  domains: pure, synchronous, total
//!                     |
//!         api   (template, condition)           nouns: CRDs, wire types, names; pure tools
//! ```

pub mod api;
pub mod cli;
pub mod clients;
pub mod commands;
pub mod condition;
pub mod dispatch;
mod process;
pub mod reconcile;
pub mod serve;
pub mod telemetry;
pub mod template;
pub mod trust;

use cli::{Cli, Command, RenderCommand};

/// Runs one command line to its end.
///
/// # Errors
/// Whatever keeps the command from doing what it was asked for; the text says what to do.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        None => process::run(&cli.serve),
        Some(Command::Serve(args)) => process::run(args),
        Some(Command::Crds(args)) => commands::crds::run(args),
        Some(Command::Manifests(args)) => commands::manifests::run(args),
        Some(Command::Certs(args)) => commands::certs::run(args),
        Some(Command::Render(RenderCommand::Job(args))) => commands::render::job(args),
        Some(Command::Review(args)) => commands::review::run(args),
    }
}
