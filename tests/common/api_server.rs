//! An API server in process: it keeps objects, follows a script of failures for creates, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::stream;
use serde_json::{Value, json};
use stationmaster::clients::cluster::Cluster;

/// What happens to one create.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The object is stored, and the connection breaks before the answer.
    AnswerLost,
    /// The connection breaks before anything is stored.
    RequestLost,
    /// Nothing is stored and no answer ever comes.
    Silence,
    /// Somebody else's object has the name.
    Taken,
    /// A `Status` of this code and reason; 429 asks to wait for so many seconds.
    Refused(u16, &'static str, Option<u32>),
    /// 422, in words that quote the payload.
    Quoted,
}

/// Plural, namespace and name.
type Key = (String, String, String);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<Key, Value>,
    fates: VecDeque<Fate>,
    requests: Vec<String>,
}

/// Cheap to clone; clones are the same server.
#[derive(Clone, Default)]
pub struct ApiServer(Arc<Mutex<Inner>>);

impl ApiServer {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to it, without a socket.
    pub fn cluster(&self) -> Cluster {
        Cluster::from(kube::Client::new(
            self.router().into_service::<kube::client::Body>(),
            "default",
        ))
    }

    /// What it answers.
    pub fn router(&self) -> Router {
        const GROUP: &str = "/apis/dispatcher.ivan.vc/v1beta1";
        Router::new()
            .route(&format!("{GROUP}/{{plural}}"), get(list))
            .route(&format!("{GROUP}/namespaces/{{namespace}}/{{plural}}"), post(create))
            .route(
                &format!("{GROUP}/namespaces/{{namespace}}/{{plural}}/{{name}}"),
                get(read),
            )
            .with_state(self.clone())
    }

    /// Stores an object behind everybody's back.
    pub fn store(&self, plural: &str, object: Value) {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let key = (plural.to_owned(), text("/metadata/namespace"), text("/metadata/name"));
        self.inner().objects.insert(key, object);
    }

    /// What happens to the next creates, in this order; those after them succeed.
    pub fn plan(&self, fates: impl IntoIterator<Item = Fate>) {
        self.inner().fates.extend(fates);
    }

    /// All objects of one kind.
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        let inner = self.inner();
        inner
            .objects
            .iter()
            .filter(|((kind, ..), _)| kind == plural)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Method and path of everything that was asked since the last time.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().requests)
    }
}

async fn list(State(server): State<ApiServer>, RawQuery(query): RawQuery, Path(plural): Path<String>) -> Response {
    if query.is_some_and(|query| query.contains("watch=true")) {
        return Body::from_stream(stream::pending::<io::Result<Bytes>>()).into_response();
    }
    let items = server.objects(&plural);
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items});
    list.to_string().into_response()
}

async fn read(State(server): State<ApiServer>, Path(key): Path<(String, String, String)>, uri: Uri) -> Response {
    let (namespace, plural, name) = key;
    let mut inner = server.inner();
    inner.requests.push(format!("GET {}", uri.path()));
    match inner.objects.get(&(plural, namespace, name)) {
        Some(object) => object.to_string().into_response(),
        None => status(404, "NotFound", None),
    }
}

async fn create(
    State(server): State<ApiServer>,
    Path((namespace, plural)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut object: Value = serde_json::from_slice(&body).expect("a create has a JSON body");
    let key = (
        plural,
        namespace,
        object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
    );
    let fate = {
        let mut inner = server.inner();
        inner.requests.push(format!("{method} {}", uri.path()));
        inner.fates.pop_front()
    };
    match fate {
        Some(Fate::Silence) => return std::future::pending().await,
        Some(Fate::RequestLost) => return broken(),
        Some(Fate::Refused(code, reason, seconds)) => return status(code, reason, seconds),
        Some(Fate::Quoted) => {
            let quoted = format!("the fake does not like {}", object["spec"]["payload"]);
            return refusal(422, "Invalid", &quoted, None);
        }
        Some(Fate::Taken) => {
            let others = json!({"metadata": {"name": key.2, "uid": "somebody else's"}});
            server.inner().objects.insert(key.clone(), others);
        }
        Some(Fate::AnswerLost) | None => {}
    }
    let mut inner = server.inner();
    if inner.objects.contains_key(&key) {
        return status(409, "AlreadyExists", None);
    }
    object["metadata"]["uid"] = format!("uid-{}", inner.objects.len()).into();
    inner.objects.insert(key, object.clone());
    match fate {
        Some(Fate::AnswerLost) => broken(),
        _ => (StatusCode::CREATED, object.to_string()).into_response(),
    }
}

fn broken() -> Response {
    Body::from_stream(stream::once(async {
        Err::<Bytes, _>(io::Error::other("connection reset"))
    }))
    .into_response()
}

fn status(code: u16, reason: &str, retry_after: Option<u32>) -> Response {
    refusal(code, reason, &format!("the fake says {reason}"), retry_after)
}

fn refusal(code: u16, reason: &str, message: &str, retry_after: Option<u32>) -> Response {
    let details = json!({ "retryAfterSeconds": retry_after });
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": message, "details": retry_after.map(|_| details)});
    (StatusCode::from_u16(code).expect("a status code"), status.to_string()).into_response()
}
