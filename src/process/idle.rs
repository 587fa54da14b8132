//! Flags that nobody would read, since the part that they are for is off: an error at start, because whoever passes one
//! relies on it. A flag that is chosen for safety or for what is made belongs in the list.

use anyhow::bail;

use crate::cli::{Component, DispatchMode, ServeArgs};

/// Where pods of namespaces are chosen, for whoever means those.
const OF_PODS: &str = "; namespaces of pods are chosen by match.namespaceSelector of a PodGateway, with gateways among \
                       --components, or by --gateway-namespace-selector of `stationmaster manifests`";

/// Refuses a flag without effect.
///
/// # Errors
/// There is one; the text says what to do.
pub(super) fn refuse(args: &ServeArgs) -> anyhow::Result<()> {
    let resources = &args.resources;
    let flags = [
        (
            resources.namespace_selector.is_some(),
            ("--namespace-selector", OF_PODS),
            Component::Sync,
        ),
        (
            resources.native.dispatch == DispatchMode::Native,
            ("--dispatch native", ""),
            Component::Sync,
        ),
        (
            args.events.events_listen_address.is_some(),
            ("--events-listen-address", ""),
            Component::Events,
        ),
        (
            args.controllers.evict_uninjected,
            ("--evict-uninjected", ""),
            Component::Controllers,
        ),
    ];
    for (is_given, (flag, more), component) in flags {
        if is_given && !args.is_on(component) {
            bail!("{flag} does nothing here: put {component} among --components, or leave it out{more}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const SELECTOR: &str = "--namespace-selector=routed-gateway=true";

    fn refused(flags: &[&str]) -> Option<String> {
        let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
        refuse(&args).err().map(|error| error.to_string())
    }

    #[test]
    fn a_flag_of_a_part_that_is_off_is_an_error() {
        let alone = "--components=admission,conversion,execute";
        for (flag, component) in [
            (SELECTOR, "sync"),
            ("--dispatch=native", "sync"),
            ("--events-listen-address=:8080", "events"),
            ("--evict-uninjected", "controllers"),
        ] {
            let told = refused(&[alone, flag]).unwrap();
            let name = flag.split('=').next().unwrap();
            assert!(
                told.starts_with(name) && told.contains(&format!("put {component} among --components")),
                "{told}"
            );
            assert_eq!(refused(&["--components", component, flag]), None);
            assert_eq!(refused(&[flag]), None, "all parts are on");
        }
        assert_eq!(refused(&[alone]), None);
    }

    #[test]
    fn a_gateway_of_flags_alone_has_no_selector_of_namespaces() {
        let told = refused(&["--gateway=vpn.example.org", "--setGatewayDefault", SELECTOR]).unwrap();
        assert!(told.contains("match.namespaceSelector of a PodGateway"), "{told}");
    }
}
