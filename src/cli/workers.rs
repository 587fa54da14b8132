//! The flags of workers.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};

use super::flag::go_bool;
use crate::workers::build::Allowed;
use crate::workers::runtime_image::RuntimeImage;

/// Flags of WorkerAccounts and what they become.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workers")]
pub struct WorkerArgs {
    /// Image that runs the workers of an account which names none: workerd and this program, as `make worker-runtime`
    /// makes it. Builds run in it too.
    #[arg(long, value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    worker_runtime_image: Option<String>,
    /// When it is pulled: Always, IfNotPresent or Never. [default: as Kubernetes decides by the tag]
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    worker_image_pull_policy: Option<String>,
    /// Day of that image's workerd, YYYY-MM-DD: WorkerDeployments with a later compatibility date are refused.
    #[arg(long, value_name = "DAY")]
    pub worker_runtime_version: Option<String>,
    /// A workerd on this machine, with which the server itself proves code that is inline, in place of a Job. It runs
    /// the code of whoever may create WorkerDeployments: for a single tenant only.
    #[arg(long, value_name = "FILE")]
    pub workerd_path: Option<PathBuf>,
    /// Let URLs of code lead to private, loopback and link-local addresses.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    worker_allow_private_urls: bool,
    /// Registry that builds push images to without TLS, as HOST or HOST:PORT; may be given more than once. Those on
    /// loopback are always spoken to so.
    #[arg(long, value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    worker_plain_http: Vec<String>,
}

impl WorkerArgs {
    /// What builds may do that they otherwise may not.
    #[must_use]
    pub fn allowed(&self) -> Allowed {
        Allowed {
            private_urls: self.worker_allow_private_urls,
            plain_http: self.worker_plain_http.clone(),
        }
    }

    /// What runs workers where an account does not say.
    #[must_use]
    pub fn runtime(&self) -> RuntimeImage {
        RuntimeImage {
            image: self.worker_runtime_image.clone(),
            pull_policy: self.worker_image_pull_policy.clone(),
        }
    }
}
