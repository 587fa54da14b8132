//! Code that means no good, on the real node: whatever it tries for, in the build and at run time, it does not get.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::net::Ipv4Addr;

use common::bucket::{S3, SECRET_ACCESS_KEY};
use common::cluster::{ControlPlane, eventually};
use common::neighbour::{Neighbour, ok, redirect};
use common::workers::{Account, BRIDGE, flags, node, saying, serving, worker};
use serde_json::{Value, json};

/// What stands at every address that is none of a tenant's business.
const PRIVATE: &str = "a body that is nobody's business";
const VICTIM: &str = "a secret of another worker";
/// As metadata servers of clouds have one.
const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);
/// Of the Internet, where nobody ever announced it; here it is the machine's.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(11, 77, 77, 77);
/// Why a URL is not followed.
const NOT_PUBLIC: &str = "not one of the Internet";
const FILES: [&str; 8] = [
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/proc/self/environ",
    "/proc/1/environ",
    "/bundle/config/config.capnp",
    "/work/modules/modules.json",
    "/dev/termination-log",
    "/etc/passwd",
    "/etc/resolv.conf",
];

/// Tries for everything in `targets`, which stand before it.
const TRIES: &str = r"
const [fs, process, sockets, workers, child] = await Promise.all(
  ['node:fs', 'node:process', 'cloudflare:sockets', 'cloudflare:workers', 'node:child_process'].map(
    (name) => import(name).catch(() => ({}))));
const reached = async (place) => {
  const socket = sockets.connect(place);
  await Promise.race([socket.opened, new Promise((_, no) => setTimeout(() => no(new Error('no answer')), 1500))]);
  return 'connected';
};
const fetched = async (url) => (await fetch(url, { signal: AbortSignal.timeout(1500) })).text();
async function tried(env) {
  const found = {}, refused = {};
  const attempt = async (name, get) => {
    try { found[name] = String(await get()); } catch (error) { refused[name] = String(error); }
  };
  await Promise.all([
    ...targets.files.map((file) => attempt(file, () => fs.readFileSync(file))),
    ...targets.urls.map((url) => attempt(url, () => fetched(url))),
    ...targets.sockets.map((place) => attempt(place, () => reached(place))),
    attempt('other', () => import('victim')),
    attempt('child', () => child.execSync('/workerd --version')),
  ]);
  const process_env = process.env && { ...process.env };
  return { found, refused, env: { ...env, ...workers.env }, process: process_env };
}
";
/// In answer to a request.
const AT_RUN_TIME: &str = "
export default { async fetch(request, env) { return Response.json(await tried(env)); } };
";
/// While it is proved; all that leaves the build is what it throws.
const IN_THE_BUILD: &str = "
const { refused, ...told } = await tried({});
throw new Error('TOLD ' + JSON.stringify({ ...told, refused: Object.keys(refused).length }));
";

/// What is around the pods.
struct Surroundings {
    /// The API server as the node has it, and as its Service has it: `HOST:PORT`.
    api: [String; 2],
    s3: S3,
    private: [Neighbour; 2],
    public: Neighbour,
}

impl Surroundings {
    fn new(plane: &ControlPlane) -> Self {
        let server = ["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"];
        let server = plane.kubectl(&server).replace("https://", "");
        Self {
            api: [server, "10.96.0.1:443".to_owned()],
            s3: S3::start_at(BRIDGE, &["code"]),
            private: [
                Neighbour::at(BRIDGE.parse().unwrap(), ok(PRIVATE)),
                Neighbour::beside(LINK_LOCAL, ok(PRIVATE)),
            ],
            public: Neighbour::beside(PUBLIC, ok(&saying("public"))),
        }
    }

    /// Where a tenant's code has no business, and one place where it may go.
    fn targets(&self) -> Value {
        let mut urls: Vec<_> = self.private.iter().map(Neighbour::url).collect();
        urls.extend([self.s3.endpoint(), self.public.url()]);
        urls.push("http://169.254.169.254/latest/meta-data/".to_owned());
        // Whoever asks it so is told that this is wrong, which is an answer.
        urls.extend(self.api.iter().map(|api| format!("http://{api}/")));
        for host in [
            BRIDGE,
            "10.96.0.1",
            "kubernetes.default.svc",
            "localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            urls.push(format!("https://{host}/api"));
            urls.push(format!("http://{host}:8079/"));
            urls.push(format!("http://{host}:8080/"));
        }
        let mut sockets = self.places();
        sockets.extend(["127.0.0.1:8080".to_owned(), "127.0.0.1:8079".to_owned()]);
        json!({"files": FILES, "urls": urls, "sockets": sockets})
    }

    /// `HOST:PORT` of everything that listens.
    fn places(&self) -> Vec<String> {
        let mut urls: Vec<_> = self.private.iter().map(Neighbour::url).collect();
        urls.push(self.s3.endpoint());
        let listening = urls.iter().map(|url| url.split('/').nth(2).unwrap().to_owned());
        listening.chain(self.api.iter().cloned()).collect()
    }

    /// How many places that are.
    fn count(&self) -> usize {
        let targets = self.targets();
        let all = targets.as_object().unwrap().values();
        all.map(|places| places.as_array().unwrap().len()).sum::<usize>() + 2
    }

    fn code(&self, end: &str) -> String {
        format!("const targets = {};{TRIES}{end}", self.targets())
    }

    /// Nobody has come, though whoever is not kept from it would have.
    fn were_out_of_reach(&self, account: &Account<'_>) {
        assert_eq!(self.private.each_ref().map(Neighbour::asked), [0, 0]);
        let places = self.places();
        assert_eq!(open_from_a_pod(account, &places), places);
    }
}

/// Which of these places a pod without anything of ours can connect to.
fn open_from_a_pod(account: &Account<'_>, places: &[String]) -> Vec<String> {
    let tries: Vec<_> = places
        .iter()
        .map(|place| {
            format!(
                "nc -w 5 {} </dev/null >/dev/null && echo {place}",
                place.replace(':', " ")
            )
        })
        .collect();
    let container = json!({
        "name": "main", "image": "alpine:latest", "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", tries.join("; ") + "; true"],
    });
    account.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "control"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }));
    let ended = ["-n", &account.namespace, "wait", "pod/control", "--timeout=2m"];
    account
        .plane
        .kubectl(&[&ended[..], &["--for=jsonpath={.status.phase}=Succeeded"]].concat());
    let log = account.plane.kubectl(&["-n", &account.namespace, "logs", "control"]);
    log.lines().map(str::to_owned).collect()
}

/// A worker with a Secret of its own, and what of Node there is if it wants it.
fn with_secret(account: &Account<'_>, (script, module): (&str, &str), value: &str, compatible: bool) {
    let secret = format!("{script}-keys");
    account.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": {"KEY": value},
    }));
    let mut worker = worker(script, module);
    let template = &mut worker["spec"]["template"];
    template["secretRef"] = json!(secret);
    if compatible {
        template["compatibilityFlags"] = json!(["nodejs_compat"]);
    }
    account.apply(&worker);
}

fn is_clean(text: &str) {
    for secret in [SECRET_ACCESS_KEY, PRIVATE, VICTIM, "eyJ", "root:"] {
        assert!(!text.contains(secret), "{secret:?} in {text}");
    }
}

#[test]
fn a_request_gets_nothing_that_is_not_the_workers_own() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags());
    let around = Surroundings::new(&plane);
    let account = Account::with_storage(&plane, &around.s3);
    with_secret(&account, ("victim", &saying("victim")), VICTIM, false);
    account.answers("victim", "victim");
    let code = around.code(AT_RUN_TIME);
    with_secret(&account, ("thief", &code), "own", false);
    with_secret(&account, ("node-thief", &code), "own", true);
    for script in ["thief", "node-thief"] {
        let told = account.tells(script, |told| told["found"].is_object());
        is_clean(&told.to_string());
        assert_eq!(
            told["found"],
            json!({around.public.url(): saying("public")}),
            "{told:#}"
        );
        assert_eq!(told["refused"].as_object().unwrap().len(), around.count() - 1);
        assert_eq!(told["env"], json!({"KEY": "own"}));
        assert_eq!(told["process"], json!({"KEY": "own"}));
    }
    account.answers("victim", "victim");
    around.were_out_of_reach(&account);
}

/// What code has thrown while it was proved.
fn thrown(account: &Account<'_>, script: &str) -> Value {
    let message = eventually(&format!("a refusal of {script}"), || {
        let (status, reason, message) = account.condition(script, "Degraded")?;
        (status == "True" && reason == "ProofFailed").then_some(message)
    });
    is_clean(&message);
    assert!(message.contains("TOLD "), "{message}");
    let (_, told) = message.split_once("TOLD ").unwrap();
    let mut values = serde_json::Deserializer::from_str(told).into_iter::<Value>();
    values.next().unwrap().unwrap()
}

#[test]
fn a_build_gets_nothing_to_tell() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags());
    let around = Surroundings::new(&plane);
    let account = Account::with_storage(&plane, &around.s3);
    let code = around.code(IN_THE_BUILD);
    around.s3.put_all("code", &[("index.js", &code)]);
    let mut fetched = worker("fetched", "");
    fetched["spec"]["template"].as_object_mut().unwrap().remove("modules");
    fetched["spec"]["template"]["urls"] = json!([{"url": "s3://code/index.js"}]);
    let mut compatible = worker("compatible", &code);
    compatible["spec"]["template"]["compatibilityFlags"] = json!(["nodejs_compat"]);
    account.apply(&fetched);
    account.apply(&compatible);
    with_secret(&account, ("secretive", &code), VICTIM, true);
    let nothing = json!({"found": {}, "env": {}, "process": {}, "refused": around.count()});
    for script in ["fetched", "compatible", "secretive"] {
        assert_eq!(thrown(&account, script), nothing, "{script}");
    }
    for job in account.all("jobs") {
        is_told_apart(&job["spec"]["template"]["spec"]);
    }
    around.were_out_of_reach(&account);
}

/// Credentials are in the step that fetches alone, and a token is in the step that publishes alone.
fn is_told_apart(pod: &Value) {
    assert_eq!(pod["automountServiceAccountToken"], false);
    for container in pod["containers"].as_array().unwrap() {
        let (name, text) = (container["name"].as_str().unwrap(), container.to_string());
        assert_eq!(text.contains("secretKeyRef"), name == "fetch", "{text}");
        assert_eq!(text.contains("serviceaccount"), name == "publish", "{text}");
        assert!(!text.contains("envFrom"), "{text}");
    }
}

#[test]
fn a_url_leads_to_no_address_of_ours() {
    let (_turn, plane) = node();
    let _server = serving(&plane, &flags());
    let around = Surroundings::new(&plane);
    let account = Account::with_storage(&plane, &around.s3);
    let [bridge, link_local] = around.private.each_ref().map(Neighbour::url);
    let redirects = [&bridge, &link_local].map(|url| Neighbour::beside(PUBLIC, redirect(url)));
    let port = around.private[0].port();
    let refused = [
        ("bridge", bridge.clone(), NOT_PUBLIC),
        ("link-local", link_local.clone(), NOT_PUBLIC),
        ("metadata", "http://169.254.169.254/".to_owned(), NOT_PUBLIC),
        ("loopback", format!("http://127.0.0.1:{port}/"), NOT_PUBLIC),
        ("named", format!("http://localhost:{port}/"), NOT_PUBLIC),
        ("api-server", "https://kubernetes.default.svc/".to_owned(), NOT_PUBLIC),
        ("to-bridge", redirects[0].url(), "it redirects to"),
        ("to-link-local", redirects[1].url(), "it redirects to"),
    ];
    let deploy = |script: &str, url: &str| {
        let mut worker = worker(script, "");
        worker["spec"]["template"].as_object_mut().unwrap().remove("modules");
        worker["spec"]["template"]["urls"] = json!([{"url": format!("{url}index.js")}]);
        account.apply(&worker);
    };
    for (script, url, _) in &refused {
        deploy(script, url);
    }
    deploy("good", &around.public.url());
    for (script, _, text) in &refused {
        let message = eventually(&format!("a refusal of {script}"), || {
            let (status, reason, message) = account.condition(script, "Degraded")?;
            (status == "True" && reason == "FetchFailed").then_some(message)
        });
        is_clean(&message);
        assert!(message.contains(text), "{script}: {message}");
        assert!(message.contains(NOT_PUBLIC), "{script}: {message}");
    }
    account.answers("good", "public");
    around.were_out_of_reach(&account);
}
