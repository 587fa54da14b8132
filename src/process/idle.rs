//! Flags that nobody would read, since the part that they are for is off: an error at start, because whoever passes one
//! relies on it. A flag that is chosen for safety or for what is made belongs in the list.

use anyhow::bail;

use crate::cli::{Component, DispatchMode, ServeArgs};

/// Where pods of namespaces are chosen, for whoever means those.
const OF_PODS: &str = "; namespaces of pods are chosen by match.namespaceSelector of a PodGateway, with gateways among \
                       --components, or by --gateway-namespace-selector of `stationmaster manifests`";

/// Who wants flags of webhooks' namespaces is done with the command that writes them.
const OF_HOOKS: &str = "; which namespaces the webhooks are asked about is for `stationmaster manifests` to say";

/// Of each of these lists one component has to be on; where none is, the first is asked for.
type Wanted = &'static [&'static [Component]];

const EVENTS: Wanted = &[&[Component::Events]];
const SYNC: Wanted = &[&[Component::Sync]];
/// What is reconciled of gateways: whoever takes events reads them too.
const GATEWAY_CONTROLLERS: Wanted = &[&[Component::Controllers], &[Component::Gateways, Component::Events]];
/// Where pods of some namespaces do not count as missed.
const GATEWAYS: Wanted = &[&[Component::Gateways, Component::Controllers]];

/// A flag, what it is for, and more to say of it.
type Flag = (&'static str, Wanted, &'static str);

/// Refuses a flag without effect.
///
/// # Errors
/// There is one; the text says what to do.
pub(super) fn refuse(args: &ServeArgs) -> anyhow::Result<()> {
    let is_on = |component: &Component| args.is_on(*component);
    for (flag, wanted, more) in given(args) {
        let missing = wanted.iter().filter(|any| !any.iter().any(is_on));
        let missing: Vec<_> = missing.filter_map(|any| any.first()).map(ToString::to_string).collect();
        if !missing.is_empty() {
            let missing = missing.join(" and ");
            bail!("{flag} does nothing here: put {missing} among --components, or leave it out{more}");
        }
    }
    Ok(())
}

/// The flags of the list that are passed.
fn given(args: &ServeArgs) -> impl Iterator<Item = Flag> {
    let (resources, hooks) = (&args.resources, &args.gateway.hooks);
    let client = args.client.of_controllers();
    let client = client.into_iter().map(|flag| (flag, GATEWAY_CONTROLLERS, ""));
    let native = resources.native.dispatch == DispatchMode::Native;
    let flags = [
        (
            resources.namespace_selector.is_some(),
            ("--namespace-selector", SYNC, OF_PODS),
        ),
        (native, ("--dispatch native", SYNC, "")),
        (
            args.events.events_listen_address.is_some(),
            ("--events-listen-address", EVENTS, ""),
        ),
        (
            args.controllers.evict_uninjected,
            ("--evict-uninjected", GATEWAY_CONTROLLERS, ""),
        ),
    ];
    let flags = flags
        .into_iter()
        .filter(|(is_given, _)| *is_given)
        .map(|(_, flag)| flag);
    let namespaces = hooks.of_namespaces().into_iter().map(|flag| (flag, GATEWAYS, OF_HOOKS));
    flags.chain(client).chain(namespaces)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const SELECTOR: &str = "--namespace-selector=routed-gateway=true";

    /// What lets a flag of the gateways' controllers have its effect.
    const CONTROLLERS: [&str; 2] = ["controllers,gateways", "controllers,events"];

    fn refused(flags: &[&str]) -> Option<String> {
        let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
        refuse(&args).err().map(|error| error.to_string())
    }

    #[test]
    fn a_flag_of_a_part_that_is_off_is_an_error() {
        let alone = "--components=admission,conversion,execute";
        for (flag, wanted, enough) in [
            (SELECTOR, "sync", &["sync"][..]),
            ("--dispatch=native", "sync", &["sync"]),
            ("--events-listen-address=:8080", "events", &["events"]),
            ("--evict-uninjected", "controllers and gateways", &CONTROLLERS),
            ("--client-image=alpine/curl", "controllers and gateways", &CONTROLLERS),
            ("--client-command=sleep,1", "controllers and gateways", &CONTROLLERS),
            ("--client-retention=1h", "controllers and gateways", &CONTROLLERS),
            (
                "--gateway-namespace-selector=a=b",
                "gateways",
                &["gateways", "controllers"],
            ),
            (
                "--gateway-exclude-namespace=a",
                "gateways",
                &["gateways", "controllers"],
            ),
        ] {
            let told = refused(&[alone, flag]).unwrap();
            let name = flag.split('=').next().unwrap();
            assert!(
                told.starts_with(name) && told.contains(&format!(": put {wanted} among --components")),
                "{told}"
            );
            for components in enough {
                assert_eq!(refused(&["--components", components, flag]), None, "{flag}");
            }
            assert_eq!(refused(&[flag]), None, "all parts are on");
        }
        assert_eq!(refused(&[alone]), None);
    }

    #[test]
    fn a_controller_of_gateways_has_to_know_them() {
        for flag in ["--evict-uninjected", "--client-image=a"] {
            for (alone, missing) in [
                ("controllers", "gateways"),
                ("gateways", "controllers"),
                ("events", "controllers"),
            ] {
                let told = refused(&["--components", alone, flag]).unwrap();
                assert!(told.contains(&format!(": put {missing} among --components")), "{told}");
            }
        }
    }

    /// What the sample of events passes means something to it.
    #[test]
    fn the_sample_of_events_starts() {
        let sample = include_str!("../../manifests/knative/events.yaml");
        let flags: Vec<_> = sample
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- --"))
            .collect();
        assert!(flags.contains(&"components=events"), "{flags:?}");
        let flags: Vec<_> = flags.into_iter().map(|flag| format!("--{flag}")).collect();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        assert_eq!(refused(&flags), None);
    }

    #[test]
    fn a_gateway_of_flags_alone_has_no_selector_of_namespaces() {
        let told = refused(&["--gateway=vpn.example.org", "--setGatewayDefault", SELECTOR]).unwrap();
        assert!(told.contains("match.namespaceSelector of a PodGateway"), "{told}");
    }
}
