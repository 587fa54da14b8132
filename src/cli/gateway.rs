//! The flags of one gateway for pods; those of the pod-gateway admission controller keep its spelling.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::flag::go_bool;
use super::hooks::HookArgs;
use crate::api::gateway::{Gateway, GatewaySpec, InjectedContainer, Mark, Match, Sidecar, SidecarMode, Unresolved};
use crate::api::review::Cause;
use crate::gateway::faults;

/// The name of the gateway that flags make.
const NAME: &str = "default";
/// A pod has no more nameservers.
const MOST_NAMESERVERS: usize = 3;

/// Fields of a PodGateway, and the flags that they are here.
const FLAGS: [(&str, &str); 7] = [
    ("spec.gateway", "--gateway"),
    ("spec.dns", "--DNS"),
    ("spec.init.mountPath", "--initMountPoint"),
    ("spec.sidecar.mountPath", "--sidecarMountPoint"),
    ("spec.match.label.key", "--setGatewayLabel"),
    ("spec.match.label.value", "--setGatewayLabelValue"),
    ("spec.match.annotation.key", "--setGatewayAnnotation"),
];

/// Flags of one gateway for pods.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pods behind a gateway")]
pub struct GatewayArgs {
    /// Name or address of the gateway. It is what the containers look up, so that a name should be complete.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub gateway: String,
    /// Names or addresses of up to 3 DNS servers, which take the place of the pod's.
    #[arg(long = "DNS", value_name = "LIST", value_parser = servers, default_value = "", hide_default_value = true)]
    pub dns: Servers,
    /// DNS policy of the pod; None also gives it the search domains and options of this server.
    #[arg(long = "DNSPolicy", value_name = "POLICY", value_parser = dns_policy, default_value = "", hide_default_value = true)]
    pub dns_policy: String,
    /// Pods without label and annotation get the gateway.
    #[arg(long = "setGatewayDefault", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub set_gateway_default: bool,
    #[arg(long = "no-setGatewayDefault", hide = true, conflicts_with = "set_gateway_default")]
    no_set_gateway_default: bool,
    /// Label that gives a pod the gateway by the value `true`.
    #[arg(
        long = "setGatewayLabel",
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    pub set_gateway_label: String,
    /// By this value instead.
    #[arg(
        long = "setGatewayLabelValue",
        value_name = "VALUE",
        default_value = "",
        hide_default_value = true
    )]
    pub set_gateway_label_value: String,
    /// Annotation that gives a pod the gateway by the value `true`; it decides before the label.
    #[arg(
        long = "setGatewayAnnotation",
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    pub set_gateway_annotation: String,
    /// By this value instead.
    #[arg(
        long = "setGatewayAnnotationValue",
        value_name = "VALUE",
        default_value = "",
        hide_default_value = true
    )]
    pub set_gateway_annotation_value: String,
    /// Pods whose label or annotation is neither true nor false are refused, instead of created without the gateway.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub strict_labels: bool,
    /// Image of the init container gateway-init; without it there is none.
    #[arg(
        long = "initImage",
        value_name = "IMAGE",
        default_value = "",
        hide_default_value = true
    )]
    pub init_image: String,
    /// When that image is pulled.
    #[arg(long = "initImagePullPol", value_name = "POLICY", value_parser = pull_policy, default_value = "", hide_default_value = true)]
    pub init_image_pull_pol: String,
    /// It runs before the pod's own init containers.
    #[arg(long = "initImagePrepend", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub init_image_prepend: bool,
    #[arg(long = "no-initImagePrepend", hide = true, conflicts_with = "init_image_prepend")]
    no_init_image_prepend: bool,
    /// What it runs, in place of the image's own.
    #[arg(
        long = "initCmd",
        value_name = "COMMAND",
        default_value = "",
        hide_default_value = true
    )]
    pub init_cmd: String,
    /// Where it finds the ConfigMap.
    #[arg(
        long = "initMountPoint",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub init_mount_point: String,
    /// Image of the container gateway-sidecar; without it there is none.
    #[arg(
        long = "sidecarImage",
        value_name = "IMAGE",
        default_value = "",
        hide_default_value = true
    )]
    pub sidecar_image: String,
    /// When that image is pulled.
    #[arg(long = "sidecarImagePullPol", value_name = "POLICY", value_parser = pull_policy, default_value = "", hide_default_value = true)]
    pub sidecar_image_pull_pol: String,
    /// What it runs, in place of the image's own.
    #[arg(
        long = "sidecarCmd",
        value_name = "COMMAND",
        default_value = "",
        hide_default_value = true
    )]
    pub sidecar_cmd: String,
    /// Where it finds the ConfigMap.
    #[arg(
        long = "sidecarMountPoint",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub sidecar_mount_point: String,
    /// It is an init container that goes on (Kubernetes 1.29 or later), so that Jobs complete.
    #[arg(long = "sidecarAsInit", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub sidecar_as_init: bool,
    #[arg(long = "no-sidecarAsInit", hide = true, conflicts_with = "sidecar_as_init")]
    no_sidecar_as_init: bool,
    /// ConfigMap, in the pod's namespace, that both may mount.
    #[arg(
        long = "configmapName",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub configmap_name: String,
    /// What the cluster was told of.
    #[command(flatten)]
    pub hooks: HookArgs,
    /// Search domains, options and nameservers of the cluster.
    #[arg(long, value_name = "FILE", default_value = "/etc/resolv.conf")]
    pub resolv_conf: PathBuf,
}

/// DNS servers, as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Servers(pub Vec<String>);

impl GatewayArgs {
    /// The gateway, if the flags make one.
    ///
    /// # Errors
    /// What they make would have every pod refused.
    pub fn gateway(&self) -> Result<Option<Gateway>, String> {
        let spec = self.spec();
        let nothing = GatewaySpec {
            matches: spec.matches.clone(),
            init_first: spec.init_first,
            ..GatewaySpec::default()
        };
        if spec == nothing {
            return Ok(None);
        }
        if let Some(cause) = faults(&spec).first() {
            return Err(told(cause, &spec));
        }
        let name = NAME.to_owned();
        Ok(Some(Gateway { name, spec }))
    }

    /// Whether the flags make a gateway, be it one that cannot work.
    #[must_use]
    pub fn makes_a_gateway(&self) -> bool {
        self.gateway() != Ok(None)
    }

    /// Whether flags say which pods get a gateway, and none says which gateway.
    #[must_use]
    pub fn is_without_gateway(&self) -> bool {
        self.spec().matches != Match::default() && !self.makes_a_gateway()
    }

    /// What is allowed and seldom meant.
    #[must_use]
    pub fn oddities(&self) -> Vec<&'static str> {
        let chosen =
            self.set_gateway_default || !self.set_gateway_label.is_empty() || !self.set_gateway_annotation.is_empty();
        let unkeyed = |key: &str, value: &str| key.is_empty() && !value.is_empty();
        let incomplete = !self.gateway.is_empty()
            && (self.gateway.parse::<std::net::IpAddr>().is_ok() || !self.gateway.contains('.'));
        let oddities = [
            (
                !chosen,
                "no pod gets the gateway: pass --setGatewayDefault, --setGatewayLabel or --setGatewayAnnotation",
            ),
            (
                unkeyed(&self.set_gateway_label, &self.set_gateway_label_value),
                "--setGatewayLabelValue means nothing without --setGatewayLabel",
            ),
            (
                unkeyed(&self.set_gateway_annotation, &self.set_gateway_annotation_value),
                "--setGatewayAnnotationValue means nothing without --setGatewayAnnotation",
            ),
            (
                incomplete,
                "--gateway is an address or has no dot: pod-gateway's scripts look it up as a complete name",
            ),
            (
                self.dns_policy == "None" && self.dns.0.is_empty(),
                "--DNSPolicy=None without --DNS: pods without nameservers of their own will be refused",
            ),
        ];
        oddities
            .into_iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, text)| text)
            .collect()
    }

    fn spec(&self) -> GatewaySpec {
        GatewaySpec {
            gateway: self.gateway.clone(),
            dns: self.dns.0.clone(),
            dns_policy: given(&self.dns_policy),
            matches: Match {
                label: mark(&self.set_gateway_label, &self.set_gateway_label_value),
                annotation: mark(&self.set_gateway_annotation, &self.set_gateway_annotation_value),
                default: self.set_gateway_default,
                namespace_selector: None,
            },
            init: given(&self.init_image).map(|image| InjectedContainer {
                image,
                image_pull_policy: given(&self.init_image_pull_pol),
                command: given(&self.init_cmd).into_iter().collect(),
                mount_path: given(&self.init_mount_point),
                ..InjectedContainer::default()
            }),
            init_first: self.init_image_prepend,
            sidecar: self.sidecar(),
            config_map_name: given(&self.configmap_name),
            unresolved: Unresolved::Fail,
        }
    }

    fn sidecar(&self) -> Option<Sidecar> {
        let container = InjectedContainer {
            image: given(&self.sidecar_image)?,
            image_pull_policy: given(&self.sidecar_image_pull_pol),
            command: given(&self.sidecar_cmd).into_iter().collect(),
            mount_path: given(&self.sidecar_mount_point),
            ..InjectedContainer::default()
        };
        let mode = if self.sidecar_as_init {
            SidecarMode::Native
        } else {
            SidecarMode::Classic
        };
        Some(Sidecar {
            container,
            mode,
            ..Sidecar::default()
        })
    }
}

/// What is wrong with a PodGateway, in the words of flags.
fn told(cause: &Cause, spec: &GatewaySpec) -> String {
    let flag = FLAGS.iter().find(|(field, _)| cause.field.starts_with(field));
    let flag = flag.map_or(&*cause.field, |(_, flag)| flag);
    if flag.ends_with("MountPoint") && spec.config_map_name.is_none() {
        return format!("{flag} is where a ConfigMap is mounted: pass --configmapName too");
    }
    format!("{flag}: {}", cause.message)
}

/// An empty flag is none.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn mark(key: &str, value: &str) -> Option<Mark> {
    let value = given(value);
    given(key).map(|key| Mark { key, value })
}

fn servers(text: &str) -> Result<Servers, String> {
    if text.is_empty() {
        return Ok(Servers::default());
    }
    let servers: Vec<_> = text.split(',').map(str::to_owned).collect();
    if servers.len() > MOST_NAMESERVERS {
        return Err(format!("a pod can have {MOST_NAMESERVERS} nameservers"));
    }
    if servers
        .iter()
        .any(|server| server.is_empty() || server.contains(char::is_whitespace))
    {
        return Err("say NAME,NAME without spaces".to_owned());
    }
    Ok(Servers(servers))
}

fn dns_policy(text: &str) -> Result<String, String> {
    one_of(text, &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])
}

fn pull_policy(text: &str) -> Result<String, String> {
    one_of(text, &["Always", "IfNotPresent", "Never"])
}

/// Upstream takes anything, and the API server then refuses every pod.
fn one_of(text: &str, known: &[&str]) -> Result<String, String> {
    if text.is_empty() || known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("say one of {}", known.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn parsed(flags: &[&str]) -> Result<GatewayArgs, String> {
        let cli = Cli::try_parse_from([&["stationmaster"], flags].concat());
        cli.map(|cli| cli.serve.gateway).map_err(|error| error.to_string())
    }

    fn spec(flags: &[&str]) -> GatewaySpec {
        parsed(flags).unwrap().gateway().unwrap().unwrap().spec
    }

    #[test]
    fn the_originals_flags_make_a_gateway() {
        let flags = [
            "--gateway=vpn.example.org",
            "--DNS",
            "dns.example.org,192.0.2.53",
            "--DNSPolicy=None",
            "--setGatewayDefault",
            "--setGatewayLabel=setGateway",
            "--setGatewayLabelValue=foo",
            "--setGatewayAnnotation=example.org/gateway",
            "--initImage=init:1",
            "--initImagePullPol=Always",
            "--initImagePrepend",
            "--initCmd=/bin/init.sh",
            "--initMountPoint=/config",
            "--sidecarImage=sidecar:1",
            "--sidecarImagePullPol=",
            "--sidecarCmd=",
            "--sidecarMountPoint=/config",
            "--sidecarAsInit=true",
            "--configmapName=settings",
        ];
        let mark = |key: &str, value: Option<&str>| {
            Some(Mark {
                key: key.to_owned(),
                value: value.map(str::to_owned),
            })
        };
        let expected = GatewaySpec {
            gateway: "vpn.example.org".to_owned(),
            dns: vec!["dns.example.org".to_owned(), "192.0.2.53".to_owned()],
            dns_policy: Some("None".to_owned()),
            matches: Match {
                label: mark("setGateway", Some("foo")),
                annotation: mark("example.org/gateway", None),
                default: true,
                ..Match::default()
            },
            init: Some(InjectedContainer {
                image: "init:1".to_owned(),
                image_pull_policy: Some("Always".to_owned()),
                command: vec!["/bin/init.sh".to_owned()],
                mount_path: Some("/config".to_owned()),
                ..InjectedContainer::default()
            }),
            init_first: true,
            sidecar: Some(Sidecar {
                container: InjectedContainer {
                    image: "sidecar:1".to_owned(),
                    mount_path: Some("/config".to_owned()),
                    ..InjectedContainer::default()
                },
                mode: SidecarMode::Native,
                ..Sidecar::default()
            }),
            config_map_name: Some("settings".to_owned()),
            unresolved: Unresolved::Fail,
        };
        assert_eq!(spec(&flags), expected);
        assert!(parsed(&flags).unwrap().oddities().is_empty());
    }

    #[test]
    fn without_any_there_is_no_gateway() {
        for flags in [&[][..], &["--gateway=", "--DNS=", "--setGatewayLabel=setGateway"]] {
            let parsed = parsed(flags).unwrap();
            assert_eq!(parsed.gateway(), Ok(None));
            assert_eq!(parsed.is_without_gateway(), !flags.is_empty());
        }
    }

    #[test]
    fn kingpins_way_to_say_no_is_taken() {
        let flags = [
            "--gateway=a.b",
            "--no-setGatewayDefault",
            "--no-sidecarAsInit",
            "--no-initImagePrepend",
        ];
        let spec = spec(&flags);
        assert!(!spec.matches.default && !spec.init_first);
        assert_eq!(spec.sidecar.map(|sidecar| sidecar.mode), None);
        assert!(parsed(&["--setGatewayDefault", "--no-setGatewayDefault"]).is_err());
    }

    #[test]
    fn what_would_have_every_pod_refused_is_refused_at_start() {
        for (flags, words) in [
            (&["--DNS=a,b,c,d"][..], "a pod can have 3 nameservers"),
            (&["--DNS=a,,b"], "say NAME,NAME without spaces"),
            (&["--DNS=a, b"], "say NAME,NAME without spaces"),
            (
                &["--DNSPolicy=none"],
                "say one of ClusterFirst, ClusterFirstWithHostNet, Default, None",
            ),
            (&["--initImagePullPol=always"], "say one of Always, IfNotPresent, Never"),
            (&["--sidecarImagePullPol=x"], "say one of Always, IfNotPresent, Never"),
        ] {
            let error = parsed(flags).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let mounts = parsed(&["--sidecarImage=a", "--sidecarMountPoint=/config"]).unwrap();
        assert_eq!(
            mounts.gateway().unwrap_err(),
            "--sidecarMountPoint is where a ConfigMap is mounted: pass --configmapName too"
        );
        for (flag, words) in [
            ("--gateway=a b", "--gateway: it is neither a host name nor an address"),
            (
                "--DNS=192.0.2.1,a:b",
                "--DNS: \"a:b\" is neither a host name nor an address",
            ),
            (
                "--setGatewayLabel=a b",
                "--setGatewayLabel: \"a b\": say NAME or DOMAIN/NAME",
            ),
            (
                "--setGatewayLabelValue=a b",
                "--setGatewayLabelValue: no label can have",
            ),
            ("--setGatewayAnnotation=/a", "--setGatewayAnnotation: \"/a\": say NAME"),
            ("--initMountPoint=config", "--initMountPoint: say an absolute path"),
        ] {
            let more = [
                "--gateway=a.b",
                "--setGatewayLabel=a",
                "--initImage=a",
                "--configmapName=a",
            ];
            let name = flag.split('=').next().unwrap();
            let more = more.into_iter().filter(|more| !more.starts_with(&format!("{name}=")));
            let flags: Vec<_> = more.chain([flag]).collect();
            let told = parsed(&flags).unwrap().gateway().unwrap_err();
            assert!(told.starts_with(words), "{told}");
        }
        // As little as the original takes.
        assert!(parsed(&["--DNSPolicy=None"]).unwrap().gateway().is_ok());
        // Without the container nothing is mounted.
        assert!(
            parsed(&["--gateway=a.b", "--initMountPoint=/config"])
                .unwrap()
                .gateway()
                .is_ok()
        );
    }

    #[test]
    fn what_is_seldom_meant_is_told() {
        let count = |flags: &[&str]| parsed(flags).unwrap().oddities().len();
        assert_eq!(count(&["--gateway=a.b", "--setGatewayDefault"]), 0);
        assert_eq!(count(&["--gateway=a.b"]), 1);
        assert_eq!(count(&["--gateway=192.0.2.1", "--setGatewayDefault"]), 1);
        assert_eq!(count(&["--gateway=vpn", "--setGatewayDefault"]), 1);
        assert_eq!(count(&["--DNSPolicy=None", "--setGatewayDefault"]), 1);
        assert_eq!(count(&["--setGatewayLabelValue=a", "--setGatewayAnnotationValue=b"]), 3);
    }
}
