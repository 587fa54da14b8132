//! manifests/base and its overlays as they stand, against the program that it installs: rights, ports, limits.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use regex::Regex;
use serde_json::{Value, json};
use stationmaster::cli::{Cli, Command, Component, ListenAddress, ServeArgs};
use stationmaster::serve::Timing;

/// Group and resource, and what may be done with it.
type Rights = BTreeMap<(String, String), BTreeSet<String>>;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All objects of a kind of the base.
fn objects(kind: &str) -> Vec<Value> {
    objects_in("base", kind)
}

fn objects_in(folder: &str, kind: &str) -> Vec<Value> {
    let folder = checkout().join("manifests").join(folder);
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let objects =
        files.flat_map(|file| serde_saphyr::from_multiple::<Value>(&fs::read_to_string(file).unwrap()).unwrap());
    objects.filter(|object| object["kind"] == kind).collect()
}

fn object(kind: &str, name: &str) -> Value {
    let mut found = objects(kind);
    found.retain(|object| object["metadata"]["name"] == name);
    found.pop().unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn texts(list: &Value) -> Vec<String> {
    serde_json::from_value(list.clone()).unwrap()
}

/// What a kind is called in rules.
fn resource(kind: &str) -> (String, String) {
    let (group, plural) = match kind {
        "JobTemplate" => ("dispatcher.ivan.vc", "jobtemplates"),
        "JobExecution" | "Fresh" => ("dispatcher.ivan.vc", "jobexecutions"),
        "Job" => ("batch", "jobs"),
        "Event" => ("", "events"),
        "Lease" => ("coordination.k8s.io", "leases"),
        "NamespaceMeta" | "NamespaceMetadata" => ("", "namespaces"),
        "ResourceSet" => ("resources.stationmaster.dev", "resourcesets"),
        "PodGateway" => ("gateway.stationmaster.dev", "podgateways"),
        "GatewayClient" => ("gateway.stationmaster.dev", "gatewayclients"),
        "Pod" | "BundlePod" | "ClientPod" | "PodMetadata" => ("", "pods"),
        "Eviction" => ("", "pods/eviction"),
        "Node" | "NodeMeta" => ("", "nodes"),
        "MutatingWebhookConfiguration" => ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        "ConfigMap" | "Stored" => ("", "configmaps"),
        "ResourceQuota" => ("", "resourcequotas"),
        "WorkerDeployment" => ("api.worker-deployment", "workerdeployments"),
        "WorkerRelease" => ("api.worker-release", "workerreleases"),
        "WorkerBundle" => ("api.worker-bundle", "workerbundles"),
        "WorkerAccount" => ("api.worker-account", "workeraccounts"),
        "Deployment" => ("apps", "deployments"),
        "ReplicaSet" => ("apps", "replicasets"),
        "Service" => ("", "services"),
        "Secret" | "SecretMetadata" => ("", "secrets"),
        "ServiceAccount" => ("", "serviceaccounts"),
        "Role" => ("rbac.authorization.k8s.io", "roles"),
        "RoleBinding" => ("rbac.authorization.k8s.io", "rolebindings"),
        "Ingress" => ("networking.k8s.io", "ingresses"),
        "NetworkPolicy" => ("networking.k8s.io", "networkpolicies"),
        "HttpRoute" | "HTTPRoute" => ("gateway.networking.k8s.io", "httproutes"),
        "PodDisruptionBudget" => ("policy", "poddisruptionbudgets"),
        other => panic!("which resource is {other}?"),
    };
    (group.to_owned(), plural.to_owned())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.to_owned()];
    }
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| sources(&path)).collect()
}

/// Every right that anything but workers needs.
fn asked_for() -> Rights {
    let mut rights = asked_for_where(&["serve", "reconcile", "clients", "process"], |file| {
        !is_of_workers(file)
    });
    // Called without naming the kind.
    rights.insert(resource("Eviction"), ["create".to_owned()].into());
    // Asked of whoever sets blockOwnerDeletion.
    let finalizers = ("dispatcher.ivan.vc".to_owned(), "jobexecutions/finalizers".to_owned());
    rights.insert(finalizers, ["update".to_owned()].into());
    rights
}

/// Whether a source has to do with workers alone, whose role is of its own.
fn is_of_workers(file: &Path) -> bool {
    let place = file.strip_prefix(checkout()).unwrap_or(file);
    place.to_string_lossy().contains("/workers")
}

/// Every call through `clients::cluster` that these sources name with its kind.
fn asked_for_in(places: &[&str]) -> Rights {
    asked_for_where(places, |_| true)
}

fn asked_for_where(places: &[&str], is_wanted: impl Fn(&Path) -> bool) -> Rights {
    let call = Regex::new(
        r"\.(get|get_metadata|create|replace|replace_status|patch|delete|watch|watch_where|watched|labelled)::<(\w+)>",
    )
    .unwrap();
    let mut rights = Rights::new();
    let mut ask = |(group, plural): (String, String), verbs: &[&str]| {
        let rights = rights.entry((group, plural)).or_default();
        rights.extend(verbs.iter().map(ToString::to_string));
    };
    for file in places
        .iter()
        .flat_map(|place| sources(&checkout().join("src").join(place)))
        .filter(|file| is_wanted(file))
    {
        for found in call.captures_iter(&fs::read_to_string(file).unwrap()) {
            // The one place where all watches are opened.
            if &found[2] == "K" {
                continue;
            }
            let (group, plural) = resource(&found[2]);
            match &found[1] {
                "get" | "get_metadata" => ask((group, plural), &["get"]),
                "replace_status" => ask((group, plural + "/status"), &["update"]),
                "replace" => ask((group, plural), &["update"]),
                "watch" | "watch_where" | "watched" | "labelled" => ask((group, plural), &["list", "watch"]),
                verb => ask((group, plural), &[verb]),
            }
        }
    }
    rights
}

fn granted(roles: &[Value]) -> Rights {
    let mut rights = Rights::new();
    for role in roles {
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for plural in texts(&rule["resources"]) {
                    rights
                        .entry((group.clone(), plural))
                        .or_default()
                        .extend(texts(&rule["verbs"]));
                }
            }
        }
    }
    rights
}

#[test]
fn the_roles_allow_what_is_asked_for_and_nothing_else() {
    let others = asked_for().into_iter().filter(|(right, _)| !is_for_gateways(right));
    let (native, mut base): (Rights, Rights) =
        others.partition(|((_, resource), _)| resource == "namespaces" || resource.starts_with("resourcesets"));
    // Called without naming the kind.
    base.entry(resource("Lease")).or_default().insert("update".to_owned());
    let roles = [&[object("ClusterRole", "stationmaster")], &*objects("Role")].concat();
    assert_eq!(granted(&roles), base);
    assert_eq!(granted(&[native_role("stationmaster-resources")]), native);
}

/// What only gateways and their clients have to do with.
fn is_for_gateways((group, resource): &(String, String)) -> bool {
    let groups = ["gateway.stationmaster.dev", "admissionregistration.k8s.io"];
    groups.contains(&&**group) || group.is_empty() && (resource.starts_with("pods") || resource == "nodes")
}

/// All that is done for gateways; a right that is missing here is one that nobody has thought about.
const FOR_GATEWAYS: [(&str, &str, &[&str]); 10] = [
    ("gateway.stationmaster.dev", "podgateways", &["get", "list", "watch"]),
    ("gateway.stationmaster.dev", "podgateways/status", &["update"]),
    (
        "gateway.stationmaster.dev",
        "gatewayclients",
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    ("gateway.stationmaster.dev", "gatewayclients/status", &["update"]),
    ("gateway.stationmaster.dev", "gatewayclients/finalizers", &["update"]),
    ("", "pods", &["get", "list", "watch", "create", "delete"]),
    ("", "pods/eviction", &["create"]),
    ("", "namespaces", &["list", "watch"]),
    ("", "nodes", &["list"]),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &["get"],
    ),
];

#[test]
fn gateways_may_do_what_they_are_for_and_nothing_else() {
    let wanted: Rights = FOR_GATEWAYS
        .iter()
        .map(|(group, resource, verbs)| {
            let verbs = verbs.iter().map(ToString::to_string);
            (((*group).to_owned(), (*resource).to_owned()), verbs.collect())
        })
        .collect();
    let granted = granted(&[object("ClusterRole", "stationmaster-gateways")]);
    assert_eq!(granted, wanted);
    for (right, verbs) in asked_for().into_iter().filter(|(right, _)| is_for_gateways(right)) {
        let granted = granted.get(&right).unwrap_or_else(|| panic!("{right:?} is asked for"));
        assert!(verbs.is_subset(granted), "{verbs:?} of {right:?} are asked for");
    }
}

/// All verbs on what is made for workers.
const OURS: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
/// All verbs on what is only looked at.
const READ: &[&str] = &["get", "list", "watch"];

/// All that is done for workers; a right that is missing here is one that nobody has thought about.
const FOR_WORKERS: [(&str, &str, &[&str]); 27] = [
    ("api.worker-deployment", "workerdeployments", READ),
    (
        "api.worker-deployment",
        "workerdeployments/status",
        &["update", "patch"],
    ),
    ("api.worker-deployment", "workerdeployments/finalizers", &["update"]),
    ("api.worker-account", "workeraccounts", READ),
    ("api.worker-account", "workeraccounts/status", &["update", "patch"]),
    ("api.worker-account", "workeraccounts/finalizers", &["update"]),
    ("api.worker-release", "workerreleases", OURS),
    ("api.worker-release", "workerreleases/status", &["update", "patch"]),
    ("api.worker-release", "workerreleases/finalizers", &["update"]),
    ("api.worker-bundle", "workerbundles", OURS),
    ("api.worker-bundle", "workerbundles/status", &["update", "patch"]),
    ("api.worker-bundle", "workerbundles/finalizers", &["update"]),
    ("batch", "jobs", OURS),
    ("", "configmaps", OURS),
    ("", "serviceaccounts", OURS),
    ("rbac.authorization.k8s.io", "roles", OURS),
    ("rbac.authorization.k8s.io", "rolebindings", OURS),
    ("apps", "deployments", OURS),
    ("apps", "replicasets", READ),
    ("", "services", OURS),
    ("networking.k8s.io", "ingresses", OURS),
    ("networking.k8s.io", "networkpolicies", OURS),
    ("gateway.networking.k8s.io", "httproutes", OURS),
    ("policy", "poddisruptionbudgets", OURS),
    ("", "secrets", &["get", "list", "watch", "create"]),
    ("", "pods", READ),
    ("", "events", &["create", "patch"]),
];

#[test]
fn workers_may_do_what_they_are_for_and_nothing_else() {
    let wanted: Rights = FOR_WORKERS
        .iter()
        .map(|(group, resource, verbs)| {
            let verbs = verbs.iter().map(ToString::to_string);
            (((*group).to_owned(), (*resource).to_owned()), verbs.collect())
        })
        .collect();
    let granted = granted(&[object("ClusterRole", "stationmaster-workers")]);
    assert_eq!(granted, wanted);
    for (right, verbs) in asked_for_where(&["reconcile", "process"], is_of_workers) {
        let granted = granted.get(&right).unwrap_or_else(|| panic!("{right:?} is asked for"));
        assert!(verbs.is_subset(granted), "{verbs:?} of {right:?} are asked for");
    }
}

/// Whoever may create a client may create a pod, which nobody gets along with another role.
#[test]
fn no_role_is_given_to_whoever_may_edit() {
    let roles = ["base", "native", "knative"].map(|folder| objects_in(folder, "ClusterRole"));
    assert!(
        roles
            .concat()
            .iter()
            .all(|role| role["metadata"].get("labels").is_none())
    );
}

fn native_role(name: &str) -> Value {
    let mut roles = objects_in("native", "ClusterRole");
    roles.retain(|role| role["metadata"]["name"] == name);
    roles.pop().unwrap_or_else(|| panic!("no ClusterRole {name}"))
}

/// What the native mode does with objects of a kind that the folder names.
fn done_with_a_kind() -> BTreeSet<String> {
    let call = Regex::new(r"cluster\s*\.(\w+)\(").unwrap();
    let mut verbs = BTreeSet::new();
    for file in sources(&checkout().join("src/reconcile/namespaces")) {
        for found in call.captures_iter(&fs::read_to_string(file).unwrap()) {
            let more: &[&str] = match &found[1] {
                "metadata" => &["list", "watch"],
                "metadata_of" => &["get"],
                // What an apply has to make is asked about as a create.
                "apply" => &["create", "patch"],
                "set_managed_fields" => &["patch"],
                "delete_of" => &["delete"],
                // Discovery, and one object that a template refers to.
                "kind" | "object" | "clone" => &[],
                other => panic!("which verbs does {other} need?"),
            };
            verbs.extend(more.iter().map(ToString::to_string));
        }
    }
    verbs
}

#[test]
fn the_kinds_of_the_sample_folder_are_granted_with_what_is_done_with_them() {
    let files = sources(&checkout().join("manifests/folder/templates"));
    let kind = Regex::new("(?m)^kind: (\\w+)$").unwrap();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let kinds = texts.flat_map(|text| {
        let found = kind.captures_iter(&text).map(|found| found[1].to_owned());
        found.collect::<Vec<_>>()
    });
    let wanted: Rights = kinds.map(|kind| (resource(&kind), done_with_a_kind())).collect();
    assert_eq!(granted(&[native_role("stationmaster-resource-kinds")]), wanted);
}

#[test]
fn roles_are_bound_to_whom_the_server_runs_as() {
    let bindings = [
        objects("ClusterRoleBinding"),
        objects_in("native", "ClusterRoleBinding"),
    ]
    .concat();
    let roles = [objects("ClusterRole"), objects_in("native", "ClusterRole")].concat();
    let account =
        json!([{"kind": "ServiceAccount", "name": pod()["spec"]["serviceAccountName"], "namespace": "stationmaster"}]);
    let bound: Vec<_> = bindings
        .iter()
        .filter(|binding| binding["subjects"] == account)
        .map(|binding| &binding["roleRef"]["name"])
        .collect();
    let named: Vec<_> = roles.iter().map(|role| &role["metadata"]["name"]).collect();
    assert_eq!(bound, named);
}

/// The component that both overlays take, and what the native one adds.
#[test]
fn the_overlays_run_with_flags_that_there_are() {
    let patched = |folder: &str| -> Vec<String> {
        let file = checkout().join("manifests").join(folder).join("kustomization.yaml");
        let kustomization: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let operations = kustomization["patches"][0]["patch"].as_str().unwrap();
        let operations: Vec<Value> = serde_saphyr::from_str(operations).unwrap();
        let added = operations
            .into_iter()
            .filter(|operation| operation["path"].as_str().unwrap().ends_with("/args/-"));
        added
            .map(|operation| operation["value"].as_str().unwrap().to_owned())
            .collect()
    };
    let added = [patched("folder"), patched("native")].concat();
    assert!(!parsed(&[]).is_native());
    let args = parsed(&added);
    assert!(args.is_native());
    assert!(args.controllers.leader_elect, "two replicas must not both write");
}

#[test]
fn other_leases_are_none_of_its_business() {
    let rules = object("Role", "stationmaster")["rules"].clone();
    let named = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
        "resourceNames": ["stationmaster"], "verbs": ["get", "update"]});
    // A create has no name yet that a rule could ask for.
    let create = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]});
    assert_eq!(rules, json!([named, create]));
}

/// The API server may have to ask for a conversion before it can answer the lists that readiness waits for. Endpoints
/// that are not ready include those of servers that have ended: admission, which refuses when nobody answers, must not
/// be sent there.
#[test]
fn servers_convert_before_they_are_ready_and_admit_when_they_are() {
    let published = |name| object("Service", name)["spec"]["publishNotReadyAddresses"].clone();
    assert_eq!(published("stationmaster-conversion"), true);
    assert_eq!(published("stationmaster-webhook"), Value::Null);
}

/// Every certificate that the overlay asks for, and who signs it.
#[test]
fn certificates_are_signed_by_an_authority_that_outlives_them() {
    let file = checkout().join("manifests/cert-manager/certificate.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(file).unwrap()).unwrap();
    let spec = |kind: &str, name: &str| {
        let found = objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))["spec"].clone()
    };
    let leaf = spec("Certificate", "stationmaster");
    let authority = spec("Certificate", "stationmaster-ca");
    let issuer = spec("Issuer", leaf["issuerRef"]["name"].as_str().unwrap());
    assert_eq!(issuer["ca"]["secretName"], authority["secretName"]);
    assert_eq!((&authority["isCA"], leaf.get("isCA")), (&json!(true), None));
    let volume = &pod()["spec"]["volumes"][0];
    assert_eq!(leaf["secretName"], volume["secret"]["secretName"]);
    for service in ["stationmaster-webhook", "stationmaster-conversion"] {
        object("Service", service);
        assert!(texts(&leaf["dnsNames"]).contains(&format!("{service}.stationmaster.svc")));
    }
}

fn pod() -> Value {
    object("Deployment", "stationmaster")["spec"]["template"].clone()
}

fn container() -> Value {
    pod()["spec"]["containers"][0].clone()
}

fn flags() -> ServeArgs {
    parsed(&[])
}

/// The flags of the base, and more.
fn parsed(more: &[String]) -> ServeArgs {
    served(&[&*texts(&container()["args"]), more].concat())
}

fn served(args: &[String]) -> ServeArgs {
    let flags = [&["stationmaster".to_owned()], args].concat();
    match Cli::try_parse_from(flags).unwrap().command {
        Some(Command::Serve(args)) => *args,
        other => panic!("the container runs {other:?}"),
    }
}

#[test]
fn the_endpoint_that_asks_nobody_is_never_open_to_everybody() {
    let policy = object("NetworkPolicy", "stationmaster")["spec"].clone();
    assert_eq!(policy["podSelector"]["matchLabels"], pod()["metadata"]["labels"]);
    assert_eq!(policy["policyTypes"], json!(["Ingress"]));
    for rule in policy["ingress"].as_array().unwrap() {
        let ports = rule["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
        let others = ["webhook", "metrics", "health"];
        let harmless = !ports.is_empty() && ports.iter().all(|port| others.iter().any(|name| port["port"] == *name));
        let from = rule["from"].as_array().map(Vec::as_slice).unwrap_or_default();
        let labelled = |peer: &Value| peer["namespaceSelector"]["matchLabels"]["stationmaster.dev/execute"] == "true";
        assert!(harmless || !from.is_empty() && from.iter().all(labelled), "{rule}");
    }
}

#[test]
fn the_pod_is_as_restricted_as_its_namespace_asks() {
    let enforced = object("Namespace", "stationmaster")["metadata"]["labels"].clone();
    assert_eq!(enforced["pod-security.kubernetes.io/enforce"], "restricted");
    let (pod, container) = (pod()["spec"].clone(), container());
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod.get(host), None);
    }
}

#[test]
fn ports_are_those_of_the_flags() {
    let args = flags();
    let port = |address: &ListenAddress| match address {
        ListenAddress::At { port, .. } => *port,
        ListenAddress::Off => panic!("is off"),
    };
    let wanted = json!([
        {"name": "webhook", "containerPort": port(&args.webhook.webhook_listen_address)},
        {"name": "http", "containerPort": port(&args.execute.web_server_bind_address.unwrap())},
        {"name": "metrics", "containerPort": port(&args.observe.metrics_bind_address.unwrap())},
        {"name": "health", "containerPort": port(&args.observe.health_probe_bind_address)},
    ]);
    assert_eq!(container()["ports"], wanted);
    for service in objects("Service") {
        let target = &service["spec"]["ports"][0]["targetPort"];
        assert!(
            wanted.as_array().unwrap().iter().any(|port| port["name"] == *target),
            "{target}"
        );
        assert_eq!(service["spec"]["selector"], pod()["metadata"]["labels"]);
    }
}

#[test]
fn memory_and_time_are_enough_for_what_the_flags_promise() {
    let args = flags();
    let limit = container()["resources"]["limits"]["memory"]
        .as_str()
        .unwrap()
        .to_owned();
    let mebibytes: usize = limit.strip_suffix("Mi").unwrap().parse().unwrap();
    assert!(mebibytes << 20 >= args.limits.body_memory() + (200 << 20), "{limit}");
    let grace = pod()["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > args.limits.drain_seconds + Timing::default().finish.as_secs());
}

/// What may be reached by whoever may execute makes no pods; what makes them is reached by the broker.
#[test]
fn events_are_off_in_the_base_and_on_where_they_are_asked_for() {
    assert!(!flags().is_on(Component::Events));
    // Components add up.
    let both = parsed(&["--components=events".to_owned()]);
    assert!(both.is_on(Component::Events) && both.is_on(Component::Controllers));
    let files = objects_in("knative", "NetworkPolicy");
    let broker = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "knative-eventing"}}}]);
    let open = json!({"ports": [{"port": "metrics"}, {"port": "health"}]});
    let events = json!({"ports": [{"port": "http"}], "from": broker});
    assert_eq!(files[0]["spec"]["ingress"], json!([open, events]));
    assert_eq!(files[0]["spec"]["podSelector"], events_deployment()["spec"]["selector"]);
}

fn events_deployment() -> Value {
    objects_in("knative", "Deployment").remove(0)
}

#[test]
fn events_may_do_what_they_are_for_and_nothing_else() {
    let mut asked = asked_for_in(&[
        "serve/events",
        "process/events.rs",
        "process/clients.rs",
        "process/gateway",
    ]);
    // Called without naming the kind, for the mode Auto of sidecars.
    asked.insert(resource("Node"), ["list".to_owned()].into());
    assert_eq!(granted(&objects_in("knative", "ClusterRole")), asked);
    let account = &events_deployment()["spec"]["template"]["spec"]["serviceAccountName"];
    let bindings = objects_in("knative", "ClusterRoleBinding");
    let bound = json!([{"kind": "ServiceAccount", "name": account, "namespace": "stationmaster"}]);
    assert_eq!(bindings[0]["subjects"], bound);
    assert_eq!(
        bindings[0]["roleRef"]["name"],
        objects_in("knative", "ClusterRole")[0]["metadata"]["name"]
    );
    assert_eq!(objects_in("knative", "ServiceAccount")[0]["metadata"]["name"], *account);
}

#[test]
fn events_are_answered_where_their_triggers_send_them() {
    let template = &events_deployment()["spec"]["template"];
    let (spec, container) = (&template["spec"], &template["spec"]["containers"][0]);
    let args = served(&texts(&container["args"]));
    assert_eq!(args.components(), [Component::Events]);
    assert_eq!(
        args.client.client_namespace,
        objects_in("knative", "Broker")[0]["metadata"]["namespace"]
    );
    let port = |address: &Option<ListenAddress>| match address {
        Some(ListenAddress::At { port, .. }) => *port,
        _ => panic!("is off"),
    };
    assert_eq!(
        container["ports"][0]["containerPort"],
        port(&args.execute.web_server_bind_address)
    );
    assert_eq!(
        container["ports"][1]["containerPort"],
        port(&args.observe.metrics_bind_address)
    );
    let service = &objects_in("knative", "Service")[0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    assert_eq!(service["spec"]["selector"], template["metadata"]["labels"]);
    for trigger in objects_in("knative", "Trigger") {
        let subscriber = &trigger["spec"]["subscriber"];
        assert_eq!(
            (&subscriber["ref"]["name"], &subscriber["uri"]),
            (&service["metadata"]["name"], &json!("/events"))
        );
    }
    // As restricted as the base.
    assert_eq!(spec["securityContext"], pod()["spec"]["securityContext"]);
    assert_eq!(container["securityContext"], self::container()["securityContext"]);
    assert_eq!(
        container["resources"]["limits"],
        self::container()["resources"]["limits"]
    );
}
