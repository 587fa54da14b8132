//! Kinds that a cluster may not have: who took another system's place by changing an image has none of ours, and no right
//! to read them. That keeps nobody waiting, and is looked at again.

use std::mem::replace;
use std::time::Duration;

use kube::Resource;
use tokio::time::sleep;

use crate::clients::cluster::Cluster;

/// How soon it is looked again; twice as long after each look in vain.
const SOONEST: Duration = Duration::from_secs(1);
/// No look is further away.
const LATEST: Duration = Duration::from_secs(60);
/// The same after no answer: whoever comes back is waited for.
const LATEST_UNANSWERED: Duration = Duration::from_secs(10);

/// What people were told last: each state once, however long it lasts.
#[derive(PartialEq)]
enum Told {
    Nothing,
    Missing,
    Unanswered,
}

/// What a kind belongs to, and what people do who cannot or need not read it.
pub(super) struct Part {
    /// In a sentence: `gateways`.
    pub(super) name: &'static str,
    /// The role that lets it be read.
    role: &'static str,
    /// What to leave out of --components.
    components: &'static str,
}

/// Of PodGateways and GatewayClients.
pub(super) const GATEWAYS: Part = Part {
    name: "gateways",
    role: "stationmaster-gateways",
    components: "gateways and events",
};
/// Of the kinds of workers.
pub(super) const WORKERS: Part = Part {
    name: "workers",
    role: "stationmaster-workers",
    components: "workers",
};

/// Returns when the kind can be read; `missing` hears each time that it cannot.
pub(super) async fn until_served<K: Resource<DynamicType = ()>>(cluster: &Cluster, part: &Part, missing: impl Fn()) {
    let (mut told, mut pause) = (Told::Nothing, SOONEST);
    let kind = K::kind(&());
    loop {
        let latest = match cluster.is_served::<K>().await {
            Ok(true) => return,
            Ok(false) => {
                if replace(&mut told, Told::Missing) != Told::Missing {
                    let Part { name, role, components } = part;
                    tracing::warn!(
                        kind = &*kind,
                        "a kind of {name} cannot be read: install its CustomResourceDefinition and the role {role}, or \
                         leave {components} out of --components"
                    );
                }
                missing();
                LATEST
            }
            Err(error) => {
                if replace(&mut told, Told::Unanswered) != Told::Unanswered {
                    let cause = &error.failure;
                    let name = part.name;
                    tracing::warn!(kind = &*kind, %error, %cause, "a kind of {name} cannot be read, trying again");
                }
                LATEST_UNANSWERED
            }
        };
        sleep(pause.min(latest)).await;
        pause = LATEST.min(pause * 2);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use hyper::{Request, Response};
    use kube::Client;
    use kube::client::Body;
    use tokio::time::Instant;

    use super::*;
    use crate::api::gateway::PodGateway;
    use crate::telemetry::written::Written;

    /// An API server that answers a list with these codes, one after the other and the last for ever; with 0 not at all.
    fn answering(codes: &'static [u16], asked: &Arc<Mutex<Vec<u64>>>) -> Cluster {
        let (asked, start) = (Arc::clone(asked), Instant::now());
        let service = tower::service_fn(move |_: Request<Body>| {
            let mut asked = asked.lock().unwrap();
            let code = *codes.get(asked.len()).or(codes.last()).unwrap();
            asked.push(start.elapsed().as_secs());
            let body = serde_json::json!({"kind": "Status", "code": code, "items": [], "metadata": {}});
            let answer = Response::builder()
                .status(code.max(200))
                .body(Body::from(body.to_string().into_bytes()));
            let answer = if code == 0 {
                Err(io::Error::other("no way there"))
            } else {
                Ok(answer.unwrap())
            };
            async { answer }
        });
        Cluster::from(Client::new(service, "default"))
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_once_with_its_cause_and_looks_slow_down() {
        let (written, asked) = (Written::default(), Arc::default());
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false);
        let logging = tracing::subscriber::set_default(subscriber.finish());
        let cluster = answering(&[0, 0, 0, 0, 0, 0, 404, 404, 0, 200], &asked);
        let missed = Mutex::new(0);
        until_served::<PodGateway>(&cluster, &GATEWAYS, || *missed.lock().unwrap() += 1).await;
        drop(logging);
        assert_eq!(*asked.lock().unwrap(), [0, 1, 3, 7, 15, 25, 35, 95, 155, 165]);
        assert_eq!(*missed.lock().unwrap(), 2);
        let log = written.text();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("a kind of gateways")).collect();
        let words = ["no way there", "install its CustomResourceDefinition", "no way there"];
        assert_eq!(lines.len(), words.len(), "{log}");
        for (line, words) in lines.iter().zip(words) {
            assert!(line.contains(words) && line.contains("PodGateway"), "{line}");
        }
    }
}
