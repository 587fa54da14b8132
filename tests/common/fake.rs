//! An API server in process: objects, watches, optimistic locks, and the failures that a test asks for. It runs no
//! controllers; a test plays them with [`Fake::edit`] and [`Fake::remove`].

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::stream;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Longer than any pause of the program. Time is simulated, so that waiting for it costs nothing.
const LIMIT: Duration = Duration::from_secs(1000);

/// What the API server says when a test asks it to refuse something: with the value, as it does.
const REFUSAL: &str = "spec.a: Invalid value: \"a secret\": refused by the test";

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Fake {
    shared: Arc<Shared>,
}

struct Shared {
    store: Mutex<Store>,
    version: watch::Sender<u64>,
    cuts: watch::Sender<u64>,
    writes: mpsc::UnboundedSender<String>,
    written: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
}

#[derive(Default)]
struct Store {
    /// By plural, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    version: u64,
    /// Every change with its version, plural and type.
    changes: Vec<(u64, String, &'static str, Value)>,
    compacted: u64,
    faults: VecDeque<(String, Fault)>,
    calls: usize,
    last: Option<usize>,
    stalled: String,
    /// Annotations that pods get when they are created.
    webhook: Value,
    delay: Duration,
    page_delay: Duration,
    slow_ends: bool,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: this call is let through.
    None,
    /// Refused with this status; nothing is done.
    Status(u16),
    /// Refused because the name is taken, which need not be true.
    Taken,
    /// Done, but the answer is lost.
    AnswerLost,
}

struct Call {
    plural: String,
    namespace: String,
    name: String,
    subresource: String,
    query: String,
    method: Method,
}

impl Fake {
    pub fn new() -> Self {
        let (writes, written) = mpsc::unbounded_channel();
        let (version, _) = watch::channel(0);
        let (cuts, _) = watch::channel(0);
        let store = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                store,
                version,
                cuts,
                writes,
                written: tokio::sync::Mutex::new(written),
            }),
        }
    }

    pub fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        Client::new(router.into_service::<kube::client::Body>(), "default")
    }

    /// Stores an object without counting it as a write; it gets what it lacks.
    pub fn put(&self, plural: &str, mut object: Value) -> Value {
        let mut store = self.store();
        store.version += 1;
        let version = store.version;
        let metadata = &mut object["metadata"];
        for (key, value) in [
            ("namespace", json!("default")),
            ("uid", json!(format!("uid-{version}"))),
            ("creationTimestamp", json!("2026-01-01T00:00:00Z")),
            ("generation", json!(1)),
        ] {
            if metadata[key].is_null() {
                metadata[key] = value;
            }
        }
        // One that has none, such as a namespace, is put with an empty one.
        if metadata["namespace"] == "" {
            metadata.as_object_mut().unwrap().remove("namespace");
        }
        store.apply(plural, object, &self.shared.version)
    }

    pub fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.store().objects.get(&key(plural, "default", name)).cloned()
    }

    /// Names of all objects of a kind.
    pub fn names(&self, plural: &str) -> Vec<String> {
        let store = self.store();
        store
            .objects
            .keys()
            .filter(|(kind, ..)| kind == plural)
            .map(|(.., name)| name.clone())
            .collect()
    }

    /// Changes an object as another controller would.
    pub fn edit(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut store = self.store();
        let mut object = store.objects[&key(plural, "default", name)].clone();
        change(&mut object);
        store.apply(plural, object, &self.shared.version);
    }

    /// Removes an object as another controller would.
    pub fn remove(&self, plural: &str, name: &str) {
        self.store().remove(&key(plural, "default", name), &self.shared.version);
    }

    /// The next calls that begin like this (`POST jobs`) go wrong, one fault for each.
    pub fn fail(&self, call: &str, faults: &[Fault]) {
        self.store()
            .faults
            .extend(faults.iter().map(|fault| (call.to_owned(), *fault)));
    }

    /// Pods that are created from now on get these annotations, as if a webhook were there.
    pub fn annotate_pods(&self, annotations: Value) {
        self.store().webhook = annotations;
    }

    /// An object that has no namespace.
    pub fn get_cluster_wide(&self, plural: &str, name: &str) -> Option<Value> {
        self.store().objects.get(&key(plural, "", name)).cloned()
    }

    /// Removes an object that has no namespace.
    pub fn remove_cluster_wide(&self, plural: &str, name: &str) {
        self.store().remove(&key(plural, "", name), &self.shared.version);
    }

    /// Ends all watches, as a restart of the server does, with the history forgotten or kept.
    pub fn cut(&self, forget: bool) {
        let mut store = self.store();
        if forget {
            store.version += 1;
            store.compacted = store.version;
        }
        drop(store);
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Pods that are evicted from now on are marked as ending, and gone when the test removes them.
    pub fn delay_evictions(&self) {
        self.store().slow_ends = true;
    }

    /// Every write takes that long from now on.
    pub fn delay_writes(&self, delay: Duration) {
        self.store().delay = delay;
    }

    /// Every page of a list but the first takes that long from now on.
    pub fn delay_pages(&self, delay: Duration) {
        self.store().page_delay = delay;
    }

    /// Watches of this kind bring nothing until another kind, or none, is named.
    pub fn stall(&self, plural: &str) {
        plural.clone_into(&mut self.store().stalled);
        self.shared.version.send_modify(|_| {});
    }

    /// After that many more calls every one hangs, until it is called again with none: the process is dead to the world.
    pub fn hang_after(&self, calls: Option<usize>) {
        let mut store = self.store();
        store.last = calls.map(|more| store.calls + more);
    }

    /// The next write has to be this one.
    pub async fn expect(&self, write: &str) {
        let mut written = self.shared.written.lock().await;
        let next = timeout(LIMIT, written.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("no write for {LIMIT:?}, but expected: {write}"));
        assert_eq!(next.as_deref(), Some(write));
    }

    /// The next write after a long time without any.
    pub async fn expect_after(&self, pause: Duration, write: &str) {
        let began = tokio::time::Instant::now();
        self.expect(write).await;
        assert!(
            began.elapsed() >= pause,
            "{write} came after {:?} already",
            began.elapsed()
        );
    }

    /// Nothing more is written, however long one waits.
    pub async fn expect_silence(&self) {
        let mut written = self.shared.written.lock().await;
        if let Ok(write) = timeout(LIMIT, written.recv()).await {
            panic!("an unexpected write: {write:?}");
        }
    }

    /// What was written and not expected so far.
    pub async fn writes(&self) -> Vec<String> {
        let mut written = self.shared.written.lock().await;
        std::iter::from_fn(|| written.try_recv().ok()).collect()
    }

    /// Forgets what was written so far.
    pub async fn forget_writes(&self) {
        let mut written = self.shared.written.lock().await;
        while written.try_recv().is_ok() {}
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap()
    }

    async fn respond(&self, call: Call, body: Bytes) -> Response {
        let line = call.line();
        if !self.admit() {
            return std::future::pending().await;
        }
        let delay = self.store().delay;
        if call.method != Method::GET {
            tokio::time::sleep(delay).await;
        }
        if call.parameter("continue").is_some() {
            let delay = self.store().page_delay;
            tokio::time::sleep(delay).await;
        }
        let fault = self.fault(&line);
        if let Some(Fault::Status(code)) = fault {
            if call.method != Method::GET {
                let _ = self.shared.writes.send(format!("{line} = {code}"));
            }
            return status(code, "Refused", REFUSAL);
        }
        let response = match fault {
            Some(Fault::Taken) => status(409, "AlreadyExists", "already exists"),
            _ => self.act(&call, &body),
        };
        // Events are never awaited, and leases are renewed all the time: neither belongs to a scenario.
        if call.method != Method::GET && call.plural != "events" && call.plural != "leases" {
            let code = response.status();
            let suffix = if code.is_success() {
                String::new()
            } else {
                format!(" = {}", code.as_u16())
            };
            let _ = self.shared.writes.send(line + &suffix);
        }
        match fault {
            Some(Fault::AnswerLost) => (StatusCode::GATEWAY_TIMEOUT, "lost").into_response(),
            _ => response,
        }
    }

    /// Counts a call; false when the caller is dead to the world.
    fn admit(&self) -> bool {
        let mut store = self.store();
        store.calls += 1;
        store.last.is_none_or(|last| store.calls <= last)
    }

    /// Takes what is to go wrong with this call.
    fn fault(&self, line: &str) -> Option<Fault> {
        let faults = &mut self.store().faults;
        let place = faults.iter().position(|(start, _)| line.starts_with(start))?;
        faults.remove(place).map(|(_, fault)| fault)
    }

    fn act(&self, call: &Call, body: &Bytes) -> Response {
        match (&call.method, call.name.is_empty()) {
            (&Method::GET, true) if call.query.contains("watch=") => self.watch(call),
            (&Method::GET, true) => self.list(call),
            (&Method::GET, false) => match self.store().objects.get(&call.key()) {
                Some(object) => json_response(StatusCode::OK, object),
                None => status(404, "NotFound", "not found"),
            },
            (&Method::POST, _) if call.subresource == "eviction" => {
                let eviction: Value = serde_json::from_slice(body).unwrap();
                if self.store().slow_ends {
                    return self.end(call);
                }
                self.delete(call, &eviction["deleteOptions"].to_string().into())
            }
            (&Method::POST, _) => self.create(call, body),
            (&Method::PUT, _) => self.replace(call, body),
            (&Method::PATCH, _) => self.patch(call, body),
            (&Method::DELETE, _) => self.delete(call, body),
            _ => status(405, "MethodNotAllowed", "what is this?"),
        }
    }

    fn list(&self, call: &Call) -> Response {
        let store = self.store();
        let objects = store.objects.iter().filter(|((plural, ..), _)| *plural == call.plural);
        let all: Vec<_> = objects.map(|(_, object)| object).collect();
        // `RESOURCE_VERSION.INDEX`: all pages are of the version that the first one had.
        let (version, start) = match call.parameter("continue").and_then(|token| token.split_once('.')) {
            Some((version, start)) => (version.to_owned(), start.parse().unwrap()),
            None => (store.version.to_string(), 0),
        };
        let limit: usize = call
            .parameter("limit")
            .map_or(usize::MAX, |limit| limit.parse().unwrap());
        let items: Vec<_> = all.iter().skip(start).take(limit).collect();
        let end = start + items.len();
        let token = (end < all.len()).then(|| format!("{version}.{end}"));
        json_response(
            StatusCode::OK,
            &json!({
                "kind": "List", "apiVersion": "v1", "items": items,
                "metadata": {"resourceVersion": version, "continue": token.unwrap_or_default()},
            }),
        )
    }

    fn watch(&self, call: &Call) -> Response {
        let from = call.parameter("resourceVersion");
        let from: u64 = from.and_then(|text| text.parse().ok()).unwrap();
        let state = (
            self.clone(),
            call.plural.clone(),
            from,
            self.shared.version.subscribe(),
            self.shared.cuts.subscribe(),
        );
        let events = stream::unfold(state, |(fake, plural, mut from, mut version, mut cuts)| async move {
            loop {
                if from < fake.store().compacted {
                    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "status": "Failure", "message": "too old"}});
                    return Some((
                        Ok::<_, Infallible>(line(&gone)),
                        (fake, plural, u64::MAX, version, cuts),
                    ));
                }
                let found = fake.store().next(&plural, from);
                if let Some((at, _, type_, object)) = found {
                    from = at;
                    return Some((
                        Ok(line(&json!({"type": type_, "object": object}))),
                        (fake, plural, from, version, cuts),
                    ));
                }
                tokio::select! {
                    _ = version.changed() => {}
                    _ = cuts.changed() => return None,
                }
            }
        });
        Body::from_stream(events).into_response()
    }

    fn create(&self, call: &Call, body: &Bytes) -> Response {
        let mut object: Value = serde_json::from_slice(body).unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if self
            .store()
            .objects
            .contains_key(&key(&call.plural, &call.namespace, &name))
        {
            return status(409, "AlreadyExists", "already exists");
        }
        object["metadata"]["namespace"] = json!(call.namespace);
        if call.plural == "pods" && self.store().webhook.is_object() {
            merge(&mut object["metadata"]["annotations"], &self.store().webhook);
        }
        if call.parameter("dryRun").is_some() {
            return json_response(StatusCode::CREATED, &object);
        }
        json_response(StatusCode::CREATED, &self.put(&call.plural, object))
    }

    fn replace(&self, call: &Call, body: &Bytes) -> Response {
        let sent: Value = serde_json::from_slice(body).unwrap();
        let mut store = self.store();
        let Some(stored) = store.objects.get(&call.key()).cloned() else {
            return status(404, "NotFound", "not found");
        };
        if sent["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]
            || (!sent["metadata"]["uid"].is_null() && sent["metadata"]["uid"] != stored["metadata"]["uid"])
        {
            return status(409, "Conflict", "the object has been modified");
        }
        let mut object = stored;
        if call.subresource == "status" {
            object["status"] = sent["status"].clone();
        } else {
            object = sent;
        }
        json_response(StatusCode::OK, &store.apply(&call.plural, object, &self.shared.version))
    }

    fn patch(&self, call: &Call, body: &Bytes) -> Response {
        let changes: Value = serde_json::from_slice(body).unwrap();
        // Only a server-side apply can be forced; who owns which field is not kept.
        let is_apply = call.parameter("force") == Some("true");
        let stored = self.store().objects.get(&call.key()).cloned();
        let mut object = match stored {
            Some(object) => object,
            None if is_apply => return json_response(StatusCode::CREATED, &self.put(&call.plural, changes)),
            None => return status(404, "NotFound", "not found"),
        };
        let mut store = self.store();
        let uid = &changes["metadata"]["uid"];
        if !uid.is_null() && *uid != object["metadata"]["uid"] {
            return status(409, "Conflict", "the UID is another one");
        }
        let version = &changes["metadata"]["resourceVersion"];
        if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
            return status(409, "Conflict", "the object has been modified");
        }
        let before = object.clone();
        merge(&mut object, &changes);
        if is_apply && object == before {
            return json_response(StatusCode::OK, &object);
        }
        json_response(StatusCode::OK, &store.apply(&call.plural, object, &self.shared.version))
    }

    fn end(&self, call: &Call) -> Response {
        self.edit(&call.plural, &call.name, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
        });
        json_response(StatusCode::CREATED, &json!({"kind": "Status", "status": "Success"}))
    }

    fn delete(&self, call: &Call, body: &Bytes) -> Response {
        let options: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut store = self.store();
        let Some(stored) = store.objects.get(&call.key()) else {
            return status(404, "NotFound", "not found");
        };
        for field in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][field];
            if !wanted.is_null() && *wanted != stored["metadata"][field] {
                return status(409, "Conflict", "the object has been modified");
            }
        }
        store.remove(&call.key(), &self.shared.version);
        json_response(StatusCode::OK, &json!({"kind": "Status", "status": "Success"}))
    }
}

impl Store {
    fn next(&self, plural: &str, from: u64) -> Option<(u64, String, &'static str, Value)> {
        let mut changes = self.changes.iter().filter(|_| self.stalled != plural);
        changes.find(|(at, kind, ..)| *at > from && kind == plural).cloned()
    }

    fn apply(&mut self, plural: &str, mut object: Value, changed: &watch::Sender<u64>) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = key(plural, &text("namespace"), &text("name"));
        let type_ = if self.objects.contains_key(&key) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.objects.insert(key, object.clone());
        self.changes
            .push((self.version, plural.to_owned(), type_, object.clone()));
        changed.send_replace(self.version);
        object
    }

    fn remove(&mut self, key: &(String, String, String), changed: &watch::Sender<u64>) {
        let mut object = self.objects.remove(key).unwrap();
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.changes.push((self.version, key.0.clone(), "DELETED", object));
        changed.send_replace(self.version);
    }
}

impl Call {
    /// `/apis/GROUP/VERSION/[namespaces/NAMESPACE/]PLURAL[/NAME[/SUBRESOURCE]]`, or `/api/VERSION/…`.
    fn read(method: Method, uri: &Uri) -> Self {
        let mut parts = uri.path().split('/').skip(1);
        let skip = if parts.next() == Some("api") { 1 } else { 2 };
        let mut parts = parts.skip(skip).map(ToOwned::to_owned).peekable();
        let namespaced = parts.next_if(|part| part == "namespaces").is_some();
        let namespace = if namespaced { parts.next() } else { None };
        let is_of_namespaces = namespaced && parts.peek().is_none();
        let (namespace, mut parts) = if is_of_namespaces {
            let own = ["namespaces".to_owned()].into_iter().chain(namespace);
            (String::new(), own.collect::<Vec<_>>().into_iter().peekable())
        } else {
            (
                namespace.unwrap_or_default(),
                parts.collect::<Vec<_>>().into_iter().peekable(),
            )
        };
        let mut next = || parts.next().unwrap_or_default();
        let (plural, name, subresource) = (next(), next(), next());
        Self {
            plural,
            namespace,
            name,
            subresource,
            query: uri.query().unwrap_or_default().to_owned(),
            method,
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// `PUT jobexecutions run status`
    fn line(&self) -> String {
        [self.method.as_str(), &self.plural, &self.name, &self.subresource]
            .join(" ")
            .trim()
            .to_owned()
    }

    fn key(&self) -> (String, String, String) {
        key(&self.plural, &self.namespace, &self.name)
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/version" {
        return json_response(StatusCode::OK, &json!({"gitVersion": "v1.34.2"}));
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    fake.respond(Call::read(parts.method, &parts.uri), body).await
}

fn key(plural: &str, namespace: &str, name: &str) -> (String, String, String) {
    (plural.to_owned(), namespace.to_owned(), name.to_owned())
}

/// RFC 7386.
fn merge(object: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else {
        *object = changes.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], change);
        }
    }
}

fn line(event: &Value) -> Bytes {
    format!("{event}\n").into()
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    json_response(StatusCode::from_u16(code).unwrap(), &body)
}

fn json_response(code: StatusCode, body: &Value) -> Response {
    (code, body.to_string()).into_response()
}
