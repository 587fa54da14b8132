use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::*;
use crate::gateway::fixture::gateway;

const GOOD: Known = Known {
    address: Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))),
    last_resolved: None,
    is_failing: false,
};
const STALE: Known = Known {
    is_failing: true,
    ..GOOD
};
const NEVER: Known = Known {
    address: None,
    last_resolved: None,
    is_failing: true,
};
const UNASKED: Known = Known {
    is_failing: false,
    ..NEVER
};

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn stored() -> PodGateway {
    PodGateway {
        metadata: ObjectMeta {
            name: Some("foo".to_owned()),
            generation: Some(3),
            ..ObjectMeta::default()
        },
        spec: gateway().spec,
        status: None,
    }
}

/// What is told when the gateway's name and its DNS server's are known so.
fn told(gateway: &PodGateway, (vpn, dns): (Known, Known)) -> PodGatewayStatus {
    told_of(gateway, (vpn, dns), &[])
}

/// The usual key alone.
fn covered() -> Hooks {
    Hooks {
        labels: vec!["setGateway".to_owned()],
        annotations: vec!["setGateway".to_owned()],
        all: false,
        ..Hooks::default()
    }
}

fn told_of(gateway: &PodGateway, (vpn, dns): (Known, Known), namespaces: &[(String, Labels)]) -> PodGatewayStatus {
    let observed = Observed {
        names: &|name| if name.starts_with("vpn") { vpn } else { dns },
        overlap: None,
        hooks: &covered(),
        is_registered: Some(true),
        namespaces,
        counts: None,
    };
    status(gateway, &observed, &at(10))
}

fn said<'s>(status: &'s PodGatewayStatus, type_: &str) -> (&'s str, &'s str, &'s str) {
    let found = condition::find(&status.conditions, type_).unwrap();
    (&found.status, &found.reason, &found.message)
}

#[test]
fn a_gateway_in_force_says_so() {
    let status = told(&stored(), (GOOD, GOOD));
    let condition = |type_: &str, reason: &str, message: &str| Condition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: Some(3),
        last_transition_time: at(10),
    };
    let fail_hook = "no pod with the label setGateway is created while no server answers; those without it are, and \
                     without the gateway";
    assert_eq!(
        status.conditions,
        [
            condition("Enforced", "FailHook", fail_hook),
            condition(
                "PodSecurity",
                "Admitted",
                "no namespace is known to refuse its containers"
            ),
            condition("Resolved", "Resolved", "all its names resolve"),
            condition("Ready", "InForce", "pods that it matches get it"),
        ]
    );
    let names: Vec<_> = status.addresses.iter().map(|name| &*name.name).collect();
    assert_eq!(names, ["vpn.example.org", "dns.example.org"]);
    assert_eq!(status.addresses[0].address.as_deref(), Some("192.0.2.1"));
    assert_eq!(status.observed_generation, Some(3));
}

#[test]
fn what_does_not_resolve_is_told_with_what_follows() {
    let unresolved = |unresolved: &str| serde_json::from_value(json!(unresolved)).unwrap();
    let mut gateway = stored();
    for (policy, known, ready, message) in [
        (
            "Fail",
            (GOOD, STALE),
            "InForce",
            "dns.example.org does not resolve; pods get its last address 192.0.2.1",
        ),
        (
            "Fail",
            (GOOD, NEVER),
            "Unresolved",
            "dns.example.org has never resolved: pods are refused",
        ),
        (
            "Ignore",
            (GOOD, NEVER),
            "Unresolved",
            "dns.example.org has never resolved: pods are created without the gateway",
        ),
        (
            "Fail",
            (STALE, GOOD),
            "InForce",
            "vpn.example.org does not resolve; its last address was 192.0.2.1, and pods look it up themselves",
        ),
        (
            "Fail",
            (NEVER, GOOD),
            "InForce",
            "vpn.example.org has never resolved, and pods look it up themselves",
        ),
    ] {
        gateway.spec.unresolved = unresolved(policy);
        let status = told(&gateway, known);
        assert_eq!(said(&status, "Resolved"), ("False", "NotResolving", message));
        assert_eq!(said(&status, "Ready").1, ready, "{message}");
    }
}

#[test]
fn nothing_is_told_of_names_before_they_were_looked_up() {
    let mut gateway = stored();
    let status = told(&gateway, (GOOD, UNASKED));
    assert!(condition::find(&status.conditions, "Resolved").is_none());
    assert!(condition::find(&status.conditions, "Ready").is_none());
    // The next process keeps what the last one has told, until it knows.
    gateway.status = Some(told(&gateway, (GOOD, STALE)));
    assert_eq!(told(&gateway, (UNASKED, UNASKED)), gateway.status.unwrap());
}

#[test]
fn addresses_need_no_look() {
    let mut gateway = stored();
    gateway.spec.gateway = "192.0.2.9".to_owned();
    gateway.spec.dns = vec!["192.0.2.53".to_owned()];
    let status = told(&gateway, (UNASKED, UNASKED));
    assert_eq!(
        said(&status, "Resolved"),
        ("True", "Addresses", "there is no name to look up")
    );
    assert!(status.addresses.is_empty());
}

#[test]
fn an_overlap_keeps_a_gateway_out_of_force() {
    let observed = Observed {
        names: &|_| UNASKED,
        overlap: Some("it matches the same pods as foo".to_owned()),
        hooks: &Hooks::default(),
        is_registered: None,
        namespaces: &[],
        counts: None,
    };
    let status = status(&stored(), &observed, &at(10));
    assert_eq!(
        said(&status, "Ready"),
        ("False", "Overlaps", "it matches the same pods as foo")
    );
}

#[test]
fn what_no_hook_enforces_is_told_with_the_flag() {
    let mut gateway = stored();
    gateway.spec.matches.label.as_mut().unwrap().key = "team/vpn".to_owned();
    let flag = "pods with the label team/vpn are created without the gateway, since no server is asked about them; pass \
                --gateway-label team/vpn to `stationmaster manifests` and `serve`";
    assert_eq!(
        said(&told(&gateway, (GOOD, GOOD)), "Enforced"),
        ("False", "NoFailHook", flag)
    );
    gateway.spec.matches.label = None;
    let label = "pods are created without the gateway while no server answers; give spec.match.label";
    assert_eq!(
        said(&told(&gateway, (GOOD, GOOD)), "Enforced"),
        ("False", "NoLabel", label)
    );
}

#[test]
fn what_nobody_registered_is_not_called_enforced() {
    let mut gateway = stored();
    let status = |gateway: &PodGateway, is_registered| {
        let observed = Observed {
            names: &|_| GOOD,
            overlap: None,
            hooks: &covered(),
            is_registered,
            namespaces: &[],
            counts: None,
        };
        status(gateway, &observed, &at(10))
    };
    let unregistered = status(&gateway, Some(false));
    let (is_enforced, reason, message) = said(&unregistered, "Enforced");
    assert_eq!((is_enforced, reason), ("Unknown", "NotRegistered"));
    assert!(
        message.contains("MutatingWebhookConfiguration stationmaster") && message.contains("`stationmaster manifests`")
    );
    assert!(condition::find(&status(&gateway, None).conditions, "Enforced").is_none());
    // What was known stays told until there is another answer.
    gateway.status = Some(status(&gateway, Some(true)));
    assert_eq!(said(&status(&gateway, None), "Enforced").1, "FailHook");
}

fn namespace(name: &str, level: &str) -> (String, Labels) {
    let labels = [("pod-security.kubernetes.io/enforce", level), ("vpn", "yes")];
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    (name.to_owned(), labels)
}

fn refused(gateway: &PodGateway, namespaces: &[(String, Labels)]) -> bool {
    let status = told_of(gateway, (GOOD, GOOD), namespaces);
    said(&status, "PodSecurity").0 == "False"
}

#[test]
fn namespaces_that_refuse_its_containers_are_named() {
    let mut gateway = stored();
    let namespaces = [
        namespace("b", "restricted"),
        namespace("a", "baseline"),
        namespace("c", "privileged"),
        namespace("d", ""),
    ];
    let message = "Pod Security refuses its containers in 2 namespaces (a, b): label them \
                   pod-security.kubernetes.io/enforce=privileged, or leave them out of spec.match.namespaceSelector";
    let status = told_of(&gateway, (GOOD, GOOD), &namespaces);
    assert_eq!(said(&status, "PodSecurity"), ("False", "Restricted", message));
    let many: Vec<_> = (0..12)
        .map(|number| namespace(&format!("n{number:02}"), "baseline"))
        .collect();
    let status = told_of(&gateway, (GOOD, GOOD), &many);
    assert!(
        said(&status, "PodSecurity")
            .2
            .contains("in 12 namespaces (n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, …)")
    );
    gateway.spec.matches.namespace_selector = serde_json::from_value(json!({"matchLabels": {"vpn": "no"}})).unwrap();
    assert!(!refused(&gateway, &namespaces));
}

#[test]
fn the_security_context_says_which_level_takes_a_container() {
    let harmless = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false, "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    });
    let mut gateway = stored();
    gateway.spec.sidecar = None;
    for (context, levels) in [
        (Value::Null, ["baseline", "restricted"].as_slice()),
        (json!({"privileged": true}), &["baseline", "restricted"]),
        (
            json!({"capabilities": {"add": ["NET_ADMIN"]}}),
            &["baseline", "restricted"],
        ),
        (json!({"capabilities": {"add": ["CHOWN"]}}), &["restricted"]),
        (harmless, &[]),
    ] {
        gateway.spec.init.as_mut().unwrap().security_context =
            Some(context.clone()).filter(|context| !context.is_null());
        for level in ["baseline", "restricted", "privileged"] {
            let is_refused = refused(&gateway, &[namespace("a", level)]);
            assert_eq!(is_refused, levels.contains(&level), "{context} {level}");
        }
    }
    gateway.spec.init = None;
    assert!(
        !refused(&gateway, &[namespace("a", "restricted")]),
        "there is no container"
    );
}

#[test]
fn the_time_of_an_answer_is_no_difference() {
    let known = |second: i64| Known {
        last_resolved: Timestamp::from_second(second).ok(),
        ..GOOD
    };
    let mut gateway = stored();
    let first = told(&gateway, (known(1), known(1)));
    gateway.status = Some(first.clone());
    let mut next = told(&gateway, (known(1), known(2)));
    assert_eq!(next.addresses[1].last_resolved, Some(at(2)));
    assert_eq!(difference(&first, &next), Difference::Nothing);
    next.injected_pods = 1;
    assert_eq!(difference(&first, &next), Difference::Details);
}

#[test]
fn what_may_change_all_the_time_can_wait() {
    type Change = fn(&mut PodGatewayStatus);
    let first = told(&stored(), (GOOD, GOOD));
    let changed = |change: Change| {
        let mut next = first.clone();
        change(&mut next);
        difference(&first, &next)
    };
    let waits: [Change; 4] = [
        |next| next.addresses[0].address = Some("192.0.2.2".to_owned()),
        |next| next.addresses.truncate(1),
        |next| next.conditions[1].message = "other namespaces".to_owned(),
        |next| next.uninjected_pods = 1,
    ];
    assert!(waits.into_iter().all(|change| changed(change) == Difference::Details));
    let does_not: [Change; 4] = [
        |next| next.conditions[1].status = "False".to_owned(),
        |next| next.conditions[1].reason = "Other".to_owned(),
        |next| next.conditions.truncate(1),
        |next| next.observed_generation = Some(4),
    ];
    assert!(
        does_not
            .into_iter()
            .all(|change| changed(change) == Difference::Conditions)
    );
}
