//! Logs and the metrics registry: set up once, before anything else happens.

mod json;
mod lines;
#[cfg(test)]
pub(crate) mod written;

use std::io::IsTerminal;

use anyhow::Context;
use prometheus_client::registry::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::cli::LogFormat;
use crate::cli::serve::ObserveArgs;

pub use lines::Lines;

/// The process's logs; dropping it writes out what is still buffered.
#[derive(Debug)]
pub struct Telemetry {
    lines: Lines,
}

impl Telemetry {
    /// Starts logging to stderr.
    ///
    /// # Errors
    /// The filter cannot be read.
    pub fn start(args: &ObserveArgs) -> anyhow::Result<Self> {
        let filter = filter(args.log_level.as_deref())?;
        let lines = Lines::to_stderr()?;
        let terminal = std::io::stderr().is_terminal();
        let text = match args.log_format {
            LogFormat::Auto => terminal,
            LogFormat::Text => true,
            LogFormat::Json => false,
        };
        let layer = fmt::layer().with_writer(lines.clone());
        let layer = if text {
            layer.with_ansi(false).boxed()
        } else {
            layer.event_format(json::Json).boxed()
        };
        // A second start in one process (tests) keeps the first subscriber.
        let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
        // As lines like all others: whoever reads JSON cannot read what is printed by default.
        std::panic::set_hook(Box::new(|panic| {
            let (place, payload) = (panic.location().map(ToString::to_string), panic.payload());
            let formatted = payload.downcast_ref::<String>().map(String::as_str);
            let reason = payload.downcast_ref::<&str>().copied().or(formatted);
            tracing::error!(place, reason, "panic: this is a fault of stationmaster");
        }));
        Ok(Self { lines })
    }

    /// An empty registry with what logging itself counts.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register(
            "stationmaster_log_lines_dropped",
            "Log lines lost because stderr did not take them",
            self.lines.dropped(),
        );
        registry
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.lines.close();
    }
}

fn filter(flag: Option<&str>) -> anyhow::Result<EnvFilter> {
    let environment = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let directives = flag
        .or(environment.as_deref())
        .filter(|directives| !directives.is_empty())
        .unwrap_or("info");
    let mut filter = EnvFilter::builder()
        .parse(directives)
        .with_context(|| format!("log level {directives:?}"))?;
    if !directives.contains("kube_client") {
        // It prints whole answers of the API server that it cannot decode, payloads and Secrets included. What it fails
        // with is reported where it was called; only a reload of certificates has no caller.
        for directive in ["kube_client::client=off", "kube_client::client::tls=warn"] {
            filter = filter.add_directive(directive.parse()?);
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubes_client_is_silent_unless_it_is_named() {
        let silent = |directives| {
            let filter = filter(Some(directives)).unwrap().to_string();
            filter.contains("kube_client::client=off")
        };
        assert!(silent("info") && silent("debug,kube_runtime=info"));
        assert!(!silent("info,kube_client=debug"));
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = filter(Some("info,kube=loud")).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("log level \"info,kube=loud\": "),
            "{error:#}"
        );
    }
}
