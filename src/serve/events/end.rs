//! A client that is not wanted any more: marked so, and nothing else. Its reconciler takes the pod away. An end that comes
//! before its client is kept as one that has ended, so that the client is not made later, when nobody would end it.

use serde_json::json;

use super::Events;
use super::answer::Refusal;
use super::create::{Created, create};
use super::replies::Place;
use crate::api::gateway::GatewayClient;
use crate::api::names::annotation;
use crate::clients::cluster::Failure;
use crate::dispatch::name::is_subdomain;
use crate::gateway::event::{Cause, End, client_name, has_ended_first};

/// What an end came to: in one word, and the client's name where there is one.
pub(super) type Ended = (&'static str, Option<String>);

/// Marks the client, or remembers that it is not wanted.
pub(super) async fn end(events: &Events, end: &End) -> Result<Ended, Refusal> {
    if !events.clients.is_ready() {
        return Err(Refusal::Unfilled);
    }
    let ended = match end {
        // Who names a pod was told of it: a client that is not there has been forgotten.
        End::Pod { namespace, name } => mark(events, namespace, [with_pod(events, namespace, name)]).await?,
        End::Client { namespace, cause } => {
            let own = client_name(&cause.source, &cause.id);
            match mark(events, namespace, [own.clone(), cause.id.clone()]).await? {
                None => match remember(events, namespace, cause).await? {
                    Some(remembered) => return Ok(remembered),
                    // It came between, perhaps: quotas are asked before names.
                    None => mark(events, namespace, [own]).await?,
                },
                marked => marked,
            }
        }
    };
    let word = if ended.is_some() { "Ended" } else { "UnknownClient" };
    Ok((word, ended))
}

/// The client that has a pod; where memory does not know, the one whose pod has its own name.
fn with_pod(events: &Events, namespace: &str, pod: &str) -> String {
    let clients = events.clients.all();
    let found = clients.iter().find(|client| {
        let status = client.status.as_ref();
        let has_pod = status.and_then(|status| status.pod_name.as_deref()) == Some(pod);
        has_pod && client.metadata.namespace.as_deref() == Some(namespace)
    });
    let name = found.and_then(|client| client.metadata.name.clone());
    name.unwrap_or_else(|| pod.to_owned())
}

/// Marks the first that there is of clients with these names; which one.
async fn mark(
    events: &Events,
    namespace: &str,
    names: impl IntoIterator<Item = String>,
) -> Result<Option<String>, Refusal> {
    let change = json!({"metadata": {"annotations": {annotation::END: "true"}}});
    // No object has another name, and what is no name must not become part of a request's path.
    for name in names.into_iter().filter(|name| is_subdomain(name)) {
        match events.cluster.patch::<GatewayClient>(namespace, &name, &change).await {
            Ok(_) => return Ok(Some(name)),
            Err(error) if matches!(error.failure, Failure::NotFound(_)) => {}
            Err(error) => return Err(Refusal::of(error.failure)),
        }
    }
    Ok(None)
}

/// Stores a client that has ended, while there are not too many: nobody can tell an end that comes first from one that comes
/// last. Nothing where it is there by now or was forgotten long ago, or where the API server will have none.
async fn remember(events: &Events, namespace: &str, cause: &Cause) -> Result<Option<Ended>, Refusal> {
    let Some(object) = cause.ended_first(namespace) else {
        return Ok(None);
    };
    let place = (namespace.to_owned(), client_name(&cause.source, &cause.id));
    if !has_room(events, &place) {
        return Ok(Some(("DroppedEnd", None)));
    }
    let created = create(events, namespace, &object).await;
    if !matches!(created, Ok(Created::New | Created::Known)) {
        events.fresh_ends.forget(&place);
    }
    if let Ok(Created::Refused(why) | Created::Nowhere(why)) = &created {
        tracing::warn!(gateway_client.namespace = namespace, why, "an end cannot be remembered");
    }
    Ok((created? == Created::New).then_some(("EndedFirst", Some(place.1))))
}

/// Whether one more end may be remembered. They have their own bound: clients that are wanted must not wait for them.
fn has_room(events: &Events, place: &Place) -> bool {
    let is_seen = |(namespace, name): &Place| events.clients.get(namespace, name).is_some();
    let remembered = || {
        let clients = events.clients.all();
        let here = clients
            .iter()
            .filter(|client| client.metadata.namespace.as_ref() == Some(&place.0));
        here.filter(|client| has_ended_first(client)).count()
    };
    events.fresh_ends.admit(place, events.most_clients, is_seen, remembered)
}
