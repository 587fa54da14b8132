//! What pods behind a gateway get: written once for each state of the gateway, and only put in place for each pod.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::namesakes::Place;
use super::{Addresses, Resolv};
use crate::api::gateway::{Gateway, GatewaySpec, InjectedContainer, SidecarMode, SidecarStart};
use crate::api::names::injected;
use crate::api::review::Fragment;

/// The policy by which a pod's DNS is only what its dnsConfig says.
const NONE: &str = "None";
/// Bytes of a digest that are told; it only has to differ from those of the gateway's other states.
const DIGEST: usize = 8;
/// In place of a namespace; no word of a `resolv.conf` has a space.
const ANY_NAMESPACE: &str = "any namespace";
/// Upstream's 0777.
const VOLUME_MODE: u16 = 0o777;

/// Everything that a pod gets.
#[derive(Debug, PartialEq)]
pub struct Injection {
    pub(super) dns: Option<Dns>,
    pub(super) dns_policy: Option<String>,
    pub(super) init: Option<Fragment>,
    pub(super) init_first: bool,
    pub(super) sidecar: Option<Fragment>,
    pub(super) sidecar_first: bool,
    /// The sidecar is an init container that goes on.
    pub(super) native: bool,
    pub(super) volume: Option<Fragment>,
    /// `NAME@DIGEST`.
    pub(super) stamp: String,
}

/// What is the same for all gateways of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Of this server's own pod.
    pub resolv: Resolv,
    /// The API server and every node are known to run init containers that go on.
    pub native_sidecars: bool,
}

impl Surroundings {
    fn is_native(&self, spec: &GatewaySpec) -> bool {
        spec.sidecar.as_ref().is_some_and(|sidecar| match sidecar.mode {
            SidecarMode::Auto => self.native_sidecars,
            SidecarMode::Native => true,
            SidecarMode::Classic => false,
        })
    }
}

/// The DNS of a pod, but for its namespace.
#[derive(Debug, PartialEq)]
pub(super) struct Dns {
    nameservers: Vec<String>,
    /// Search domains and options are taken from here.
    resolv: Option<Resolv>,
    /// The dnsConfig as it is written, but for the namespace, which goes between these.
    written: Vec<String>,
}

/// Names of DNS servers that have never been resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Vec<String>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its DNS servers have not resolved so far: {}", self.0.join(", "))
    }
}

impl Injection {
    /// Puts together what is wanted and what is known.
    ///
    /// # Errors
    /// The address of a name is not known.
    pub fn new(gateway: &Gateway, surroundings: &Surroundings, addresses: &Addresses) -> Result<Self, Missing> {
        let (spec, resolv) = (&gateway.spec, &surroundings.resolv);
        // Of the gateway pods are told the name alone, so that its address need not be known.
        let missing: Vec<_> = spec.dns.iter().filter(|name| addresses.of(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Missing(missing.into_iter().cloned().collect()));
        }
        let dns = spec.dns.iter().filter_map(|name| addresses.of(name));
        let dns: Vec<_> = dns.map(|address| address.to_string()).collect();
        let variables = variables(spec, &dns, resolv);
        let native = surroundings.is_native(spec);
        let start = spec.sidecar.as_ref().map(|sidecar| sidecar.start);
        let before_init = start == Some(SidecarStart::BeforeInit);
        let init = spec.init.as_ref();
        let init = init.map(|init| container(injected::INIT, init, &variables));
        let sidecar = spec.sidecar.as_ref().map(|sidecar| {
            let mut container = container(injected::SIDECAR, &sidecar.container, &variables);
            if native {
                container["restartPolicy"] = "Always".into();
            }
            container
        });
        let mut injection = Self {
            dns: (!dns.is_empty()).then(|| {
                let resolv = (spec.dns_policy.as_deref() == Some(NONE)).then(|| resolv.clone());
                Dns::new(dns, resolv)
            }),
            dns_policy: spec.dns_policy.clone(),
            init: init.as_ref().map(Fragment::of),
            init_first: spec.init_first || before_init,
            sidecar: sidecar.as_ref().map(Fragment::of),
            sidecar_first: before_init && native,
            native,
            volume: spec.config_map_name.as_deref().map(volume),
            stamp: String::new(),
        };
        injection.stamp = format!("{}@{}", gateway.name, injection.digest());
        Ok(injection)
    }

    /// What is added, in the order in which it is: what comes last to the front is the first there.
    pub(super) fn elements(&self) -> [(&'static str, Option<&Fragment>, bool); 3] {
        let init = (injected::INIT, self.init.as_ref(), self.init_first);
        let sidecar = (injected::SIDECAR, self.sidecar.as_ref(), self.sidecar_first);
        let volume = (injected::VOLUME, self.volume.as_ref(), false);
        if self.sidecar_first {
            [sidecar, init, volume]
        } else {
            [init, sidecar, volume]
        }
    }

    /// Where the element of that name goes, if there is one.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        let (element, place) = match (name, self.native) {
            (injected::INIT, _) => (&self.init, Place::InitContainers),
            (injected::SIDECAR, true) => (&self.sidecar, Place::InitContainers),
            (injected::SIDECAR, false) => (&self.sidecar, Place::Containers),
            _ => (&self.volume, Place::Volumes),
        };
        element.as_ref().map(|_| place)
    }

    /// Tells this state of the gateway from its others.
    fn digest(&self) -> String {
        let text = |fragment: &Option<Fragment>| fragment.as_ref().map(|fragment| fragment.text().to_owned());
        let everything = json!([
            self.dns.as_ref().map(|dns| dns.config("")),
            self.dns_policy,
            text(&self.init),
            if self.sidecar_first {
                json!("both")
            } else {
                json!(self.init_first)
            },
            text(&self.sidecar),
            text(&self.volume),
        ]);
        let digest = Sha256::digest(everything.to_string());
        let mut first = [0; DIGEST];
        first.copy_from_slice(&digest[..DIGEST]);
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

impl Dns {
    fn new(nameservers: Vec<String>, resolv: Option<Resolv>) -> Self {
        let mut dns = Self {
            nameservers,
            resolv,
            written: Vec::new(),
        };
        let config = dns.config(ANY_NAMESPACE).to_string();
        dns.written = config.split(ANY_NAMESPACE).map(str::to_owned).collect();
        dns
    }

    /// The pod's dnsConfig, as it goes into its patch.
    pub(super) fn fragment(&self, namespace: &str) -> Fragment {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_name = !namespace.is_empty() && namespace.bytes().all(is_plain);
        let written = is_name.then(|| Fragment::written(self.written.join(namespace)));
        let written = written.and_then(Result::ok);
        written.unwrap_or_else(|| Fragment::of(&self.config(namespace)))
    }

    /// The pod's dnsConfig.
    pub(super) fn config(&self, namespace: &str) -> Value {
        let mut config = json!({"nameservers": self.nameservers});
        if let Some(resolv) = &self.resolv {
            for (field, list) in [
                ("searches", json!(resolv.searches_in(namespace))),
                ("options", json!(resolv.pod_options())),
            ] {
                if list != json!([]) {
                    config[field] = list;
                }
            }
        }
        config
    }
}

/// The names that are looked up: of the gateway to tell whether it resolves, of its DNS servers for pods.
pub(super) fn names(spec: &GatewaySpec) -> impl Iterator<Item = &str> {
    let gateway = Some(&spec.gateway).filter(|gateway| !gateway.is_empty() && !spec.dns.contains(gateway));
    gateway.into_iter().chain(&spec.dns).map(String::as_str)
}

/// Gateway and DNS as they were given, for scripts that look them up themselves.
fn variables(spec: &GatewaySpec, dns: &[String], resolv: &Resolv) -> Value {
    let variable = |(name, value): (&str, String)| {
        if value.is_empty() {
            json!({"name": name})
        } else {
            json!({"name": name, "value": value})
        }
    };
    let variables = [
        (injected::GATEWAY, spec.gateway.clone()),
        (injected::DNS, spec.dns.join(",")),
        (injected::DNS_IPS, dns.join(",")),
        (injected::K8S_DNS_IPS, resolv.nameservers.join(" ")),
    ];
    variables.map(variable).into_iter().collect()
}

fn container(name: &str, wanted: &InjectedContainer, variables: &Value) -> Value {
    let mut container = json!({
        "name": name,
        "image": wanted.image,
        "env": variables,
        "securityContext": wanted.security_context.clone().unwrap_or_else(root),
    });
    if let Some(resources) = &wanted.resources {
        container["resources"] = resources.clone();
    }
    if !wanted.command.is_empty() {
        container["command"] = json!(wanted.command);
    }
    if let Some(policy) = &wanted.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    if let Some(path) = &wanted.mount_path {
        container["volumeMounts"] = json!([{"name": injected::VOLUME, "readOnly": true, "mountPath": path}]);
    }
    container
}

/// What the scripts of gateways take to change routes.
fn root() -> Value {
    json!({
        "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]},
        "runAsUser": 0,
        "runAsNonRoot": false,
    })
}

fn volume(config_map: &str) -> Fragment {
    let source = json!({"name": config_map, "defaultMode": VOLUME_MODE});
    Fragment::of(&json!({"name": injected::VOLUME, "configMap": source}))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{addresses, gateway, surroundings};
    use super::*;

    fn tree(fragment: Option<&Fragment>) -> Value {
        serde_json::from_str(fragment.unwrap().text()).unwrap()
    }

    #[test]
    fn both_containers_are_told_names_and_addresses() {
        let injection = Injection::new(&gateway(), &surroundings(), &addresses()).unwrap();
        let security = json!({
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}, "runAsUser": 0, "runAsNonRoot": false,
        });
        let variables = json!([
            {"name": "gateway", "value": "vpn.example.org"},
            {"name": "DNS", "value": "dns.example.org,192.0.2.53"},
            {"name": "DNS_ips", "value": "192.0.2.7,192.0.2.53"},
            {"name": "K8S_DNS_ips", "value": "10.96.0.10 10.96.0.11"},
        ]);
        assert_eq!(
            tree(injection.init.as_ref()),
            json!({
                "name": "gateway-init", "image": "init:1", "command": ["/bin/init.sh"], "imagePullPolicy": "Always",
                "env": variables, "securityContext": security,
                "volumeMounts": [{"name": "gateway-configmap", "readOnly": true, "mountPath": "/config"}],
            })
        );
        let sidecar = json!({
            "name": "gateway-sidecar", "image": "sidecar:1", "env": variables, "securityContext": security,
        });
        assert_eq!(tree(injection.sidecar.as_ref()), sidecar);
        assert_eq!(
            tree(injection.volume.as_ref()),
            json!({"name": "gateway-configmap", "configMap": {"name": "settings", "defaultMode": 511}})
        );
    }

    #[test]
    fn a_native_sidecar_is_an_init_container_that_goes_on() {
        let mut gateway = gateway();
        gateway.spec.sidecar.as_mut().unwrap().mode = SidecarMode::Native;
        let injection = Injection::new(&gateway, &surroundings(), &addresses()).unwrap();
        assert_eq!(tree(injection.sidecar.as_ref())["restartPolicy"], "Always");
        assert_eq!(tree(injection.init.as_ref()).get("restartPolicy"), None);
    }

    #[test]
    fn searches_and_options_belong_to_the_policy_none() {
        let mut gateway = gateway();
        let config = |gateway: &Gateway| {
            let injection = Injection::new(gateway, &surroundings(), &addresses()).unwrap();
            injection.dns.unwrap().config("media")
        };
        let nameservers = json!(["192.0.2.7", "192.0.2.53"]);
        assert_eq!(
            config(&gateway),
            json!({
                "nameservers": nameservers,
                "searches": ["media.svc.cluster.local", "svc.cluster.local"],
                "options": [{"name": "ndots", "value": "5"}],
            })
        );
        for policy in [None, Some("ClusterFirst".to_owned())] {
            gateway.spec.dns_policy = policy;
            assert_eq!(config(&gateway), json!({"nameservers": nameservers}));
        }
    }

    #[test]
    fn a_dns_config_is_written_as_it_is_told() {
        let injection = Injection::new(&gateway(), &surroundings(), &addresses()).unwrap();
        let dns = injection.dns.unwrap();
        for namespace in ["media", "", "no \"name\""] {
            let fragment = dns.fragment(namespace);
            assert_eq!(tree(Some(&fragment)), dns.config(namespace), "{namespace}");
        }
    }

    #[test]
    fn says_which_names_are_missing() {
        let missing = Injection::new(&gateway(), &surroundings(), &Addresses::default()).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "its DNS servers have not resolved so far: dns.example.org"
        );
        let mut plain = gateway();
        plain.spec.dns.clear();
        assert!(Injection::new(&plain, &surroundings(), &Addresses::default()).is_ok());
    }

    #[test]
    fn the_digest_follows_everything_that_a_pod_gets() {
        let stamp = |gateway: &Gateway, surroundings: &Surroundings, addresses: &Addresses| {
            Injection::new(gateway, surroundings, addresses).unwrap().stamp
        };
        let first = stamp(&gateway(), &surroundings(), &addresses());
        assert_eq!(first, stamp(&gateway(), &surroundings(), &addresses()));
        assert!(first.starts_with("default@") && first.len() == "default@".len() + 2 * DIGEST);
        let mut moved = addresses();
        moved.hear("dns.example.org", &["192.0.2.8".parse().unwrap()]);
        let mut native = gateway();
        native.spec.sidecar.as_mut().unwrap().mode = SidecarMode::Native;
        let mut another = gateway();
        another.spec.config_map_name = None;
        for other in [
            stamp(&gateway(), &surroundings(), &moved),
            stamp(&gateway(), &Surroundings::default(), &addresses()),
            stamp(&native, &surroundings(), &addresses()),
            stamp(&another, &surroundings(), &addresses()),
        ] {
            assert_ne!(first, other);
        }
    }
}
