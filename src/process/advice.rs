//! What the operator should know before the first request.

use super::in_cluster;
use crate::cli::{Component, DispatchMode, ServeArgs};
use crate::serve::plan;

/// Of sync, which does nothing without one.
const WITHOUT_FOLDER: &str = "sync is off: pass --templates-folder";

/// Warns of what the flags leave off, open or unused.
pub(super) fn warn(args: &ServeArgs) {
    let ignored = args.ignored.named();
    if !ignored.is_empty() {
        tracing::warn!(flags = ignored.join(" "), "these flags mean nothing here");
    }
    let webhooks = [Component::Admission, Component::Conversion];
    let wanted = webhooks.iter().any(|component| args.is_on(*component));
    if wanted && args.webhook.tls_cert_file_path.is_none() {
        tracing::warn!(
            "admission and conversion are off: pass --tls-cert-file-path and --tls-key-file-path (`stationmaster certs` \
             makes files to try with)"
        );
    }
    gateway(args);
    if let Some(listener) = plan::instead_of_metrics(args, in_cluster()) {
        tracing::warn!(
            listener,
            "metrics are off, since this listener has their port 8080: pass --metrics-bind-address"
        );
    }
    if args.is_on(Component::Sync) && args.resources.folder.folder().is_none() {
        if counts_on_folder(args) {
            tracing::warn!("{WITHOUT_FOLDER}");
        } else if args.components() != Component::ALL {
            tracing::info!("{WITHOUT_FOLDER}");
        }
    }
    if args.resources.folder.folder().is_some() && !args.is_on(Component::Sync) {
        tracing::warn!("nothing is done with --templates-folder: put sync among --components");
    }
    if writes_forever(args) && in_cluster() && !args.controllers.leader_elect {
        tracing::warn!("two replicas, or an old and a new one, would both write: pass --leader-elect");
    }
    open(args);
}

/// Whether something is passed that is for a folder alone. sync among other components is not: it may wait for one.
fn counts_on_folder(args: &ServeArgs) -> bool {
    let resources = &args.resources;
    args.components() == [Component::Sync]
        || resources.native.dispatch == DispatchMode::Native
        || resources.namespace_selector.is_some()
}

/// Warns of what asks nobody who he is.
fn open(args: &ServeArgs) {
    let web = !plan::web_server(args, in_cluster()).is_loopback();
    if web && args.is_on(Component::Execute) && args.execute.execute_token_file.is_none() {
        tracing::warn!(
            "anyone who reaches the execute endpoint may execute: pass --execute-token-file, or keep others out"
        );
    }
    if args.is_on(Component::Events) && are_events_open(args) {
        tracing::warn!(
            "anyone who reaches the events endpoint may have pods made: pass --events-token-file, or keep others out"
        );
    }
}

/// Whether others than this machine may send events without a token.
fn are_events_open(args: &ServeArgs) -> bool {
    let own = args.events.events_listen_address.clone();
    let mut addresses = own.into_iter().chain([plan::web_server(args, in_cluster())]);
    args.events.events_token_file.is_none() && addresses.any(|address| !address.is_loopback())
}

/// Whether there are objects that two processes would write again and again, each over the other.
fn writes_forever(args: &ServeArgs) -> bool {
    args.is_native() || args.is_on(Component::Controllers) && args.reads_gateways()
}

fn gateway(args: &ServeArgs) {
    if args.gateway.is_without_gateway() {
        tracing::warn!(
            "flags say which pods get the gateway, and none which gateway: pass --gateway, --DNS, --initImage or \
             --sidecarImage"
        );
    }
    // What cannot work ends the process a moment later.
    let Ok(Some(_)) = args.gateway.gateway() else { return };
    if args.is_gateway_alone() {
        tracing::warn!(
            "the flags make a gateway, so that admission alone is on: pass --components for the other parts"
        );
    }
    for oddity in args.gateway.oddities() {
        tracing::warn!("{oddity}");
    }
    if !args.is_on(Component::Admission) {
        tracing::warn!("no pod gets the gateway: put admission among --components");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_folder_is_counted_on_where_something_is_said_of_it() {
        for (flags, expected) in [
            (&[][..], false),
            (&["--components=admission,sync"], false),
            (&["--components=sync"], true),
            (&["--components=admission,sync", "--dispatch=native"], true),
            (&["--namespace-selector=a=b"], true),
        ] {
            let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
            assert_eq!(counts_on_folder(&args), expected, "{flags:?}");
        }
    }

    #[test]
    fn events_are_open_where_others_reach_them_without_a_token() {
        let here = "--web-server-bind-address=127.0.0.1:8000";
        for (flags, expected) in [
            (&[here][..], false),
            (&["--web-server-bind-address=:8000"], true),
            (&["--web-server-bind-address=:8000", "--events-token-file=t"], false),
            (&[here, "--events-listen-address=:8080"], true),
            (&[here, "--events-listen-address=localhost:8080"], false),
            (&["--web-server-bind-address=0"], false),
        ] {
            let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
            assert_eq!(are_events_open(&args), expected, "{flags:?}");
        }
    }
}
