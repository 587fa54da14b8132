//! The flags of `serve`, one struct for each concern.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::address::ListenAddress;
use super::client::ClientArgs;
use super::events::EventArgs;
use super::flag::go_bool;
use super::gateway::GatewayArgs;
use super::resources::{DispatchMode, ResourceArgs};
use super::workers::WorkerArgs;

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// What this process does. Only execute, events, gateways, workers, controllers and --dispatch native need a cluster and a
    /// kubeconfig.
    /// [default: all; admission alone where --gateway, --DNS, --initImage and the like make a gateway]
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    components: Option<Vec<Component>>,
    /// The webhook server.
    #[command(flatten)]
    pub webhook: WebhookArgs,
    /// The execute endpoint.
    #[command(flatten)]
    pub execute: ExecuteArgs,
    /// Resources into namespaces.
    #[command(flatten)]
    pub resources: ResourceArgs,
    /// Pods behind a gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Clients behind gateways.
    #[command(flatten)]
    pub client: ClientArgs,
    /// CloudEvents.
    #[command(flatten)]
    pub events: EventArgs,
    /// Workers.
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// The reconcilers.
    #[command(flatten)]
    pub controllers: ControllerArgs,
    /// Limits of every listener.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Health, metrics and logs.
    #[command(flatten)]
    pub observe: ObserveArgs,
    /// Flags of other programs that mean nothing here.
    #[command(flatten)]
    pub ignored: IgnoredArgs,
}

impl ServeArgs {
    /// The parts that are on.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        match &self.components {
            Some(components) => components,
            // Who takes the place of the pod-gateway webhook has its flags, and no rights in the cluster.
            None if self.is_gateway_alone() => &[Component::Admission],
            None => &Component::ALL,
        }
    }

    /// Whether a part is on.
    #[must_use]
    pub fn is_on(&self, component: Component) -> bool {
        self.components().contains(&component)
    }

    /// Whether nothing but the gateway that flags make says what this process is for.
    #[must_use]
    pub fn is_gateway_alone(&self) -> bool {
        self.components.is_none() && self.gateway.makes_a_gateway()
    }

    /// Whether PodGateways are read.
    #[must_use]
    pub fn reads_gateways(&self) -> bool {
        self.is_on(Component::Gateways) || self.is_on(Component::Events)
    }

    /// Whether this process itself applies the folder of templates.
    #[must_use]
    pub fn is_native(&self) -> bool {
        let wanted = self.is_on(Component::Sync) && self.resources.folder.folder().is_some();
        wanted && self.resources.native.dispatch == DispatchMode::Native
    }
}

/// A part of the server that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Component {
    /// `/validate`, `/mutate` and `/mutate-pods`.
    Admission,
    /// `/convert`.
    Conversion,
    /// `/execute`.
    Execute,
    /// `/` and `/events`: CloudEvents that ask for clients behind gateways.
    Events,
    /// With --templates-folder: `/sync`, `/finalize` and `/customize`, or the reconciler of --dispatch native.
    Sync,
    /// PodGateways: read for `/mutate-pods`.
    Gateways,
    /// The kinds of api.worker-*: read for `/validate` and `/mutate`, and reconciled.
    Workers,
    /// The reconcilers.
    Controllers,
}

impl Component {
    /// Every component, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Admission,
        Self::Conversion,
        Self::Execute,
        Self::Events,
        Self::Sync,
        Self::Gateways,
        Self::Workers,
        Self::Controllers,
    ];
}

/// As it is passed.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Flags of the webhook server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// Where webhooks are answered over TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub webhook_listen_address: ListenAddress,
    /// Certificate chain (PEM); read again when it changes. Without it admission, gateways for pods included, and
    /// conversion are off.
    #[arg(long, value_name = "FILE", requires = "tls_key_file_path")]
    pub tls_cert_file_path: Option<PathBuf>,
    /// Private key (PEM) of that certificate, without which it is of no use.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file_path")]
    pub tls_key_file_path: Option<PathBuf>,
}

/// Flags of the execute endpoint.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execute endpoint")]
pub struct ExecuteArgs {
    /// Where `PUT /execute/NAME`, `POST /sync` and CloudEvents (`POST /` and `/events`) are answered, plain HTTP.
    /// [default: 127.0.0.1:8000, in a cluster :8000]
    #[arg(long, value_name = "ADDRESS")]
    pub web_server_bind_address: Option<ListenAddress>,
    /// Namespace of `/execute/NAME`.
    #[arg(long, value_name = "NAMESPACE", default_value = "default")]
    pub default_namespace: String,
    /// Largest payload of an execution, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024, value_parser = clap::value_parser!(u64).range(1..=1024 * 1024))]
    pub max_payload_bytes: u64,
    /// File with the bearer token that callers must send; without it anyone may execute.
    #[arg(long, value_name = "FILE")]
    pub execute_token_file: Option<PathBuf>,
    /// Log payloads of accepted executions. Payloads may hold secrets.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub log_job_execution_payloads: bool,
}

/// Flags of the reconcilers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Controllers")]
pub struct ControllerArgs {
    /// Only one replica reconciles, the one that holds the Lease; all answer requests.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub leader_elect: bool,
    /// Namespace of the Lease. [default: the pod's namespace, else --default-namespace]
    #[arg(long, value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// How many executions, and with --dispatch native how many namespaces, are reconciled at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Evict pods that should be behind a gateway and are not, one at a time, where their controller makes another and a
    /// trial shows that it would get the gateway. Never pods of a Job, a GatewayClient or a Node, others whose
    /// restartPolicy is Never or OnFailure, and those of the gateway that flags make. The next one's turn comes when the
    /// other one is ready. A pod has ten minutes to end and its successor ten more to be ready; otherwise none is evicted
    /// for ten minutes, and none of that controller for an hour. While one of its pods ends, or is behind the gateway and
    /// not ready, none of the others is evicted.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub evict_uninjected: bool,
    /// Kubeconfig to reach the API server with. [default: $KUBECONFIG, ~/.kube/config, in a cluster the service account]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Limits of every listener.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Connections of one listener at a time; more wait to be accepted.
    #[arg(long, value_name = "NUMBER", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Memory for all request bodies and their answers together; more of them wait, and one that needs more is refused.
    #[arg(long, value_name = "MIB", default_value_t = 288, value_parser = clap::value_parser!(u32).range(16..=4095))]
    pub max_body_memory: u32,
    /// After SIGTERM: how long requests are still taken while the endpoint is being withdrawn.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub drain_seconds: u64,
}

impl LimitArgs {
    /// Memory for bodies and answers, in bytes.
    #[must_use]
    pub const fn body_memory(&self) -> usize {
        (self.max_body_memory as usize) << 20
    }

    /// How long requests are still taken after SIGTERM.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Flags for health, metrics and logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Health, metrics, logs")]
pub struct ObserveArgs {
    /// Where `/metrics` is answered, plain HTTP; 0 is off. [default: :8080, off when another listener has that port]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_bind_address: Option<ListenAddress>,
    /// Where `/livez`, `/readyz` and `/healthz` are answered, plain HTTP; 0 is off.
    #[arg(long, value_name = "ADDRESS", default_value = ":8081")]
    pub health_probe_bind_address: ListenAddress,
    /// What is logged: a level, or directives such as `info,kube=debug`. [default: $RUST_LOG, else info]
    #[arg(long, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// How logs are written to stderr; auto is text on a terminal, else json.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For reading.
    Text,
}

/// Flags that existing deployments pass and that mean nothing here: taken, named once in a warning, otherwise unused.
#[derive(Debug, Clone, Args)]
pub struct IgnoredArgs {
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    zap_devel: Option<String>,
    #[arg(long, hide = true)]
    zap_encoder: Option<String>,
    #[arg(long, hide = true)]
    zap_log_level: Option<String>,
    #[arg(long, hide = true)]
    zap_stacktrace_level: Option<String>,
    #[arg(long, hide = true)]
    zap_time_encoding: Option<String>,
    #[arg(long, alias = "no-debug", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    debug: Option<String>,
    #[arg(long, alias = "no-development", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    development: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    metrics_secure: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    enable_http2: Option<String>,
}

impl IgnoredArgs {
    /// The flags among them that were passed.
    #[must_use]
    pub fn named(&self) -> Vec<&'static str> {
        let flags = [
            ("--zap-devel", &self.zap_devel),
            ("--zap-encoder", &self.zap_encoder),
            ("--zap-log-level", &self.zap_log_level),
            ("--zap-stacktrace-level", &self.zap_stacktrace_level),
            ("--zap-time-encoding", &self.zap_time_encoding),
            ("--debug", &self.debug),
            ("--development", &self.development),
            ("--metrics-secure", &self.metrics_secure),
            ("--enable-http2", &self.enable_http2),
        ];
        flags
            .into_iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| name)
            .collect()
    }
}
