//! From the begin of a change until a Service gives the answer that the change is for: it is asked all 10 ms, each time over
//! a connection of its own, and no question waits for the one before it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every bench compiles this module and uses its own part"
)]

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Service;
use kube::api::Api;
use kube::runtime::wait::await_condition;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::common::cluster::ControlPlane;
use crate::plane;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(10);
/// A question that was lost on its way, before the kernel knew the Service, is never answered.
const ANSWER: Duration = Duration::from_secs(1);
/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Who is asked: one port of a Service by its name. Neither need be there yet.
pub struct Asked<'a> {
    pub namespace: &'a str,
    pub service: &'a str,
    pub port: &'a str,
}

/// Asks, and takes the time.
pub struct Clock {
    runtime: Runtime,
    cluster: kube::Client,
    http: reqwest::Client,
}

impl Clock {
    pub fn new(plane: &ControlPlane) -> Self {
        let runtime = plane::runtime();
        let cluster = runtime.block_on(plane::client(plane));
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(ANSWER);
        Self {
            runtime,
            cluster,
            http: http.build().unwrap(),
        }
    }

    /// For what has to be awaited beside the measurement.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// How long after the begin of the change the first 200 with this body had come.
    pub fn until(&self, asked: &Asked<'_>, wanted: &str, change: impl FnOnce() + Send) -> Duration {
        std::thread::scope(|scope| {
            let began = Instant::now();
            let changing = scope.spawn(change);
            let answered = async { timeout(LIMIT, self.answered(asked, wanted)).await };
            let answered = self.runtime.block_on(answered);
            assert!(changing.join().is_ok(), "the change before {wanted:?} has failed");
            let at = answered.unwrap_or_else(|_| panic!("{LIMIT:?} have passed without the answer {wanted:?}"));
            at.duration_since(began)
        })
    }

    /// When the first such answer was there.
    async fn answered(&self, asked: &Asked<'_>, wanted: &str) -> Instant {
        let url = self.url(asked).await;
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut questions = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    questions.spawn(answer(self.http.clone(), url.clone()));
                }
                Some(Ok(Some((body, at)))) = questions.join_next() => {
                    if body == wanted {
                        return at;
                    }
                }
            }
        }
    }

    /// Where the Service answers, as soon as it has that port; kube-proxy leads there from this machine too.
    async fn url(&self, asked: &Asked<'_>) -> String {
        let services: Api<Service> = Api::namespaced(self.cluster.clone(), asked.namespace);
        let is_there = |service: Option<&Service>| service.and_then(|service| address(service, asked.port)).is_some();
        let service = await_condition(services, asked.service, is_there).await.unwrap();
        format!("http://{}/", address(&service.unwrap(), asked.port).unwrap())
    }
}

fn address(service: &Service, name: &str) -> Option<String> {
    let spec = service.spec.as_ref()?;
    let mut ports = spec.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref() == Some(name))?;
    Some(format!("{}:{}", spec.cluster_ip.as_ref()?, port.port))
}

/// What a 200 has in it, and when it was there.
async fn answer(client: reqwest::Client, url: String) -> Option<(String, Instant)> {
    let answer = client.get(url).send().await.ok()?;
    if answer.status() != 200 {
        return None;
    }
    let body = answer.text().await.ok()?;
    Some((body, Instant::now()))
}
