//! One set of the native mode, on a control plane that the tests of a file share: a folder, a user, a label and namespaces
//! of its own, and the process that applies them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::{ControlPlane, eventually, stationmaster};
use super::http;
use super::process::Process;

/// The folder of templates that was in use: one object of each of these in a namespace.
pub const KINDS: &str = "configmaps,resourcequotas,rolebindings,secrets,serviceaccounts";
/// So many objects it makes in a namespace.
pub const OBJECTS: usize = 5;

/// The control plane of this process's tests; ends with the last of them that runs.
static PLANE: Mutex<Weak<ControlPlane>> = Mutex::new(Weak::new());

/// What is written at rest.
pub const NOTHING: [&str; 0] = [];

/// A set that no other test knows of.
pub struct Native {
    pub plane: Arc<ControlPlane>,
    /// Of the ResourceSet, of the user that our process is, and the beginning of its namespaces' names.
    pub name: &'static str,
    pub templates: PathBuf,
    process: Option<Running>,
    home: TempDir,
}

/// A request that was to change something, as the API server tells of it.
pub struct Write {
    /// `patch configmaps NAME-b/settings`
    pub what: String,
    /// The status of the answer, which nobody may have waited for.
    pub code: u64,
    /// Every process has a token of its own.
    pub token: String,
    /// That of the object, where what was stored is told too.
    version: Value,
}

struct Running {
    process: Process,
    health: u16,
    metrics: u16,
}

impl Native {
    /// With the folder that was in use, and every right.
    pub fn new(name: &'static str) -> Self {
        let native = Self::without_rights(name);
        native.bind(name, "cluster-admin");
        let user = format!("--as={}", native.user());
        // The API server takes note of a binding a moment after it is stored.
        eventually("every right", || {
            let may = native.plane.try_kubectl(&["auth", "can-i", "*", "*", &user], "");
            may.status.success().then_some(())
        });
        native
    }

    fn user(&self) -> String {
        format!("system:serviceaccount:default:{}", self.name)
    }

    /// The same for a user that may do nothing.
    pub fn without_rights(name: &'static str) -> Self {
        let plane = plane();
        let home = tempfile::tempdir().unwrap();
        let templates = home.path().join("templates");
        fill(&templates);
        plane.kubectl(&["create", "serviceaccount", name]);
        Self {
            plane,
            name,
            templates,
            process: None,
            home,
        }
    }

    /// Lets our process do something about kinds.
    pub fn grant(&self, role: &str, verbs: &str, kinds: &str) {
        let role = format!("{}-{role}", self.name);
        let (verbs, kinds) = (format!("--verb={verbs}"), format!("--resource={kinds}"));
        self.plane.kubectl(&["create", "clusterrole", &role, &verbs, &kinds]);
        self.bind(&role, &role);
    }

    fn bind(&self, name: &str, role: &str) {
        let (role, user) = (
            format!("--clusterrole={role}"),
            format!("--serviceaccount=default:{}", self.name),
        );
        self.plane
            .kubectl(&["create", "clusterrolebinding", name, &role, &user]);
    }

    /// The label that wants a namespace in this set.
    pub fn label(&self) -> String {
        format!("{}.example/wanted", self.name)
    }

    /// `NAME-b` for `b`.
    pub fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Makes namespaces that are wanted.
    pub fn want(&self, names: &[&str]) {
        self.make(names, "true");
    }

    /// Makes namespaces that nobody wants.
    pub fn make_unwanted(&self, names: &[&str]) {
        self.make(names, "false");
    }

    fn make(&self, names: &[&str], wanted: &str) {
        let namespaces = names.iter().map(|name| {
            let metadata = json!({"name": self.namespace(name), "labels": {self.label(): wanted}});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": namespaces.collect::<Vec<_>>()});
        self.create(&[], &list);
    }

    /// `kubectl create`, by nobody of ours.
    pub fn create(&self, flags: &[&str], object: &Value) {
        let output = self
            .plane
            .try_kubectl(&[&["create", "-f", "-"], flags].concat(), &object.to_string());
        assert!(output.status.success(), "{output:?}");
    }

    /// kubectl in one of the namespaces.
    pub fn kubectl(&self, namespace: &str, arguments: &[&str]) -> String {
        self.plane
            .kubectl(&[&["-n", &self.namespace(namespace)], arguments].concat())
    }

    /// An object in one of the namespaces, or nothing.
    pub fn object(&self, namespace: &str, name: &str) -> Value {
        let found = self.kubectl(
            namespace,
            &["get", "--ignore-not-found", "--show-managed-fields", "-o", "json", name],
        );
        serde_json::from_str(&found).unwrap_or_default()
    }

    /// Starts the process, which may not become ready.
    pub fn start(&mut self, flags: &[&str]) {
        let token = self.plane.kubectl(&["create", "token", self.name]);
        let file = self.home.path().join("kubeconfig");
        fs::write(&file, kubeconfig(&self.plane, &token)).unwrap();
        let templates = format!("--templates-folder={}", self.templates.display());
        let kubeconfig = format!("--kubeconfig={}", file.display());
        let (label, set) = (
            format!("--label={}", self.label()),
            format!("--resource-set={}", self.name),
        );
        let ours = [
            "serve",
            "--components=sync",
            "--dispatch=native",
            "--api-requests-per-second=1000",
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=127.0.0.1:0",
            &templates,
            &kubeconfig,
            &label,
            &set,
        ];
        // What is said last counts.
        let said = |flag: &&&str| {
            !flags
                .iter()
                .any(|more| more.split('=').next() == flag.split('=').next())
        };
        let ours: Vec<_> = ours.iter().filter(said).copied().collect();
        let process = Process::start(&[&ours, flags].concat());
        let (health, metrics) = (process.address("health").port(), process.address("metrics").port());
        self.process = Some(Running {
            process,
            health,
            metrics,
        });
    }

    /// Ends the process at once, as a lost machine would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// From now on only later changes are seen.
    pub fn forget_changes(&self) {
        self.process.as_ref().unwrap().process.forget();
    }

    /// Waits until the process, which tells of everything, has seen that the folder changes.
    pub fn sees_a_change(&self) {
        let process = &self.process.as_ref().unwrap().process;
        process.logged("the folder of templates changes");
    }

    /// Waits until the process has applied all there is, and the ResourceSet tells so.
    pub fn complete(&self, namespaces: usize) {
        self.complete_with(namespaces, namespaces * OBJECTS);
    }

    /// The same for another folder.
    pub fn complete_with(&self, namespaces: usize, objects: usize) {
        let counts = json!([namespaces, objects, objects, 0, "True"]);
        eventually(&format!("{counts} in {}", self.name), || {
            let set = self.resource_set();
            let status = &set["status"];
            let told = json!([
                status["namespaces"],
                status["wanted"],
                status["applied"],
                status["failed"],
                ready(status)["status"]
            ]);
            // What is told may be what an earlier process has told.
            let known = |state| self.metric(&format!("stationmaster_resources{{state=\"{state}\"}}")) == objects;
            (told == counts && known("wanted") && known("applied") && self.is_logged(&set)).then_some(())
        });
    }

    /// The status of the ResourceSet; nothing, as long as there is none.
    pub fn status(&self) -> Value {
        self.resource_set()["status"].take()
    }

    fn resource_set(&self) -> Value {
        let found = self
            .plane
            .kubectl(&["get", "resourcesets", self.name, "--ignore-not-found", "-o", "json"]);
        serde_json::from_str(&found).unwrap_or_default()
    }

    /// Whether the API server's account has come as far as what it shows: what is stored is seen before it is logged.
    fn is_logged(&self, set: &Value) -> bool {
        let version = &set["metadata"]["resourceVersion"];
        version.is_string() && self.account().iter().any(|write| write.version == *version)
    }

    /// Waits until the ResourceSet tells of so many namespaces, and wanted, applied and failed objects.
    pub fn told(&self, counts: [usize; 4]) {
        eventually(&format!("{counts:?} in {}", self.name), || {
            let status = self.status();
            let told = ["namespaces", "wanted", "applied", "failed"].map(|count| status[count].clone());
            (told == counts.map(Value::from)).then_some(())
        });
    }

    /// Waits for an error about an object, or about a kind by its beginning, and gives its message.
    pub fn error(&self, object: &str, reason: &str) -> String {
        eventually(&format!("{reason} of {object} in {}", self.name), || {
            let status = self.status();
            let errors = status["errors"].as_array()?;
            let mut messages = errors.iter().filter_map(|error| {
                let text = |member: &str| error[member].as_str().unwrap_or_default();
                let place = format!("{} {}/{}", text("kind"), text("namespace"), text("name"));
                (place == object && error["reason"] == reason).then(|| text("message").to_owned())
            });
            messages.next()
        })
    }

    /// Waits until readiness is so, and the reason for it in the ResourceSet.
    pub fn until_ready(&self, is_ready: bool, reason: &str) {
        eventually(&format!("readiness {is_ready}, {reason}"), || {
            let health = self.process.as_ref()?.health;
            let (answer, set) = (http::get(health, "/readyz")?, self.resource_set());
            let is_so = (answer.status == 200) == is_ready && ready(&set["status"])["reason"] == reason;
            (is_so && self.is_logged(&set)).then_some(())
        });
    }

    /// What `/metrics` says of a name, or zero.
    pub fn metric(&self, name: &str) -> usize {
        let running = self.process.as_ref().unwrap();
        let page = http::get(running.metrics, "/metrics").unwrap().body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |line| line.parse().unwrap())
    }

    /// All that carries our set's label: `configmaps NAME-b/settings` and its metadata.
    pub fn objects(&self) -> BTreeMap<String, Value> {
        let selector = format!("resources.stationmaster.dev/set={}", self.name);
        let list = self.plane.get(&[KINDS, "--all-namespaces", "-l", &selector]);
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                let metadata = &item["metadata"];
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let kind = text(&item["kind"]).to_lowercase();
                let place = format!("{kind}s {}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
                (place, metadata.clone())
            })
            .collect()
    }

    /// One member of the metadata of each of them.
    pub fn each(&self, member: &str) -> BTreeMap<String, Value> {
        let objects = self.objects().into_iter();
        objects
            .map(|(place, metadata)| (place, metadata[member].clone()))
            .collect()
    }

    /// The version of each of them, once the controller of quotas has counted what there is, which it writes into them.
    pub fn versions(&self) -> BTreeMap<String, Value> {
        let selector = format!("resources.stationmaster.dev/set={}", self.name);
        eventually("counted quotas", || {
            let list = self.plane.get(&["resourcequotas", "--all-namespaces", "-l", &selector]);
            let mut quotas = list["items"].as_array().unwrap().iter();
            quotas
                .all(|quota| quota["status"]["hard"] == quota["spec"]["hard"])
                .then_some(())
        });
        self.each("resourceVersion")
    }

    /// Requests of our processes that were to change something, by the API server's own account and in its order. It tells
    /// of a request before the answer is complete; of one whose sender has died it tells when it is done with it.
    pub fn account(&self) -> Vec<Write> {
        account_of(&self.plane, self.name)
    }

    /// The same as `patch configmaps NAME-b/settings`, with the status when it is a refusal.
    pub fn writes(&self) -> Vec<String> {
        self.account().into_iter().map(told).collect()
    }

    /// The same after so many.
    pub fn written_since(&self, count: usize) -> Vec<String> {
        self.writes().split_off(count)
    }

    /// The same for the objects alone.
    pub fn object_writes(&self) -> Vec<String> {
        let writes = self.writes().into_iter();
        writes.filter(|write| !write.contains(" resourcesets")).collect()
    }

    /// No write for so long; one fails at once.
    pub fn rests(&self, span: Duration) {
        let (before, end) = (self.writes().len(), Instant::now() + span);
        while Instant::now() < end {
            let writes = self.writes();
            assert!(writes.len() == before, "written at rest: {:?}", &writes[before..]);
            std::thread::park_timeout(Duration::from_millis(250));
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {:#}", self.name, self.status());
            if let Some(running) = &self.process {
                running.process.tail();
            }
        }
    }
}

/// The condition of a status.
fn ready(status: &Value) -> &Value {
    &status["conditions"][0]
}

/// What a service account of the namespace `default` was to change, as [`Native::account`] has it.
pub fn account_of(plane: &ControlPlane, name: &str) -> Vec<Write> {
    let user = format!("system:serviceaccount:default:{name}");
    let log = fs::read_to_string(plane.folder().join("logs/audit.log")).unwrap();
    // What has no end yet is being written.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let ours = whole.lines().filter(|line| line.contains(&format!("\"{user}\"")));
    let events = ours.map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The controllers use the same names in another namespace, and kubectl makes our token.
    events
        .filter(|event| event["user"]["username"] == user.as_str())
        .map(|event| write(&event))
        .collect()
}

/// The same as [`Native::writes`] has it.
pub fn writes_of(plane: &ControlPlane, name: &str) -> Vec<String> {
    account_of(plane, name).into_iter().map(told).collect()
}

fn told(write: Write) -> String {
    match write.code {
        200..300 => write.what,
        code => format!("{} {code}", write.what),
    }
}

fn write(event: &Value) -> Write {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let mut what = format!("{} {}", text(&event["verb"]), text(&object["resource"]));
    if object["subresource"].is_string() {
        what = format!("{what}/{}", text(&object["subresource"]));
    }
    what = format!("{what} {}", text(&object["namespace"]));
    what = if object["namespace"].is_string() {
        format!("{what}/{}", text(&object["name"]))
    } else {
        what + &text(&object["name"])
    };
    Write {
        what,
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        token: text(&event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]),
        version: event["responseObject"]["metadata"]["resourceVersion"].clone(),
    }
}

fn plane() -> Arc<ControlPlane> {
    let mut shared = PLANE.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let plane = Arc::new(ControlPlane::start_with(&["--audit"]).with_crds());
        *shared = Arc::downgrade(&plane);
        plane
    })
}

/// A kubeconfig for whoever has the token.
pub fn kubeconfig(plane: &ControlPlane, token: &str) -> String {
    let view = plane.kubectl(&["config", "view", "--raw", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&view).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    config.to_string()
}

/// The folder that was in use.
pub fn fill(folder: &Path) {
    fill_with(folder, || ());
}

/// The same, doing something after each file.
pub fn fill_with(folder: &Path, between: impl Fn()) {
    fs::create_dir_all(folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sync/templates");
    for file in fs::read_dir(source).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        between();
    }
}

/// What a namespace gets, as kubectl would apply it.
pub fn rendered(folder: &Path, namespace: &str) -> String {
    let folder = folder.to_str().unwrap();
    stationmaster(&["render", "namespace", namespace, "--templates-folder", folder], "")
}
