//! The command line as plain data; nothing is opened or decided here.

pub mod address;
pub mod build_bundle;
pub mod client;
pub mod events;
mod flag;
pub mod gateway;
pub mod hooks;
pub mod inspect;
pub mod local_workers;
pub mod manifests;
pub mod registry;
pub mod resources;
pub mod serve;
pub mod workers;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use address::ListenAddress;
pub use build_bundle::{BuildStep, FetchArgs, ProveArgs, PublishArgs, StorageArgs};
pub use client::ClientArgs;
pub use events::EventArgs;
pub use gateway::GatewayArgs;
pub use inspect::{OutputFormat, RenderCommand, RenderJobArgs, RenderNamespaceArgs, ReviewArgs};
pub use local_workers::{WorkersCommand, WorkersServeArgs};
pub use manifests::ManifestsArgs;
pub use registry::{Pinned, PullCodeArgs, PurgeArgs, PushBundleArgs, PushCodeArgs, RegistryArgs};
pub use resources::{DispatchMode, FolderArgs, NativeArgs, ResourceArgs, StatusWhen, TemplateSyntax};
pub use serve::{Component, LogFormat, ServeArgs};
pub use workers::WorkerArgs;

const EXAMPLES: &str = "\
Examples:
  A certificate for this machine, then webhooks, execute endpoint and reconcilers:
    stationmaster certs --out certs --host localhost --host 127.0.0.1 --host 192.0.2.7
    stationmaster serve --tls-cert-file-path certs/tls.crt --tls-key-file-path certs/tls.key

  The webhooks alone; needs neither a cluster nor a kubeconfig:
    stationmaster serve --components admission,conversion \\
        --tls-cert-file-path certs/tls.crt --tls-key-file-path certs/tls.key

  What a cluster has to know of it, where 192.0.2.7 is this machine:
    stationmaster manifests --webhook-url https://192.0.2.7:8443 --ca-file certs/ca.crt | kubectl apply --server-side -f -

Without a command it serves: flags are then those of `serve`, which `stationmaster serve --help` explains.";

const USAGE: &str = "stationmaster [FLAGS OF serve]
       stationmaster <COMMAND>";

/// Kubernetes add-on: a TLS webhook server and the reconcilers beside it.
#[derive(Debug, Parser)]
#[command(version, override_usage = USAGE, after_help = EXAMPLES, max_term_width = 110)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a command: `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags without a command are those of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Reads the command line; ends the process after `--help`, and when it makes no sense.
#[must_use]
pub fn parse() -> Cli {
    Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit())
}

/// The flags of `serve` are taken without it too, but explained once.
fn command() -> clap::Command {
    Cli::command().mut_args(|flag| flag.hide(true))
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer webhooks and the execute endpoint, and run the reconcilers.
    Serve(Box<ServeArgs>),
    /// Print all CustomResourceDefinitions as YAML.
    Crds(CrdsArgs),
    /// Print the CRDs and webhook configurations, for `kubectl apply --server-side -f -`.
    Manifests(ManifestsArgs),
    /// Make a development CA and a serving certificate: ca.crt, tls.crt, tls.key.
    Certs(CertsArgs),
    /// Print what a template becomes, without a cluster.
    #[command(subcommand)]
    Render(RenderCommand),
    /// Print what the webhooks would answer, without a cluster; fails when something is refused.
    Review(Box<ReviewArgs>),
    /// Run workers on this machine, without a cluster.
    #[command(subcommand)]
    Workers(WorkersCommand),
    /// Do one step of a build Job of workers, in a container of its pod.
    #[command(subcommand)]
    BuildBundle(BuildStep),
}

/// Flags of `crds`.
#[derive(Debug, Clone, Args)]
pub struct CrdsArgs {
    /// Write one file per kind into this folder instead of printing.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Flags of `certs`. The key of the CA is not kept: a new certificate comes with a new CA.
#[derive(Debug, Clone, Args)]
pub struct CertsArgs {
    /// Folder to write to; made when absent.
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    pub out: PathBuf,
    /// DNS name or IP address of the server; repeat it for more.
    #[arg(long = "host", value_name = "NAME", required = true, num_args = 1..)]
    pub hosts: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(flags: &[&str]) -> ServeArgs {
        Cli::try_parse_from([&["stationmaster"], flags].concat()).unwrap().serve
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_begins_with_the_commands_and_explains_each_flag_once() {
        let short = command().render_long_help().to_string();
        assert!(
            short.contains("manifests") && !short.contains("--components <"),
            "{short}"
        );
        assert!(short.lines().count() < 50, "{short}");
        let host = short
            .split("--webhook-url https://")
            .nth(1)
            .and_then(|rest| rest.split(':').next());
        assert!(short.contains(&format!("--host {}\n", host.unwrap())), "{short}");
        let mut all = command();
        let long = all.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        for heading in [
            "Webhooks:",
            "Execute endpoint:",
            "Resources:",
            "Pods behind a gateway:",
            "Clients behind gateways:",
            "Events:",
            "Workers:",
            "Controllers:",
            "Limits:",
            "Health, metrics, logs:",
        ] {
            assert!(long.contains(heading), "{heading}");
        }
        assert!(!long.contains("--zap"), "{long}");
        let web = long.split("--web-server-bind-address").nth(1).unwrap();
        let web: String = web.split("\n\n").next().unwrap().split_whitespace().collect();
        for path in ["/execute/NAME", "/sync", "`POST/`", "/events"] {
            assert!(web.contains(path), "{path}: {web}");
        }
    }

    #[test]
    fn no_command_means_serve() {
        let cli = Cli::try_parse_from(["stationmaster", "--default-namespace=jobs"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.execute.default_namespace, "jobs");
    }

    #[test]
    fn booleans_are_taken_as_go_takes_them() {
        assert!(!serve(&[]).controllers.leader_elect);
        assert!(serve(&["--leader-elect"]).controllers.leader_elect);
        assert!(serve(&["--leader-elect=true"]).controllers.leader_elect);
        assert!(serve(&["--leader-elect=1"]).controllers.leader_elect);
        assert!(!serve(&["--leader-elect=false"]).controllers.leader_elect);
        assert!(Cli::try_parse_from(["stationmaster", "--leader-elect=maybe"]).is_err());
    }

    #[test]
    fn upstreams_flags_without_a_meaning_are_accepted_and_named() {
        let flags = [
            "--zap-log-level=debug",
            "--zap-devel",
            "--debug",
            "--metrics-secure=false",
            "--enable-http2",
        ];
        let named = serve(&flags).ignored.named();
        assert_eq!(
            named,
            [
                "--zap-devel",
                "--zap-log-level",
                "--debug",
                "--metrics-secure",
                "--enable-http2"
            ]
        );
        assert!(serve(&[]).ignored.named().is_empty());
    }

    #[test]
    fn components_are_a_list() {
        let two = serve(&["--components=admission,conversion", "--gateway=a.b"]);
        assert_eq!(two.components(), [Component::Admission, Component::Conversion]);
        assert!(!two.is_gateway_alone() && !two.is_on(Component::Execute));
        for flags in [&[][..], &["--setGatewayDefault", "--gateway="]] {
            assert_eq!(serve(flags).components(), Component::ALL);
        }
    }

    #[test]
    fn flags_of_a_gateway_alone_mean_admission_alone() {
        // One of these cannot work, which is told at start.
        for flag in ["--gateway=a.b", "--DNS=192.0.2.1", "--initImage=a", "--DNSPolicy=None"] {
            let args = serve(&[flag, "--initMountPoint=/config"]);
            assert_eq!(args.components(), [Component::Admission]);
            assert!(args.is_gateway_alone());
        }
    }

    #[test]
    fn the_resource_dispatchers_flags_are_taken() {
        let long = ["--folder=templates", "--label=enabled", "--port=8080"];
        for flags in [&long[..], &["-f", "templates", "-l", "enabled", "-p", "8080"]] {
            let resources = serve(flags).resources;
            assert_eq!(resources.folder.folder(), Some(&PathBuf::from("templates")));
            assert_eq!(
                (&*resources.label, resources.port),
                ("enabled", Some(resources::Port(Some(8080))))
            );
        }
        let none = serve(&["--templates-folder=", "--port="]).resources;
        assert_eq!((none.folder.folder(), none.port), (None, Some(resources::Port(None))));
        // An empty label would want no namespace, and take their objects from all.
        for flag in ["--namespace-selector=a b", "--label=", "--port=http"] {
            assert!(Cli::try_parse_from(["stationmaster", flag]).is_err(), "{flag}");
        }
    }
}
