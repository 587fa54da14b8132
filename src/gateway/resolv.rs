//! `resolv.conf`, of which pods with the DNS policy None get the search domains and options.

use serde_json::{Value, json};

/// What a `resolv.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolv {
    /// Addresses, in their order.
    pub nameservers: Vec<String>,
    /// Search domains, in their order.
    pub searches: Vec<String>,
    /// Options, in their order.
    pub options: Vec<ResolverOption>,
}

/// One option: `ndots:5`, `edns0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverOption {
    /// Before the colon.
    pub name: String,
    /// Behind it.
    pub value: Option<String>,
}

impl Resolv {
    /// Reads one; what is no line of it is skipped, as resolvers do. Lines of a kind add up, as upstream has it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut resolv = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => resolv.nameservers.extend(words.next().map(str::to_owned)),
                Some("search") => resolv.searches.extend(words.map(str::to_owned)),
                Some("options") => resolv.options.extend(words.map(ResolverOption::of)),
                _ => {}
            }
        }
        resolv
    }

    /// The search domains for a pod: `X.svc.…` has its namespace in place of ours. A lone dot searches nothing.
    pub(super) fn searches_in(&self, namespace: &str) -> Vec<String> {
        let searches = self.searches.iter().filter(|search| *search != ".");
        searches.map(|search| localised(search, namespace)).collect()
    }

    /// The options as a pod has them.
    pub(super) fn pod_options(&self) -> Vec<Value> {
        self.options.iter().map(ResolverOption::pod_option).collect()
    }
}

fn localised(search: &str, namespace: &str) -> String {
    match search.split_once('.') {
        Some((_, rest)) if rest.starts_with("svc.") && !namespace.is_empty() => format!("{namespace}.{rest}"),
        _ => search.to_owned(),
    }
}

impl ResolverOption {
    fn of(word: &str) -> Self {
        match word.split_once(':') {
            Some((name, value)) => Self {
                name: name.to_owned(),
                value: Some(value.to_owned()),
            },
            None => Self {
                name: word.to_owned(),
                value: None,
            },
        }
    }

    fn pod_option(&self) -> Value {
        match &self.value {
            Some(value) => json!({"name": self.name, "value": value}),
            None => json!({"name": self.name}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolv_conf_is_read_as_resolvers_read_it() {
        let resolv = Resolv::parse(
            "# made by the kubelet\nsearch vpn.svc.cluster.local  svc.cluster.local\tcluster.local .\n\
             nameserver 10.96.0.10\nnameserver\tfd00::a\nnameserver\n; options debug\ndomain example.org\n\
             options ndots:5 edns0\nsortlist 192.0.2.0\n",
        );
        assert_eq!(resolv.nameservers, ["10.96.0.10", "fd00::a"]);
        assert_eq!(
            resolv.searches,
            ["vpn.svc.cluster.local", "svc.cluster.local", "cluster.local", "."]
        );
        assert_eq!(
            json!(resolv.pod_options()),
            json!([{"name": "ndots", "value": "5"}, {"name": "edns0"}])
        );
    }

    #[test]
    fn a_pod_searches_its_own_namespace() {
        let resolv = Resolv::parse("search vpn.svc.cluster.local svc.cluster.local vpn.svc vpn.svcs.org . org");
        let rest = ["svc.cluster.local", "vpn.svc", "vpn.svcs.org", "org"];
        let with = |first: &str| [&[first.to_owned()][..], &rest.map(str::to_owned)].concat();
        assert_eq!(resolv.searches_in("media"), with("media.svc.cluster.local"));
        assert_eq!(resolv.searches_in(""), with("vpn.svc.cluster.local"));
    }
}
