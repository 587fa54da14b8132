//! What is answered where: from the flags to one entry for each address.

use super::Surface;
use crate::cli::{Component, ListenAddress, ServeArgs};

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
}

/// One entry for each address; plain surfaces with the same address share it.
pub(super) fn plan(args: &ServeArgs, in_cluster: bool) -> Vec<Bind> {
    let on = |component| args.components.contains(&component);
    let mut plan = Vec::new();
    if args.webhook.tls_cert_file_path.is_some() {
        let wanted = [
            (Component::Admission, Surface::Admission),
            (Component::Conversion, Surface::Conversion),
        ];
        let surfaces = wanted
            .into_iter()
            .filter(|(component, _)| on(*component))
            .map(|(_, surface)| surface)
            .collect();
        plan.push(Bind::new(
            "webhook",
            args.webhook.webhook_listen_address.clone(),
            true,
            surfaces,
        ));
    }
    if on(Component::Execute) {
        let address = web_server(args, in_cluster);
        plan.push(Bind::new("execute", address, false, vec![Surface::Execute]));
    }
    let observe = &args.observe;
    add_plain(
        &mut plan,
        Bind::new(
            "health",
            observe.health_probe_bind_address.clone(),
            false,
            vec![Surface::Health],
        ),
    );
    add_plain(
        &mut plan,
        Bind::new(
            "metrics",
            observe.metrics_bind_address.clone(),
            false,
            vec![Surface::Metrics],
        ),
    );
    plan.retain(|bind| bind.address != ListenAddress::Off && !bind.surfaces.is_empty());
    plan
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
                ("execute", "127.0.0.1:8000".to_owned(), vec![Surface::Execute]),
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
    fn plain_surfaces_may_share_an_address() {
        let flags = [
            "--web-server-bind-address=:1",
            "--metrics-bind-address=:1",
            "--health-probe-bind-address=:1",
        ];
        let all = vec![Surface::Execute, Surface::Health, Surface::Metrics];
        assert_eq!(planned(&flags, false), [("execute", ":1".to_owned(), all)]);
    }
}
