//! The endpoint of CloudEvents in process, with an API server that is none behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use clap::Parser;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use stationmaster::api::gateway::{Gateway, GatewaySpec, Mark, Match};
use stationmaster::cli::Cli;
use stationmaster::clients::cluster::Cluster;
use stationmaster::gateway::{Addresses, InForce, Resolv, Rules, Shared, Surroundings, shared};
use stationmaster::serve::execute::Token;
use stationmaster::serve::health::Readiness;
use stationmaster::serve::{self, AppState, Events, State};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::fake::Fake;

pub const CLIENTS: &str = "gatewayclients";
pub const PENDING: &str = "io.podgateway.client.pending";
pub const DONE: &str = "io.podgateway.client.scheduling.done";
pub const FAILED: &str = "io.podgateway.client.scheduling.failed";

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn data(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// All that must be the same for every delivery of an event.
    pub fn event(&self) -> (u16, Vec<(String, String)>, String) {
        let attributes = self.headers.iter().filter(|(name, _)| name.as_str().starts_with("ce-"));
        let attributes = attributes.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (self.status.as_u16(), attributes.collect(), self.body.clone())
    }
}

/// One process's endpoint and the API server behind it.
pub struct Endpoint {
    pub router: Router,
    pub fake: Fake,
    pub state: AppState,
    pub gateways: Shared,
}

/// Gateways by their names, and the values that mark pods for them.
pub fn gateways(all: &[(&str, &str)], is_complete: bool) -> InForce {
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, *value, None)).collect();
    known(&all, is_complete)
}

/// The same, for the namespaces alone that a selector selects.
pub fn selecting_gateways(all: &[(&str, &str, Option<&Value>)]) -> InForce {
    known(all, true)
}

fn known(all: &[(&str, &str, Option<&Value>)], is_complete: bool) -> InForce {
    let gateway = |name: &str, value: &str, selector: Option<&Value>| {
        let label = Mark {
            key: "setGateway".into(),
            value: Some(value.into()),
        };
        let matches = Match {
            label: Some(label),
            namespace_selector: selector.map(|selector| serde_json::from_value(selector.clone()).unwrap()),
            ..Match::default()
        };
        Gateway {
            name: name.into(),
            spec: GatewaySpec {
                matches,
                ..GatewaySpec::default()
            },
        }
    };
    let surroundings = Surroundings {
        resolv: Resolv::default(),
        native_sidecars: false,
    };
    let all = all
        .iter()
        .map(|(name, value, selector)| gateway(name, value, *selector));
    InForce::new(
        all.collect(),
        (&surroundings, &Addresses::default()),
        Rules::default(),
        is_complete,
    )
}

impl Endpoint {
    pub async fn new(flags: &[&str]) -> Self {
        Self::with(flags, None, true).await
    }

    pub async fn with(flags: &[&str], token: Option<Token>, is_complete: bool) -> Self {
        Self::of(Fake::new(), flags, token, is_complete).await
    }

    /// A process at an API server that others know too.
    pub async fn at(fake: &Fake, flags: &[&str]) -> Self {
        Self::of(fake.clone(), flags, None, true).await
    }

    async fn of(fake: Fake, flags: &[&str], token: Option<Token>, is_complete: bool) -> Self {
        let args = Cli::parse_from([&["stationmaster"], flags].concat()).serve;
        let cluster = Cluster::from(fake.client());
        let (clients, watch) = cluster.watched(CancellationToken::new());
        tokio::spawn(watch);
        let (namespaces, watch) = cluster.watched(CancellationToken::new());
        tokio::spawn(watch);
        assert!(clients.wait_until_ready().await && namespaces.wait_until_ready().await);
        let mut registry = Registry::default();
        let gateways = shared(gateways(&[("foo", "foo"), ("bar", "value-bar")], is_complete));
        let known = (clients, gateways.clone(), Some(namespaces));
        let mut events = Events::new(cluster, known, (&args.client, &args.events), &mut registry).unwrap();
        events.token = token;
        let state = Arc::new(State {
            events: Some(events),
            ..State::new(registry, Readiness::default(), args.execute)
        });
        Self {
            router: serve::router(state.clone()),
            fake,
            state,
            gateways,
        }
    }

    /// With a reconciler that gives every client a pod.
    pub async fn scheduling(flags: &[&str]) -> Self {
        let endpoint = Self::new(flags).await;
        tokio::spawn(schedule(endpoint.fake.clone()));
        endpoint
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }

    pub async fn post(&self, event: &Value) -> Answer {
        self.send(structured(event)).await
    }

    pub fn clients(&self) -> Vec<Value> {
        let names = self.fake.names(CLIENTS);
        names.iter().filter_map(|name| self.fake.get(CLIENTS, name)).collect()
    }

    pub async fn metrics(&self) -> String {
        self.send(Request::get("/metrics").body(Body::empty()).unwrap())
            .await
            .body
    }
}

/// Plays the reconciler: every client gets a pod of its own name.
pub async fn schedule(fake: Fake) {
    loop {
        for name in fake.names(CLIENTS) {
            if fake
                .get(CLIENTS, &name)
                .is_some_and(|client| client["status"].is_null())
            {
                let status = json!({"phase": "Scheduled", "podName": name, "podUid": format!("uid of {name}")});
                fake.edit(CLIENTS, &name, |client| client["status"] = status);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn pending(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": PENDING,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "data": {"gateway_name": "foo", "message": "hello"},
    })
}

pub fn request(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/events").header(header::CONTENT_TYPE, content_type);
    request.body(body.into()).unwrap()
}

pub fn structured(event: &Value) -> Request<Body> {
    request("application/cloudevents+json; charset=utf-8", event.to_string())
}
