//! The flags of `manifests`: what a cluster is told of our webhooks.

use std::path::PathBuf;

use clap::Args;

use super::hooks::HookArgs;

/// Flags of `manifests`: how the API server reaches the webhooks.
#[derive(Debug, Clone, Args)]
pub struct ManifestsArgs {
    /// Where the webhooks are answered, without a path: `https://HOST:PORT`.
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "service",
        conflicts_with = "service"
    )]
    pub webhook_url: Option<String>,
    /// Service in the cluster that leads to the webhooks.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub service: Option<String>,
    /// Service for conversion alone, with publishNotReadyAddresses. [default: that of --service]
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "service")]
    pub conversion_service: Option<String>,
    /// Port of these Services.
    #[arg(long, value_name = "PORT", default_value_t = 443, requires = "service")]
    pub service_port: u16,
    /// CA certificates (PEM) that the serving certificate is checked against. [default: the API server's own roots]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Let cert-manager fill in the CA of this Certificate instead.
    #[arg(long, value_name = "NAMESPACE/NAME", conflicts_with = "ca_file")]
    pub cert_manager: Option<String>,
    /// Which pods are asked about.
    #[command(flatten)]
    pub pods: PodArgs,
}

/// Flags of `manifests`: which pods the API server asks about before it creates them.
///
/// `serve` has a `--namespace-selector` that is about something else: here the two names are one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pods behind a gateway")]
#[command(mut_arg("gateway_namespace_selector", |flag| flag.visible_alias("namespace-selector")))]
#[command(mut_arg("gateway_excluded", |flag| flag.visible_alias("exclude-namespace")))]
pub struct PodArgs {
    /// By their marks and their namespaces.
    #[command(flatten)]
    pub hooks: HookArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    #[test]
    fn manifests_wants_an_url_or_a_service() {
        assert!(Cli::try_parse_from(["stationmaster", "manifests"]).is_err());
        assert!(Cli::try_parse_from(["stationmaster", "manifests", "--service", "a/b"]).is_ok());
        let both = [
            "stationmaster",
            "manifests",
            "--service",
            "a/b",
            "--webhook-url",
            "https://c",
        ];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
