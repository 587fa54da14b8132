//! What is answered where: from the flags to one entry for each address.

use super::Surface;
use crate::cli::{Component, ListenAddress, ServeArgs};

/// Of metrics, where no flag says otherwise.
const METRICS_PORT: u16 = 8080;

/// What events come in on.
const EVENTS: [Surface; 2] = [Surface::Events, Surface::EventsAtRoot];

/// One address and what is answered on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) name: &'static str,
    pub(super) address: ListenAddress,
    pub(super) tls: bool,
    pub(super) surfaces: Vec<Surface>,
}

impl Bind {
    fn new(name: &'static str, address: ListenAddress, tls: bool, surfaces: Vec<Surface>) -> Self {
        Self {
            name,
            address,
            tls,
            surfaces,
        }
    }

    fn is_used(&self) -> bool {
        self.address != ListenAddress::Off && !self.surfaces.is_empty()
    }

    fn has_port(&self, wanted: u16) -> bool {
        matches!(self.address, ListenAddress::At { port, .. } if port == wanted)
    }
}

/// One entry for each address; plain surfaces with the same address share it.
pub(super) fn plan(args: &ServeArgs, in_cluster: bool) -> Vec<Bind> {
    let on = |component| args.is_on(component);
    let syncs = on(Component::Sync) && args.resources.folder.folder().is_some() && !args.is_native();
    let mut plan = Vec::new();
    if args.webhook.tls_cert_file_path.is_some() {
        let wanted = [
            (Component::Admission, Surface::Admission),
            (Component::Conversion, Surface::Conversion),
        ];
        let mut surfaces: Vec<_> = wanted
            .into_iter()
            .filter(|(component, _)| on(*component))
            .map(|(_, surface)| surface)
            .collect();
        surfaces.extend(syncs.then_some(Surface::Sync));
        plan.push(Bind::new(
            "webhook",
            args.webhook.webhook_listen_address.clone(),
            true,
            surfaces,
        ));
    }
    plan.push(web(args, in_cluster, on(Component::Execute), syncs));
    if let Some(address) = args
        .events
        .events_listen_address
        .clone()
        .filter(|_| on(Component::Events))
    {
        add_plain(&mut plan, Bind::new("events", address, false, EVENTS.to_vec()));
    }
    if let Some(bind) = sync_port(args).filter(|_| syncs) {
        add_plain(&mut plan, bind);
    }
    let health = args.observe.health_probe_bind_address.clone();
    add_plain(&mut plan, Bind::new("health", health, false, vec![Surface::Health]));
    plan.retain(Bind::is_used);
    let metrics = metrics(args, &plan);
    add_plain(&mut plan, Bind::new("metrics", metrics, false, vec![Surface::Metrics]));
    plan.retain(Bind::is_used);
    plan.iter_mut().for_each(settle);
    plan
}

/// Each surface once; the root is the hook's where every path is.
fn settle(bind: &mut Bind) {
    let mut seen = Vec::new();
    let hooked = bind.surfaces.contains(&Surface::SyncEverywhere);
    bind.surfaces.retain(|surface| {
        let is_new = !seen.contains(surface);
        seen.push(*surface);
        is_new && !(hooked && *surface == Surface::EventsAtRoot)
    });
}

/// Metrics that nobody has given an address make room for a listener with their port: whoever takes the place of the
/// pod-gateway webhook passes `:8080` for webhooks.
fn metrics(args: &ServeArgs, others: &[Bind]) -> ListenAddress {
    if let Some(address) = &args.observe.metrics_bind_address {
        return address.clone();
    }
    let address = ListenAddress::At {
        host: String::new(),
        port: METRICS_PORT,
    };
    // A plain listener of the same address is shared.
    let clashes = |other: &Bind| other.has_port(METRICS_PORT) && (other.tls || other.address != address);
    if others.iter().any(clashes) {
        ListenAddress::Off
    } else {
        address
    }
}

/// The listener that metrics have made room for.
pub(crate) fn instead_of_metrics(args: &ServeArgs, in_cluster: bool) -> Option<&'static str> {
    let plan = plan(args, in_cluster);
    let has_them = plan.iter().any(|bind| bind.surfaces.contains(&Surface::Metrics));
    let unasked = args.observe.metrics_bind_address.is_none() && !has_them;
    let other = plan.iter().find(|bind| bind.has_port(METRICS_PORT));
    other.filter(|_| unasked).map(|bind| bind.name)
}

/// The plain listener that others than the API server and the kubelet know.
fn web(args: &ServeArgs, in_cluster: bool, executes: bool, syncs: bool) -> Bind {
    let events = args.is_on(Component::Events);
    let wanted = [
        (executes, Surface::Execute),
        (events, Surface::Events),
        (events, Surface::EventsAtRoot),
        (syncs, Surface::Sync),
    ];
    let surfaces = wanted
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, surface)| surface);
    let name = match (executes, events) {
        (true, _) => "execute",
        (_, true) => "events",
        _ => "sync",
    };
    Bind::new(name, web_server(args, in_cluster), false, surfaces.collect())
}

/// On all addresses, as the resource dispatcher listens.
fn sync_port(args: &ServeArgs) -> Option<Bind> {
    let port = args.resources.port.and_then(|port| port.0)?;
    let address = ListenAddress::At {
        host: String::new(),
        port,
    };
    Some(Bind::new("sync-port", address, false, vec![Surface::SyncEverywhere]))
}

/// Outside a cluster only this machine may execute, because anybody who can connect may.
pub(crate) fn web_server(args: &ServeArgs, in_cluster: bool) -> ListenAddress {
    if let Some(address) = &args.execute.web_server_bind_address {
        return address.clone();
    }
    let host = if in_cluster { "" } else { "127.0.0.1" };
    ListenAddress::At {
        host: host.to_owned(),
        port: 8000,
    }
}

fn add_plain(plan: &mut Vec<Bind>, bind: Bind) {
    // Port 0 is another port each time.
    let fixed = !matches!(bind.address, ListenAddress::At { port: 0, .. });
    match plan
        .iter_mut()
        .find(|other| fixed && !other.tls && other.address == bind.address)
    {
        Some(other) => other.surfaces.extend(bind.surfaces),
        None => plan.push(bind),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const TLS: [&str; 2] = ["--tls-cert-file-path=c", "--tls-key-file-path=k"];

    fn planned(flags: &[&str], in_cluster: bool) -> Vec<(&'static str, String, Vec<Surface>)> {
        let args = Cli::try_parse_from([&["stationmaster"], flags].concat()).unwrap().serve;
        let entry = |bind: Bind| (bind.name, bind.address.to_string(), bind.surfaces);
        plan(&args, in_cluster).into_iter().map(entry).collect()
    }

    #[test]
    fn everything_has_an_address_of_its_own() {
        assert_eq!(
            planned(&TLS, false),
            [
                (
                    "webhook",
                    "0.0.0.0:8443".to_owned(),
                    vec![Surface::Admission, Surface::Conversion]
                ),
                (
                    "execute",
                    "127.0.0.1:8000".to_owned(),
                    vec![Surface::Execute, Surface::Events, Surface::EventsAtRoot]
                ),
                ("health", ":8081".to_owned(), vec![Surface::Health]),
                ("metrics", ":8080".to_owned(), vec![Surface::Metrics]),
            ]
        );
    }

    #[test]
    fn in_a_cluster_the_execute_endpoint_is_for_everyone() {
        assert_eq!(planned(&[], true)[0].1, ":8000");
    }

    #[test]
    fn without_a_certificate_there_are_no_webhooks() {
        assert_eq!(planned(&[], false)[0].0, "execute");
    }

    #[test]
    fn parts_that_are_off_have_no_address() {
        let flags = [
            "--components=controllers",
            "--metrics-bind-address=0",
            "--health-probe-bind-address=:1",
        ];
        assert_eq!(
            planned(&flags, false),
            [("health", ":1".to_owned(), vec![Surface::Health])]
        );
    }

    #[test]
    fn hooks_are_answered_where_the_others_are_once_there_is_a_folder() {
        assert_eq!(planned(&["--components=sync", "--port=1"], false)[0].0, "health");
        let folder = [&TLS[..], &["--folder=f", "--port=1"]].concat();
        let plan = planned(&folder, false);
        assert_eq!(plan[0].2, [Surface::Admission, Surface::Conversion, Surface::Sync]);
        let web = vec![Surface::Execute, Surface::Events, Surface::EventsAtRoot, Surface::Sync];
        assert_eq!(plan[1], ("execute", "127.0.0.1:8000".to_owned(), web));
        assert_eq!(plan[2], ("sync-port", ":1".to_owned(), vec![Surface::SyncEverywhere]));
        let alone = planned(&["--components=sync", "--folder=f"], true);
        assert_eq!(alone[0], ("sync", ":8000".to_owned(), vec![Surface::Sync]));
    }

    #[test]
    fn metrics_make_room_unless_they_were_asked_for() {
        let names = |flags: &[&str]| -> Vec<_> {
            let flags = [&TLS[..], flags].concat();
            planned(&flags, false).into_iter().map(|(name, _, _)| name).collect()
        };
        let made_room = |flags: &[&str]| {
            let flags = [&["stationmaster"][..], &TLS, flags].concat();
            instead_of_metrics(&Cli::try_parse_from(flags).unwrap().serve, false)
        };
        for webhook in [
            "--webhook-listen-address=:8080",
            "--webhook-listen-address=127.0.0.1:8080",
        ] {
            assert_eq!(names(&[webhook]), ["webhook", "execute", "health"]);
            assert_eq!(made_room(&[webhook]), Some("webhook"));
            // Who asks for both gets what the system says of it.
            let both = [webhook, "--metrics-bind-address=:8080"];
            assert_eq!(names(&both).pop(), Some("metrics"));
            assert_eq!(made_room(&both), None);
            assert_eq!(made_room(&[webhook, "--metrics-bind-address=0"]), None);
        }
        assert_eq!(made_room(&["--web-server-bind-address=0.0.0.0:8080"]), Some("execute"));
        // What is plain and spelled alike is shared, and what is off takes no port.
        assert_eq!(made_room(&["--web-server-bind-address=:8080"]), None);
        assert_eq!(
            made_room(&["--components=conversion", "--web-server-bind-address=[::]:8080"]),
            None
        );
        assert_eq!(made_room(&[]), None);
    }

    #[test]
    fn plain_surfaces_may_share_an_address() {
        let flags = [
            "--web-server-bind-address=:1",
            "--metrics-bind-address=:1",
            "--health-probe-bind-address=:1",
        ];
        let events = [Surface::Events, Surface::EventsAtRoot];
        let all = [&[Surface::Execute], &events[..], &[Surface::Health, Surface::Metrics]].concat();
        assert_eq!(planned(&flags, false), [("execute", ":1".to_owned(), all)]);
    }

    #[test]
    fn events_may_have_an_address_of_their_own_and_leave_the_root_to_hooks() {
        let flags = [
            "--components=events,sync",
            "--folder=f",
            "--port=8080",
            "--events-listen-address=:8080",
        ];
        let plan = planned(&flags, true);
        let events = vec![Surface::Events, Surface::EventsAtRoot];
        let web = [&events[..], &[Surface::Sync]].concat();
        assert_eq!(plan[0], ("events", ":8000".to_owned(), web));
        let shared = vec![Surface::Events, Surface::SyncEverywhere, Surface::Metrics];
        assert_eq!(plan[1], ("events", ":8080".to_owned(), shared));
        let same = planned(&["--components=events", "--events-listen-address=:8000"], true);
        assert_eq!(same[0], ("events", ":8000".to_owned(), events));
    }
}
